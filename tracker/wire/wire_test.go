package wire_test

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"p2p/tracker/wire"
)

// BEP 23: "The first 4 bytes contain the 32-bit ipv4 address. The remaining two
// bytes contain the port number. Both address and port use network-byte order."
func TestAnIPv4PeerTakesSixBytes(t *testing.T) {
	got := wire.AppendPeer(nil, netip.MustParseAddrPort("192.0.2.1:6881"))
	if want := []byte{192, 0, 2, 1, 0x1a, 0xe1}; !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

// BEP 7: "instead of using 6 bytes per endpoint, 18 bytes are used. peers6
// contains address-port pairs where the addresses are all IPv6."
func TestAnIPv6PeerTakesEighteenBytes(t *testing.T) {
	got := wire.AppendPeer(nil, netip.MustParseAddrPort("[2001:db8::1]:6881"))
	want := append(netip.MustParseAddr("2001:db8::1").AsSlice(), 0x1a, 0xe1)
	if !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestAMappedAddressIsIPv4(t *testing.T) {
	var peers wire.Peers
	peers.Add(netip.MustParseAddrPort("[::ffff:192.0.2.1]:6881"))
	if len(peers.V4) != 6 || len(peers.V6) != 0 {
		t.Errorf("%d bytes of IPv4 and %d bytes of IPv6", len(peers.V4), len(peers.V6))
	}
	if f := wire.FamilyOf(netip.MustParseAddr("::ffff:192.0.2.1")); f != wire.IPv4 {
		t.Errorf("family is %v", f)
	}
	mapped := append(netip.MustParseAddr("::ffff:192.0.2.1").AsSlice(), 0, 80)
	if got := wire.ParsePeers(nil, mapped, wire.IPv6); len(got) != 1 || got[0].String() != "192.0.2.1:80" {
		t.Errorf("parsed as %v", got)
	}
}

func TestAnInvalidAddressAppendsNothing(t *testing.T) {
	if got := wire.AppendPeer(nil, netip.AddrPort{}); len(got) != 0 {
		t.Errorf("%x", got)
	}
}

func TestPeersThatNobodyCanReachAreSkipped(t *testing.T) {
	compact := []byte{
		192, 0, 2, 1, 0, 0, // port 0
		0, 0, 0, 0, 0, 80, // unspecified
		224, 0, 0, 1, 0, 80, // multicast
		192, 0, 2, 9, 0, 80,
		1, 2, 3, // a part of a peer
	}
	got := wire.ParsePeers(nil, compact, wire.IPv4)
	if want := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.9:80")}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestPeersKeepsTheFamiliesApart(t *testing.T) {
	want := []netip.AddrPort{
		netip.MustParseAddrPort("192.0.2.1:1"),
		netip.MustParseAddrPort("192.0.2.2:2"),
		netip.MustParseAddrPort("[2001:db8::1]:3"),
	}
	var peers wire.Peers
	for _, i := range []int{2, 0, 1} {
		peers.Add(want[i])
	}
	if got := slices.Collect(peers.All()); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if peers.Len() != 3 {
		t.Errorf("length is %d", peers.Len())
	}
	for range peers.All() {
		break // a reader may stop at any time
	}
	if peers.Reset(); peers.Len() != 0 {
		t.Errorf("length is %d after Reset", peers.Len())
	}
}

func TestEventsRoundTrip(t *testing.T) {
	for _, e := range []wire.Event{wire.None, wire.Completed, wire.Started, wire.Stopped} {
		if got := wire.ParseEvent([]byte(e.String())); got != e {
			t.Errorf("%q is read as %d, want %d", e, got, e)
		}
	}
	for _, word := range []string{"paused", "empty", "STARTED", "started "} {
		if got := wire.ParseEvent([]byte(word)); got != wire.None {
			t.Errorf("%q is read as %d", word, got)
		}
	}
}

func FuzzParsePeers(f *testing.F) {
	f.Add([]byte{192, 0, 2, 1, 0x1a, 0xe1, 0}, false)
	f.Add(bytes.Repeat([]byte{0x20}, 36), true)
	f.Fuzz(func(t *testing.T, compact []byte, six bool) {
		family := wire.IPv4
		if six {
			family = wire.IPv6
		}
		peers := wire.ParsePeers(nil, compact, family)
		if len(peers) > len(compact)/family.PeerSize() {
			t.Fatalf("%d peers in %d bytes", len(peers), len(compact))
		}
		for _, a := range peers {
			if !wire.Connectable(a) {
				t.Errorf("%v cannot be connected to", a)
			}
			again := wire.ParsePeers(nil, wire.AppendPeer(nil, a), wire.FamilyOf(a.Addr()))
			if !slices.Equal(again, []netip.AddrPort{a}) {
				t.Errorf("%v comes back as %v", a, again)
			}
		}
	})
}
