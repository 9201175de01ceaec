package swarm_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"p2p/peer/session"
	"p2p/peer/swarm"
	"p2p/peer/wire"
	"p2p/piece"
)

// sim is a swarm in virtual time: a queue of events, and nodes, each with a Core
// and a model of what surrounds it. Nothing in it runs by itself, so the same
// seed gives the same run. The files:
//
//	sim_test.go        time, nodes coming and going, dialling
//	sim_net_test.go    what travels between two nodes
//	sim_node_test.go   a node: effects, memory, verification
//	sim_check_test.go  what must hold after every step
//	sim_roles_test.go  how peers misbehave
//	swarm_test.go      random swarms, and what must hold at the end
type sim struct {
	t      testing.TB
	seed   uint64
	rng    *rand.Rand
	layout piece.Layout
	nodes  []*node
	addrs  map[netip.AddrPort]*node
	now    time.Duration
	events heap
	seq    uint64
	steps  int
	bad    string // what went wrong first
	lies   uint64 // blocks with wrong contents that were sent
	over   bool   // what the run is about has been reached
	sparse bool   // check what must hold now and then only: the run is a long one
}

var epoch = time.Unix(1e9, 0)

func newSim(t testing.TB, seed uint64, l piece.Layout) *sim {
	if raceDetector && testing.Short() {
		t.Skip("a simulation is one goroutine: there is nothing to race with")
	}
	return &sim{
		t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 42)), layout: l,
		addrs: make(map[netip.AddrPort]*node),
	}
}

func (s *sim) clock() time.Time { return epoch.Add(s.now) }

// fails notes what went wrong; the run ends there.
func (s *sim) fails(why string) {
	if s.bad == "" {
		s.bad = why
	}
}

// tell writes what passes between two nodes, for somebody who looks for a fault:
// -swarmtrace "3 7", or "3" for all that node 3 does.
func (s *sim) tell(a, b *node, format string, args ...any) {
	if *traced == "" || *oneSeed == 0 {
		return
	}
	x, y := -1, -1
	n, _ := fmt.Sscan(*traced, &x, &y)
	if n == 2 && (a.num == x && b.num == y || a.num == y && b.num == x) || n == 1 && (a.num == x || b.num == x) {
		s.t.Logf("%v %d>%d %s", s.now, a.num, b.num, fmt.Sprintf(format, args...))
	}
}

// after lets do happen in d.
func (s *sim) after(d time.Duration, do func()) { s.at(s.now+d, do) }

func (s *sim) at(t time.Duration, do func()) {
	s.seq++
	s.events.push(event{at: t, seq: s.seq, do: do})
}

// run lets events happen until it is over, until the time is up, or until
// something is wrong.
func (s *sim) run(until time.Duration) {
	for s.bad == "" && !s.over && len(s.events) > 0 && s.events[0].at <= until {
		e := s.events.pop()
		s.now = e.at
		s.steps++
		e.do()
	}
}

// watch ends the run once done says so, which is asked once a second.
func (s *sim) watch(done func() bool) {
	var look func()
	look = func() {
		if s.over = done(); !s.over {
			s.after(time.Second, look)
		}
	}
	s.after(time.Second, look)
}

// share returns a random duration from lo to hi.
func (s *sim) between(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(s.rng.Int64N(int64(hi-lo)+1))
}

// chance is true with probability p.
func (s *sim) chance(p float64) bool { return s.rng.Float64() < p }

// event is something that happens at a time.
type event struct {
	at  time.Duration
	seq uint64 // in order of scheduling among equals
	do  func()
}

func (e event) before(o event) bool { return e.at < o.at || e.at == o.at && e.seq < o.seq }

// heap is a binary heap of events, the first on top.
type heap []event

func (h *heap) push(e event) {
	*h = append(*h, e)
	q := *h
	for i := len(q) - 1; i > 0; {
		up := (i - 1) / 2
		if !q[i].before(q[up]) {
			break
		}
		q[i], q[up] = q[up], q[i]
		i = up
	}
}

func (h *heap) pop() event {
	q := *h
	top, last := q[0], len(q)-1
	q[0] = q[last]
	q[last] = event{}
	q = q[:last]
	*h = q
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			break
		}
		if down+1 < last && q[down+1].before(q[down]) {
			down++
		}
		if !q[down].before(q[i]) {
			break
		}
		q[i], q[down] = q[down], q[i]
		i = down
	}
	return top
}

