package identity_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
)

// A QR code holds the same link in letters that take less room.
func TestTheLinkInACodeIsTheSame(t *testing.T) {
	secret, err := identity.NewSecret(strings.NewReader(strings.Repeat("a seed of this test", 9)))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []identity.Link{
		{Account: secret.Key()},
		{
			Account: secret.Key(), Name: "Ann & 安 100% ?=+#", Token: identity.Token{1, 0xff}, Trackers: []string{"http://tracker.example:6969/announce?x=1&y=2", "udp://10.0.0.1:1"},
			Addrs: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:5"), netip.MustParseAddrPort("[2001:db8::1]:6")}, Room: infohash.T{1, 0xab}, RoomName: "lab: 1/2",
		},
	} {
		got, err := identity.ParseLink(l.Code())
		if err != nil || !reflect.DeepEqual(got, l) {
			t.Errorf("%s is %+v, %v", l.Code(), got, err)
		}
		if len(l.Code()) > len(l.String()) {
			t.Errorf("%s is longer than %s", l.Code(), l)
		}
	}
}
