package piece_test

import (
	"math/rand/v2"
	"testing"

	"p2p/piece"
)

// The size of the swarm in which everything is measured.
const (
	manyPeers  = 1000
	manyPieces = 100_000
	manyLen    = piece.SpanSize // 25 GB
	depth      = 64             // blocks that a peer is asked for at a time
)

// crowd is many peers at a queue that never empties: what is verified becomes
// missing again.
type crowd struct {
	q     *piece.Queue
	rng   *rand.Rand
	peers []crowdPeer
	got   []piece.Block
	from  []piece.PeerKey
}

type crowdPeer struct {
	have  *piece.Bitfield
	asked []piece.Block
}

// share tells how much of the torrent a peer has.
type share func(n int, rng *rand.Rand) float64

// mixed is a swarm in mid-life: a tenth are seeds, a third has hardly
// anything, the rest is anywhere in between.
func mixed(n int, rng *rand.Rand) float64 {
	switch {
	case n%10 == 0:
		return 1
	case n%3 == 0:
		return 0.002 * rng.Float64()
	}
	return rng.Float64()
}

// beginners have a few pieces each.
func beginners(_ int, rng *rand.Rand) float64 { return 0.002 * rng.Float64() }

// halves have half of the pieces, and none of the rarest: nobody has those.
func halves(_ int, rng *rand.Rand) float64 { return rng.Float64() / 2 }

func newCrowd(b testing.TB, peers int, of share, budget piece.Budget) *crowd {
	b.Helper()
	c := &crowd{q: newQueue(b, manyPieces, manyLen, budget), rng: rand.New(rand.NewPCG(1, 16))}
	l := c.q.Layout()
	for n := range peers {
		have, part := piece.NewBitfield(l.Pieces()), of(n, c.rng)
		if part >= 1 {
			have.SetAll()
		}
		for i := 0; part < 1 && i < l.Pieces(); i++ {
			if c.rng.Float64() < part {
				have.Set(l.MustIndex(i))
			}
		}
		c.q.Gained(have)
		c.peers = append(c.peers, crowdPeer{have: have})
	}
	return c
}

// turn lets peer n deliver up to 16 blocks and draw as many. It returns how many
// it drew.
func (c *crowd) turn(n int) int {
	p, key := &c.peers[n], piece.PeerKey(n+1)
	k := min(16, len(p.asked))
	for _, b := range p.asked[:k] {
		if c.q.Arrived(key, b).Piece {
			c.from = c.q.Verified(b.Piece, true, c.from[:0])
			c.q.Forget(b.Piece)
		}
	}
	p.asked = p.asked[:copy(p.asked, p.asked[k:])]
	before := len(p.asked)
	p.asked = c.q.Next(key, p.have, before, min(16, depth-before), p.asked)
	return len(p.asked) - before
}

// endless is a budget that never refuses.
type endless struct{}

func (endless) Reserve(int) bool { return true }

// settle fills all pipelines.
func (c *crowd) settle() {
	for range 3 * depth / 16 {
		for n := range c.peers {
			c.turn(n)
		}
	}
}

// BenchmarkQueueNext measures a turn of a random peer: 16 blocks arrive, their
// pieces are verified, 16 others are drawn.
func BenchmarkQueueNext(b *testing.B) {
	for _, s := range []struct {
		name string
		of   share
	}{{"mixed", mixed}, {"halves", halves}, {"beginners", beginners}} {
		b.Run(s.name, func(b *testing.B) {
			c := newCrowd(b, manyPeers, s.of, nil)
			c.settle()
			blocks, turns := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				blocks += c.turn(c.rng.IntN(manyPeers))
				turns++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(max(blocks, 1)), "ns/block")
			b.ReportMetric(float64(blocks)/float64(turns), "blocks/op")
		})
	}
}

