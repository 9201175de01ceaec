package piece

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Constants of the picker.
const (
	// randomStart is how many pieces are drawn at random before rarest first
	// begins: a newcomer wants something to trade at once, and the rarest
	// piece is the slowest to get (Legout et al., "Rarest First and Choke
	// Algorithms Are Enough", 2006; libtorrent starts with 4 too).
	randomStart = 4
	// walkLimit is how many pieces of the rarity order are tried for a peer
	// before its bitfield is searched instead. It bounds the cost of a peer
	// that has little of what is missing.
	walkLimit = 128
	// endGameShare is the most blocks that a peer with nothing to do is given
	// at once when all are already asked of others.
	endGameShare = 8
)

// Queue is the shared queue of the missing pieces of one torrent. Connections
// draw blocks from it with Next; what they report decides what others may draw.
// It belongs to one goroutine.
type Queue struct {
	layout  Layout
	have    *Bitfield
	wanted  *Bitfield
	missing *Bitfield // wanted, not had, not in assembly
	left    int       // wanted pieces that are not had
	seeds   int       // peers that have every piece; not in rarity
	rare    *rarity
	active  map[Index]*Assembly
	open    []*Assembly // those with free blocks
	failed  map[Index]bool
	doubts  int // blocks that are doubted
	budget  Budget
	rng     *rand.Rand
	spare   []*Assembly
	others  []PeerKey // reused by Arrived
}

// NewQueue returns the queue of a torrent of which have is there and wanted is
// to be got. It takes ownership of both. budget may be nil for no limit; rng
// decides among equals.
func NewQueue(l Layout, have, wanted *Bitfield, budget Budget, rng *rand.Rand) *Queue {
	q := &Queue{
		layout: l, have: have, wanted: wanted,
		missing: NewBitfield(l.Pieces()),
		rare:    newRarity(l.Pieces(), rng),
		active:  make(map[Index]*Assembly),
		failed:  make(map[Index]bool),
		budget:  budget, rng: rng,
	}
	for i := range wanted.AndNot(have) {
		q.left++
		q.missing.Set(i)
		q.rare.add(i.n)
	}
	return q
}

// Layout returns the layout of the torrent.
func (q *Queue) Layout() Layout { return q.layout }

// Have returns the verified pieces. The queue owns it; it must not be changed.
func (q *Queue) Have() *Bitfield { return q.have }

// Wanted returns the pieces that are to be got or were. The queue owns it.
func (q *Queue) Wanted() *Bitfield { return q.wanted }

// Left returns how many wanted pieces are not verified yet.
func (q *Queue) Left() int { return q.left }

// Done reports whether every wanted piece is verified.
func (q *Queue) Done() bool { return q.left == 0 }

// Gained counts the pieces of a peer that has come. A full set is counted as a
// seed, in one step.
func (q *Queue) Gained(have *Bitfield) {
	if have.Full() {
		q.seeds++
		return
	}
	for i := range have.All() {
		q.rare.more(i.n)
	}
}

// Lost takes back the pieces of a peer that has gone.
func (q *Queue) Lost(have *Bitfield) {
	if have.Full() {
		q.seeds--
		return
	}
	for i := range have.All() {
		q.rare.less(i.n)
	}
}

// GainedOne adds piece i to have, the set of a peer whose pieces are counted,
// and reports whether it was new.
func (q *Queue) GainedOne(have *Bitfield, i Index) bool {
	if !have.Set(i) {
		return false
	}
	q.rare.more(i.n)
	if have.Full() { // from now on it counts as a seed, or Lost would miscount
		for p := range have.All() {
			q.rare.less(p.n)
		}
		q.seeds++
	}
	return true
}

// Unavailable returns how many wanted pieces are missing that no connected peer
// has.
func (q *Queue) Unavailable() int {
	if q.seeds > 0 {
		return 0
	}
	n := 0
	for i := range q.wanted.AndNot(q.have) {
		if q.rare.avail[i.n] == 0 {
			n++
		}
	}
	return n
}

// Seeds returns how many connected peers have every piece.
func (q *Queue) Seeds() int { return q.seeds }

// EndGame reports whether every missing piece is in assembly and every block of
// them asked for: from here on a block may be asked of several peers.
func (q *Queue) EndGame() bool {
	return q.left > 0 && q.rare.len() == 0 && len(q.open) == 0
}

