package swarm_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"p2p/piece"
)

var (
	swarms  = flag.Int("swarms", 2000, "how many random swarms to play through")
	oneSeed = flag.Uint64("swarmseed", 0, "play through the random swarm of this seed alone")
	traced  = flag.String("swarmtrace", "", "log what passes between these two nodes of it")
)

// calm is when the last failure of a random swarm happens, and patience how long
// everything may take then.
const (
	calm     = 60 * time.Second
	patience = 30 * time.Minute
)

// TestEverySwarmCompletes plays random swarms through: peers leave and come back,
// stall, lie, send garbage, never unchoke, are slow, cannot be dialled; seeds
// leave. After every step the invariants of sim_check_test.go must hold. In the
// end everybody who is honest has everything that the honest have between them,
// and who lacks something says so.
func TestEverySwarmCompletes(t *testing.T) {
	if *oneSeed != 0 {
		s := randomSwarm(t, *oneSeed)
		s.play()
		t.Logf("seed %d: %s; %d steps, %v", s.seed, s.describe(), s.steps, s.now)
		if s.bad != "" {
			t.Fatal(s.bad)
		}
		return
	}
	n := *swarms
	if testing.Short() {
		n /= 10
	}
	begin := time.Now()
	var longest time.Duration
	steps, failures := 0, 0
	var got, wasted int64
	released := 0
	for seed := uint64(1); seed <= uint64(n) && failures < 5; seed++ {
		s := randomSwarm(t, seed)
		s.play()
		steps += s.steps
		for _, n := range s.nodes {
			released += n.released
			if n.good() && s.lies == 0 {
				got += int64(n.have.Count()-n.hadAtStart) * s.layout.PieceLen()
				wasted += n.wasted
			}
		}
		longest = max(longest, s.now)
		if s.bad != "" {
			failures++
			t.Errorf("%s\nafter %v and %d steps; repeat with -run TestEverySwarmCompletes -swarmseed %d\n%s", s.bad, s.now, s.steps, seed, s.describe())
		}
	}
	t.Logf("%d swarms, %d steps in %v; the longest took %v of its own time; %.1f %% of what came was of no use; %d spans given up", n, steps, time.Since(begin).Round(time.Millisecond), longest, 100*float64(wasted)/float64(got+wasted), released)
}

// play runs the swarm and judges the end.
func (s *sim) play() {
	s.watch(func() bool { return s.now > calm && s.settled() })
	s.run(calm + patience)
	if s.bad == "" && !s.over {
		s.fails("not everybody has what the others have:" + s.progress())
	}
	if s.bad == "" {
		s.judge()
	}
}

// honest calls do for each node that others may rely on and that is up.
func (s *sim) honest(do func(*node)) {
	for _, n := range s.nodes {
		if n.up && n.good() {
			do(n)
		}
	}
}

// union returns the pieces that honest nodes have between them. Nodes that
// cannot be dialled still meet at one that can.
func (s *sim) union() *piece.Bitfield {
	all := piece.NewBitfield(s.layout.Pieces())
	s.honest(func(n *node) {
		for i := range n.have.All() {
			all.Set(i)
		}
	})
	return all
}

// settled reports whether all who are honest have everything that is to be had.
func (s *sim) settled() bool {
	for _, n := range s.nodes {
		if !n.up && n.expectedBack {
			return false
		}
	}
	if !s.meets() {
		return true
	}
	all, done := s.union(), true
	s.honest(func(n *node) { done = done && n.have.Count() == all.Count() })
	return done
}

// meets reports whether there is an honest node that the others can dial.
func (s *sim) meets() bool {
	open := false
	s.honest(func(n *node) { open = open || !n.closed })
	return open
}

// judge checks what must hold at the end.
func (s *sim) judge() {
	if !s.meets() {
		return
	}
	all := s.union()
	s.honest(func(n *node) {
		q := n.core.Queue()
		switch {
		case all.Full() != q.Done():
			s.fails(fmt.Sprintf("node %d: done is %v, and everything is available: %v", n.num, q.Done(), all.Full()))
		case q.Done() && n.completed == 0 && n.hadAtStart < s.layout.Pieces():
			s.fails(fmt.Sprintf("node %d is complete and was not told", n.num))
		}
	})
}

func (s *sim) progress() string {
	out := ""
	s.honest(func(n *node) {
		if !n.core.Queue().Done() {
			out += fmt.Sprintf("\n  node %d has %d of %d, %d unavailable, %d peers, %d bytes reserved of %d, %d chunks",
				n.num, n.have.Count(), s.layout.Pieces(), n.core.Queue().Unavailable(), len(n.ends), n.reserved, n.memory, len(n.chunks))
		}
	})
	return out
}

