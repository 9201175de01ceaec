package piece_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"p2p/piece"
)

// scene is one call of Next by peer p. See the top of picture_test.go for what
// the signs mean.
type scene struct {
	name   string
	avail  string // how many nameless peers have each piece
	seeds  int
	has    string // the pieces of p: * or -; empty for all
	out    int    // blocks that p is asked for elsewhere
	want   int
	sent   int // blocks that p has sent before
	before string
	after  string
}

var scenes = []scene{
	{name: "the rarest piece", want: 4,
		avail: "4 1 2", before: "---- ---- ----", after: "---- pppp ----"},
	{name: "the rarest piece that the peer has", has: "*-*", want: 4,
		avail: "4 1 2", before: "---- ---- ----", after: "---- ---- pppp"},
	{name: "the rarest is what only seeds have", want: 4, seeds: 1,
		avail: "1 0 1", before: "---- ---- ----", after: "---- pppp ----"},
	{name: "as many pieces as it takes", want: 6,
		avail: "4 1 2", before: "---- ---- ----", after: "---- pppp pp.."},
	{name: "no more than there is", want: 20, has: "-*-",
		avail: "4 1 2", before: "---- ---- ----", after: "---- pppp ----"},
	{name: "nothing of a peer that has nothing", want: 20, has: "---",
		avail: "4 1 2", before: "---- aaaa b...", after: "---- aaaa b..."},
	{name: "only what is wanted and not there", want: 20,
		avail: "1 1 1 1", before: "xxxx ---- #### xxxx", after: "xxxx pppp #### xxxx"},

	{name: "its own piece before the rarest", want: 3,
		avail: "4 1 2", before: "p... ---- ----", after: "pppp ---- ----"},
	{name: "its own piece before an abandoned one", want: 3,
		avail: "4 1 2", before: "p... A... ----", after: "pppp A... ----"},
	{name: "its own piece also when somebody has joined", want: 2, out: 16,
		avail: "4 1 2", before: "pb.. ---- ----", after: "pbpp ---- ----"},
	{name: "an abandoned piece before the rarest", want: 3,
		avail: "4 1 2", before: "A... ---- ----", after: "Appp ---- ----"},
	{name: "an abandoned piece of which nothing has come", want: 3,
		avail: "4 1 2", before: ".... ---- ----", after: "ppp. ---- ----"},
	{name: "what is free in the middle", want: 2,
		avail: "4 1 2", before: "A.A. ---- ----", after: "ApAp ---- ----"},

	{name: "the rarest before a piece that others are sending", want: 4, out: 16,
		avail: "1 4 4", before: "a... ---- ####", after: "a... pppp ####"},
	{name: "a piece that others are sending when nothing rarer is left", want: 4, out: 16,
		avail: "1 1 1", before: "aa.. #### ####", after: "aapp #### ####"},
	{name: "a piece that others are sending when the peer has nothing rarer", want: 4, out: 16, has: "*--",
		avail: "1 4 4", before: "aa.. ---- ----", after: "aapp ---- ----"},
	{name: "a slow peer shares a piece before it begins one", want: 4,
		avail: "1 4 4", before: "aa.. ---- ####", after: "aapp pp.. ####"},

	{name: "nothing twice while other pieces can be begun", want: 20, has: "*--",
		avail: "1 4 4", before: "aaaa ---- ----", after: "aaaa ---- ----"},
	{name: "end game: the tail of what others are asked for", want: 2,
		avail: "1 1 1", before: "aaaa #### ####", after: "aa(ap)(ap) #### ####"},
	{name: "end game: nothing that has come", want: 20, sent: 4,
		avail: "1 1 1", before: "AaAa #### ####", after: "A(ap)A(ap) #### ####"},
	{name: "end game: only for a peer that has nothing else to do", want: 20, out: 1,
		avail: "1 1 1", before: "aaaa #### ####", after: "aaaa #### ####"},
	{name: "end game: not on top of what is drawn", want: 20,
		avail: "1 1 1", before: "aaa. #### ####", after: "aaap #### ####"},
	{name: "end game: first what the fewest are asked for", want: 2,
		avail: "1 1 1", before: "a(ab)(ab)(ab) #### ####", after: "(ap)(ab)(ab)(abp) #### ####"},
	{name: "end game: at most three peers on a block", want: 20,
		avail: "1 1 1", before: "(abc)(abc)(abc)(abc) #### ####", after: "(abc)(abc)(abc)(abc) #### ####"},
	{name: "end game: a few blocks at a time", want: 20,
		avail: "1 1 1", before: "aaaa bbbb cccc", after: "(ap)(ap)(ap)(ap) (bp)(bp)(bp)(bp) cccc"},
	{name: "end game: not while a piece has not been begun", want: 2, has: "*--",
		avail: "1 0 0", before: "aaaa ---- ####", after: "aaaa ---- ####"},
	{name: "end game: nothing that the peer does not have", want: 20, has: "*--",
		avail: "1 1 1", before: "#### aaaa bbbb", after: "#### aaaa bbbb"},

	{name: "overdue blocks are asked of others", want: 20, out: 16,
		avail: "1 1 1", before: "a?aaa? #### ####", after: "(a?p)aa(a?p) #### ####"},
	{name: "overdue blocks come last", want: 5, out: 16,
		avail: "1 1 1", before: "a?aaa ---- ####", after: "(a?p)aaa pppp ####"},
	{name: "overdue from one, but not from the other", want: 20, out: 16,
		avail: "1 1 1", before: "(a?b)(ab?)aa #### ####", after: "(a?b)(ab?)aa #### ####"},
	{name: "overdue from both", want: 20, out: 16,
		avail: "1 1 1", before: "(a?b?)aaa #### ####", after: "(a?b?p)aaa #### ####"},
	{name: "overdue from as many as may be asked", want: 20, out: 16,
		avail: "1 1 1", before: "(a?b?c?)aaa #### ####", after: "(a?b?c?)aaa #### ####"},
	{name: "overdue from the peer itself", want: 20, out: 16,
		avail: "1 1 1", before: "p?aaa #### ####", after: "p?aaa #### ####"},

	{name: "parole: one peer alone", want: 20, out: 16,
		avail: "1 1 1", before: "!a... #### ####", after: "!a... #### ####"},
	{name: "parole: the one who is tried goes on", want: 20, out: 16,
		avail: "1 1 1", before: "!p... #### ####", after: "!pppp #### ####"},
	{name: "parole: the next one when the first has left it", want: 20, out: 16,
		avail: "1 1 1", before: "!A... #### ####", after: "!Appp #### ####"},
	{name: "parole: others when the first is overdue", want: 20, out: 16,
		avail: "1 1 1", before: "!aa?.. #### ####", after: "!a(a?p)pp #### ####"},
	{name: "parole: not in end game", want: 20,
		avail: "1 1 1", before: "!aaaa #### ####", after: "!aaaa #### ####"},
	{name: "parole: a piece that has not begun again", want: 20,
		avail: "1 1 1", before: "!---- #### ####", after: "!pppp #### ####"},

	{name: "a piece that a seed allows while it chokes us", want: 20, seeds: 1, has: "--*",
		avail: "0 0 0", before: "---- ---- ----", after: "---- ---- pppp"},
}