// Next appends to dst up to max blocks that p, who has the pieces of have and
// has been asked for outstanding others, is to be asked for now, and counts
// them as asked. It returns fewer when p has no more that is needed or the
// budget is used up. Order of preference:
//
//  1. the pieces that p is already sending, so that pieces finish;
//  2. pieces that others began and left;
//  3. the rarest missing piece (the first few: a random one);
//  4. pieces that others are sending too;
//  5. blocks whose asker is overdue;
//  6. end game: when all is asked for, the last blocks of those who are busy,
//     for a peer that has nothing else to do.
func (q *Queue) Next(p PeerKey, have *Bitfield, outstanding, max int, dst []Block) []Block {
	end := len(dst) + max
	dst = q.fromOpen(p, have, end, dst, func(a *Assembly) bool { return a.drew == p })
	dst = q.fromOpen(p, have, end, dst, func(a *Assembly) bool { return a.asked == 0 })
	for len(dst) < end {
		i, ok := q.rarest(have)
		if !ok || !q.room(Span{i, 0}) {
			break
		}
		a := q.begin(i)
		a.spans[0].reserved = true
		dst = q.draw(a, p, end, dst)
	}
	dst = q.fromOpen(p, have, end, dst, func(*Assembly) bool { return true })
	if len(dst) < end && q.doubts > 0 {
		dst = q.again(p, have, end, dst, func(b *blockState) bool { return b.doubted })
	}
	if len(dst) == end-max && outstanding == 0 && q.rare.len() == 0 {
		dst = q.again(p, have, min(end, len(dst)+endGameShare), dst, func(*blockState) bool { return true })
	}
	return dst
}

// room reserves the memory of s.
func (q *Queue) room(s Span) bool {
	return q.budget == nil || q.budget.Reserve(q.layout.SpanLen(s))
}

// fromOpen draws from the pieces with free blocks that choose accepts.
func (q *Queue) fromOpen(p PeerKey, have *Bitfield, end int, dst []Block, choose func(*Assembly) bool) []Block {
	for at := 0; at < len(q.open) && len(dst) < end; {
		a := q.open[at]
		if have.Has(a.index) && a.admits(p) && choose(a) {
			dst = q.draw(a, p, end, dst)
		}
		if at < len(q.open) && q.open[at] == a { // else it has no free block any more and another took its place
			at++
		}
	}
	return dst
}

// admits reports whether p may send blocks of a: anybody, but on parole only
// the one who is tried.
func (a *Assembly) admits(p PeerKey) bool { return !a.parole || a.sole == 0 || a.sole == p }

// draw asks p for free blocks of a, in order.
func (q *Queue) draw(a *Assembly, p PeerKey, end int, dst []Block) []Block {
	for n := a.first; n < len(a.blocks) && len(dst) < end && a.free > 0; n++ {
		b := &a.blocks[n]
		if !b.free() {
			continue
		}
		block := q.layout.Block(a.index, n)
		span := block.Span()
		if use := &a.spans[span.Number]; !use.reserved {
			if !q.room(span) {
				break
			}
			use.reserved = true
		}
		b.askers[0] = p
		a.first = n + 1
		a.free--
		a.asked++
		a.drew = p
		if a.parole {
			a.sole = p
		}
		dst = append(dst, block)
	}
	if a.free == 0 {
		q.unlist(a)
	}
	return dst
}

// rarest returns the missing piece of have that the fewest peers have, or a
// random one while we have nearly nothing.
func (q *Queue) rarest(have *Bitfield) (Index, bool) {
	n := q.rare.len()
	if n == 0 {
		return Index{}, false
	}
	if q.have.count+len(q.active) < randomStart {
		for range 16 {
			if i := (Index{q.rare.order[q.rng.IntN(n)]}); have.Has(i) {
				return i, true
			}
		}
	}
	at := 0
	if !have.Full() { // what only seeds have, this peer has not
		at = int(q.rare.bound[1])
	}
	for _, raw := range q.rare.order[at:min(n, at+walkLimit)] {
		if i := (Index{raw}); have.Has(i) {
			return i, true
		}
	}
	if n-at <= walkLimit {
		return Index{}, false
	}
	return q.search(have)
}

// search finds the rarest missing piece of have by its bitfield, for a peer
// that has few of the pieces that we miss.
func (q *Queue) search(have *Bitfield) (Index, bool) {
	var best Index
	least, equals := maxAvail+1, int32(0)
	for i := range have.And(q.missing) {
		switch a := int(q.rare.avail[i.n]); {
		case a < least:
			best, least, equals = i, a, 1
		case a == least:
			if equals++; q.rng.Int32N(equals) == 0 {
				best = i
			}
		}
	}
	return best, least <= maxAvail
}

// begin makes piece i an assembly.
func (q *Queue) begin(i Index) *Assembly {
	a := &Assembly{}
	if n := len(q.spare); n > 0 {
		a, q.spare = q.spare[n-1], q.spare[:n-1]
	}
	a.reset(q.layout, i)
	a.parole = q.failed[i]
	q.active[i] = a
	q.missing.Clear(i)
	q.rare.remove(i.n)
	q.list(a)
	return a
}

// list and unlist keep open: the assemblies with free blocks.
func (q *Queue) list(a *Assembly) {
	if a.listed < 0 {
		a.listed = len(q.open)
		q.open = append(q.open, a)
	}
}

func (q *Queue) unlist(a *Assembly) {
	if a.listed < 0 {
		return
	}
	last := q.open[len(q.open)-1]
	q.open[a.listed], last.listed = last, a.listed
	q.open = q.open[:len(q.open)-1]
	a.listed = -1
}

