package swarm_test

import (
	"time"

	"p2p/peer/session"
	"p2p/peer/swarm"
	"p2p/peer/wire"
	"p2p/piece"
)

// end is one end of a connection: what package link does for a Core. What one
// end sends arrives at the other in order, as over TCP.
type end struct {
	node     *node
	life     int
	id       [20]byte // of node when the connection was made
	other    *end
	key      piece.PeerKey
	open     bool
	closing  bool          // the other end has hung up before this one joined
	arrival  time.Duration // when the newest of what this end has sent arrives
	blocks   []piece.Block // to be sent
	expected map[piece.Block]time.Duration
	claim    *place        // of the block that is coming in
	flying   int           // blocks of those that are on their way
	queued   bool          // in the node's line
	heard    time.Duration // when the last block came, or the first of a run was asked for
}

// place is where a block is to be put.
type place struct {
	chunk *chunk
	n     int
	block piece.Block
}

func connect(a, b *node) (*end, *end) {
	x := &end{node: a, life: a.life, id: a.id, expected: make(map[piece.Block]time.Duration)}
	y := &end{node: b, life: b.life, id: b.id, expected: make(map[piece.Block]time.Duration)}
	x.other, y.other = y, x
	return x, y
}

// join hands the connection to the Core, as the Loop does.
func (e *end) join(c swarm.Candidate) {
	n := e.node
	if e.life != n.life || !n.up {
		e.other.hangUp()
		return
	}
	n.act(func(now time.Time) {
		key, err := n.core.Join(now, c)
		if err != nil {
			e.tellOther()
			return
		}
		e.key, e.open, e.heard = key, true, n.s.now
		n.ends[key] = e
	})
	if e.closing && e.open {
		e.leave()
	}
}

// alive reports whether the connection is up at this end.
func (e *end) alive() bool { return e.open && e.life == e.node.life && e.node.up }

// close ends the connection at this end; the other notices after the way there.
func (e *end) close() {
	if !e.open {
		return
	}
	e.node.s.tell(e.node, e.other.node, "close")
	e.open = false
	e.let()
	delete(e.node.ends, e.key)
	for b := range e.expected {
		e.node.unask(b, e)
	}
	e.tellOther()
}

// let gives up the place of a block that was coming in.
func (e *end) let() {
	if e.claim != nil {
		e.claim.chunk.states[e.claim.n] = vacant
		e.claim = nil
	}
}

func (e *end) tellOther() { e.deliver(0, func() { e.other.hangUp() }) }

// hangUp is what an end sees when the other has closed.
func (e *end) hangUp() {
	if !e.open {
		e.closing = true
		return
	}
	if e.alive() {
		e.leave()
	}
}

func (e *end) leave() {
	n, key := e.node, e.key
	e.close()
	n.act(func(now time.Time) { n.core.Leave(now, key) })
}

// deliver lets do happen at the other end, after everything that was sent before.
// took is how long the transfer takes at the receiver.
func (e *end) deliver(took time.Duration, do func()) time.Duration {
	s := e.node.s
	e.arrival = max(e.arrival, s.now+e.node.latency+e.other.node.latency)
	if to := e.other.node; took > 0 && e.arrival < never { // the receiver's line is shared by all who send to it
		e.arrival = max(e.arrival, to.downFree) + took
		to.downFree = e.arrival
	}
	s.at(e.arrival, do)
	return e.arrival
}

// never is when what a dead connection carries arrives.
const never time.Duration = 1 << 60

// send sends a message.
func (e *end) send(m wire.Message) {
	to := e.other
	e.deliver(0, func() {
		if to.alive() {
			to.node.act(func(now time.Time) { to.node.core.Handle(now, to.key, m) })
		}
	})
}

// serve queues a block.
func (e *end) serve(b piece.Block) {
	e.blocks = append(e.blocks, b)
	e.queue()
	e.node.pump()
}

// window is how many blocks may be under way on one connection; the others wait
// at the sender, as with TCP.
const window = 2

// queue puts e into the line of those who have blocks to send.
func (e *end) queue() {
	if !e.queued && len(e.blocks) > 0 && e.flying < window {
		e.queued = true
		e.node.line = append(e.node.line, e)
	}
}

