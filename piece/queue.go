package piece

import (
	"fmt"
	"math/rand/v2"
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
	seeds   int       // peers that have every piece; not in rare
	rare    *rarity   // the order of missing

	active  map[Index]*Assembly
	lists   [listings][]*Assembly
	ration  ration
	states  int // blocks of all that is active
	failed  map[Index]bool
	budget  Budget
	starved bool // the budget has refused since Starved was asked

	spare  []*Assembly
	others []PeerKey // reused by Arrived
}

// listing names the lists of assemblies, which save Next from searching.
type listing uint8

const (
	active    listing = iota // all
	abandoned                // with free blocks, and nobody is asked for others
	loose                    // with free blocks that have memory; others are asked
	waiting                  // with free blocks that have none; others are asked
	overdue                  // with overdue blocks
	listings
)

// NewQueue returns the queue of a torrent of which have is there and wanted is
// to be got. It takes ownership of both. budget may be nil for no limit; rng
// decides among equals.
func NewQueue(l Layout, have, wanted *Bitfield, budget Budget, rng *rand.Rand) *Queue {
	missing := NewBitfield(l.Pieces())
	for i := range wanted.AndNot(have) {
		missing.Set(i)
	}
	return &Queue{
		layout: l, have: have, wanted: wanted, missing: missing, left: missing.Count(),
		rare:   newRarity(missing, rng),
		active: make(map[Index]*Assembly),
		ration: ration{accounts: make(map[PeerKey]*account)},
		failed: make(map[Index]bool),
		budget: budget,
	}
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

// Needs reports whether piece i is wanted and not verified.
func (q *Queue) Needs(i Index) bool { return q.wanted.Has(i) && !q.have.Has(i) }

// OnParole reports whether piece i failed its hash before and is being fetched
// again.
func (q *Queue) OnParole(i Index) bool { return q.failed[i] }

// Seeds returns how many connected peers have every piece.
func (q *Queue) Seeds() int { return q.seeds }

// Gained counts the pieces of a peer that has come. A full set is counted as a
// seed, in one step.
func (q *Queue) Gained(have *Bitfield) {
	if isSeed(have) {
		q.seeds++
		return
	}
	q.rare.gain(have)
}

// Lost takes back the pieces of a peer that has gone.
func (q *Queue) Lost(have *Bitfield) {
	if isSeed(have) {
		q.seeds--
		return
	}
	q.rare.lose(have)
}

// GainedOne adds piece i to have, the set of a peer whose pieces are counted,
// and reports whether it was new.
func (q *Queue) GainedOne(have *Bitfield, i Index) bool {
	if !have.Set(i) {
		return false
	}
	q.rare.more(i.n)
	if have.Full() { // from now on it counts as a seed, or Lost would miscount
		q.rare.lose(have)
		q.seeds++
	}
	return true
}

// isSeed reports whether have is everything. In a torrent without pieces nobody
// is a seed: a peer that has said nothing yet would be one.
func isSeed(have *Bitfield) bool { return have.n > 0 && have.Full() }

// Unavailable returns how many wanted pieces are missing that no connected peer
// has.
func (q *Queue) Unavailable() int {
	if q.seeds > 0 {
		return 0
	}
	n := q.rare.size - len(q.rare.shared())
	for _, a := range q.lists[active] {
		if q.rare.count[a.index.n] == 0 {
			n++
		}
	}
	return n
}

// begin makes piece i an assembly.
func (q *Queue) begin(i Index) *Assembly {
	var a *Assembly
	if n := len(q.spare); n > 0 {
		a, q.spare = q.spare[n-1], q.spare[:n-1]
	} else {
		a = &Assembly{}
	}
	a.reset(q.layout, i)
	a.parole = q.failed[i]
	q.active[i] = a
	q.states += len(a.blocks)
	q.missing.Clear(i)
	q.rare.remove(i.n)
	q.file(a)
	return a
}

// end takes a out of assembly. Unless its piece is verified, it is missing again.
func (q *Queue) end(a *Assembly, verified bool) {
	q.disown(a)
	for l := range q.lists {
		q.list(a, listing(l), false)
	}
	delete(q.active, a.index)
	q.states -= len(a.blocks)
	q.spare = append(q.spare, a)
	if verified {
		q.have.Set(a.index)
		q.left--
		delete(q.failed, a.index)
		return
	}
	q.missing.Set(a.index)
	q.rare.add(a.index.n)
}

// file puts a into the lists that it belongs to now.
func (q *Queue) file(a *Assembly) {
	open, lent := a.free > 0, a.asked > 0
	q.list(a, active, true)
	q.list(a, abandoned, open && !lent)
	q.list(a, loose, open && lent && a.loose > 0)
	q.list(a, waiting, open && lent && a.loose == 0)
	q.list(a, overdue, a.late > 0)
}

// list puts a into a list or takes it out.
func (q *Queue) list(a *Assembly, l listing, in bool) {
	at := a.at[l]
	if in == (at >= 0) {
		return
	}
	list := q.lists[l]
	if in {
		a.at[l] = int32(len(list))
		q.lists[l] = append(list, a)
		return
	}
	last := len(list) - 1
	list[at], list[last].at[l] = list[last], at
	list[last] = nil
	q.lists[l] = list[:last]
	a.at[l] = -1
}

// Return takes back that p was asked for b: p was cut off, choked us or refused.
// Unless somebody else is asked too, b is free again.
func (q *Queue) Return(p PeerKey, b Block) {
	a := q.active[b.Piece]
	if a == nil {
		return
	}
	n := b.Number()
	s := &a.blocks[n]
	at := s.find(p)
	if at < 0 {
		return
	}
	a.tally(n, -1)
	s.drop(at)
	a.tally(n, 1)
	q.ration.lend(q.ration.accounts[p], -1)
	if s.free() {
		a.first = min(a.first, n)
	}
	q.settle(a)
}

// settle follows up on a request of a that has ended. Nobody is on trial who is
// asked for nothing: the peer may be gone.
func (q *Queue) settle(a *Assembly) {
	if a.sole != 0 && !a.asks(a.sole) {
		a.sole = 0
	}
	q.file(a)
}

// Movable reports whether b was asked of one peer alone and may as well be asked
// of another: its piece is not on parole.
func (q *Queue) Movable(b Block) bool {
	a := q.active[b.Piece]
	return a != nil && !a.parole && a.blocks[b.Number()].asked() == 1
}

// Doubt says that b is overdue from p: it may be asked of others, and still
// counts when it comes. It also ends the trial of p on parole.
func (q *Queue) Doubt(p PeerKey, b Block) {
	a := q.active[b.Piece]
	if a == nil {
		return
	}
	n := b.Number()
	s := &a.blocks[n]
	at := s.find(p)
	if at < 0 {
		return
	}
	a.tally(n, -1)
	s.late |= 1 << at
	a.tally(n, 1)
	if a.sole == p {
		a.sole = 0
	}
	q.file(a)
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
	n := b.Number()
	s, use := &a.blocks[n], &a.spans[n/SpanBlocks]
	if s.arrived() || !use.reserved {
		return Progress{}
	}
	q.others = q.others[:0]
	for _, asker := range s.askers[:s.asked()] {
		q.ration.lend(q.ration.accounts[asker], -1)
		if asker != p {
			q.others = append(q.others, asker)
		}
	}
	a.tally(n, -1)
	*s = blockState{from: p}
	q.settle(a)
	q.ration.arrive(p)
	if use.left == 0 {
		from, to := a.span(n / SpanBlocks)
		q.ration.held -= to - from
	}
	return Progress{New: true, Span: use.left == 0, Piece: a.left == 0, Also: q.others}
}

// Holds reports whether block b of a piece in assembly has arrived.
func (q *Queue) Holds(b Block) bool {
	a := q.active[b.Piece]
	return a != nil && a.blocks[b.Number()].arrived()
}

// Verified says whether piece i, all blocks of which had arrived, matches its
// hash. It appends to dst who sent each block, in order. A piece that failed is
// missing again and goes on parole: it is asked of one peer at a time, so that a
// second failure proves who is guilty.
func (q *Queue) Verified(i Index, ok bool, dst []PeerKey) []PeerKey {
	a := q.active[i]
	if a == nil || a.left != 0 {
		panic(fmt.Sprintf("piece: Verified on piece %d, which is not complete", i.n))
	}
	dst = a.senders(dst)
	if !ok {
		q.failed[i] = true
	}
	q.end(a, ok)
	return dst
}

// Starved reports whether the budget has refused memory since the last call.
func (q *Queue) Starved() bool {
	was := q.starved
	q.starved = false
	return was
}

// Rationed reports whether the budget has ever refused memory, so that peers may
// have got less than they wanted.
func (q *Queue) Rationed() bool { return q.ration.blocks > 0 }

// Stranded appends to dst the spans that hold memory although nobody is asked
// for what is left of them: whoever was has gone or chokes us. They are drawn
// first by whoever has their piece. When nobody does and memory is short, they
// are to be given up with Forsake, or the download stands still although there
// is more to be had.
func (q *Queue) Stranded(dst []Span) []Span {
	for _, a := range q.lists[active] {
		if a.loose == 0 {
			continue
		}
		for s, use := range a.spans {
			if use.reserved && use.left > 0 && a.idle(s) {
				dst = append(dst, Span{a.index, uint32(s)})
			}
		}
	}
	return dst
}

// Forsake gives up s, a span that Stranded named: what has arrived of it is
// missing again, and its memory is no longer reserved. The caller has made sure
// that nothing that is still coming can be put to its place, and gives the
// memory back. It returns how many bytes had come in vain.
func (q *Queue) Forsake(s Span) int {
	a := q.active[s.Piece]
	if a == nil || !a.spans[s.Number].reserved || a.spans[s.Number].left == 0 || !a.idle(int(s.Number)) {
		panic(fmt.Sprintf("piece: Forsake on span %d of piece %d, which is not stranded", s.Number, s.Piece.n))
	}
	wasted := 0
	from, to := a.span(int(s.Number))
	q.ration.held -= to - from
	for n := from; n < to; n++ {
		if a.blocks[n].arrived() {
			wasted += int(q.layout.Block(s.Piece, n).Length)
		} else {
			a.tally(n, -1)
		}
		a.blocks[n] = blockState{}
	}
	a.spans[s.Number] = spanUse{}
	for n := from; n < to; n++ {
		a.tally(n, 1)
	}
	a.first = min(a.first, from)
	if a.bare() {
		q.end(a, false)
	} else {
		q.file(a)
	}
	return wasted
}

// bare reports whether nothing of a is reserved, asked for or there.
func (a *Assembly) bare() bool {
	for _, use := range a.spans {
		if use.reserved {
			return false
		}
	}
	return true
}
