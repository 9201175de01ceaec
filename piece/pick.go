package piece

// Constants of the picker.
const (
	// randomStart is how many pieces are drawn at random before rarest first
	// begins: a newcomer wants something to trade at once, and the rarest
	// piece is the slowest to get (Legout et al., "Rarest First and Choke
	// Algorithms Are Enough", 2006; libtorrent starts with 4 too).
	randomStart = 4
	// walkLimit is how many pieces of the rarity order are tried for a peer
	// before its bitfield is searched instead, and searchLimit how many pieces
	// are compared then: the best of so many is among the rarest, and a peer
	// that has less of what is missing gets its very rarest. Together they
	// bound what one draw costs.
	walkLimit   = 128
	searchLimit = 256
	// endGameShare is the most blocks that a peer with nothing to do is given
	// at once when all are already asked of others.
	endGameShare = 8
	// vainLimit is how many blocks are looked at in vain then: in a large swarm
	// many peers have nothing to do, all the time.
	vainLimit = 64
	// crowdBlocks is how many blocks the pieces on their way may have together
	// before peers join pieces rather than begin new ones. It bounds the
	// memory for the state of blocks, to about 5 MB, where pieces are huge.
	crowdBlocks = 1 << 18
)

// drawing is one call of Next.
type drawing struct {
	peer  PeerKey
	who   *account
	have  *Bitfield
	dst   []Block
	begin int  // length of dst at the beginning
	end   int  // length of dst at which the peer has enough
	dry   bool // no memory can be reserved
	vain  int  // blocks that were looked at in end game and that others send sooner
}

func (d *drawing) full() bool { return len(d.dst) >= d.end }

// Next appends to dst up to want blocks that p is to be asked for now, and
// counts them as asked. have is what p may be asked for: its pieces, or some of
// them; outstanding is how many blocks it has been asked for already. Next
// returns fewer when p has no more that is needed, or when the budget is used
// up and p has its share of it. It does not allocate, but to let dst grow. Order
// of preference:
//
//  1. the piece that p is already sending, so that pieces finish;
//  2. pieces that others began and left;
//  3. the rarest missing piece (the first few: a random one);
//  4. pieces that others are sending too;
//  5. blocks whose askers are all overdue;
//  6. end game: when all is asked for, the last blocks of those who are busy,
//     for a peer that has nothing else to do.
//
// A peer that is asked for less than a span in all shares the spans of others
// before it begins a piece (4 comes before 3), because memory is reserved by the
// span.
func (q *Queue) Next(p PeerKey, have *Bitfield, outstanding, want int, dst []Block) []Block {
	d := drawing{peer: p, who: q.ration.account(p), have: have, dst: dst}
	if q.budget != nil {
		allowed, memory := q.ration.allows(d.who)
		want, d.dry = min(want, allowed), !memory
		q.starved = q.starved || !memory
	}
	if want <= 0 {
		return dst
	}
	d.begin, d.end = len(dst), len(dst)+want
	if d.who.own != nil {
		q.join(&d, d.who.own)
	}
	q.joinAll(&d, abandoned)
	if outstanding+want < SpanBlocks {
		q.joinAll(&d, loose)
	}
	if q.states > crowdBlocks {
		q.joinOpen(&d)
	}
	q.drawMissing(&d)
	q.joinOpen(&d)
	q.drawOverdue(&d)
	if len(d.dst) == len(dst) && outstanding == 0 && !d.dry && q.rare.size == 0 {
		d.end = min(d.end, len(dst)+endGameShare)
		q.drawAgain(&d)
	}
	return d.dst
}

// joinOpen draws from the pieces that others are sending.
func (q *Queue) joinOpen(d *drawing) {
	q.joinAll(d, loose)
	if !d.dry {
		q.joinAll(d, waiting)
	}
}

