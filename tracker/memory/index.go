package memory

// index finds positions by hash: of peers in a big table, of swarms in a shard.
// It is an extendible hash table: the first bits of a hash choose a segment
// by way of a directory, and a segment that is full is split in two. So it grows by one page at
// a time, and nobody ever waits for a whole index to be built anew. The keys
// stay where they are; the hashes are keyed, for clients choose what is hashed.
type index struct {
	pool  *pool    // immutable
	dir   []pageNo // 1<<depth segments; one may stand in several places
	depth uint8
}

// segment is one page of slots. Inside it lies a hash table with linear probing in
// Robin Hood order: entries are ordered by their homes, so a search ends at the
// first one that is closer to its home than the sought one would be, and a
// removal closes the gap without a look at any key.
type segment struct {
	slots [segmentSlots]uint32 // the distance from home + 1 in the top byte, the position below; 0 is free
	used  uint16
	depth uint8 // how many bits of the hash its entries share
}

const (
	segmentSlots = 1022
	// segmentFull is how many slots are used at most: 7 in 8. Where the hashes
	// are good, the longest way from home is then about 30 slots.
	segmentFull = 896
	// segmentFew is when a segment may be joined with its twin.
	segmentFew = 256

	posBits = 24
	posMask = 1<<posBits - 1
	// maxIndexed is the most positions of an index.
	maxIndexed = posMask
	// step1 is one slot further from home.
	step1   = 1 << posBits
	maxDist = 255
	// maxDepth leaves the lower bits of the hash to others: the home, the
	// fingerprint and the choice of the shard.
	maxDepth = 32
)

// home returns the slot where an entry with hash h belongs.
func home(h uint64) int { return int(h & 0xffff * segmentSlots >> 16) }

func following(slot int) int {
	if slot++; slot < segmentSlots {
		return slot
	}
	return 0
}

func (x *index) segment(h uint64) *segment { return x.pool.segment(x.dir[h>>(64-x.depth)]) }

// probe walks over the entries whose home is that of a hash.
type probe struct {
	seg  *segment
	slot int
	dist uint32 // of the slot, + 1
}

func (x *index) probe(h uint64) probe {
	if len(x.dir) == 0 {
		return probe{}
	}
	return probe{x.segment(h), home(h), 1}
}

// next returns the next position, ok false when there is none.
func (p *probe) next() (pos int, ok bool) {
	if p.seg == nil {
		return 0, false
	}
	for {
		e := p.seg.slots[p.slot]
		d := e >> posBits
		if d < p.dist {
			return 0, false
		}
		match := d == p.dist
		p.slot = following(p.slot)
		p.dist++
		if match {
			return int(e & posMask), true
		}
	}
}

// slotOf returns the slot of an entry that is there.
func (s *segment) slotOf(h uint64, pos int) int {
	slot := home(h)
	for s.slots[slot]&posMask != uint32(pos) || s.slots[slot] == 0 {
		slot = following(slot)
	}
	return slot
}

// move says that the entry with hash h stands at another position now.
func (x *index) move(h uint64, from, to int) {
	s := x.segment(h)
	slot := s.slotOf(h, from)
	s.slots[slot] = s.slots[slot]&^posMask | uint32(to)
}

// exchange says that two entries have changed places.
func (x *index) exchange(hashA uint64, a int, hashB uint64, b int) {
	segA, segB := x.segment(hashA), x.segment(hashB)
	slotA, slotB := segA.slotOf(hashA, a), segB.slotOf(hashB, b)
	segA.slots[slotA] = segA.slots[slotA]&^posMask | uint32(b)
	segB.slots[slotB] = segB.slots[slotB]&^posMask | uint32(a)
}

// insert adds an entry for which there is room.
func (x *index) insert(h uint64, pos int) { x.segment(h).insert(home(h), uint32(pos)) }

func (s *segment) insert(slot int, pos uint32) {
	e := pos | step1
	for s.slots[slot]>>posBits >= e>>posBits {
		slot, e = following(slot), e+step1
	}
	// e goes here; it and those behind it move on by one slot.
	for e != 0 {
		s.slots[slot], e = e, s.slots[slot]
		if e != 0 {
			slot, e = following(slot), e+step1
		}
	}
	s.used++
}

// fits reports whether an entry whose home is a slot can be inserted without
// bringing any too far from home.
func (s *segment) fits(slot int) bool {
	if s.used >= segmentFull {
		return false
	}
	for dist := uint32(1); s.slots[slot] != 0; dist++ {
		if dist >= maxDist || s.slots[slot]>>posBits >= maxDist {
			return false
		}
		slot = following(slot)
	}
	return true
}