// add makes a node, which is not up yet.
func (s *sim) add(o setup) *node {
	n := &node{setup: o, s: s, num: len(s.nodes)}
	if !n.addr.IsValid() {
		n.addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(n.num >> 8), byte(n.num)}), 6881)
	}
	if n.have == nil {
		n.have = piece.NewBitfield(s.layout.Pieces())
	}
	s.nodes = append(s.nodes, n)
	s.addrs[n.addr] = n
	return n
}

// start brings a node up, for the first time or again: what it has verified it
// still has, everything else is new.
func (n *node) start() {
	s := n.s
	n.life++
	n.up = true
	binary.BigEndian.PutUint64(n.id[:], s.rng.Uint64())
	binary.BigEndian.PutUint32(n.id[16:], uint32(n.num))
	n.ends = make(map[piece.PeerKey]*end)
	n.chunks = make(map[piece.Span]*chunk)
	n.pieces = make(map[piece.Index]*assembly)
	n.asked = make(map[piece.Block][]*end)
	n.begun = make(map[piece.Index]bool)
	n.excused = make(map[piece.Block]bool)
	n.line, n.reserved, n.sending = nil, 0, false
	have := n.have.Clone()
	wanted := piece.NewBitfield(s.layout.Pieces())
	wanted.SetAll()
	var budget piece.Budget
	if n.memory > 0 {
		budget = (*memory)(n)
	}
	n.core = swarm.NewCore(swarm.Config{
		PeerID: n.id, Layout: s.layout, Have: have, Wanted: wanted, Budget: budget,
		Rand: rand.New(rand.NewPCG(s.rng.Uint64(), 1)), MaxPeers: n.maxPeers, Slots: n.slots,
		Release: n.release,
		ExtHandshake: func(swarm.Candidate) []byte {
			return wire.AppendExtHandshake(nil, wire.ExtHandshake{ReqQ: session.OurReqQ, Port: n.addr.Port()})
		},
	})
	n.have = have // the core's own from now on
	life := n.life
	var tick func()
	tick = func() {
		if n.life == life && n.up {
			n.notice()
			n.act(func(now time.Time) { n.core.Tick(now) })
			s.after(swarm.TickEvery, tick)
		}
	}
	s.after(s.between(0, swarm.TickEvery), tick)
	n.announce()
	if n.role != nil {
		n.role.start(n)
	}
}

// announce tells the node of others, as a tracker does, now and again.
func (n *node) announce() {
	s, life := n.s, n.life
	others := s.rng.Perm(len(s.nodes))
	n.act(func(time.Time) {
		for _, k := range others[:min(len(others), 50)] {
			n.core.AddAddr(s.nodes[k].addr, false)
		}
	})
	s.after(s.between(20*time.Second, 40*time.Second), func() {
		if n.life == life && n.up {
			n.announce()
		}
	})
}

// stop takes a node down. Its peers notice.
func (n *node) stop() {
	n.up = false
	n.life++
	n.have = n.core.Queue().Have().Clone()
	for _, m := range n.members() {
		n.ends[m].close()
	}
}

// members returns the keys of the connected peers in order.
func (n *node) members() []piece.PeerKey {
	var keys []piece.PeerKey
	n.core.Members(func(m swarm.Member) {
		if n.ends[m.Key] != nil {
			keys = append(keys, m.Key)
		}
	})
	return keys
}

// dial connects n to addr, and tells the Core what came of it.
func (n *node) dial(addr netip.AddrPort) {
	s, life := n.s, n.life
	to := s.addrs[addr]
	failed := func() {
		if n.life == life {
			n.act(func(now time.Time) { n.core.DialFailed(now, addr) })
		}
	}
	switch {
	case to == nil:
		s.after(10*time.Second, failed)
		return
	case to.closed || !to.up:
		s.after(s.between(time.Millisecond, 10*time.Second), failed)
		return
	}
	way := n.latency + to.latency
	s.after(3*way, func() { // SYN, SYN and ACK, ACK and handshake
		if !to.up {
			failed()
			return
		}
		here, there := connect(n, to)
		s.after(way, func() { // the other's handshake
			if n.life != life || !n.up {
				there.hangUp()
				return
			}
			here.join(swarm.Candidate{Addr: addr, ID: there.id, Dialled: true, Fast: n.fast && to.fast, Ext: n.ext && to.ext})
		})
		from := netip.AddrPortFrom(n.addr.Addr(), uint16(40000+s.rng.IntN(20000)))
		there.join(swarm.Candidate{Addr: from, ID: here.id, Fast: n.fast && to.fast, Ext: n.ext && to.ext})
	})
}
