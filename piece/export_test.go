package piece

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Constants that tests check against.
const (
	MaxAskers    = maxAskers
	EndGameShare = endGameShare
	RandomStart  = randomStart
	WalkLimit    = walkLimit
	SearchLimit  = searchLimit
	FirstBlocks  = firstBlocks
	ProvenBlocks = provenBlocks
	EpochMax     = epochMax
	IdleMax      = idleMax
	TopBand      = topBand
)

// Rarity is the order of the missing pieces, for tests of it alone.
type Rarity struct{ r *rarity }

func NewRarity(missing *Bitfield, rng *rand.Rand) Rarity { return Rarity{newRarity(missing, rng)} }
func (r Rarity) Add(p uint32)                            { r.r.add(p) }
func (r Rarity) Remove(p uint32)                         { r.r.remove(p) }
func (r Rarity) More(p uint32)                           { r.r.more(p) }
func (r Rarity) Less(p uint32)                           { r.r.less(p) }
func (r Rarity) Gain(have *Bitfield)                     { r.r.gain(have) }
func (r Rarity) Lose(have *Bitfield)                     { r.r.lose(have) }
func (r Rarity) Sorted() []uint32                        { return r.r.sorted() }
func (r Rarity) Shared() []uint32                        { return r.r.shared() }
func (r Rarity) Count(p uint32) int                      { return int(r.r.count[p]) }

// Check returns an error unless the order holds exactly the pieces of missing,
// each in its band.
func (r Rarity) Check(missing *Bitfield) error { return r.r.check(missing) }

func (r *rarity) check(missing *Bitfield) error {
	if r.size != missing.Count() {
		return fmt.Errorf("rarity holds %d pieces, want %d", r.size, missing.Count())
	}
	for p, at := range r.pos {
		if (at != absent) != missing.Has(Index{uint32(p)}) {
			return fmt.Errorf("piece %d at %d of the order, missing: %v", p, at, missing.Has(Index{uint32(p)}))
		}
	}
	if r.stale {
		return nil
	}
	if len(r.order) != r.size || r.bound[0] != 0 || int(r.bound[topBand+1]) != r.size {
		return fmt.Errorf("order of %d pieces with bounds %d to %d, want %d", len(r.order), r.bound[0], r.bound[topBand+1], r.size)
	}
	for at, p := range r.order {
		if int(r.pos[p]) != at {
			return fmt.Errorf("piece %d stands at %d and is looked for at %d", p, at, r.pos[p])
		}
		if b := r.band(p); at < int(r.bound[b]) || at >= int(r.bound[b+1]) {
			return fmt.Errorf("piece %d of availability %d stands at %d, outside band %d to %d", p, r.count[p], at, r.bound[b], r.bound[b+1])
		}
	}
	return nil
}

// CheckInvariants returns an error that says which rule of the Queue is broken.
func (q *Queue) CheckInvariants() error {
	left, states := 0, 0
	for n := range q.layout.Pieces() {
		i := Index{uint32(n)}
		needed := q.wanted.Has(i) && !q.have.Has(i)
		if needed {
			left++
		}
		a := q.active[i]
		if missing := q.missing.Has(i); needed != (missing != (a != nil)) || !needed && (missing || a != nil) {
			return fmt.Errorf("piece %d: needed %v, missing %v, in assembly %v", n, needed, missing, a != nil)
		}
		if a == nil {
			continue
		}
		states += len(a.blocks)
		if err := q.checkAssembly(i, a); err != nil {
			return fmt.Errorf("piece %d: %w", n, err)
		}
	}
	if left != q.left || states != q.states {
		return fmt.Errorf("%d pieces left and %d blocks in assembly, want %d and %d", q.left, q.states, left, states)
	}
	if err := q.ration.check(q); err != nil {
		return err
	}
	return q.rare.check(q.missing)
}

func (r *ration) check(q *Queue) error {
	out, again := map[PeerKey]int{}, ration{blocks: r.blocks, arrived: r.arrived, refused: r.refused}
	for _, a := range q.active {
		for n := range a.blocks {
			for _, p := range a.blocks[n].askers[:a.blocks[n].asked()] {
				out[p]++
			}
			if s := a.spans[n/SpanBlocks]; s.reserved && s.left > 0 {
				again.held++
			}
		}
	}
	for p, who := range r.accounts {
		if who.out != out[p] {
			return fmt.Errorf("peer %d is asked for %d blocks, counted %d", p, out[p], who.out)
		}
		delete(out, p)
		again.sum(who, 1)
		if a := who.own; a != nil && (a.drew != p || q.active[a.index] != a) {
			return fmt.Errorf("peer %d goes on with piece %d, which %d drew", p, a.index.n, a.drew)
		}
	}
	again.accounts = r.accounts
	if len(out) > 0 || fmt.Sprint(again) != fmt.Sprint(*r) {
		return fmt.Errorf("no account for %v; ration %+v, counted %+v", out, again, *r)
	}
	return nil
}