// remove takes an entry out that is there.
func (x *index) remove(h uint64, pos int) {
	s := x.segment(h)
	slot := s.slotOf(h, pos)
	for {
		next := following(slot)
		e := s.slots[next]
		if e>>posBits <= 1 {
			break
		}
		s.slots[slot], slot = e-step1, next
	}
	s.slots[slot] = 0
	if s.used--; s.used < segmentFew {
		x.merge(h, s)
	}
}

// reserve makes room for one more entry with hash h, and returns false when the
// budget does not allow it. hashOf returns the hash of what is at a position.
func (x *index) reserve(h uint64, hashOf func(pos int) uint64) bool {
	if len(x.dir) == 0 {
		no, ok := x.pool.take()
		if !ok {
			return false
		}
		*x.pool.segment(no) = segment{}
		x.dir = []pageNo{no}
	}
	for !x.segment(h).fits(home(h)) {
		if !x.split(h, hashOf) {
			return false
		}
	}
	return true
}

// split divides the segment of h by the next bit of the hashes.
func (x *index) split(h uint64, hashOf func(pos int) uint64) bool {
	left := x.segment(h)
	// Few entries that leave no room are peers of the same few addresses, whom
	// no split would part; the directory would double in vain.
	if left.used < segmentFew || left.depth == maxDepth {
		return false
	}
	no, ok := x.pool.take()
	if !ok {
		return false
	}
	if left.depth == x.depth {
		dir := make([]pageNo, 2*len(x.dir))
		for i, s := range x.dir {
			dir[2*i], dir[2*i+1] = s, s
		}
		x.dir, x.depth = dir, x.depth+1
	}
	left.depth++
	right := x.pool.segment(no)
	*right = segment{depth: left.depth}
	left.share(right, hashOf)
	first, n := x.span(h, left.depth-1)
	for i := first + n/2; i < first+n; i++ {
		x.dir[i] = no
	}
	return true
}

// share moves the entries that belong to the right from s, whose depth is one
// more by now. The keys are spread over all memory: they are read in a loop without anything
// else in it, so that the processor waits for many of them at a time. That makes a split
// three times as fast, some 30 microseconds.
func (s *segment) share(right *segment, hashOf func(pos int) uint64) {
	var entries [segmentFull]struct{ home, pos uint32 }
	n := 0
	for slot, e := range s.slots {
		if e != 0 {
			entries[n].home, entries[n].pos = uint32(homeOf(slot, e)), e&posMask
			n++
		}
	}
	var goes [segmentFull]bool
	for i := range entries[:n] {
		goes[i] = hashOf(int(entries[i].pos))>>(64-s.depth)&1 == 1
	}
	s.slots, s.used = [segmentSlots]uint32{}, 0
	for i, e := range entries[:n] {
		if goes[i] {
			right.insert(int(e.home), e.pos)
		} else {
			s.insert(int(e.home), e.pos)
		}
	}
}

// homeOf returns the home of the entry e in a slot.
func homeOf(slot int, e uint32) int {
	return (slot - int(e>>posBits) + 1 + segmentSlots) % segmentSlots
}

// span returns which places of the directory share the first depth bits of h.
func (x *index) span(h uint64, depth uint8) (first, n int) {
	n = 1 << (x.depth - depth)
	return int(h>>(64-x.depth)) &^ (n - 1), n
}

// merge joins s, the segment of h, with its twin if both have become small.
func (x *index) merge(h uint64, s *segment) {
	if s.depth == 0 {
		return
	}
	other := x.dir[(h^1<<(64-s.depth))>>(64-x.depth)]
	twin := x.pool.segment(other)
	if twin.depth != s.depth || twin.used > segmentFew {
		return
	}
	joined := *s
	for slot, e := range twin.slots {
		if e == 0 {
			continue
		}
		at := homeOf(slot, e)
		if !joined.fits(at) {
			return
		}
		joined.insert(at, e&posMask)
	}
	*s = joined
	s.depth--
	own := x.dir[h>>(64-x.depth)]
	first, n := x.span(h, s.depth)
	for i := first; i < first+n; i++ {
		x.dir[i] = own
	}
	x.pool.give(other)
}

// release gives back all memory of x.
func (x *index) release() {
	for i, no := range x.dir {
		if i == 0 || no != x.dir[i-1] { // the places of one segment lie side by side
			x.pool.give(no)
		}
	}
	*x = index{pool: x.pool}
}