// BenchmarkQueueNextInVain measures a peer that asks for more and gets nothing,
// because the budget is used up: what happens most often when the disk is the
// bottleneck.
func BenchmarkQueueNextInVain(b *testing.B) {
	c := newCrowd(b, manyPeers, mixed, &memory{limit: 24 << 20})
	c.settle()
	for range manyPeers {
		for n := range c.peers { // nothing arrives any more
			p := &c.peers[n]
			p.asked = c.q.Next(piece.PeerKey(n+1), p.have, len(p.asked), 16, p.asked)
		}
		if c.q.Starved() {
			break
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		n := c.rng.IntN(manyPeers)
		if c.got = c.q.Next(piece.PeerKey(n+1), c.peers[n].have, 16, 16, c.got[:0]); len(c.got) > 0 {
			b.Fatal("it was not in vain")
		}
	}
}

// BenchmarkHave measures a have message: of a random peer, for a random piece.
func BenchmarkHave(b *testing.B) {
	c := newCrowd(b, manyPeers, mixed, nil)
	c.settle()
	b.ReportAllocs()
	for b.Loop() {
		have, i := c.peers[c.rng.IntN(manyPeers)].have, c.q.Layout().MustIndex(c.rng.IntN(manyPieces))
		if have.Full() {
			continue
		}
		if !c.q.GainedOne(have, i) {
			c.q.LostOne(have, i)
		}
	}
}

// BenchmarkJoin measures a peer that comes with half of the pieces, or as a
// seed, and goes; with the draw that finds the order changed, and without.
func BenchmarkJoin(b *testing.B) {
	for _, s := range []struct {
		name string
		part float64
		draw bool
	}{{"half", 0.5, false}, {"half+draw", 0.5, true}, {"few+draw", 0.01, true}, {"seed+draw", 1, true}} {
		b.Run(s.name, func(b *testing.B) {
			c := newCrowd(b, manyPeers, mixed, nil)
			c.settle()
			one := newCrowd(b, 1, func(int, *rand.Rand) float64 { return s.part }, nil).peers[0].have
			drawer := 0 // a seed, whose every draw looks at the order
			b.ReportAllocs()
			for b.Loop() {
				c.q.Gained(one)
				if s.draw {
					c.turn(drawer)
				}
				c.q.Lost(one)
			}
		})
	}
}

// In steady state a block costs no allocation: neither drawing it nor its
// arrival nor the verdict on its piece.
func TestTheQueueDoesNotAllocateInSteadyState(t *testing.T) {
	c := newCrowd(t, 50, mixed, endless{})
	c.settle()
	n := 0
	got := testing.AllocsPerRun(5000, func() {
		c.turn(n % len(c.peers))
		n++
	})
	if got != 0 {
		t.Errorf("%v allocations in a turn", got)
	}
}

// Nor does the search for what others could send instead: overdue blocks, and
// end game.
func TestNextDoesNotAllocateInEndGame(t *testing.T) {
	q := newQueue(t, 40, piece.SpanSize, nil)
	all := everything(q)
	q.Gained(all)
	for _, b := range q.Next(1, all, 0, 1<<20, nil) {
		if b.Number()%2 == 0 {
			q.Doubt(1, b)
		}
	}
	dst := make([]piece.Block, 0, 100)
	got := testing.AllocsPerRun(100, func() {
		overdue := q.Next(2, all, 0, 50, dst)
		if len(overdue) != 50 {
			t.Fatalf("%d blocks", len(overdue))
		}
		for _, b := range overdue {
			q.Return(2, b)
		}
	})
	if got != 0 {
		t.Errorf("%v allocations for overdue blocks", got)
	}
	q.Next(2, all, 0, 1000, nil) // all that is overdue
	got = testing.AllocsPerRun(100, func() {
		twice := q.Next(3, all, 0, 50, dst)
		if len(twice) != piece.EndGameShare {
			t.Fatalf("%d blocks", len(twice))
		}
		for _, b := range twice {
			q.Return(3, b)
		}
	})
	if got != 0 {
		t.Errorf("%v allocations in end game", got)
	}
}
