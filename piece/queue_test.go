package piece_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"p2p/piece"
)

// newQueue returns the queue of a torrent of n pieces of so many bytes, all
// missing. Its peers 1 to 3 have shown how fast they are.
func newQueue(t testing.TB, n int, pieceLen int64, budget piece.Budget) *piece.Queue {
	t.Helper()
	l := layout(t, int64(n)*pieceLen, pieceLen)
	wanted := piece.NewBitfield(n)
	wanted.SetAll()
	q := piece.NewQueue(l, piece.NewBitfield(n), wanted, budget, rand.New(rand.NewPCG(1, 14)))
	for p := range piece.PeerKey(3) {
		q.Prove(p + 1)
	}
	return q
}

func everything(q *piece.Queue) *piece.Bitfield { return set(q.Layout(), "") }

// sound fails the test unless the queue's invariants hold.
func sound(t *testing.T, q *piece.Queue) {
	t.Helper()
	if err := q.CheckInvariants(); err != nil {
		t.Fatal(err)
	}
}

func TestSeedsAreCountedOnce(t *testing.T) {
	q := newQueue(t, 8, piece.BlockSize, nil)
	seed, peer := everything(q), set(q.Layout(), "*-------")
	q.Gained(seed)
	q.Gained(peer)
	if q.Seeds() != 1 || q.Availability(q.Layout().MustIndex(0)) != 1 || q.Unavailable() != 0 {
		t.Errorf("%d seeds, availability %d, %d unavailable", q.Seeds(), q.Availability(q.Layout().MustIndex(0)), q.Unavailable())
	}
	q.Lost(seed)
	if q.Seeds() != 0 || q.Unavailable() != 7 {
		t.Errorf("%d seeds, %d unavailable after the seed has gone", q.Seeds(), q.Unavailable())
	}
	q.Lost(peer)
	if q.Unavailable() != 8 {
		t.Errorf("%d unavailable after all have gone", q.Unavailable())
	}
	sound(t, q)
}

func TestAPeerThatGetsItsLastPieceBecomesASeed(t *testing.T) {
	q := newQueue(t, 8, piece.BlockSize, nil)
	peer := piece.NewBitfield(8)
	for n := range 8 {
		i := q.Layout().MustIndex(n)
		if !q.GainedOne(peer, i) || q.GainedOne(peer, i) {
			t.Fatalf("piece %d is not new once", n)
		}
		sound(t, q)
	}
	if q.Seeds() != 1 {
		t.Fatalf("%d seeds", q.Seeds())
	}
	for n := range 8 {
		if a := q.Availability(q.Layout().MustIndex(n)); a != 0 {
			t.Errorf("piece %d is counted %d times besides", n, a)
		}
	}
	q.Lost(peer)
	if q.Seeds() != 0 || q.Unavailable() != 8 {
		t.Errorf("%d seeds, %d unavailable", q.Seeds(), q.Unavailable())
	}
}

// A peer that has said nothing yet has "all" of no pieces.
func TestATorrentWithoutPiecesHasNoSeeds(t *testing.T) {
	q := newQueue(t, 0, piece.BlockSize, nil)
	q.Lost(piece.NewBitfield(0))
	if q.Seeds() != 0 || !q.Done() || len(q.Next(1, piece.NewBitfield(0), 0, 10, nil)) != 0 {
		t.Errorf("%d seeds, done %v", q.Seeds(), q.Done())
	}
}

func TestUnavailablePiecesAreCountedAlsoWhileTheyAreOnTheirWay(t *testing.T) {
	q := newQueue(t, 4, piece.BlockSize, nil)
	peer := set(q.Layout(), "*-*-")
	q.Gained(peer)
	blocks := q.Next(1, peer, 16, 1, nil)
	if got := q.Unavailable(); got != 2 {
		t.Fatalf("%d unavailable, want 2", got)
	}
	q.Return(1, blocks[0])
	q.Lost(peer)
	if got := q.Unavailable(); got != 4 {
		t.Errorf("%d unavailable after the peer has gone, want 4", got)
	}
}

