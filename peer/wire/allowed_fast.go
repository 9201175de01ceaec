package wire

import (
	"crypto/sha1"
	"encoding/binary"
	"net/netip"
	"slices"

	"p2p/torrentfile/infohash"
)

// AllowedFastSet returns the k pieces, fewer when the torrent has fewer, that a
// peer at ip may ask for while it is choked, of a torrent with that many
// pieces. It is the canonical algorithm of BEP 6, so that every peer offers the
// same pieces to the same address; BEP 6: "We currently set k to 10". k is
// ours to choose and small: the work grows with its square.
//
// BEP 6 has "no provisions for IPv6". For such an address the first 48 bits are
// used, which like the 24 bits of IPv4 are about one site. An invalid address
// gets no pieces.
func AllowedFastSet(ip netip.Addr, ih infohash.T, pieces, k int) []uint32 {
	k = min(k, pieces)
	if k <= 0 || !ip.IsValid() {
		return nil
	}
	// "We do this to prevent a user that obtains more than one IP address on
	// the same network from obtaining more than one allowed fast set."
	ip = ip.Unmap()
	bits := 24
	if ip.Is6() {
		bits = 48
	}
	site, _ := ip.Prefix(bits) // fails only for more bits than there are
	x := append(site.Addr().AsSlice(), ih[:]...)
	set := make([]uint32, 0, k)
	// Each round draws five indices. When k is nearly all pieces the last ones
	// take many rounds; the bound is far beyond what chance needs.
	for range 64 * k {
		sum := sha1.Sum(x)
		x = append(x[:0], sum[:]...)
		for j := 0; j < len(sum); j += 4 {
			index := binary.BigEndian.Uint32(sum[j:]) % uint32(pieces)
			if !slices.Contains(set, index) {
				set = append(set, index)
			}
			if len(set) == k {
				return set
			}
		}
	}
	return set
}