func TestNextPicks(t *testing.T) {
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) { s.play(t) })
	}
}

func (s *scene) play(t *testing.T) {
	const begun = " #### #### #### ####" // past the random start
	q := paint(t, s.before+begun, nil, rand.New(rand.NewPCG(1, 10)))
	for n, field := range strings.Fields(s.avail) {
		peers := 0
		if _, err := fmt.Sscan(field, &peers); err != nil {
			t.Fatal(err)
		}
		q.Count(q.Layout().MustIndex(n), peers)
	}
	all := piece.NewBitfield(q.Layout().Pieces())
	all.SetAll()
	for range s.seeds {
		q.Gained(all)
	}
	q.Credit(key('p'), s.sent)
	got := q.Next(key('p'), set(q.Layout(), s.has), s.out, s.want, nil)
	if p := strings.TrimSuffix(picture(q), begun); p != s.after {
		t.Errorf("%s became %s, want %s", s.before, p, s.after)
	}
	if err := q.CheckInvariants(); err != nil {
		t.Error(err)
	}
	for _, b := range got {
		if askers, _ := q.Asked(b); askers[len(askers)-1] != key('p') {
			t.Errorf("%v was given out and is asked of %v", b, askers)
		}
	}
}

// set returns the pieces that are drawn as stars; empty means all.
func set(l piece.Layout, drawn string) *piece.Bitfield {
	f := piece.NewBitfield(l.Pieces())
	if drawn == "" {
		f.SetAll()
	}
	for n, c := range drawn {
		if c == '*' {
			f.Set(l.MustIndex(n))
		}
	}
	return f
}

