package piece_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"p2p/piece"
)

// A picture shows the pieces of a small torrent, of four blocks each, in the
// manner of libtorrent's test_piece_picker.cpp:
//
//	----    missing           ####   verified        xxxx   not wanted
//	.       a block that nobody is asked for
//	a       asked of peer a                a?      and overdue
//	(ab)    asked of a, then of b, too     A       arrived from a
//	!       before a piece: on parole
//
// So "---- aa.. Bb?b(bc)" is a missing piece; one of which a is asked for the
// first half; and one that b sends, of which it is late with the second block,
// and c is asked for the last one too.
const (
	blocksEach = 4
	pieceEach  = blocksEach * piece.BlockSize
)

func key(letter rune) piece.PeerKey { return piece.PeerKey(letter-'a') + 1 }

func letter(p piece.PeerKey) string { return string(rune('a' + p - 1)) }

// paint returns a queue that looks like the picture.
func paint(t *testing.T, picture string, budget piece.Budget, rng *rand.Rand) *piece.Queue {
	t.Helper()
	drawn := strings.Fields(picture)
	l := layout(t, int64(len(drawn))*pieceEach, pieceEach)
	have, wanted := piece.NewBitfield(l.Pieces()), piece.NewBitfield(l.Pieces())
	for n, p := range drawn {
		if p == "####" {
			have.Set(l.MustIndex(n))
		}
		if p != "xxxx" {
			wanted.Set(l.MustIndex(n))
		}
	}
	q := piece.NewQueue(l, have, wanted, budget, rng)
	for n, p := range drawn {
		i := l.MustIndex(n)
		blocks, parole := strings.CutPrefix(p, "!")
		if parole {
			q.Fail(i)
		}
		if strings.Trim(blocks, "-#x") != "" {
			q.Begin(i)
			paintPiece(t, q, i, blocks)
		}
	}
	if err := q.CheckInvariants(); err != nil {
		t.Fatalf("%s: %v", picture, err)
	}
	return q
}

func paintPiece(t *testing.T, q *piece.Queue, i piece.Index, blocks string) {
	n, together := 0, false
	var last piece.PeerKey
	for _, c := range blocks {
		switch {
		case c == '(':
			together = true
			continue
		case c == ')':
			together = false
		case c == '?':
			n--
			if together {
				n++
			}
			q.Doubt(last, q.Layout().Block(i, n))
			if together {
				continue
			}
		case c >= 'A' && c <= 'Z':
			b := q.Layout().Block(i, n)
			last = key(c - 'A' + 'a')
			q.Ask(last, b)
			q.Arrived(last, b)
		case c >= 'a' && c <= 'z':
			last = key(c)
			q.Ask(last, q.Layout().Block(i, n))
			if together {
				continue
			}
		case c != '.':
			t.Fatalf("%q in a picture", c)
		}
		n++
	}
	if n != blocksEach {
		t.Fatalf("piece %q has %d blocks", blocks, n)
	}
}

// picture returns what q looks like.
func picture(q *piece.Queue) string {
	var drawn []string
	for n := range q.Layout().Pieces() {
		i := q.Layout().MustIndex(n)
		p := ""
		if q.OnParole(i) {
			p = "!"
		}
		switch {
		case q.Have().Has(i):
			p += "####"
		case !q.Wanted().Has(i):
			p += "xxxx"
		case !q.Began(i):
			p += "----"
		default:
			for n := range blocksEach {
				p += blockPicture(q, q.Layout().Block(i, n))
			}
		}
		drawn = append(drawn, p)
	}
	return strings.Join(drawn, " ")
}

func blockPicture(q *piece.Queue, b piece.Block) string {
	askers, late := q.Asked(b)
	if from := q.Sender(b); from != 0 {
		return strings.ToUpper(letter(from))
	}
	if len(askers) == 0 {
		return "."
	}
	p := ""
	for _, a := range askers {
		p += letter(a)
		if slices.Contains(late, a) {
			p += "?"
		}
	}
	if len(askers) > 1 {
		return "(" + p + ")"
	}
	return p
}

func TestPicturesSurviveBeingPainted(t *testing.T) {
	for _, p := range []string{
		"---- #### xxxx ....", "abcd A..b ...a", "(ab)(abc)a. Bb?b(bc)", "(a?b?)(ab?)a?. AAAA", "!---- !a..A",
	} {
		if got := picture(paint(t, p, nil, rand.New(rand.NewPCG(1, 9)))); got != p {
			t.Errorf("%s came out as %s", p, got)
		}
	}
}
