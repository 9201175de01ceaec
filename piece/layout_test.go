package piece_test

import (
	"math"
	"strings"
	"testing"

	"p2p/piece"
)

const kib = 1 << 10

func layout(t testing.TB, total, pieceLen int64) piece.Layout {
	t.Helper()
	l, err := piece.NewLayout(total, pieceLen)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestNewLayoutRefusesWhatCannotBe(t *testing.T) {
	for _, c := range []struct {
		name            string
		total, pieceLen int64
		want            string
	}{
		{"no piece length", 100, 0, "piece length 0"},
		{"a negative piece length", 100, -16, "piece length -16"},
		{"a piece longer than offsets reach", 100, piece.MaxPieceLen + 1, "piece length"},
		{"a negative total", -1, 16, "total length -1 is negative"},
		{"one piece too many", piece.MaxPieces + 1, 1, "more than the limit"},
		{"as many bytes as fit a number", math.MaxInt64, 1, "more than the limit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := piece.NewLayout(c.total, c.pieceLen)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestNewLayoutAcceptsTheLimits(t *testing.T) {
	if l := layout(t, piece.MaxPieces, 1); l.Pieces() != piece.MaxPieces {
		t.Errorf("%d pieces", l.Pieces())
	}
	l := layout(t, piece.MaxPieces*piece.MaxPieceLen, piece.MaxPieceLen)
	last := l.MustIndex(l.Pieces() - 1)
	if l.Offset(last)+int64(l.Size(last)) != l.Total() {
		t.Errorf("the last piece is [%d, +%d) of %d", l.Offset(last), l.Size(last), l.Total())
	}
	if layout(t, 0, 16).Pieces() != 0 {
		t.Error("a torrent of nothing has pieces")
	}
}

// A block never spans two pieces, also where the piece length is not a multiple
// of the block size (Transmission once counted blocks over the whole torrent).
func TestBlocksSpansAndPiecesTileTheTorrent(t *testing.T) {
	for _, c := range []struct{ total, pieceLen int64 }{
		{1, 1}, {10, 3}, {100 * kib, 16 * kib}, {100*kib + 1, 20 * kib}, {5 << 20, 1 << 20},
		{5<<20 + 7, 300*kib + 5}, {piece.SpanSize*3 + 1, piece.SpanSize * 2}, {1000, 1 << 20},
	} {
		l, next := layout(t, c.total, c.pieceLen), int64(0)
		for n := range l.Pieces() {
			i := l.MustIndex(n)
			if l.Offset(i) != next {
				t.Fatalf("%+v: piece %d begins at %d, want %d", c, n, l.Offset(i), next)
			}
			tilePiece(t, l, i)
			next += int64(l.Size(i))
		}
		if next != c.total {
			t.Errorf("%+v: the pieces end at %d", c, next)
		}
	}
}

// tilePiece checks that blocks and spans cover piece i, each byte once.
func tilePiece(t *testing.T, l piece.Layout, i piece.Index) {
	t.Helper()
	begin, spans := 0, map[piece.Span]int{}
	for n := range l.Blocks(i) {
		b := l.Block(i, n)
		if int(b.Begin) != begin || b.Length < 1 || b.Length > piece.BlockSize || b.Number() != n {
			t.Fatalf("block %d is %v, want it at %d", n, b, begin)
		}
		if again, ok := l.Parse(i.Uint32(), b.Begin, b.Length); !ok || again != b {
			t.Fatalf("%v is parsed as %v", b, again)
		}
		spans[b.Span()] += int(b.Length)
		begin += int(b.Length)
	}
	if begin != l.Size(i) || len(spans) != l.Spans(i) {
		t.Fatalf("piece %v: blocks end at %d of %d, %d spans of %d", i, begin, l.Size(i), len(spans), l.Spans(i))
	}
	for s, n := range spans {
		if l.SpanLen(s) != n || s.Begin() != int(s.Number)*piece.SpanSize {
			t.Fatalf("span %+v has %d bytes at %d, its blocks %d", s, l.SpanLen(s), s.Begin(), n)
		}
	}
}

func TestParseChecksWhatAStrangerAsks(t *testing.T) {
	l := layout(t, 100*kib, 32*kib) // 3 pieces of 32 KiB, one of 4
	for _, c := range []struct {
		name                 string
		index, begin, length uint32
		ok                   bool
	}{
		{"the first block", 0, 0, 16 * kib, true},
		{"off the grid", 1, 5, 100, true},
		{"up to the end of a piece", 2, 16 * kib, 16 * kib, true},
		{"up to the end of the last piece", 3, 0, 4 * kib, true},
		{"nothing", 0, 0, 0, false},
		{"past the end of a piece", 2, 16 * kib, 16*kib + 1, false},
		{"past the end of the last piece", 3, 0, 16 * kib, false},
		{"from the end", 0, 32 * kib, 1, false},
		{"a piece that is not there", 4, 0, 1, false},
		{"the highest piece", math.MaxUint32, 0, 1, false},
		{"a begin that wraps around", 0, math.MaxUint32, 2, false},
		{"a begin and a length that wrap around", 0, math.MaxUint32, math.MaxUint32, false},
		{"a length that wraps around", 0, 1, math.MaxUint32, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, ok := l.Parse(c.index, c.begin, c.length)
			if ok != c.ok {
				t.Fatalf("%v accepted: %v", b, ok)
			}
			if ok && (b.Piece.Uint32() != c.index || b.Begin != c.begin || b.Length != c.length) {
				t.Errorf("parsed as %v", b)
			}
		})
	}
}

func TestLayoutPanicsOnWhatTheProgramMiscounted(t *testing.T) {
	l := layout(t, 100*kib, 32*kib)
	for name, do := range map[string]func(){
		"an index below":  func() { l.MustIndex(-1) },
		"an index above":  func() { l.MustIndex(4) },
		"a block below":   func() { l.Block(l.MustIndex(0), -1) },
		"a block above":   func() { l.Block(l.MustIndex(0), 2) },
		"past the last":   func() { l.Block(l.MustIndex(3), 1) },
		"a huge block no": func() { l.Block(l.MustIndex(0), math.MaxInt/2) },
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

func TestBlockAndIndexPrintThemselves(t *testing.T) {
	b := layout(t, 100*kib, 32*kib).Block(layout(t, 100*kib, 32*kib).MustIndex(2), 1)
	if got := b.String() + " " + b.Piece.String(); got != "2:16384+16384 2" {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(int64(100*kib), int64(32*kib), uint32(0), uint32(0), uint32(16*kib))
	f.Add(int64(1), int64(1), uint32(0), uint32(math.MaxUint32), uint32(2))
	f.Add(int64(math.MaxInt64), int64(piece.MaxPieceLen), uint32(7), uint32(1), uint32(math.MaxUint32))
	f.Fuzz(func(t *testing.T, total, pieceLen int64, index, begin, length uint32) {
		l, err := piece.NewLayout(total, pieceLen)
		if err != nil {
			return
		}
		b, ok := l.Parse(index, begin, length)
		if !ok {
			return
		}
		end := l.Offset(b.Piece) + int64(b.Begin) + int64(b.Length)
		if b.Length == 0 || end > l.Total() || int64(b.Begin)+int64(b.Length) > int64(l.Size(b.Piece)) {
			t.Fatalf("%v of a torrent of %d in pieces of %d", b, total, pieceLen)
		}
	})
}