func TestOnlyABlockThatOnePeerAloneIsAskedForCanBeMoved(t *testing.T) {
	q := newQueue(t, 3, pieceEach, nil)
	all := everything(q)
	blocks := q.Next(1, all, 0, 3*blocksEach, nil)
	twice := q.Next(2, all, 0, 1, nil)
	if len(twice) != 1 {
		t.Fatalf("%d blocks in end game", len(twice))
	}
	for _, b := range blocks {
		if got, want := q.Movable(b), b != twice[0]; got != want {
			t.Errorf("%v: %v", b, got)
		}
	}
	q.Return(1, blocks[0])
	if q.Movable(blocks[0]) {
		t.Error("a block that nobody is asked for")
	}
	q.Arrived(1, blocks[1])
	if q.Movable(blocks[1]) {
		t.Error("a block that is there")
	}
}

// On parole a piece stays with the one who is tried.
func TestABlockOfAPieceOnParoleCannotBeMoved(t *testing.T) {
	q := newQueue(t, 1, pieceEach, nil)
	all := everything(q)
	for n := range 2 {
		blocks := q.Next(1, all, 0, blocksEach, nil)
		if got, want := q.Movable(blocks[0]), n == 0; got != want {
			t.Errorf("attempt %d: %v", n, got)
		}
		for _, b := range blocks {
			q.Arrived(1, b)
		}
		q.Verified(blocks[0].Piece, false, nil)
	}
}

func TestTheBudgetBoundsWhatIsAskedFor(t *testing.T) {
	m := &memory{limit: 3 * piece.SpanSize}
	q := newQueue(t, 10, 2*piece.SpanSize, m)
	all := everything(q)
	first := q.Next(1, all, 0, 1000, nil)
	if len(first) != 3*piece.SpanBlocks || m.used != m.limit {
		t.Fatalf("%d blocks for %d bytes", len(first), m.used)
	}
	if !q.Starved() || q.Starved() {
		t.Error("it is not told once that the budget has refused")
	}
	if got := q.Next(2, all, 0, 1000, nil); len(got) != 0 {
		t.Errorf("%v given out without memory", got)
	}
	// What has memory can be had by anybody.
	q.Return(1, first[5])
	q.Return(1, first[40])
	if got := q.Next(2, all, 0, 1000, nil); !slices.Equal(got, []piece.Block{first[40], first[5]}) {
		t.Errorf("%v given out, want %v and %v", got, first[40], first[5])
	}
	// The memory of a span that is written brings the next one.
	for _, b := range first[:piece.SpanBlocks] {
		q.Arrived(1, b)
		q.Arrived(2, b)
	}
	m.used -= piece.SpanSize
	if got := q.Next(1, all, 16, 1000, nil); len(got) == 0 || len(got) > piece.SpanBlocks {
		t.Errorf("%d blocks after a span was written", len(got))
	}
	sound(t, q)
}

// A peer that is slower than a span a second holds memory for long. Several of
// them together need no more of it than what they are asked for.
func TestSlowPeersShareSpans(t *testing.T) {
	m := &memory{limit: 100 * piece.SpanSize}
	q := newQueue(t, 100, piece.SpanSize, m)
	all := everything(q)
	for p := range piece.PeerKey(32) {
		if got := q.Next(p+1, all, 0, 4, nil); len(got) != 4 {
			t.Fatalf("peer %d got %v", p+1, got)
		}
	}
	if want := 32 * 4 * piece.BlockSize; m.used != want {
		t.Errorf("%d bytes held for %d that are asked for", m.used, want)
	}
	sound(t, q)
}

