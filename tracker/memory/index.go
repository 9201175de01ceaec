package memory

import "hash/maphash"

// index finds records by address in a table that is too long to be searched. It
// is an open-addressed hash table of record positions with linear probing; the
// keys stay in the slab. Clients choose their ports, and often their IPv6
// addresses, so the hash is seeded: collisions cannot be prepared.
type index struct {
	slots []uint32 // position + 1; 0 is free. The length is a power of two
	used  int
}

var hashSeed = maphash.MakeSeed()

// newIndex builds the index of t's records.
func newIndex(t *table) *index {
	x := &index{slots: make([]uint32, slotsFor(t.len()))}
	for pos := range t.len() {
		x.put(t.key(pos), pos)
	}
	return x
}

// slotsFor returns the power of two that n records fill to 3/8 at least and 3/4
// at most.
func slotsFor(n int) int {
	size := 16
	for size*3/4 <= n {
		size *= 2
	}
	return size
}

func (x *index) home(key []byte) int {
	return int(maphash.Bytes(hashSeed, key) & uint64(len(x.slots)-1))
}

func (x *index) next(slot int) int { return (slot + 1) & (len(x.slots) - 1) }

// put adds a key that is not there yet. The caller has seen to it that a slot is free.
func (x *index) put(key []byte, pos int) {
	slot := x.home(key)
	for x.slots[slot] != 0 {
		slot = x.next(slot)
	}
	x.slots[slot] = uint32(pos + 1)
	x.used++
}

// find returns the slot and the position of key in t, or -1, -1.
func (x *index) find(t *table, key []byte) (slot, pos int) {
	for slot = x.home(key); x.slots[slot] != 0; slot = x.next(slot) {
		pos = int(x.slots[slot] - 1)
		if string(t.key(pos)) == string(key) {
			return slot, pos
		}
	}
	return -1, -1
}

// free empties a slot and closes the gap: every entry behind it that may move
// closer to its home does, so that no search ends too early.
func (x *index) free(t *table, slot int) {
	gap := slot
	mask := len(x.slots) - 1
	for slot = x.next(gap); x.slots[slot] != 0; slot = x.next(slot) {
		home := x.home(t.key(int(x.slots[slot] - 1)))
		if (slot-home)&mask >= (slot-gap)&mask {
			x.slots[gap] = x.slots[slot]
			gap = slot
		}
	}
	x.slots[gap] = 0
	x.used--
}
