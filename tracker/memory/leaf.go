package memory

import (
	"encoding/binary"

	"p2p/tracker/wire"
)

// A leaf holds the peers of one family: first one byte of the hash of each, by which
// it is found, then the records.
//
// compact peer + 4B identity + 4B last seen, with the counted flag in the top bit
const (
	identityAt = 0
	seenAt     = 4
	tailSize   = 8

	record4 = 6 + tailSize
	record6 = 18 + tailSize
	// leaf4 and leaf6 are how many peers a page holds.
	leaf4 = pageSize / (1 + record4)
	leaf6 = pageSize / (1 + record6)
)

// counted marks the last-seen word of a peer whose "completed" was counted.
const counted = 1 << 31

func recordSize(f wire.Family) int {
	if f == wire.IPv4 {
		return record4
	}
	return record6
}

func leafCapacity(f wire.Family) int {
	if f == wire.IPv4 {
		return leaf4
	}
	return leaf6
}

// capacities is how many peers a block holds, by family and class.
var capacities = func() (c [2][classes]int) {
	for _, f := range []wire.Family{wire.IPv4, wire.IPv6} {
		for class, size := range blockSizes {
			c[f][class] = (size - blockHeader) / (1 + recordSize(f))
		}
	}
	return c
}()

// classFor returns the smallest class of blocks for n peers; ok is false when no
// block is large enough.
func classFor(f wire.Family, n int) (class int, ok bool) {
	for class, room := range capacities[f] {
		if n <= room {
			return class, true
		}
	}
	return 0, false
}

// record is the bytes of one peer.
type record []byte

func (r record) identity() uint32 {
	return binary.LittleEndian.Uint32(r[len(r)-tailSize+identityAt:])
}

func (r record) stamp() uint32 { return binary.LittleEndian.Uint32(r[len(r)-tailSize+seenAt:]) }

func (r record) seen() uint32 { return r.stamp() &^ counted }

func (r record) isCounted() bool { return r.stamp()&counted != 0 }

// key returns the compact address, by which the peer is known.
func (r record) key() []byte { return r[:len(r)-tailSize] }

// setTail writes what is known about the peer.
func (r record) setTail(identity, seen uint32, isCounted bool) {
	if isCounted {
		seen |= counted
	}
	tail := r[len(r)-tailSize:]
	binary.LittleEndian.PutUint32(tail[identityAt:], identity)
	binary.LittleEndian.PutUint32(tail[seenAt:], seen)
}