func (q *Queue) checkAssembly(i Index, a *Assembly) error {
	if a.index != i || len(a.blocks) != q.layout.Blocks(i) || len(a.spans) != q.layout.Spans(i) {
		return fmt.Errorf("assembly of piece %d with %d blocks in %d spans", a.index.n, len(a.blocks), len(a.spans))
	}
	again := Assembly{index: i, blocks: a.blocks, spans: make([]spanUse, len(a.spans))}
	solo := false
	for n := range a.blocks {
		if err := checkBlock(&a.blocks[n], a.spans[n/SpanBlocks]); err != nil {
			return fmt.Errorf("block %d: %w", n, err)
		}
		if a.blocks[n].free() && n < a.first {
			return fmt.Errorf("block %d is free, before the first free one, %d", n, a.first)
		}
		solo = solo || a.sole != 0 && a.blocks[n].find(a.sole) >= 0
		again.spans[n/SpanBlocks].reserved = a.spans[n/SpanBlocks].reserved
		again.tally(n, 1)
	}
	if again.left != a.left || again.free != a.free || again.loose != a.loose || again.asked != a.asked ||
		again.few != a.few || again.late != a.late || !slices.Equal(again.spans, a.spans) {
		return fmt.Errorf("counted %+v, has %+v", again, *a)
	}
	if a.sole != 0 && (!a.parole || !solo) || a.parole != q.failed[i] {
		return fmt.Errorf("parole %v, failed %v, on trial %d, who is asked: %v", a.parole, q.failed[i], a.sole, solo)
	}
	open, lent := a.free > 0, a.asked > 0
	belongs := [listings]bool{
		active: true, abandoned: open && !lent, loose: open && lent && a.loose > 0,
		waiting: open && lent && a.loose == 0, overdue: a.late > 0,
	}
	for l, want := range belongs {
		if at := a.at[l]; want != (at >= 0) || want && q.lists[l][at] != a {
			return fmt.Errorf("list %d: at %d, belongs there: %v", l, at, want)
		}
	}
	return nil
}

func checkBlock(b *blockState, s spanUse) error {
	asked := b.asked()
	for n, p := range b.askers {
		if n >= asked && p != 0 || n < asked && b.find(p) != n {
			return fmt.Errorf("askers %v", b.askers)
		}
	}
	if b.arrived() && asked > 0 || !s.reserved && (b.arrived() || asked > 0) || b.late>>asked != 0 {
		return fmt.Errorf("%+v in a span %+v", *b, s)
	}
	return nil
}

// Asked returns who is asked for b, and which of them are overdue.
func (q *Queue) Asked(b Block) (askers, late []PeerKey) {
	a := q.active[b.Piece]
	if a == nil {
		return nil, nil
	}
	s := &a.blocks[b.Number()]
	for n := range s.asked() {
		askers = append(askers, s.askers[n])
		if s.late>>n&1 != 0 {
			late = append(late, s.askers[n])
		}
	}
	return askers, late
}

// Count makes n more nameless peers have piece i.
func (q *Queue) Count(i Index, n int) {
	for range n {
		q.rare.more(i.n)
	}
}

// Begin puts piece i into assembly, with memory for all of it.
func (q *Queue) Begin(i Index) {
	a := q.begin(i)
	for s := range a.spans {
		q.hold(a, s)
	}
	q.file(a)
}

// Ask counts b as asked of p.
func (q *Queue) Ask(p PeerKey, b Block) {
	a := q.active[b.Piece]
	d := &drawing{peer: p, who: q.ration.account(p)}
	if a.asked == 0 {
		a.drew, d.who.own = p, a
	}
	q.ask(d, a, b.Number())
	for a.first < len(a.blocks) && !a.blocks[a.first].free() {
		a.first++
	}
	q.file(a)
}

// Fail puts piece i on parole.
func (q *Queue) Fail(i Index) { q.failed[i] = true }

// Began reports whether piece i is in assembly.
func (q *Queue) Began(i Index) bool { return q.active[i] != nil }

// Sender returns who sent b, or 0.
func (q *Queue) Sender(b Block) PeerKey { return q.active[b.Piece].blocks[b.Number()].from }

// Unbegun returns how many missing pieces are not in assembly.
func (q *Queue) Unbegun() int { return q.rare.size }

// Availability returns how many peers are counted that have piece i.
func (q *Queue) Availability(i Index) int { return int(q.rare.count[i.n]) }

// Forget makes a verified piece missing again, so that a benchmark never ends.
func (q *Queue) Forget(i Index) {
	q.have.Clear(i)
	q.left++
	q.missing.Set(i)
	q.rare.add(i.n)
}

// LostOne is the opposite of GainedOne.
func (q *Queue) LostOne(have *Bitfield, i Index) {
	if have.Clear(i) {
		q.rare.less(i.n)
	}
}

// Prove makes p a peer that has shown how fast it is.
func (q *Queue) Prove(p PeerKey) { q.ration.account(p).sent = provenBlocks }

// Accounts returns how many peers the ration keeps books on.
func (q *Queue) Accounts() int { return len(q.ration.accounts) }

// Allowed returns how many blocks the ration lets p be asked for in all.
func (q *Queue) Allowed(p PeerKey) int {
	a := q.ration.account(p)
	blocks, _ := q.ration.allows(a)
	return a.out + blocks
}

// Ration returns how many blocks may be asked for in all, or 0.
func (q *Queue) Ration() int { return q.ration.blocks }

// Refuse is what happens when the budget refuses.
func (q *Queue) Refuse() { q.ration.refuse() }

// Credit counts n blocks as sent by p.
func (q *Queue) Credit(p PeerKey, n int) {
	for range n {
		q.ration.arrive(p)
	}
}