// again asks p, too, for blocks that were asked of others and that choose
// accepts: the last ones of a piece first, since who was asked first sends the
// first ones first, and both meet in the middle.
func (q *Queue) again(p PeerKey, have *Bitfield, end int, dst []Block, choose func(*blockState) bool) []Block {
	for _, a := range q.busiest() {
		if len(dst) == end {
			break
		}
		if a.left == 0 || !have.Has(a.index) || !a.admits(p) {
			continue
		}
		for n := len(a.blocks) - 1; n >= 0 && len(dst) < end; n-- {
			b := &a.blocks[n]
			if b.arrived() || b.free() || b.asks(p) || b.askers[maxAskers-1] != 0 || !choose(b) {
				continue
			}
			q.trust(b)
			b.askers[slices.Index(b.askers[:], 0)] = p
			a.asked++
			dst = append(dst, q.layout.Block(a.index, n))
		}
	}
	return dst
}

// busiest returns the assemblies in the order of their pieces: a map's order
// would make two runs with the same seed differ.
func (q *Queue) busiest() []*Assembly {
	all := make([]*Assembly, 0, len(q.active))
	for _, a := range q.active {
		all = append(all, a)
	}
	slices.SortFunc(all, func(x, y *Assembly) int { return int(x.index.n) - int(y.index.n) })
	return all
}

// Return takes back that p was asked for b: p was cut off, choked us or refused.
// Unless somebody else is asked too, b is free again.
func (q *Queue) Return(p PeerKey, b Block) {
	a := q.active[b.Piece]
	if a == nil || !a.blocks[b.Number()].drop(p) {
		return
	}
	a.asked--
	s := &a.blocks[b.Number()]
	if s.free() {
		q.trust(s)
		a.free++
		a.first = min(a.first, b.Number())
		q.list(a)
	}
	if a.asked == 0 && a.sole == p {
		a.sole = 0
	}
	if a.drew == p && a.asked == 0 {
		a.drew = 0
	}
}

// Doubt says that b is overdue from p: it may be asked of others, and still
// counts when it comes.
func (q *Queue) Doubt(p PeerKey, b Block) {
	if a := q.active[b.Piece]; a != nil {
		if s := &a.blocks[b.Number()]; s.asks(p) && !s.doubted {
			s.doubted = true
			q.doubts++
		}
	}
}

// trust ends a doubt.
func (q *Queue) trust(b *blockState) {
	if b.doubted {
		b.doubted = false
		q.doubts--
	}
}

// Progress is what the arrival of a block led to.
type Progress struct {
	New   bool      // the block was needed; else it is to be dropped
	Span  bool      // it completed its span, which can be hashed and written
	Piece bool      // it completed its piece, which is now being verified
	Also  []PeerKey // others who were asked for it and can be told not to send it; valid until the next call
}

// Arrived says that b has come from p and lies at its place. It counts as well
// when it was taken back from p in the meantime and nobody else was faster.
func (q *Queue) Arrived(p PeerKey, b Block) Progress {
	a := q.active[b.Piece]
	if a == nil {
		return Progress{}
	}
	s := &a.blocks[b.Number()]
	if s.arrived() {
		return Progress{}
	}
	if s.free() {
		a.free--
		if a.free == 0 {
			q.unlist(a)
		}
	} else if s.drop(p) {
		a.asked--
	}
	s.from = p
	q.trust(s)
	q.others = q.others[:0]
	for _, other := range s.askers {
		if other != 0 {
			q.others = append(q.others, other)
			a.asked--
		}
	}
	s.askers = [maxAskers]PeerKey{}
	a.left--
	use := &a.spans[b.Span().Number]
	use.left--
	return Progress{New: true, Span: use.left == 0, Piece: a.left == 0, Also: q.others}
}

// Verified says whether piece i, all blocks of which had arrived, matches its
// hash. It appends to dst who sent each block, in order. A piece that failed is
// missing again and goes on parole: it is asked of one peer alone, so that a
// second failure proves who is guilty.
func (q *Queue) Verified(i Index, ok bool, dst []PeerKey) []PeerKey {
	a := q.active[i]
	if a == nil || a.left != 0 {
		panic(fmt.Sprintf("piece: Verified on piece %d, which is not complete", i.n))
	}
	dst = a.senders(dst)
	delete(q.active, i)
	q.spare = append(q.spare, a)
	if ok {
		q.have.Set(i)
		q.left--
		delete(q.failed, i)
		return dst
	}
	q.failed[i] = true
	q.missing.Set(i)
	q.rare.add(i.n)
	return dst
}

// Needs reports whether piece i is wanted and not verified.
func (q *Queue) Needs(i Index) bool { return q.wanted.Has(i) && !q.have.Has(i) }

// OnParole reports whether piece i failed its hash before and is being fetched
// again.
func (q *Queue) OnParole(i Index) bool { return q.failed[i] }