// Who is tried on parole may go at any moment, also when nothing is asked of it.
func TestParoleDoesNotOutliveWhoIsTried(t *testing.T) {
	for name, end := range map[string]func(*piece.Queue, []piece.Block){
		"its blocks came": func(q *piece.Queue, blocks []piece.Block) {
			for _, b := range blocks {
				q.Arrived(1, b)
			}
		},
		"it gave them back": func(q *piece.Queue, blocks []piece.Block) {
			for _, b := range blocks {
				q.Return(1, b)
			}
		},
		"it was overdue, and the next one gave up": func(q *piece.Queue, blocks []piece.Block) {
			for _, b := range blocks {
				q.Doubt(1, b)
			}
			for _, b := range q.Next(2, everything(q), 16, 100, nil) {
				q.Return(2, b)
			}
		},
		"it was overdue, and faster than the next one": func(q *piece.Queue, blocks []piece.Block) {
			for _, b := range blocks {
				q.Doubt(1, b)
			}
			for _, b := range q.Next(2, everything(q), 16, 3, nil) {
				q.Arrived(1, b)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := &memory{limit: 2 * piece.SpanSize}
			q := newQueue(t, 1, 2*piece.SpanSize, m)
			fetch(q, m, 1, false)
			m.limit = piece.SpanSize
			end(q, q.Next(1, everything(q), 0, piece.SpanBlocks, nil))
			sound(t, q)
			if !q.OnParole(q.Layout().MustIndex(0)) {
				t.Fatal("not on parole")
			}
			m.limit = 2 * piece.SpanSize
			fetch(q, m, 3, true)
			if !q.Done() || q.OnParole(q.Layout().MustIndex(0)) {
				t.Error("nobody else may fetch the piece, or it is still on parole")
			}
		})
	}
}

// fetch lets p fetch all that it can, and says that it is right or wrong.
func fetch(q *piece.Queue, m *memory, p piece.PeerKey, ok bool) {
	for {
		blocks := q.Next(p, everything(q), 0, 1, nil)
		if len(blocks) == 0 {
			return
		}
		progress := q.Arrived(p, blocks[0])
		if progress.Span {
			m.used -= q.Layout().SpanLen(blocks[0].Span())
		}
		if progress.Piece {
			q.Verified(blocks[0].Piece, ok, nil)
			if !ok {
				return
			}
		}
	}
}

func TestStrandedSpansCanBeGivenUp(t *testing.T) {
	m := &memory{limit: 2 * piece.SpanSize}
	q := newQueue(t, 4, 2*piece.SpanSize, m)
	gone, other := set(q.Layout(), "*---"), set(q.Layout(), "-***")
	q.Gained(gone)
	blocks := q.Next(1, gone, 0, 1000, nil)
	q.Arrived(1, blocks[3])
	q.Lost(gone)
	q.Gained(other)
	if got := q.Next(2, other, 0, 1000, nil); len(got) != 0 {
		t.Fatalf("%v given out without memory", got)
	}
	if got := q.Stranded(nil); len(got) != 0 {
		t.Fatalf("%v stranded while somebody is asked", got)
	}
	for _, b := range blocks {
		q.Return(1, b)
	}
	stranded := q.Stranded(nil)
	if len(stranded) != 2 || !q.Holds(blocks[3]) || q.Holds(blocks[4]) {
		t.Fatalf("%v stranded", stranded)
	}
	wasted := 0
	for _, s := range stranded {
		wasted += q.Forsake(s)
		m.used -= q.Layout().SpanLen(s)
		sound(t, q)
	}
	if wasted != piece.BlockSize || q.Began(q.Layout().MustIndex(0)) {
		t.Errorf("%d bytes in vain, want one block; piece 0 begun: %v", wasted, q.Began(q.Layout().MustIndex(0)))
	}
	if p := q.Arrived(1, blocks[5]); p.New {
		t.Error("a block counts although its memory was given up")
	}
	if got := q.Next(2, other, 0, 1000, nil); len(got) == 0 {
		t.Error("nothing is given out afterwards")
	}
	sound(t, q)
}

