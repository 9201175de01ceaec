package piece_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"p2p/piece"
)

// history plays a torrent's life against a Queue, step by step, and checks each
// answer against what it has seen itself.
type history struct {
	t      *testing.T
	rng    *rand.Rand
	l      piece.Layout
	q      *piece.Queue
	memory *memory
	have   *piece.Bitfield // what is verified
	wanted *piece.Bitfield
	peers  []*player
	last   piece.PeerKey
	blocks map[piece.Block]*blockFacts
	spans  map[piece.Span]bool // those that hold memory
	ready  []piece.Index       // pieces all of whose blocks have arrived
	writes []piece.Span        // spans that have not given their memory back
	failed map[piece.Index]bool
	slow   map[trial]bool // who was overdue in a piece, so that others may be tried
}

// trial is a peer with a piece.
type trial struct {
	piece piece.Index
	peer  piece.PeerKey
}

// player is a peer in a history.
type player struct {
	key   piece.PeerKey
	have  *piece.Bitfield
	asked []piece.Block
}

// blockFacts is what a history knows about a block of a piece on its way.
type blockFacts struct {
	from   piece.PeerKey
	askers map[piece.PeerKey]bool // value: overdue
}

// memory is a Budget of so many bytes.
type memory struct{ limit, used int }

func (m *memory) Reserve(n int) bool {
	if m.used+n > m.limit {
		return false
	}
	m.used += n
	return true
}

func newHistory(t *testing.T, seed uint64) *history {
	rng := rand.New(rand.NewPCG(seed, 8))
	pieceLen := int64(1 + rng.IntN(3*piece.SpanSize))
	if rng.IntN(2) == 0 {
		pieceLen = piece.BlockSize << rng.IntN(6)
	}
	l := layout(t, 1+rng.Int64N(pieceLen*30), pieceLen)
	h := &history{
		t: t, rng: rng, l: l, have: piece.NewBitfield(l.Pieces()), wanted: random(l.Pieces(), rng),
		memory: &memory{limit: piece.SpanSize * (1 + rng.IntN(12))},
		blocks: map[piece.Block]*blockFacts{}, spans: map[piece.Span]bool{}, failed: map[piece.Index]bool{},
		slow: map[trial]bool{},
	}
	if rng.IntN(3) == 0 {
		h.have = random(l.Pieces(), rng)
	}
	if rng.IntN(3) == 0 {
		h.wanted.SetAll()
	}
	h.q = piece.NewQueue(l, h.have.Clone(), h.wanted.Clone(), h.memory, rng)
	return h
}

// play takes n random steps.
func (h *history) play(n int) {
	for range n {
		h.step()
		h.check()
	}
}

func (h *history) step() {
	roll := h.rng.IntN(100)
	if len(h.peers) == 0 || roll < 4 && len(h.peers) < 12 {
		h.join()
		return
	}
	p := h.peers[h.rng.IntN(len(h.peers))]
	switch {
	case roll < 6:
		h.leave(p)
	case roll < 12:
		h.q.GainedOne(p.have, h.l.MustIndex(h.rng.IntN(h.l.Pieces())))
	case roll < 35:
		h.draw(p, 1+h.rng.IntN(40))
	case roll < 42:
		h.giveBack(p)
	case roll < 50:
		h.doubt(p)
	case roll < 85:
		for range 1 + h.rng.IntN(8) {
			h.arrive(p)
		}
	case roll < 92:
		h.write()
	case roll < 96:
		h.verify(h.rng.IntN(4) > 0)
	default:
		h.forsake()
	}
}

func (h *history) join() {
	h.last++
	p := &player{key: h.last, have: random(h.l.Pieces(), h.rng)}
	if h.rng.IntN(4) == 0 {
		p.have.SetAll()
	}
	h.peers = append(h.peers, p)
	h.q.Gained(p.have)
}

func (h *history) leave(p *player) {
	for len(p.asked) > 0 {
		h.take(p, 0)
	}
	h.q.Lost(p.have)
	h.peers = slices.DeleteFunc(h.peers, func(o *player) bool { return o == p })
}

// take takes back request n of p.
func (h *history) take(p *player, n int) {
	b := p.asked[n]
	p.asked = slices.Delete(p.asked, n, n+1)
	delete(h.blocks[b].askers, p.key)
	h.q.Return(p.key, b)
}

// draw lets p draw and judges every block that it gets.
func (h *history) draw(p *player, want int) {
	outstanding, ended := len(p.asked), h.q.Unbegun() == 0
	got := h.q.Next(p.key, p.have, outstanding, want, nil)
	if len(got) > want {
		h.t.Fatalf("%d blocks, asked for %d", len(got), want)
	}
	for _, b := range got {
		h.judge(p, b, outstanding > 0 || !ended || len(got) > piece.EndGameShare)
		p.asked = append(p.asked, b)
	}
}

