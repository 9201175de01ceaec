package swarm_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"p2p/peer/swarm"
	"p2p/piece"
)

// setup is how a node is made.
type setup struct {
	addr             netip.AddrPort
	have             *piece.Bitfield
	upRate, downRate float64 // bytes/s
	latency          time.Duration
	slots, maxPeers  int
	memory           int // bytes; 0 = no limit
	fast, ext        bool
	closed           bool    // cannot be dialled
	lying            float64 // share of the blocks it sends that are wrong
	role             role    // nil = honest
}

// node is one peer.
type node struct {
	setup
	s    *sim
	num  int
	life int
	id   [20]byte
	up   bool
	core *swarm.Core

	ends     map[piece.PeerKey]*end
	chunks   map[piece.Span]*chunk
	pieces   map[piece.Index]*assembly
	asked    map[piece.Block][]*end // who was asked and has not begun to send
	excused  map[piece.Block]bool   // somebody was overdue with it and is not asked any more
	begun    map[piece.Index]bool
	reserved int
	downFree time.Duration
	line     []*end // who have blocks to send
	sending  bool
	stalled  bool // sends nothing any more

	checks, released int
	uploaded, wasted int64
	hadAtStart       int  // pieces
	expectedBack     bool // has left, and will come back
	completed        time.Duration
}

// good reports whether the others may rely on the node.
func (n *node) good() bool { return n.role == nil && n.lying == 0 && !n.stalled }

// memory is a node's budget.
type memory node

// Reserve implements piece.Budget.
func (m *memory) Reserve(bytes int) bool {
	if m.reserved+bytes > m.memory {
		return false
	}
	m.reserved += bytes
	return true
}

// chunk is the memory of one span.
type chunk struct {
	states []state
	lies   []uint64
}

type state uint8

const (
	vacant state = iota
	landing
	landed
)

// assembly is a piece whose spans are being stored.
type assembly struct {
	lies []uint64
	left int
	sums bool
}

// act lets the Core do something, as one round of the Loop.
func (n *node) act(do func(now time.Time)) {
	now := n.s.clock()
	do(now)
	n.core.Settle(now)
	for _, e := range n.core.Effects() {
		n.perform(&e)
	}
	n.check()
}

// perform carries one effect out.
func (n *node) perform(e *swarm.Effect) {
	switch e.Kind {
	case swarm.Do:
		if x := n.ends[e.Peer]; x != nil {
			x.event(&e.Event)
		} else {
			n.s.fails(fmt.Sprintf("node %d: effect %d for peer %d, which is gone", n.num, e.Event.Kind, e.Peer))
		}
	case swarm.Close:
		x := n.ends[e.Peer]
		if x == nil {
			n.s.fails(fmt.Sprintf("node %d: close of peer %d, which is gone", n.num, e.Peer))
			return
		}
		n.blames(x, e.Err)
		x.close()
	case swarm.Store:
		n.store(e)
	case swarm.Dial:
		n.dial(e.Addr)
	case swarm.Complete:
		n.completed = n.s.now
	}
}

// ask makes the place of a block ready.
func (n *node) ask(b piece.Block, e *end) {
	n.mayAsk(b, e)
	s := b.Span()
	c := n.chunks[s]
	if c == nil {
		blocks := (n.s.layout.SpanLen(s) + piece.BlockSize - 1) / piece.BlockSize
		c = &chunk{states: make([]state, blocks), lies: make([]uint64, blocks)}
		n.chunks[s] = c
	}
	n.begun[b.Piece] = true
	if len(e.expected) == 0 && e.claim == nil {
		e.heard = n.s.now
	}
	e.expected[b] = n.s.now
	n.asked[b] = append(n.asked[b], e)
}

func (n *node) unask(b piece.Block, e *end) {
	if n.overdue(b, e) {
		n.excused[b] = true
	}
	delete(e.expected, b)
	left := slices.DeleteFunc(n.asked[b], func(o *end) bool { return o == e })
	if len(left) == 0 {
		delete(n.asked, b)
	} else {
		n.asked[b] = left
	}
}

// release gives the memory of an incomplete span back.
func (n *node) release(span piece.Span) bool {
	c := n.chunks[span]
	if c == nil {
		n.s.fails(fmt.Sprintf("node %d: span %v is given up, and has no memory", n.num, span))
		return false
	}
	for at, st := range c.states {
		b := n.s.layout.Block(span.Piece, int(span.Number)*piece.SpanBlocks+at)
		if len(n.asked[b]) > 0 {
			n.s.fails(fmt.Sprintf("node %d: span %v is given up while block %v is expected", n.num, span, b))
		}
		if st == landing {
			return false
		}
	}
	delete(n.chunks, span)
	n.reserved -= n.s.layout.SpanLen(span)
	n.released++
	for s := range n.chunks {
		if s.Piece == span.Piece {
			return true
		}
	}
	if n.pieces[span.Piece] == nil {
		delete(n.begun, span.Piece)
	}
	return true
}

// store verifies a span after a while.
func (n *node) store(e *swarm.Effect) {
	s, span := n.s, e.Span
	c := n.chunks[span]
	n.mayStore(span, c)
	if s.bad != "" {
		return
	}
	delete(n.chunks, span)
	a := n.pieces[span.Piece]
	if a == nil {
		a = &assembly{lies: make([]uint64, s.layout.Blocks(span.Piece)), left: s.layout.Spans(span.Piece)}
		n.pieces[span.Piece] = a
	}
	copy(a.lies[int(span.Number)*piece.SpanBlocks:], c.lies)
	a.sums = a.sums || e.Sums
	life := n.life
	s.after(s.between(0, 20*time.Millisecond), func() {
		if n.life == life && n.up {
			n.stored(span)
		}
	})
}

func (n *node) stored(span piece.Span) {
	if n.memory > 0 {
		n.reserved -= n.s.layout.SpanLen(span)
	}
	a := n.pieces[span.Piece]
	a.left--
	n.act(func(now time.Time) {
		n.core.Freed()
		if a.left > 0 {
			return
		}
		ok := !slices.ContainsFunc(a.lies, func(lie uint64) bool { return lie != 0 })
		delete(n.pieces, span.Piece)
		delete(n.begun, span.Piece)
		for b := range a.lies {
			delete(n.excused, n.s.layout.Block(span.Piece, b))
		}
		var sums [][20]byte
		if !ok || a.sums {
			sums = hashes(span.Piece, a.lies)
		}
		n.core.Verified(now, span.Piece, ok, sums)
	})
}

// hashes returns what the SHA-1 of each block would tell apart.
func hashes(i piece.Index, lies []uint64) [][20]byte {
	sums := make([][20]byte, len(lies))
	for b, lie := range lies {
		binary.BigEndian.PutUint32(sums[b][:], i.Uint32())
		binary.BigEndian.PutUint32(sums[b][4:], uint32(b))
		binary.BigEndian.PutUint64(sums[b][8:], lie)
	}
	return sums
}

// lie returns the number of the lie that the next block is, 0 for the truth.
func (n *node) lie() uint64 {
	if n.lying == 0 || !n.s.chance(n.lying) {
		return 0
	}
	n.s.lies++
	return n.s.lies
}