// The rarest piece is the slowest to get, and a newcomer wants something to
// trade at once.
func TestNextBeginsAtRandomAndGoesOnWithTheRarest(t *testing.T) {
	const n, rounds = 8, 2000
	drawn := [n]int{}
	for seed := range uint64(rounds) {
		q := paint(t, strings.Repeat("---- ", n), nil, rand.New(rand.NewPCG(seed, 11)))
		for i := range n {
			q.Count(q.Layout().MustIndex(i), i+1)
		}
		blocks := q.Next(1, set(q.Layout(), ""), 16, n*blocksEach, nil)
		drawn[blocks[0].Piece.Int()]++
		for at := piece.RandomStart * blocksEach; at+blocksEach < len(blocks); at += blocksEach {
			if a, b := blocks[at].Piece.Int(), blocks[at+blocksEach].Piece.Int(); a > b {
				t.Fatalf("seed %d: piece %d before %d, which is rarer", seed, a, b)
			}
		}
	}
	for i, got := range drawn {
		if got < rounds/n/2 || got > rounds/n*2 {
			t.Errorf("piece %d was drawn first %d times of %d", i, got, rounds)
		}
	}
}

// Among pieces that are equally rare the choice is random, or all the leechers of
// a seed would ask for the same piece, and have nothing to give to each other.
func TestNextPicksAtRandomAmongEquals(t *testing.T) {
	for name, n := range map[string]int{"few pieces": 20, "many pieces": 4 * piece.WalkLimit} {
		drawn := map[piece.Index]int{}
		for seed := range uint64(400) {
			q := paint(t, strings.Repeat("#### ", piece.RandomStart)+strings.Repeat("---- ", n), nil, rand.New(rand.NewPCG(seed, 19)))
			q.Gained(everything(q))
			drawn[q.Next(1, everything(q), 16, 1, nil)[0].Piece]++
		}
		for i, times := range drawn {
			if times > 400/20*2 {
				t.Errorf("%s: piece %v was drawn %d times of 400", name, i, times)
			}
		}
	}
}

// A peer that has few pieces must get its rarest one, however many rarer ones
// there are that it does not have.
func TestNextFindsTheRarestPieceOfAPeerThatHasFew(t *testing.T) {
	const n = 20 * piece.WalkLimit
	l := pieces(n)
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 12))
		have, wanted, peer := piece.NewBitfield(n), piece.NewBitfield(n), piece.NewBitfield(n)
		wanted.SetAll()
		for i := range 4 {
			have.Set(l.MustIndex(i))
		}
		q := piece.NewQueue(l, have, wanted, nil, rng)
		least, few := 1000, rng.IntN(piece.SearchLimit-8)
		for i := range l.Pieces() {
			q.Count(l.MustIndex(i), 1+rng.IntN(3))
		}
		for range 1 + few {
			if i := l.MustIndex(4 + rng.IntN(n-4)); peer.Set(i) {
				common := 4 + rng.IntN(100)
				q.Count(i, common)
			}
		}
		q.Gained(peer)
		for i := range peer.All() {
			least = min(least, q.Availability(i))
		}
		got := q.Next(1, peer, 16, 1, nil)
		if len(got) != 1 || !peer.Has(got[0].Piece) || q.Availability(got[0].Piece) != least {
			t.Fatalf("seed %d: %v drawn, want one of availability %d", seed, got, least)
		}
	}
}

func TestNextAsksASeedForWhatOnlySeedsHave(t *testing.T) {
	const n = 4 * piece.WalkLimit
	q := newQueue(t, n, piece.BlockSize, nil)
	for i := range n {
		if i != 300 {
			q.Count(q.Layout().MustIndex(i), 1)
		}
	}
	for i := range 4 { // past the random start
		q.Begin(q.Layout().MustIndex(i))
		q.Ask(2, q.Layout().Block(q.Layout().MustIndex(i), 0))
	}
	q.Gained(everything(q))
	if got := q.Next(1, everything(q), 16, 1, nil); len(got) != 1 || got[0].Piece.Int() != 300 {
		t.Errorf("%v drawn, want piece 300", got)
	}
}

