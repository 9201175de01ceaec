package swarm

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"p2p/piece"
)

var torrent = func() piece.Layout {
	l, err := piece.NewLayout(1<<40, 1<<20)
	if err != nil {
		panic(err)
	}
	return l
}()

func somebody(n int) culprit { return culpritOf(addrOf(n).Addr(), [20]byte{}) }

func sumOf(lie int) (s [20]byte) {
	binary.BigEndian.PutUint64(s[:], uint64(lie))
	return s
}

// came is a piece of which each block came from a peer; those of liars have a
// wrong sum.
func came(lies func(block int) int, senders ...int) attempt {
	var a attempt
	for n, s := range senders {
		a.senders = append(a.senders, somebody(s))
		a.sums = append(a.sums, sumOf(lies(n)))
	}
	return a
}

func truth(blocks int) [][20]byte { return make([][20]byte, blocks) }

func TestWhoSentAWholeBadPieceIsGuilty(t *testing.T) {
	b := newBlame()
	guilty := b.wrong(torrent.MustIndex(1), came(func(int) int { return 1 }, 3, 3, 3))
	if !slices.Equal(guilty, []culprit{somebody(3)}) {
		t.Fatalf("guilty are %v", guilty)
	}
}

func TestOfSeveralSendersOnlyTheLiarIsGuilty(t *testing.T) {
	b := newBlame()
	i := torrent.MustIndex(1)
	if guilty := b.wrong(i, came(func(n int) int { return n & 1 * 7 }, 1, 2, 3, 2, 4)); guilty != nil {
		t.Fatalf("%v are guilty before anything is known", guilty)
	}
	if guilty := b.right(i, truth(5)); !slices.Equal(guilty, []culprit{somebody(2)}) {
		t.Fatalf("guilty are %v", guilty)
	}
	if guilty := b.right(i, truth(5)); guilty != nil {
		t.Fatalf("%v are found guilty twice", guilty)
	}
}

// A liar that mixes with others again and again is found by any of its lies.
func TestEveryAttemptCounts(t *testing.T) {
	b := newBlame()
	i := torrent.MustIndex(1)
	b.wrong(i, came(func(n int) int { return []int{9, 0, 0}[n] }, 1, 2, 3))
	b.wrong(i, came(func(n int) int { return []int{0, 0, 8}[n] }, 2, 3, 4))
	guilty := b.right(i, truth(3))
	if !slices.Equal(guilty, []culprit{somebody(1), somebody(4)}) {
		t.Fatalf("guilty are %v", guilty)
	}
}

func TestNobodyIsGuiltyWhenTheSumsAreNotKnown(t *testing.T) {
	b := newBlame()
	i := torrent.MustIndex(1)
	b.wrong(i, came(func(int) int { return 1 }, 1, 2))
	if guilty := b.right(i, nil); guilty != nil {
		t.Fatalf("guilty are %v", guilty)
	}
}

// Who has left and is forgotten is nobody: neither a sole sender, nor somebody to
// be banned.
func TestNobodyIsNotGuilty(t *testing.T) {
	b := newBlame()
	i := torrent.MustIndex(1)
	a := came(func(int) int { return 1 }, 1, 1)
	a.senders[0], a.senders[1] = culprit{}, culprit{}
	if guilty := b.wrong(i, a); guilty != nil {
		t.Fatalf("guilty are %v", guilty)
	}
	if guilty := b.right(i, truth(2)); guilty != nil {
		t.Fatalf("guilty are %v", guilty)
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	b := newBlame()
	many := make([]int, 64)
	for n := range many {
		many[n] = n
	}
	for p := range 5000 {
		for range 10 {
			b.wrong(torrent.MustIndex(p), came(func(int) int { return 1 }, many...))
		}
	}
	blocks := 0
	for _, attempts := range b.failed {
		if len(attempts) > blameAttempts {
			t.Fatalf("%d attempts of one piece", len(attempts))
		}
		for _, a := range attempts {
			blocks += len(a.senders)
		}
	}
	if blocks != b.blocks || blocks > blameBlocks || len(b.failed) != len(b.order) {
		t.Fatalf("%d blocks of %d pieces are remembered, counted are %d of %d", blocks, len(b.failed), b.blocks, len(b.order))
	}
	if guilty := b.right(torrent.MustIndex(4999), truth(64)); len(guilty) != 64 {
		t.Fatalf("the newest is forgotten: %d guilty", len(guilty))
	}
	for p := range 5000 {
		b.right(torrent.MustIndex(p), nil)
	}
	if b.blocks != 0 || len(b.failed)+len(b.order) != 0 {
		t.Fatalf("%d blocks are remembered of nothing", b.blocks)
	}
}

// Can a liar get an honest peer banned? It chooses which blocks it sends, when it
// lies, and when it leaves; it does not choose what comes over the connection of
// another. Some liars lie together, with the same lies, and vouch for each other
// by sending them again.
func TestNobodyIsFramed(t *testing.T) {
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 5))
		b := newBlame()
		i := torrent.MustIndex(int(seed) % 7)
		peers, liars, blocks := 2+rng.IntN(6), 1+rng.IntN(3), 1+rng.IntN(6)
		caught := map[culprit]bool{}
		for range 30 {
			senders := make([]int, blocks)
			parole, sole := rng.IntN(2) == 0, rng.IntN(peers+liars)
			wrong := false
			a := came(func(n int) int {
				if senders[n] = rng.IntN(peers + liars); parole {
					senders[n] = sole
				}
				if senders[n] >= liars || rng.IntN(2) == 0 {
					return 0
				}
				wrong = true
				return 1 + rng.IntN(2) // the same few lies
			}, make([]int, blocks)...)
			for n, s := range senders {
				a.senders[n] = somebody(s)
			}
			var guilty []culprit
			if wrong {
				guilty = b.wrong(i, a)
			} else {
				guilty = b.right(i, a.sums)
			}
			for _, g := range guilty {
				caught[g] = true
			}
		}
		for g := range caught {
			if !g.addr.Less(somebody(liars).addr) {
				t.Fatalf("seed %d: %v never lied", seed, g.addr)
			}
		}
	}
}
