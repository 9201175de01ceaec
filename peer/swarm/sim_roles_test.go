package swarm_test

import (
	"time"

	"p2p/peer/wire"
	"p2p/piece"
)

// role is a way to misbehave. Behind each is a whole Core; the role bends what
// it says.
type role interface {
	// start is called when the node comes up.
	start(n *node)
	// send reports whether a message is to be sent.
	send(e *end, m wire.Message) bool
	// serve reports whether a block is to be sent.
	serve(e *end, b piece.Block) bool
}

// plain is a role that changes nothing, for others to build on.
type plain struct{}

func (plain) start(*node)                  {}
func (plain) send(*end, wire.Message) bool { return true }
func (plain) serve(*end, piece.Block) bool { return true }

// stone unchokes and never sends a block.
type stone struct{ plain }

func (stone) serve(*end, piece.Block) bool { return false }

// miser never unchokes.
type miser struct{ plain }

func (miser) send(_ *end, m wire.Message) bool { return m.ID != wire.Unchoke }

// refuser rejects every request.
type refuser struct{ plain }

func (refuser) serve(e *end, b piece.Block) bool {
	if e.node.fast && e.other.node.fast {
		e.send(wire.Message{ID: wire.Reject, Index: b.Piece.Uint32(), Begin: b.Begin, Length: b.Length})
	}
	return false
}

// hostage keeps one block of each piece back and sends the others.
type hostage struct{ plain }

func (hostage) serve(e *end, b piece.Block) bool {
	return b.Number() != b.Piece.Int()%e.node.s.layout.Blocks(b.Piece)
}

// dropper begins a block now and then and never ends it: nothing more comes on
// that connection.
type dropper struct{ plain }

func (dropper) serve(e *end, b piece.Block) bool {
	s := e.node.s
	if !s.chance(0.1) || e.node.stalled {
		return true
	}
	to := e.other
	e.deliver(0, func() {
		if to.alive() {
			to.begins(b)
		}
	})
	e.arrival = never // whatever follows never arrives
	return false
}

// staller stops sending anything at some moment, and keeps its connections.
type staller struct {
	plain
	latest time.Duration
}

func (r staller) start(n *node) {
	life := n.life
	n.s.after(n.s.between(0, r.latest), func() {
		if n.life == life {
			n.stalled = true
		}
	})
}

// flutterer chokes and unchokes everybody all the time.
type flutterer struct{ plain }

func (flutterer) start(n *node) {
	n.every(300*time.Millisecond, func(e *end) {
		e.send(wire.Message{ID: wire.Choke})
		e.send(wire.Message{ID: wire.Unchoke})
	})
}

// boaster says that it has what it has not, and sends nothing for it.
type boaster struct{ plain }

func (boaster) start(n *node) {
	n.every(time.Second, func(e *end) {
		e.send(wire.Message{ID: wire.Have, Index: uint32(n.s.rng.IntN(n.s.layout.Pieces()))})
		e.send(wire.Message{ID: wire.Unchoke})
	})
}

// vandal sends what no peer may send.
type vandal struct{ plain }

func (vandal) start(n *node) {
	n.every(700*time.Millisecond, func(e *end) {
		if n.s.chance(0.7) {
			return
		}
		if n.s.chance(0.3) {
			i := n.s.layout.MustIndex(n.s.rng.IntN(n.s.layout.Pieces()))
			for range 1 + n.s.rng.IntN(30) {
				e.serve(n.s.layout.Block(i, 0))
			}
			return
		}
		e.send(n.s.garbage())
	})
}

// garbage returns a message with random contents, most of them against the
// rules.
func (s *sim) garbage() wire.Message {
	any32 := func() uint32 {
		return []uint32{0, 1, 3, 1 << 14, 1<<14 + 1, 1 << 31, 1<<32 - 1, s.rng.Uint32()}[s.rng.IntN(8)]
	}
	m := wire.Message{ID: wire.ID(s.rng.IntN(24)), Index: any32(), Begin: any32(), Length: any32()}
	switch m.ID {
	case wire.Piece:
		m.ID = wire.KeepAlive
	case wire.Bitfield, wire.Extended:
		m.Payload = make([]byte, s.rng.IntN(5))
		for i := range m.Payload {
			m.Payload[i] = byte(s.rng.Uint32())
		}
		m.ExtID = uint8(s.rng.IntN(2))
	}
	return m
}

// every calls do for each connection, again and again.
func (n *node) every(d time.Duration, do func(*end)) {
	life := n.life
	var again func()
	again = func() {
		if n.life != life || !n.up {
			return
		}
		for _, key := range n.members() {
			if e := n.ends[key]; e != nil && !n.stalled {
				do(e)
			}
		}
		n.s.after(d, again)
	}
	n.s.after(d, again)
}