// judge fails the test if p must not be asked for b. busy says that there can be
// no end game for p.
func (h *history) judge(p *player, b piece.Block, busy bool) {
	facts := h.blocks[b]
	if facts == nil {
		facts = &blockFacts{askers: map[piece.PeerKey]bool{}}
		h.blocks[b] = facts
	}
	_, twice := facts.askers[p.key]
	all := true // who is asked is overdue
	for _, late := range facts.askers {
		all = all && late
	}
	switch {
	case h.have.Has(b.Piece) || !h.wanted.Has(b.Piece):
		h.t.Fatalf("%v is not needed", b)
	case !p.have.Has(b.Piece):
		h.t.Fatalf("%v is asked of a peer that does not have it", b)
	case facts.from != 0:
		h.t.Fatalf("%v is there already", b)
	case twice:
		h.t.Fatalf("%v is asked twice of peer %d", b, p.key)
	case len(facts.askers) >= piece.MaxAskers:
		h.t.Fatalf("%v is asked of more than %d peers", b, piece.MaxAskers)
	case !all && busy:
		h.t.Fatalf("%v is asked twice although nobody is idle or overdue", b)
	case h.failed[b.Piece] && h.onTrial(p, b.Piece):
		h.t.Fatalf("%v is asked of a second peer on parole", b)
	}
	if s := b.Span(); !h.spans[s] {
		h.spans[s] = true
	}
	facts.askers[p.key] = false
}

// onTrial reports whether another peer than p is asked for something in piece i
// and was not overdue with anything in it.
func (h *history) onTrial(p *player, i piece.Index) bool {
	for b, facts := range h.blocks {
		for key := range facts.askers {
			if b.Piece == i && key != p.key && !h.slow[trial{i, key}] {
				return true
			}
		}
	}
	return false
}

// giveBack takes some of p's requests back, or all, as a choke does.
func (h *history) giveBack(p *player) {
	all := h.rng.IntN(2) == 0
	for n := len(p.asked) - 1; n >= 0; n-- {
		if all || h.rng.IntN(4) == 0 {
			h.take(p, n)
		}
	}
}

func (h *history) doubt(p *player) {
	for _, b := range p.asked {
		if h.rng.IntN(3) > 0 {
			h.overdue(p, b)
		}
	}
}

func (h *history) overdue(p *player, b piece.Block) {
	h.q.Doubt(p.key, b)
	h.blocks[b].askers[p.key] = true
	h.slow[trial{b.Piece, p.key}] = true
}

// arrive delivers a block of p: mostly the oldest that it was asked for, now and
// then one that was taken back from it.
func (h *history) arrive(p *player) {
	if h.rng.IntN(10) == 0 {
		h.arriveLate(p)
		return
	}
	if len(p.asked) == 0 {
		return
	}
	n := 0
	if h.rng.IntN(5) == 0 {
		n = h.rng.IntN(len(p.asked))
	}
	h.deliver(p, p.asked[n])
}

// arriveLate delivers a block that p was not asked for, or not any more.
func (h *history) arriveLate(p *player) {
	i := h.l.MustIndex(h.rng.IntN(h.l.Pieces()))
	h.deliver(p, h.l.Block(i, h.rng.IntN(h.l.Blocks(i))))
}

func (h *history) deliver(p *player, b piece.Block) {
	facts := h.blocks[b]
	if facts == nil {
		facts = &blockFacts{askers: map[piece.PeerKey]bool{}}
	}
	needed := facts.from == 0 && h.spans[b.Span()]
	progress := h.q.Arrived(p.key, b)
	if progress.New != needed {
		h.t.Fatalf("%v arrived: new %v, want %v", b, progress.New, needed)
	}
	p.asked = slices.DeleteFunc(p.asked, func(o piece.Block) bool { return o == b })
	if !needed {
		return
	}
	delete(facts.askers, p.key)
	if len(progress.Also) != len(facts.askers) {
		h.t.Fatalf("%v arrived: %v are asked too, want %v", b, progress.Also, facts.askers)
	}
	for _, key := range progress.Also {
		o := h.player(key)
		if _, ok := facts.askers[key]; !ok || o == nil {
			h.t.Fatalf("%v arrived: %d is not asked for it", b, key)
		}
		o.asked = slices.DeleteFunc(o.asked, func(o piece.Block) bool { return o == b })
	}
	h.blocks[b] = &blockFacts{from: p.key, askers: map[piece.PeerKey]bool{}}
	span, all := h.complete(b)
	if progress.Span != span || progress.Piece != all {
		h.t.Fatalf("%v arrived: %+v, want span %v and piece %v", b, progress, span, all)
	}
	if span {
		h.writes = append(h.writes, b.Span())
	}
	if all {
		h.ready = append(h.ready, b.Piece)
	}
}

