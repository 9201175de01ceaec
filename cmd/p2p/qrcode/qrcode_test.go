package qrcode_test

import (
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"p2p/cmd/p2p/qrcode"
	"p2p/peer/identity"
)

// usual is a link as people give them: a name, a tracker, and the addresses of a machine with containers.
func usual(t *testing.T) identity.Link {
	secret, err := identity.NewSecret(strings.NewReader(strings.Repeat("a seed of this test", 9)))
	if err != nil {
		t.Fatal(err)
	}
	l := identity.Link{Account: secret.Key(), Name: "alice", Token: identity.Token{1, 2, 3}, Trackers: []string{"http://tracker.example:6969/announce"}}
	for _, a := range []string{"192.168.178.23:51413", "172.17.0.1:51413", "[2001:db8:85a3::8a2e:370:7334]:51413", "[fd00::1:2:3:4]:51413"} {
		l.Addrs = append(l.Addrs, netip.MustParseAddrPort(a))
	}
	return l
}

func TestTheCodeOfALinkFitsAWindowOf80By24(t *testing.T) {
	code, err := qrcode.Of(usual(t))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(qrcode.Lines(code), "\n"), "\n")
	if len(lines) > 23 {
		t.Errorf("it takes %d lines", len(lines))
	}
	for i, l := range lines {
		if n := utf8.RuneCountInString(l); n != code.Size+4 || n > 80 {
			t.Errorf("line %d has %d columns", i, n)
		}
	}
}

// What is drawn is turned into modules again, as a scanner sees them.
func TestWhatIsDrawnIsTheCode(t *testing.T) {
	code, err := qrcode.Of(usual(t))
	if err != nil {
		t.Fatal(err)
	}
	for row, l := range strings.Split(strings.TrimSuffix(qrcode.Lines(code), "\n"), "\n") {
		for column, r := range []rune(l) {
			x, y := column-2, 2*row-2
			upper, lower := r == ' ' || r == '▄', r == ' ' || r == '▀'
			if upper != code.Black(x, y) || y+1 < code.Size+2 && lower != code.Black(x, y+1) {
				t.Fatalf("at %d, %d is %q", x, y, r)
			}
		}
	}
}

func TestALinkThatDoesNotFitKeepsItsFirstAddress(t *testing.T) {
	l := usual(t)
	l.Trackers = append(l.Trackers, "http://a-tracker-with-a-long-name.and-a-long-domain.example:6969/announce", "udp://another.tracker.with-a-long-name.example:6969")
	code, err := qrcode.Of(l)
	if err != nil || code.Size <= 41 {
		t.Errorf("size %v, %v", code, err)
	}
	l.Addrs = l.Addrs[:1]
	if one, err := qrcode.Of(l); err != nil || one.Size != code.Size {
		t.Errorf("with one address it has another size: %v", err)
	}
}
