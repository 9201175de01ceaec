package people

import (
	"net/netip"
	"slices"
	"testing"
)

func TestALinkNamesTheAddressesAtWhichOthersReachThisMachine(t *testing.T) {
	addrs := func(all ...string) (out []netip.Addr) {
		for _, s := range all {
			out = append(out, netip.MustParseAddr(s))
		}
		return out
	}
	for _, c := range []struct{ has, want []netip.Addr }{
		{addrs("127.0.0.1", "::1", "192.168.1.2", "169.254.1.2", "fe80::1", "2001:db8::1"), addrs("192.168.1.2", "2001:db8::1")},
		{addrs("127.0.0.1", "fe80::1", "169.254.1.2"), addrs("169.254.1.2")}, // two laptops on one cable
		{addrs("127.0.0.1", "fe80::1"), addrs("127.0.0.1")},
		{nil, addrs("127.0.0.1")},
	} {
		if got := callable(c.has); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.has, got, c.want)
		}
	}
}