// When the peer has more than are compared, the choice is among the rarest all
// the same.
func TestNextFindsARarePieceOfAPeerThatHasNoneOfTheRarest(t *testing.T) {
	const n, rare = 40 * piece.WalkLimit, 2 * piece.WalkLimit
	l := pieces(n)
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 13))
		have, wanted, peer := piece.NewBitfield(n), piece.NewBitfield(n), piece.NewBitfield(n)
		wanted.SetAll()
		for i := range 4 {
			have.Set(l.MustIndex(i))
		}
		q := piece.NewQueue(l, have, wanted, nil, rng)
		for i := range l.Pieces() {
			q.Count(l.MustIndex(i), 1)
			if i >= rare {
				peer.Set(l.MustIndex(i))
				q.Count(l.MustIndex(i), 1+rng.IntN(200))
			}
		}
		got := q.Next(1, peer, 16, 1, nil)
		if len(got) != 1 || !peer.Has(got[0].Piece) {
			t.Fatalf("seed %d: %v drawn", seed, got)
		}
		if a := q.Availability(got[0].Piece); a > 12 { // the lowest of 256 out of 200 levels
			t.Errorf("seed %d: a piece of availability %d drawn", seed, a)
		}
	}
}

// Who joins a piece does not take it from the one who began it: a fast peer
// would leave it to a slow one.
func TestWhoJoinsAPieceDoesNotMakeItHisOwn(t *testing.T) {
	q := newQueue(t, 8, 4*piece.SpanSize, nil)
	all := everything(q)
	first := q.Next(1, all, 0, 20, nil)
	joined := q.Next(2, all, 0, 4, nil)
	if joined[0].Piece != first[0].Piece {
		t.Fatalf("%v was drawn, to join %v", joined[0], first[0])
	}
	if got := q.Next(1, all, 20, 20, nil); got[0].Piece != first[0].Piece {
		t.Errorf("the one who began %v goes on with %v", first[0].Piece, got[0].Piece)
	}
	if got := q.Next(2, all, 4, 20, nil); got[0].Piece == first[0].Piece {
		t.Errorf("the one who joined goes on with %v", got[0].Piece)
	}
}

// What a slow peer is asked for as well comes from the fast one first.
func TestInEndGameOnlyWhoWillBeSoonerIsAskedToo(t *testing.T) {
	for _, c := range []struct {
		name     string
		before   string
		asker, p int // how fast they are
		want     int
	}{
		{"a quarter as fast, and the other has four to send", "aaaa #### ####", 40, 10, 1},
		{"slower than that", "aaaa #### ####", 40, 9, 0},
		{"as fast: they meet in the middle", "aaaa #### ####", 10, 10, 2},
		{"as fast, and the other has one to send", "aBBB #### ####", 10, 10, 1},
		{"slower", "aBBB #### ####", 10, 9, 0},
		{"not known how fast", "aaaa #### ####", 10, 0, 0},
		{"nothing came of the other", "aaaa #### ####", 0, 10, 4},
		{"nothing came of either", "aaaa #### ####", 0, 0, 4},
	} {
		q := paint(t, c.before, nil, rand.New(rand.NewPCG(1, 18)))
		q.Credit(key('a'), c.asker)
		q.Credit(key('p'), c.p)
		if got := q.Next(key('p'), everything(q), 0, 10, nil); len(got) != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

// The state of the blocks on their way is bounded where pieces are huge.
func TestManyPeersJoinHugePieces(t *testing.T) {
	q := newQueue(t, 20, piece.MaxPieceLen, nil)
	all, begun := everything(q), map[piece.Index]bool{}
	for p := range piece.PeerKey(20) {
		for _, b := range q.Next(p+1, all, 0, 2*piece.SpanBlocks, nil) {
			begun[b.Piece] = true
		}
	}
	if len(begun) != 5 { // 65536 blocks each
		t.Errorf("%d pieces begun", len(begun))
	}
}

// A peer that was refused memory for a piece is given the same piece next time,
// unless it must not be any more.
func TestWhatWasRefusedIsNotPickedAgainBlindly(t *testing.T) {
	m := &memory{}
	q := newQueue(t, 6, piece.SpanSize, m)
	all := everything(q)
	for range 20 {
		m.limit = 0
		if got := q.Next(1, all, 1, 16, nil); len(got) != 0 {
			t.Fatalf("%v given out without memory", got)
		}
		m.limit = 1 << 30
		few := set(q.Layout(), "*-----") // it chokes us now, and allows one piece
		for _, b := range q.Next(1, few, 1, 16, nil) {
			if !few.Has(b.Piece) {
				t.Fatalf("%v is not in what may be asked for", b)
			}
			q.Return(1, b)
		}
		for _, span := range q.Stranded(nil) {
			q.Forsake(span)
			m.used -= q.Layout().SpanLen(span)
		}
	}
	sound(t, q)
}