// pump sends one block after the other over the node's line, one of each peer in
// turn.
func (n *node) pump() {
	for !n.sending && n.up && !n.stalled && len(n.line) > 0 {
		e := n.line[0]
		n.line = n.line[1:]
		e.queued = false
		if e.alive() {
			n.sendNext(e)
		}
	}
}

func (n *node) sendNext(e *end) {
	b := e.blocks[0]
	e.blocks = e.blocks[1:]
	e.flying++
	e.queue()
	n.sending = true
	life := n.life
	n.s.after(n.takes(n.upRate, b), func() {
		if n.life != life || !n.up {
			return
		}
		n.sending = false
		if !n.stalled && e.open {
			e.transmit(b, n.lie())
			n.uploaded += int64(b.Length)
			n.act(func(now time.Time) { n.core.Sent(now, e.key, 1, int(b.Length)) })
		}
		n.pump()
	})
}

func (n *node) takes(rate float64, b piece.Block) time.Duration {
	return time.Duration(float64(b.Length) / rate * float64(time.Second))
}

// verdict is what a reader says about a block whose header has come.
type verdict int

const (
	unexpected verdict = iota
	taken
	granted
)

// transmit sends a block; lie is 0 or the number of the lie that it is. The block
// is claimed when it begins to come in and lands when it is whole.
func (e *end) transmit(b piece.Block, lie uint64) {
	to := e.other
	took := to.node.takes(to.node.downRate, b)
	what := unexpected
	whole := e.deliver(took, func() {
		e.flying--
		e.queue()
		e.node.pump()
		if to.alive() {
			to.lands(b, lie, what)
		}
	})
	e.node.s.at(max(whole-took, e.node.s.now), func() {
		if to.alive() {
			what = to.begins(b)
		}
	})
}

// begins claims the place of a block whose header has come.
func (e *end) begins(b piece.Block) verdict {
	if _, ok := e.expected[b]; !ok {
		return unexpected
	}
	e.node.unask(b, e)
	c := e.node.chunks[b.Span()]
	at := b.Number() % piece.SpanBlocks
	switch {
	case c == nil:
		e.node.s.fails("a block is expected for which there is no memory")
		return unexpected
	case c.states[at] != vacant:
		return taken
	}
	c.states[at] = landing
	e.claim = &place{c, at, b}
	return granted
}

// lands reports a block that is whole to the Core.
func (e *end) lands(b piece.Block, lie uint64, what verdict) {
	n := e.node
	n.s.tell(e.other.node, n, "block %v, %v", b, []string{"unexpected", "taken", "granted"}[what])
	if what == granted {
		e.claim.chunk.states[e.claim.n] = landed
		e.claim.chunk.lies[e.claim.n] = lie
		e.claim = nil
	}
	if what != unexpected {
		e.heard = n.s.now
	}
	n.act(func(now time.Time) {
		switch what {
		case unexpected:
			n.wasted += int64(b.Length)
			n.core.Unasked(now, e.key, int(b.Length))
		case taken:
			n.wasted += int64(b.Length)
			n.core.Arrived(now, e.key, b, false)
		case granted:
			n.core.Arrived(now, e.key, b, true)
		}
		n.core.Fill(now, e.key)
	})
}

// event carries out what a connection wants done.
func (e *end) event(ev *session.Event) {
	n := e.node
	switch ev.Kind {
	case session.Ask:
		n.ask(ev.Block, e)
		b := ev.Block
		e.say(wire.Message{ID: wire.Request, Index: b.Piece.Uint32(), Begin: b.Begin, Length: b.Length})
	case session.Forget:
		if _, ok := e.expected[ev.Block]; ok {
			n.unask(ev.Block, e)
		}
	case session.Send:
		e.say(ev.Msg)
	case session.Serve:
		if !n.have.Has(ev.Block.Piece) {
			n.s.fails("a block is served that was never verified")
		}
		if n.role == nil || n.role.serve(e, ev.Block) {
			e.serve(ev.Block)
		}
	}
}

// say sends a message, unless the node's role has it otherwise.
func (e *end) say(m wire.Message) {
	e.node.s.tell(e.node, e.other.node, "%v %d:%d+%d", m.ID, m.Index, m.Begin, m.Length)
	if !e.node.stalled && (e.node.role == nil || e.node.role.send(e, m)) {
		e.send(m)
	}
}
