package store_test

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"p2p/piece"
	"p2p/piece/store"
)

// lined is a store whose spans go through a Line of one worker.
type lined struct {
	*content
	t     *testing.T
	dir   string
	store *store.Store
	line  *store.Line
	came  chan store.Result
}

// newLined makes a torrent of five pieces of three spans, the last of which ends
// with half a block; the last piece has only one and a half spans.
func newLined(t *testing.T) *lined {
	const pieceLen = 3*piece.SpanSize - piece.BlockSize/2
	c := newContent(pieceLen, entry{path: "a", length: pieceLen + 100}, entry{path: "b", length: 3*pieceLen - 100 + piece.SpanSize*3/2})
	l := &lined{content: c, t: t, dir: t.TempDir(), line: store.NewLine(1), came: make(chan store.Result, 100)}
	l.store = c.open(t, l.dir, store.Options{})
	t.Cleanup(l.line.Close)
	return l
}

// span returns a copy of a span.
func (l *lined) span(s piece.Span) []byte {
	layout := l.store.Layout()
	return bytes.Clone(l.piece(s.Piece)[s.Begin():][:layout.SpanLen(s)])
}

// submit hands over span n of a piece, as it is or spoilt, and returns what
// becomes of it.
func (l *lined) submit(i piece.Index, n int, spoil, sums bool) store.Result {
	l.t.Helper()
	s := piece.Span{Piece: i, Number: uint32(n)}
	buf := l.span(s)
	if spoil {
		buf[len(buf)/2] ^= 1
	}
	l.line.Submit(store.Job{
		Store: l.store, Span: s, Buf: buf, Want: sha1.Sum(l.piece(i)), Sums: sums,
		Done: func(r store.Result) { l.came <- r },
	})
	r := <-l.came
	if r.Span != s || &r.Buf[0] != &buf[0] || len(r.Buf) != len(buf) {
		l.t.Fatalf("the result is of %+v with %d bytes, want %+v with its own %d", r.Span, len(r.Buf), s, len(buf))
	}
	return r
}

// onDisk fails the test unless the piece is on disk.
func (l *lined) onDisk(i piece.Index) {
	l.t.Helper()
	got := make([]byte, l.store.Layout().Size(i))
	if err := l.store.ReadAt(got, l.store.Layout().Offset(i)); err != nil {
		l.t.Fatal(err)
	}
	if !bytes.Equal(got, l.piece(i)) {
		l.t.Errorf("piece %v differs on disk", i)
	}
}

func TestLineVerifiesAPieceWhateverTheOrderOfItsSpans(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		l := newLined(t)
		i := l.store.Layout().MustIndex(1)
		for at, n := range order {
			r := l.submit(i, n, false, false)
			if r.Err != nil || r.Last != (at == 2) || r.OK != r.Last || r.Sums != nil {
				t.Errorf("order %v, span %d: %+v", order, n, r)
			}
		}
		l.onDisk(i)
	}
}

func TestLineVerifiesTheShortLastPiece(t *testing.T) {
	l := newLined(t)
	i := l.store.Layout().MustIndex(4)
	l.submit(i, 1, false, false)
	if r := l.submit(i, 0, false, false); !r.Last || !r.OK {
		t.Errorf("%+v", r)
	}
	l.onDisk(i)
}

// What waits is hashed two at once, in whatever order it came.
func TestSpansOfManyPiecesThatWaitAreHashedAsIfEachHadComeAlone(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 1))
		l := newLined(t)
		layout := l.store.Layout()
		busy, begun := make(chan struct{}), make(chan struct{})
		l.line.Submit(store.Job{
			Store: l.store, Span: piece.Span{Piece: layout.MustIndex(4), Number: 1}, Buf: l.span(piece.Span{Piece: layout.MustIndex(4), Number: 1}),
			Done: func(store.Result) { close(begun); <-busy },
		})
		<-begun
		var jobs []store.Job
		spoilt := map[piece.Index]bool{}
		for n := range 4 {
			i := layout.MustIndex(n)
			bad := rng.IntN(3 * layout.Spans(i)) // more than there are: none
			for k := range layout.Spans(i) {
				s := piece.Span{Piece: i, Number: uint32(k)}
				buf := l.span(s)
				if k == bad {
					buf[rng.IntN(len(buf))] ^= 1
					spoilt[i] = true
				}
				jobs = append(jobs, store.Job{Store: l.store, Span: s, Buf: buf, Want: sha1.Sum(l.piece(i)), Done: func(r store.Result) { l.came <- r }})
			}
		}
		if seed%2 == 0 { // else as one peer sends them
			rng.Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] })
		}
		for _, j := range jobs {
			l.line.Submit(j)
		}
		close(busy)
		last := map[piece.Index]bool{}
		for range jobs {
			r := <-l.came
			if r.Err != nil || last[r.Span.Piece] || r.Last && r.OK == spoilt[r.Span.Piece] {
				t.Fatalf("seed %d: %+v, %v of piece %d", seed, r, r.Err, r.Span.Piece.Int())
			}
			last[r.Span.Piece] = r.Last
		}
		for n := range 4 {
			i := layout.MustIndex(n)
			if !last[i] {
				t.Errorf("seed %d: piece %d was not finished", seed, n)
			}
			if !spoilt[i] {
				l.onDisk(i)
			}
		}
	}
}

