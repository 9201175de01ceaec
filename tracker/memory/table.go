package memory

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"p2p/tracker/wire"
)

// What follows the compact peer in a record.
//
// 4B identity + 4B last seen, with the counted flag in the top bit
const (
	identityAt = 0
	seenAt     = 4
	tailSize   = 8
)

// counted marks the last-seen word of a peer whose "completed" was counted.
const counted = 1 << 31

// searched is the longest table that is searched record by record; a longer one
// has an index.
const searched = 32

// table holds the peers of one family of one swarm: records of fixed size in one
// slab, leeches before seeds. Positions change with every removal.
type table struct {
	slab    []byte
	index   *index // nil while the table is short
	leeches uint32
	family  wire.Family
}

// stride returns the size of a record: 14 bytes for IPv4, 26 for IPv6.
func (t *table) stride() int { return t.family.PeerSize() + tailSize }

func (t *table) len() int { return len(t.slab) / t.stride() }

func (t *table) seeds() int { return t.len() - int(t.leeches) }

func (t *table) record(pos int) []byte { return t.slab[pos*t.stride():][:t.stride()] }

// key returns the compact address of a record, by which the peer is known.
func (t *table) key(pos int) []byte { return t.record(pos)[:t.family.PeerSize()] }

func (t *table) tail(pos int) []byte { return t.record(pos)[t.family.PeerSize():] }

func (t *table) identity(pos int) uint32 {
	return binary.BigEndian.Uint32(t.tail(pos)[identityAt:])
}

func (t *table) seen(pos int) uint32 {
	return binary.BigEndian.Uint32(t.tail(pos)[seenAt:]) &^ counted
}

func (t *table) counted(pos int) bool {
	return binary.BigEndian.Uint32(t.tail(pos)[seenAt:])&counted != 0
}

func (t *table) isSeed(pos int) bool { return pos >= int(t.leeches) }

// setTail writes what is known about the peer at pos.
func (t *table) setTail(pos int, identity, seen uint32, isCounted bool) {
	if isCounted {
		seen |= counted
	}
	tail := t.tail(pos)
	binary.BigEndian.PutUint32(tail[identityAt:], identity)
	binary.BigEndian.PutUint32(tail[seenAt:], seen)
}

// find returns the position of the peer with this compact address, or -1.
func (t *table) find(key []byte) int {
	if t.index != nil {
		_, pos := t.index.find(t, key)
		return pos
	}
	for pos := range t.len() {
		if string(t.key(pos)) == string(key) {
			return pos
		}
	}
	return -1
}

// add appends a peer that is not in the table and returns its position. Its tail
// is zero.
func (t *table) add(key []byte, seed bool) int {
	last := t.len()
	t.grow()
	t.slab = append(append(t.slab, key...), make([]byte, tailSize)...)
	switch {
	case t.index != nil && (t.index.used+1)*4 <= len(t.index.slots)*3:
		t.index.put(key, last)
	case last+1 > searched:
		t.index = newIndex(t)
	}
	if seed {
		return last
	}
	border := int(t.leeches)
	t.swap(border, last)
	t.leeches++
	return border
}

// grow makes room for a record in a large slab by an eighth at a time. Left to
// itself, append would take a quarter, most of which is never used.
func (t *table) grow() {
	if n := len(t.slab); n >= 1024 && cap(t.slab)-n < t.stride() {
		t.slab = append(make([]byte, 0, n+n/8), t.slab...)
	}
}

// setSeed moves the peer at pos to where its role belongs and returns its new
// position.
func (t *table) setSeed(pos int, seed bool) int {
	switch {
	case seed == t.isSeed(pos):
		return pos
	case seed:
		t.leeches--
		border := int(t.leeches)
		t.swap(pos, border)
		return border
	default:
		border := int(t.leeches)
		t.swap(pos, border)
		t.leeches++
		return border
	}
}

// remove takes the peer at pos out.
func (t *table) remove(pos int) {
	if !t.isSeed(pos) {
		t.leeches--
		border := int(t.leeches)
		t.swap(pos, border)
		pos = border
	}
	last := t.len() - 1
	t.swap(pos, last)
	if t.index != nil {
		slot, _ := t.index.find(t, t.key(last))
		t.index.free(t, slot)
	}
	t.slab = t.slab[:last*t.stride()]
}

// swap exchanges two records.
func (t *table) swap(a, b int) {
	if a == b {
		return
	}
	if t.index != nil {
		slotA, _ := t.index.find(t, t.key(a))
		slotB, _ := t.index.find(t, t.key(b))
		t.index.slots[slotA], t.index.slots[slotB] = uint32(b+1), uint32(a+1)
	}
	var spare [26]byte
	n := copy(spare[:], t.record(a))
	copy(t.record(a), t.record(b))
	copy(t.record(b), spare[:n])
}

// trim gives back memory after many peers have left.
func (t *table) trim() {
	if cap(t.slab) <= 1024 || len(t.slab) > cap(t.slab)/3 {
		return
	}
	t.slab = slices.Clone(t.slab)
	t.index = nil
	if t.len() > searched {
		t.index = newIndex(t)
	}
}

// pick appends the compact addresses of up to want peers, chosen at random from
// the positions [from, to), to dst. It leaves out c itself, also under its other
// address.
//
// The range is cut into want equal strata, one peer is drawn from each, and the
// whole is turned by a random amount: every peer is equally likely, none comes
// twice, and only what is returned is read.
func (t *table) pick(dst []byte, from, to, want int, c chooser, rng *rand.Rand) []byte {
	n, skip := to-from, to
	if c.pos >= from && c.pos < to {
		n, skip = n-1, c.pos
	}
	want = min(want, n)
	if want <= 0 {
		return dst
	}
	stratum := func(i int) int { return int(int64(i) * int64(n) / int64(want)) }
	turn := rng.IntN(n)
	for i := range want {
		low, high := stratum(i), stratum(i+1)
		pos := low
		if high-low > 1 {
			pos += rng.IntN(high - low)
		}
		if pos += turn; pos >= n {
			pos -= n
		}
		if pos += from; pos >= skip {
			pos++
		}
		if c.twin != 0 && t.identity(pos) == c.twin {
			continue
		}
		dst = append(dst, t.key(pos)...)
	}
	return dst
}