// A span in the middle of a piece may be given up while others have memory.
func TestBlocksBehindAForsakenSpanCanStillBeHad(t *testing.T) {
	m := &memory{limit: 3 * piece.SpanSize}
	q := newQueue(t, 1, 3*piece.SpanSize, m)
	all := everything(q)
	blocks := q.Next(1, all, 0, 1000, nil)
	for _, b := range blocks[:2*piece.SpanBlocks] {
		q.Return(1, b)
	}
	stranded := q.Stranded(nil)
	q.Forsake(stranded[0])
	m.limit = m.used - piece.SpanSize // somebody else has taken it
	got := q.Next(2, all, 16, 1000, nil)
	if !slices.Equal(got, blocks[piece.SpanBlocks:2*piece.SpanBlocks]) {
		t.Errorf("%d blocks, want the second span", len(got))
	}
	for _, b := range got {
		q.Arrived(2, b)
	}
	m.limit += 3 * piece.SpanSize
	if got := q.Next(2, all, 16, 1000, nil); !slices.Equal(got, blocks[:piece.SpanBlocks]) {
		t.Errorf("%d blocks, want the first span", len(got))
	}
	sound(t, q)
}

func TestQueuePanicsOnWhatTheProgramMiscounted(t *testing.T) {
	q := newQueue(t, 2, piece.SpanSize, nil)
	zero := q.Layout().MustIndex(0)
	blocks := q.Next(1, everything(q), 0, 3, nil)
	for name, do := range map[string]func(){
		"Verified on a piece that is not complete":  func() { q.Verified(blocks[0].Piece, true, nil) },
		"Verified on a piece that is not begun":     func() { q.Verified(q.Layout().MustIndex(1-blocks[0].Piece.Int()), true, nil) },
		"Forsake on a span that somebody sends":     func() { q.Forsake(blocks[0].Span()) },
		"Forsake on a span that was not asked for":  func() { q.Forsake(piece.Span{Piece: zero, Number: 0}) },
		"Forsake on a span of a piece that is gone": func() { q.Forsake(piece.Span{Piece: q.Layout().MustIndex(1)}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			do()
		})
	}
}

// What is said about blocks that are not on their way any more changes nothing:
// such messages cross on the wire all the time.
func TestWhatComesTooLateChangesNothing(t *testing.T) {
	q := newQueue(t, 2, piece.SpanSize, nil)
	all := everything(q)
	blocks := q.Next(1, all, 0, 2*piece.SpanBlocks, nil)
	other := blocks[piece.SpanBlocks]
	for _, b := range blocks[:piece.SpanBlocks] {
		q.Arrived(1, b)
	}
	verifying := func() { q.Return(1, blocks[0]); q.Doubt(1, blocks[0]) }
	verifying()
	if p := q.Arrived(1, blocks[0]); p.New || p.Span || p.Piece {
		t.Errorf("a second arrival gives %+v", p)
	}
	q.Verified(blocks[0].Piece, true, nil)
	verifying()
	if p := q.Arrived(1, blocks[0]); p.New {
		t.Error("a block of a verified piece is new")
	}
	q.Return(2, other) // who was never asked
	q.Doubt(2, other)
	if askers, late := q.Asked(other); !slices.Equal(askers, []piece.PeerKey{1}) || len(late) != 0 {
		t.Errorf("asked of %v, overdue %v", askers, late)
	}
	sound(t, q)
}

func TestQueueTellsWhatItIsMadeOf(t *testing.T) {
	l := layout(t, 4*piece.BlockSize, piece.BlockSize)
	q := piece.NewQueue(l, set(l, "**--"), set(l, "*-*-"), nil, rand.New(rand.NewPCG(1, 15)))
	if q.Layout() != l || q.Layout().PieceLen() != piece.BlockSize || q.Have().Count() != 2 || q.Wanted().Count() != 2 || q.Left() != 1 {
		t.Errorf("%+v, have %v, wanted %v, %d left", q.Layout(), indices(q.Have()), indices(q.Wanted()), q.Left())
	}
	for n, want := range []bool{false, false, true, false} {
		if q.Needs(l.MustIndex(n)) != want {
			t.Errorf("needs piece %d: %v", n, !want)
		}
	}
}