// By the sums it is found out who sent which block wrong.
func TestABadPieceComesWithTheSumsOfItsBlocks(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
		l := newLined(t)
		i := l.store.Layout().MustIndex(0)
		var r store.Result
		for _, n := range order {
			r = l.submit(i, n, n == 1, false)
		}
		if !r.Last || r.OK || r.Err != nil {
			t.Fatalf("order %v: %+v", order, r)
		}
		want := blockSums(l.piece(i))
		if len(r.Sums) != len(want) || len(want) != l.store.Layout().Blocks(i) {
			t.Fatalf("%d sums of %d blocks", len(r.Sums), len(want))
		}
		for n := range want {
			spoilt := n == piece.SpanBlocks+piece.SpanBlocks/2
			if (r.Sums[n] == want[n]) == spoilt {
				t.Errorf("order %v: the sum of block %d is right: %v", order, n, !spoilt)
			}
		}
	}
}

func blockSums(b []byte) [][20]byte {
	var sums [][20]byte
	for len(b) > 0 {
		n := min(piece.BlockSize, len(b))
		sums = append(sums, sha1.Sum(b[:n]))
		b = b[n:]
	}
	return sums
}

func TestAPieceThatFailedCanBeRightTheNextTime(t *testing.T) {
	l := newLined(t)
	i := l.store.Layout().MustIndex(2)
	for _, bad := range []bool{true, true, false} {
		for n := range 3 {
			if r := l.submit(i, n, bad, false); r.Last && r.OK == bad {
				t.Errorf("spoilt %v: %+v", bad, r)
			}
		}
	}
	l.onDisk(i)
}

func TestTheSumsOfAGoodPieceAreToldWhenAskedFor(t *testing.T) {
	l := newLined(t)
	i := l.store.Layout().MustIndex(3)
	l.submit(i, 1, false, true)
	l.submit(i, 0, false, true)
	r := l.submit(i, 2, false, true)
	if !r.Last || !r.OK || len(r.Sums) != l.store.Layout().Blocks(i) {
		t.Fatalf("%+v", r)
	}
	for n, want := range blockSums(l.piece(i)) {
		if r.Sums[n] != want {
			t.Errorf("the sum of block %d is wrong", n)
		}
	}
}

// A piece is lost when one of its spans cannot be written, whatever becomes of
// the others.
func TestAWriteErrorIsToldUntilThePieceIsOver(t *testing.T) {
	l := newLined(t)
	full := errors.New("no space left on device")
	files := count(l.store)
	i := l.store.Layout().MustIndex(1)
	if r := l.submit(i, 0, false, false); r.Err != nil {
		t.Fatal(r.Err)
	}
	files.failWrite = full
	if r := l.submit(i, 1, false, false); !errors.Is(r.Err, full) || r.Last || r.OK {
		t.Errorf("%+v, want the error of the disk", r)
	}
	files.failWrite = nil
	if r := l.submit(i, 2, false, false); !errors.Is(r.Err, full) || !r.Last || r.OK {
		t.Errorf("%+v, want the error of the disk", r)
	}
	for n := range 3 { // and the next time it is as good as any
		if r := l.submit(i, n, false, false); r.Err != nil || r.OK != (n == 2) {
			t.Errorf("afterwards: %+v", r)
		}
	}
}

// unreadable is an open file that cannot be read.
type unreadable struct{ store.Handle }

var errRead = errors.New("input/output error")

func (unreadable) ReadAt([]byte, int64) (int, error) { return 0, errRead }

