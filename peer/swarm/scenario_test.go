package swarm_test

import (
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"p2p/piece"
)

// The tests of this file play one kind of swarm each.

func layout(t testing.TB, pieces int, pieceLen int64) piece.Layout {
	t.Helper()
	l, err := piece.NewLayout(int64(pieces)*pieceLen, pieceLen)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func equal(up float64) setup {
	return setup{upRate: up, downRate: 4 * up, latency: 20 * time.Millisecond, slots: 4, maxPeers: 50, fast: true, ext: true}
}

// end checks that the run went well.
func (s *sim) end(t *testing.T) {
	t.Helper()
	if s.bad == "" && !s.over {
		s.fails("not over:" + s.progress())
	}
	if s.bad != "" {
		t.Fatalf("seed %d, after %v: %s", s.seed, s.now, s.bad)
	}
}

// Among equals nobody is left behind, and nobody carries the others.
func TestEqualLeechersGetEqualShares(t *testing.T) {
	for seed := range uint64(5) {
		s := newSim(t, seed, layout(t, 150, 64<<10))
		seeder := s.add(equal(1e6))
		seeder.have.SetAll()
		for range 12 {
			s.add(equal(250e3))
		}
		for _, n := range s.nodes {
			s.at(s.between(0, time.Second), n.start)
		}
		s.watch(s.settled)
		s.run(10 * time.Minute)
		s.end(t)
		var mean, sent float64
		for _, n := range s.nodes[1:] {
			mean += n.completed.Seconds() / 12
			sent += float64(n.uploaded) / 12
		}
		// 12 copies of 9.8 MB over lines of 4 MB/s in all take 30 s.
		if mean > 35 {
			t.Errorf("seed %d: the mean takes %.1f s", seed, mean)
		}
		for _, n := range s.nodes[1:] {
			if took := n.completed.Seconds(); math.Abs(took/mean-1) > 0.3 {
				t.Errorf("seed %d: node %d took %.1f s, the mean is %.1f s", seed, n.num, took, mean)
			}
			if share := float64(n.uploaded) / sent; share < 0.3 || share > 1.8 {
				t.Errorf("seed %d: node %d sent %.2f of what the mean did", seed, n.num, share)
			}
		}
		if copies := float64(seeder.uploaded) / float64(s.layout.Total()); copies > 5 {
			t.Errorf("seed %d: the seed had to send %.1f copies for 12 peers", seed, copies)
		}
	}
}

// A piece that is nowhere to be had is reported, everything else is fetched, and
// then nothing spins: what is left are ticks, keep-alives and the choker.
func TestAMissingPieceIsReportedAndNothingSpins(t *testing.T) {
	for seed := range uint64(20) {
		s := newSim(t, seed, layout(t, 20, 32<<10))
		for n := range 8 {
			o := equal(300e3)
			o.fast, o.ext = n%3 > 0, n%2 > 0
			s.add(o)
		}
		for p := range 20 {
			if p != 13 {
				s.nodes[s.rng.IntN(8)].have.Set(s.layout.MustIndex(p))
			}
		}
		for _, n := range s.nodes {
			s.at(s.between(0, time.Second), n.start)
		}
		s.watch(s.settled)
		s.run(3 * time.Minute)
		s.end(t)
		s.over = false
		s.run(s.now + 10*time.Second) // what is on its way arrives
		for _, n := range s.nodes {
			if q := n.core.Queue(); q.Left() != 1 || q.Unavailable() != 1 || q.Done() || n.completed != 0 {
				t.Fatalf("seed %d: node %d lacks %d pieces, %d unavailable", seed, n.num, q.Left(), q.Unavailable())
			}
		}
		const minutes = 20
		before := s.steps
		s.run(s.now + minutes*time.Minute)
		if s.bad != "" {
			t.Fatal(s.bad)
		}
		ticks := 8 * 120 * minutes
		if perPair := float64(s.steps-before-ticks) / (8 * 7 * minutes); perPair > 4 {
			t.Errorf("seed %d: %.1f messages a minute pass between two peers who have nothing for each other", seed, perPair)
		}
	}
}

// All peers of a test often live at one address, each with its own port. A liar
// among them must not take the others with it.
func TestOnOneMachineOnlyTheLiarIsBanned(t *testing.T) {
	for seed := range uint64(20) {
		s := newSim(t, seed, layout(t, 30, 64<<10))
		for n := range 8 {
			o := equal(500e3)
			o.addr = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(7000+n))
			if n == 3 {
				o.lying = []float64{1, 0.1}[seed%2]
			}
			s.add(o)
		}
		s.nodes[3].have.SetAll()
		s.nodes[5].have.SetAll()
		for _, n := range s.nodes {
			s.at(s.between(0, time.Second), n.start)
		}
		s.watch(s.settled)
		s.run(10 * time.Minute)
		s.end(t)
		for _, n := range s.nodes {
			n.core.BannedAddrs(func(_ netip.Addr, id [20]byte) {
				if id != s.nodes[3].id {
					t.Errorf("seed %d: node %d has banned somebody else", seed, n.num)
				}
			})
		}
	}
}