func (h *history) player(key piece.PeerKey) *player {
	for _, p := range h.peers {
		if p.key == key {
			return p
		}
	}
	return nil
}

// complete reports whether all of b's span, and all of its piece, is there.
func (h *history) complete(b piece.Block) (span, all bool) {
	span, all = true, true
	for n := range h.l.Blocks(b.Piece) {
		o := h.l.Block(b.Piece, n)
		if facts := h.blocks[o]; facts == nil || facts.from == 0 {
			all = false
			span = span && o.Span() != b.Span()
		}
	}
	return span, all
}

// write gives the memory of a complete span back.
func (h *history) write() {
	if len(h.writes) == 0 {
		return
	}
	n := h.rng.IntN(len(h.writes))
	h.memory.used -= h.l.SpanLen(h.writes[n])
	delete(h.spans, h.writes[n])
	h.writes = slices.Delete(h.writes, n, n+1)
}

// verify gives the verdict on a piece that is written.
func (h *history) verify(ok bool) {
	n := slices.IndexFunc(h.ready, func(i piece.Index) bool {
		return !slices.ContainsFunc(h.writes, func(s piece.Span) bool { return s.Piece == i })
	})
	if n < 0 {
		return
	}
	i := h.ready[n]
	h.ready = slices.Delete(h.ready, n, n+1)
	senders := h.q.Verified(i, ok, nil)
	if len(senders) != h.l.Blocks(i) {
		h.t.Fatalf("piece %v: %d senders of %d blocks", i, len(senders), h.l.Blocks(i))
	}
	for n, key := range senders {
		b := h.l.Block(i, n)
		if h.blocks[b].from != key {
			h.t.Fatalf("%v was sent by %d, not by %d", b, h.blocks[b].from, key)
		}
		delete(h.blocks, b)
	}
	h.failed[i] = !ok
	maps.DeleteFunc(h.slow, func(t trial, _ bool) bool { return t.piece == i })
	if ok {
		h.have.Set(i)
	}
}

// forsake gives up some of the spans that hold memory in vain.
func (h *history) forsake() {
	for _, s := range h.q.Stranded(nil) {
		if h.rng.IntN(2) > 0 {
			h.forsakeOne(s)
		}
	}
}

func (h *history) forsakeOne(s piece.Span) {
	wasted := 0
	for n := range h.l.Blocks(s.Piece) {
		b := h.l.Block(s.Piece, n)
		facts := h.blocks[b]
		if b.Span() != s || facts == nil {
			continue
		}
		if len(facts.askers) > 0 {
			h.t.Fatalf("%v is asked of %v and stranded", b, facts.askers)
		}
		if facts.from != 0 {
			wasted += int(b.Length)
		}
		if h.q.Holds(b) != (facts.from != 0) {
			h.t.Fatalf("%v is held: %v", b, h.q.Holds(b))
		}
		delete(h.blocks, b)
	}
	if got := h.q.Forsake(s); got != wasted {
		h.t.Fatalf("%+v: %d bytes came in vain, want %d", s, got, wasted)
	}
	delete(h.spans, s)
	h.memory.used -= h.l.SpanLen(s)
}

// check compares the whole state.
func (h *history) check() {
	if err := h.q.CheckInvariants(); err != nil {
		h.t.Fatal(err)
	}
	used := 0
	for s := range h.spans {
		used += h.l.SpanLen(s)
	}
	if used != h.memory.used {
		h.t.Fatalf("%d bytes reserved, the spans have %d", h.memory.used, used)
	}
	seeds := 0
	for _, p := range h.peers {
		if p.have.Full() {
			seeds++
		}
	}
	if seeds != h.q.Seeds() {
		h.t.Fatalf("%d seeds counted, want %d", h.q.Seeds(), seeds)
	}
	left := 0
	for range h.wanted.AndNot(h.have) {
		left++
	}
	if left != h.q.Left() || h.q.Done() != (left == 0) {
		h.t.Fatalf("%d pieces left, want %d", h.q.Left(), left)
	}
	if got, want := h.q.Unavailable(), h.unavailable(); got != want {
		h.t.Fatalf("%d pieces unavailable, want %d", got, want)
	}
	for b, facts := range h.blocks {
		askers, late := h.q.Asked(b)
		overdue := 0
		for _, o := range facts.askers {
			if o {
				overdue++
			}
		}
		if len(askers) != len(facts.askers) || len(late) != overdue {
			h.t.Fatalf("%v is asked of %v, overdue %v, want %v", b, askers, late, facts.askers)
		}
	}
}

func (h *history) unavailable() int {
	n := 0
	for i := range h.wanted.AndNot(h.have) {
		if !slices.ContainsFunc(h.peers, func(p *player) bool { return p.have.Has(i) }) {
			n++
		}
	}
	return n
}