func (s *sim) describe() string {
	out := fmt.Sprintf("%d pieces of %d", s.layout.Pieces(), s.layout.PieceLen())
	for _, n := range s.nodes {
		out += fmt.Sprintf("\n  node %d: up %v, %d pieces of %d at the start, %T, lying %.2f, %.0f B/s up, %.0f down, %v, %d peers, %d slots, %d memory, fast %v, closed %v",
			n.num, n.up, n.have.Count(), n.hadAtStart, n.role, n.lying, n.upRate, n.downRate, n.latency, n.maxPeers, n.slots, n.memory, n.fast, n.closed)
	}
	return out
}

// randomSwarm makes a swarm of 3 to 30 peers and a torrent of 5 to 60 pieces.
func randomSwarm(t testing.TB, seed uint64) *sim {
	rng := rand.New(rand.NewPCG(seed, 7))
	pieceLen := []int64{16 << 10, 16 << 10, 32 << 10, 32 << 10, 50_000, 128 << 10, 300_000}[rng.IntN(7)]
	pieces := 5 + rng.IntN(1+rng.IntN(56))
	if pieceLen > 100_000 {
		pieces = 5 + rng.IntN(8)
	}
	l, err := piece.NewLayout(int64(pieces)*pieceLen-int64(rng.IntN(int(pieceLen))), pieceLen)
	if err != nil {
		t.Fatal(err)
	}
	s := newSim(t, seed, l)
	s.rng = rng
	peers := 3 + rng.IntN(1+rng.IntN(28))
	evil := rng.Float64() * rng.Float64() * 0.8
	for range peers {
		s.add(s.randomSetup(evil))
	}
	s.deal()
	for _, n := range s.nodes {
		n.hadAtStart = n.have.Count()
		s.at(s.between(0, 20*time.Second), n.start)
		s.fate(n)
	}
	return s
}

func (s *sim) randomSetup(evil float64) setup {
	up := 30_000 * math.Pow(100, s.rng.Float64())
	o := setup{
		upRate: up, downRate: up * (1 + 9*s.rng.Float64()),
		latency: s.between(time.Millisecond, 100*time.Millisecond),
		slots:   []int{1, 2, 4, 8, 8}[s.rng.IntN(5)], maxPeers: 8 + s.rng.IntN(30),
		fast: s.chance(0.7), ext: s.chance(0.8), closed: s.chance(0.2),
	}
	if s.chance(0.3) {
		o.memory = (4 + s.rng.IntN(1+s.rng.IntN(20))) * piece.SpanSize
	}
	if s.chance(evil) {
		s.corrupt(&o)
	}
	return o
}

// corrupt makes a peer one that the others are better off without.
func (s *sim) corrupt(o *setup) {
	switch s.rng.IntN(12) {
	case 0, 1:
		o.lying = 1
	case 2, 3:
		o.lying = 0.05 + 0.5*s.rng.Float64()
	case 4:
		o.role = stone{}
	case 5:
		o.role = miser{}
	case 6:
		o.role = refuser{}
	case 7:
		o.role = hostage{}
	case 8:
		o.role = dropper{}
	case 9:
		o.role = staller{latest: calm}
	case 10:
		o.role = []role{flutterer{}, boaster{}}[s.rng.IntN(2)]
	case 11:
		o.role = vandal{}
	}
}

// deal gives the pieces to some of the peers: whole seeds, or parts that
// together make a whole, or nearly.
func (s *sim) deal() {
	for _, n := range s.nodes {
		if n.lying > 0 && s.chance(0.8) || n.role != nil && s.chance(0.5) {
			n.have.SetAll()
		}
	}
	switch s.rng.IntN(4) {
	case 0: // parts
		for p := range s.layout.Pieces() {
			if s.chance(0.02) {
				continue // nobody has it
			}
			for range 1 + s.rng.IntN(2) {
				s.nodes[s.rng.IntN(len(s.nodes))].have.Set(s.layout.MustIndex(p))
			}
		}
	default:
		for range 1 + s.rng.IntN(2) {
			s.nodes[s.rng.IntN(len(s.nodes))].have.SetAll()
		}
	}
}

// fate decides whether and when a peer leaves, and whether it comes back.
func (s *sim) fate(n *node) {
	if s.chance(0.25) {
		s.at(s.between(0, calm-10*time.Second), func() {
			if !n.up {
				return
			}
			n.stop()
			if n.expectedBack = s.chance(0.7); n.expectedBack {
				s.at(s.between(s.now, calm), func() { n.expectedBack = false; n.start() })
			}
		})
	}
	if n.have.Full() && s.chance(0.2) { // a seed leaves when it has sent some copies
		copies := int64((1 + s.rng.Float64()) * float64(s.layout.Total()))
		var look func()
		look = func() {
			if n.up && n.uploaded >= copies {
				n.stop()
			} else if s.now < calm {
				s.after(time.Second, look)
			}
		}
		s.after(time.Second, look)
	}
}
