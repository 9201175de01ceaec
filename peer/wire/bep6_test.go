package wire_test

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"p2p/peer/wire"
	"p2p/torrentfile/infohash"
)

// BEP 6: "These are enabled by setting the third least significant bit of the
// last reserved byte in the BitTorrent handshake: reserved[7] |= 0x04"
func TestFastBitIsTheThirdLowestOfTheLastReservedByte(t *testing.T) {
	for i := range 64 {
		var h wire.Handshake
		h.Reserved[i/8] = 0x80 >> (i % 8)
		if got, want := h.SupportsFast(), i == 61; got != want {
			t.Errorf("bit %d alone: SupportsFast is %v", i, got)
		}
	}
}

// BEP 6 gives the frames: "<len=0x0001> <op=0x0E>", "<len=0x0001><op=0x0F>",
// "<len=0x0005><op=0x0D><index>", "<len=0x000D><op=0x10><index><begin><length>",
// "<len=0x0005><op=0x11><index>".
func TestFastMessagesHaveTheirOpcodes(t *testing.T) {
	for id, want := range map[wire.ID][]byte{
		wire.HaveAll:     {0, 0, 0, 1, 0x0E},
		wire.HaveNone:    {0, 0, 0, 1, 0x0F},
		wire.Suggest:     {0, 0, 0, 5, 0x0D, 0, 0, 0, 1},
		wire.Reject:      {0, 0, 0, 13, 0x10, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3},
		wire.AllowedFast: {0, 0, 0, 5, 0x11, 0, 0, 0, 1},
	} {
		if got := wire.Append(nil, wire.Message{ID: id, Index: 1, Begin: 2, Length: 3}); !bytes.Equal(got, want) {
			t.Errorf("%v: got %x, want %x", id, got, want)
		}
	}
}

// aaHash is the info-hash of the examples in BEP 6.
var aaHash = infohash.T(bytes.Repeat([]byte{0xAA}, 20))

// BEP 6: "7 piece allowed fast set for torrent with 1313 pieces and hex
// infohash aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa for node with IP 80.4.4.200:
// 1059,431,808,1217,287,376,1188", and the same with 9 pieces.
func TestAllowedFastSetIsTheOneInTheBEP(t *testing.T) {
	ip := netip.MustParseAddr("80.4.4.200")
	for k, want := range map[int][]uint32{
		7: {1059, 431, 808, 1217, 287, 376, 1188},
		9: {1059, 431, 808, 1217, 287, 376, 1188, 353, 508},
	} {
		if got := wire.AllowedFastSet(ip, aaHash, 1313, k); !slices.Equal(got, want) {
			t.Errorf("k = %d: got %v, want %v", k, got, want)
		}
	}
}

// BEP 6: "We do this to prevent a user that obtains more than one IP address on
// the same network from obtaining more than one allowed fast set."
func TestNeighboursShareAnAllowedFastSet(t *testing.T) {
	set := func(ip string) []uint32 { return wire.AllowedFastSet(netip.MustParseAddr(ip), aaHash, 1313, 10) }
	same := [][2]string{
		{"80.4.4.200", "80.4.4.1"},
		{"80.4.4.200", "::ffff:80.4.4.1"},
		{"2001:db8:1:2::3", "2001:db8:1:ffff::4"},
		{"fe80::1%eth0", "fe80::2"},
	}
	for _, p := range same {
		if !slices.Equal(set(p[0]), set(p[1])) {
			t.Errorf("%s and %s have different sets", p[0], p[1])
		}
	}
	for _, p := range [][2]string{{"80.4.4.200", "80.4.5.200"}, {"2001:db8:1::1", "2001:db8:2::1"}} {
		if slices.Equal(set(p[0]), set(p[1])) {
			t.Errorf("%s and %s have the same set", p[0], p[1])
		}
	}
}

func TestAllowedFastSetHoldsEveryPieceOfASmallTorrent(t *testing.T) {
	ip := netip.MustParseAddr("10.1.2.3")
	for pieces := range 40 {
		for _, k := range []int{-1, 0, 1, 10, 40} {
			got := wire.AllowedFastSet(ip, aaHash, pieces, k)
			if want := max(0, min(k, pieces)); len(got) != want {
				t.Errorf("%d pieces, k = %d: %d indices, want %d", pieces, k, len(got), want)
			}
			slices.Sort(got)
			if len(slices.Compact(got)) != len(got) || len(got) > 0 && int(got[len(got)-1]) >= pieces {
				t.Errorf("%d pieces, k = %d: %v has doubles or indices outside", pieces, k, got)
			}
		}
	}
	if got := wire.AllowedFastSet(netip.Addr{}, aaHash, 10, 10); got != nil {
		t.Errorf("no address: got %v", got)
	}
}