// joinAll draws from the pieces of a list. It goes backwards, because pieces
// leave the list meanwhile and the last one takes the place of one that does.
func (q *Queue) joinAll(d *drawing, l listing) {
	for n := len(q.lists[l]) - 1; n >= 0 && !d.full(); n-- {
		q.join(d, q.lists[l][n])
	}
}

// join draws from a if the peer has it and may.
func (q *Queue) join(d *drawing, a *Assembly) {
	if a.free > 0 && !d.full() && d.have.Has(a.index) && a.admits(d.peer) {
		q.draw(d, a)
	}
}

// draw asks the peer for free blocks of a, in order. Whoever draws from a piece
// of which nobody else is asked for anything makes it its own.
func (q *Queue) draw(d *drawing, a *Assembly) {
	alone, drawn, passed := a.asked == 0, len(d.dst), false
	for n := a.first; n < len(a.blocks) && a.free > 0 && !d.full(); n++ {
		if !a.blocks[n].free() {
			continue
		}
		if s := n / SpanBlocks; !a.spans[s].reserved && !q.reserve(d, a, s) {
			if a.loose == 0 {
				break
			}
			passed = true // a later span has memory: this one was given up, see Forsake
			_, next := a.span(s)
			n = next - 1
			continue
		}
		q.ask(d, a, n)
		if !passed {
			a.first = n + 1
		}
	}
	if alone && len(d.dst) > drawn {
		q.disown(a)
		a.drew, d.who.own = d.peer, a
	}
	q.file(a)
}

// disown ends that somebody goes on with a.
func (q *Queue) disown(a *Assembly) {
	if who := q.ration.accounts[a.drew]; who != nil && who.own == a {
		who.own = nil
	}
	a.drew = 0
}

// ask counts block n of a as asked of the peer.
func (q *Queue) ask(d *drawing, a *Assembly, n int) {
	b := &a.blocks[n]
	a.tally(n, -1)
	b.askers[b.asked()] = d.peer
	a.tally(n, 1)
	q.ration.lend(d.who, 1)
	if a.parole {
		a.sole = d.peer
	}
	d.dst = append(d.dst, q.layout.Block(a.index, n))
}

// reserve reserves the memory of span s of a.
func (q *Queue) reserve(d *drawing, a *Assembly, s int) bool {
	if d.dry || !q.room(d, a.index, s) {
		return false
	}
	q.hold(a, s)
	return true
}

// room asks the budget for the memory of span s of piece i.
func (q *Queue) room(d *drawing, i Index, s int) bool {
	if q.budget != nil && !q.budget.Reserve(q.layout.SpanLen(Span{i, uint32(s)})) {
		d.dry, q.starved = true, true
		q.ration.refuse()
	}
	return !d.dry
}

// hold notes that span s of a, all blocks of which are free, has memory.
func (q *Queue) hold(a *Assembly, s int) {
	use := &a.spans[s]
	use.reserved = true
	a.loose += int(use.left)
	q.ration.held += int(use.left)
}

// drawMissing begins pieces for the peer.
func (q *Queue) drawMissing(d *drawing) {
	for !d.dry && !d.full() {
		i, ok := q.choose(d)
		if !ok {
			return
		}
		if !q.room(d, i, 0) {
			d.who.next, d.who.denied = i, true
			return
		}
		a := q.begin(i)
		q.hold(a, 0)
		q.draw(d, a)
	}
}

// choose returns which piece the peer is to begin. When memory was refused for
// one, it is the same one again: a peer may ask in vain many times a second.
func (q *Queue) choose(d *drawing) (Index, bool) {
	if d.who.denied {
		d.who.denied = false
		if i := d.who.next; d.have.Has(i) && q.missing.Has(i) {
			return i, true
		}
	}
	return q.rarest(d.have)
}