func TestAReadErrorIsToldWhereSpansAreReadBack(t *testing.T) {
	for name, order := range map[string][]int{"out of order": {2, 1, 0}, "for the sums": {0, 1, 2}} {
		t.Run(name, func(t *testing.T) {
			l := newLined(t)
			l.store.OnOpen(func(_ string, h store.Handle) store.Handle { return unreadable{h} })
			var r store.Result
			for _, n := range order {
				r = l.submit(l.store.Layout().MustIndex(1), n, false, true)
			}
			if !errors.Is(r.Err, errRead) || !r.Last {
				t.Errorf("%+v, want the error of the disk", r)
			}
		})
	}
}

// A torrent that stops leaves pieces half done. If it starts again, they begin
// anew.
func TestForgottenSpansAreNotCounted(t *testing.T) {
	l := newLined(t)
	i := l.store.Layout().MustIndex(1)
	l.submit(i, 0, true, false)
	l.submit(i, 1, true, false)
	other := l.open(t, t.TempDir(), store.Options{})
	l.line.Forget(other) // not ours
	l.line.Forget(l.store)
	for n := range 3 {
		if r := l.submit(i, n, false, false); r.Last != (n == 2) || r.OK != r.Last {
			t.Errorf("span %d: %+v", n, r)
		}
	}
	l.onDisk(i)
}

func TestPiecesOfSeveralTorrentsDoNotMix(t *testing.T) {
	l := newLined(t)
	second := &lined{content: l.content, t: t, line: l.line, came: l.came, store: l.open(t, t.TempDir(), store.Options{})}
	i := l.store.Layout().MustIndex(1)
	for n := range 3 {
		a, b := l.submit(i, n, false, false), second.submit(i, 2-n, n == 1, false)
		if a.Last != (n == 2) || a.OK != a.Last || b.Last != a.Last || b.OK {
			t.Errorf("span %d: %+v and %+v", n, a, b)
		}
	}
}

// waiting is an open file whose writes wait.
type waiting struct {
	store.Handle
	writes <-chan struct{}
}

func (w waiting) WriteAt(p []byte, off int64) (int, error) {
	<-w.writes
	return w.Handle.WriteAt(p, off)
}

func TestSubmitDoesNotWaitForTheDiskAndCloseDoes(t *testing.T) {
	l := newLined(t)
	writes := make(chan struct{})
	l.store.OnOpen(func(_ string, h store.Handle) store.Handle { return waiting{h, writes} })
	layout, line := l.store.Layout(), store.NewLine(3)
	var mu sync.Mutex
	jobs, done, good := 0, 0, 0
	for p := range layout.Pieces() {
		i := layout.MustIndex(p)
		for n := range layout.Spans(i) {
			s := piece.Span{Piece: i, Number: uint32(n)}
			jobs++
			line.Submit(store.Job{
				Store: l.store, Span: s, Buf: l.span(s), Want: sha1.Sum(l.piece(i)),
				Done: func(r store.Result) {
					mu.Lock()
					defer mu.Unlock()
					done++
					if r.OK {
						good++
					}
				},
			})
		}
	}
	mu.Lock()
	if done != 0 {
		t.Errorf("%d spans are done although the disk waits", done)
	}
	mu.Unlock()
	close(writes)
	line.Close()
	if done != jobs || good != layout.Pieces() {
		t.Errorf("%d of %d spans are done after Close, %d of %d pieces good", done, jobs, good, layout.Pieces())
	}
	for p := range layout.Pieces() {
		l.onDisk(layout.MustIndex(p))
	}
}

func TestALineWithoutWorkersHasOne(t *testing.T) {
	line := store.NewLine(0)
	defer line.Close()
	l := newLined(t)
	l.line = line
	if r := l.submit(l.store.Layout().MustIndex(0), 0, false, false); r.Err != nil {
		t.Error(r.Err)
	}
}

// The way of a span through the line allocates nothing once its worker has seen
// as many pieces.
func TestALineDoesNotAllocateInSteadyState(t *testing.T) {
	l := newLined(t)
	i, layout := l.store.Layout().MustIndex(1), l.store.Layout()
	done := func(r store.Result) { l.came <- r }
	jobs := make([]store.Job, layout.Spans(i))
	for n := range jobs {
		s := piece.Span{Piece: i, Number: uint32(n)}
		jobs[n] = store.Job{Store: l.store, Span: s, Buf: l.span(s), Want: sha1.Sum(l.piece(i)), Done: done}
	}
	got := testing.AllocsPerRun(20, func() {
		for n := range jobs {
			l.line.Submit(jobs[n])
			<-l.came
		}
	})
	if got > 0 {
		t.Errorf("%v allocations for a piece", got)
	}
}