// However many lie, what they cost is bounded: each is found out after few bad
// pieces.
func TestLiarsAreFoundOutSoon(t *testing.T) {
	for seed := range uint64(10) {
		s := newSim(t, seed, layout(t, 120, 64<<10))
		s.add(equal(500e3)).have.SetAll()
		for range 6 {
			o := equal(500e3)
			o.lying = 0.02 + 0.98*s.rng.Float64()
			s.add(o).have.SetAll()
		}
		taker := s.add(equal(500e3))
		for _, n := range s.nodes {
			s.at(s.between(0, time.Second), n.start)
		}
		s.watch(func() bool { return taker.have.Full() })
		s.run(10 * time.Minute)
		s.end(t)
		if taker.core.HashFails > 6*6 {
			t.Errorf("seed %d: %d pieces failed their hash because of six liars", seed, taker.core.HashFails)
		}
	}
}

// A full house of peers that are of no use must not keep the one out that is.
func TestUselessPeersMakeRoomForASeed(t *testing.T) {
	for seed := range uint64(10) {
		s := newSim(t, seed, layout(t, 10, 64<<10))
		for range 12 {
			o := equal(500e3)
			o.role = []role{miser{}, stone{}, refuser{}}[s.rng.IntN(3)]
			s.add(o).have.SetAll()
		}
		o := equal(500e3)
		o.maxPeers = 5
		taker := s.add(o)
		for _, n := range s.nodes {
			s.at(s.between(0, time.Second), n.start)
		}
		late := s.add(equal(500e3))
		late.have.SetAll()
		s.at(time.Minute, late.start)
		s.watch(func() bool { return taker.have.Full() })
		s.run(40 * time.Minute)
		if !s.over {
			s.fails(fmt.Sprintf("%d of 10 pieces, %d peers", taker.have.Count(), len(taker.ends)))
		}
		s.end(t)
	}
}

// A peer has gone for good, and all memory is held by pieces that only it had.
// What others have is fetched all the same.
func TestMemoryThatIsHeldInVainIsGivenBack(t *testing.T) {
	given := 0
	for seed := range uint64(30) {
		s := newSim(t, seed, layout(t, 40, 256<<10))
		first, second, o := s.add(equal(2e6)), s.add(equal(2e6)), equal(2e6)
		o.memory = 4 * piece.SpanSize
		taker := s.add(o)
		for p := range 40 {
			[]*node{first, second}[p/20].have.Set(s.layout.MustIndex(p))
		}
		first.start()
		taker.start()
		s.at(s.between(time.Second, 3*time.Second), func() { first.stop(); second.start() })
		s.watch(func() bool {
			lacks := false
			for i := range second.have.AndNot(taker.have) {
				lacks = lacks || i.Int() >= 20
			}
			return taker.have.Count() > 20 && !lacks
		})
		s.run(5 * time.Minute)
		s.end(t)
		given += taker.released
	}
	if given == 0 {
		t.Error("no memory was given back: the test tests nothing")
	}
}

// The same seed gives the same run, or a failure could not be looked into.
func TestTheSameSeedGivesTheSameRun(t *testing.T) {
	for seed := uint64(40); seed < 60; seed++ {
		a, b := randomSwarm(t, seed), randomSwarm(t, seed)
		a.play()
		b.play()
		if a.steps != b.steps || a.now != b.now || a.rng.Uint64() != b.rng.Uint64() {
			t.Fatalf("seed %d: %d steps in %v, then %d in %v", seed, a.steps, a.now, b.steps, b.now)
		}
	}
}