// rarest returns the missing piece of have that the fewest peers have, or a
// random one while we have nearly nothing.
func (q *Queue) rarest(have *Bitfield) (Index, bool) {
	order := q.rare.sorted()
	if len(order) == 0 {
		return Index{}, false
	}
	if q.have.count+len(q.active) < randomStart {
		for range 16 {
			if i := (Index{order[q.rare.rng.IntN(len(order))]}); have.Has(i) {
				return i, true
			}
		}
	}
	if !have.Full() { // what only seeds have, this peer has not, but for the few that a seed may allow while it chokes us
		order = q.rare.shared()
	}
	if have.Count() > walkLimit {
		for _, raw := range order[:min(len(order), walkLimit)] {
			if i := (Index{raw}); have.Has(i) {
				return i, true
			}
		}
	}
	return q.search(have)
}

// search finds the first piece of the order that have has by the bitfield, for a
// peer that has few of the pieces that we miss. When there are many after all, it
// is the first of some that stand together at a random place.
func (q *Queue) search(have *Bitfield) (Index, bool) {
	var best Index
	found, first := 0, int32(0)
	words := len(have.words)
	start := q.rare.rng.IntN(words)
	for n := 0; n < words && found < searchLimit; n++ {
		at := start + n
		if at >= words {
			at -= words
		}
		for w := have.words[at] & q.missing.words[at]; w != 0; found++ {
			i, bit := highest(at, w)
			w &^= bit
			if pos := q.rare.pos[i.n]; found == 0 || pos < first {
				best, first = i, pos
			}
		}
	}
	return best, found > 0
}

// drawOverdue asks the peer, too, for blocks all askers of which are overdue:
// the last ones of a piece first, since who was asked first sends the first ones
// first, and both meet in the middle.
func (q *Queue) drawOverdue(d *drawing) {
	for at := len(q.lists[overdue]) - 1; at >= 0 && !d.full(); at-- {
		a := q.lists[overdue][at]
		if !d.have.Has(a.index) || !a.admits(d.peer) {
			continue
		}
		for n, left := len(a.blocks)-1, a.late; left > 0 && !d.full(); n-- {
			b := &a.blocks[n]
			if !b.overdue() {
				continue
			}
			left--
			if b.find(d.peer) < 0 {
				q.ask(d, a, n)
			}
		}
		q.file(a)
	}
}

// drawAgain asks the peer, too, for blocks of others: those first of which the
// fewest are asked, and the last ones of a piece first. A slow peer leaves the
// last place at a block to a faster one.
func (q *Queue) drawAgain(d *drawing) {
	most := maxAskers
	if q.ration.slow(d.who) {
		most--
	}
	for askers := 1; askers < most; askers++ {
		for _, a := range q.lists[active] {
			if d.full() || d.vain >= vainLimit {
				return
			}
			if a.few > 0 && d.have.Has(a.index) && a.admits(d.peer) {
				q.drawTail(d, a, askers)
			}
		}
	}
}

// drawTail asks the peer for the last blocks of a that so many others are asked
// for.
func (q *Queue) drawTail(d *drawing, a *Assembly, askers int) {
	for n, left := len(a.blocks)-1, a.few; left > 0 && !d.full() && d.vain < vainLimit; n-- {
		b := &a.blocks[n]
		asked := b.asked()
		if asked > 0 && asked < maxAskers {
			left--
		}
		switch {
		case asked != askers || b.find(d.peer) >= 0:
		case q.hastens(d, b):
			q.ask(d, a, n)
		default:
			d.vain++
		}
	}
	q.file(a)
}

// hastens reports whether the peer, of which nothing else is asked, can be
// expected to send b no later than all who are asked for it already: they send
// the first of what they are asked for first, the peer gets the last ones first,
// and each goes at its rate. More would only come twice; and if one of them
// stops, its blocks are soon overdue.
func (q *Queue) hastens(d *drawing, b *blockState) bool {
	taken := len(d.dst) - d.begin
	for _, p := range b.askers[:b.asked()] {
		if a := q.ration.accounts[p]; d.who.weight*(a.out-taken) < a.weight*(taken+1) {
			return false
		}
	}
	return true
}
