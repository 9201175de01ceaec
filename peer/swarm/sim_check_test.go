package swarm_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"p2p/peer/session"
	"p2p/peer/swarm"
	"p2p/piece"
)

// check is what must hold after every step of a node.
func (n *node) check() {
	s := n.s
	if s.bad != "" {
		return
	}
	n.checks++
	if s.sparse && n.checks%256 > 0 {
		return
	}
	if err := n.core.Check(n.checks%16 == 0); err != nil {
		s.fails(fmt.Sprintf("node %d: %v", n.num, err))
	}
	if n.core.Waiting() {
		s.fails(fmt.Sprintf("node %d: a slot is free and somebody waits", n.num))
	}
	if n.memory > 0 {
		held := 0
		for span := range n.chunks {
			held += s.layout.SpanLen(span)
		}
		if held > n.reserved || n.reserved > n.memory {
			s.fails(fmt.Sprintf("node %d: %d bytes in use, %d reserved, %d allowed", n.num, held, n.reserved, n.memory))
		}
	}
	n.core.BannedAddrs(func(a netip.Addr, id [20]byte) {
		if !s.liarAt(a, id) {
			s.fails(fmt.Sprintf("node %d has banned %v, who never lied", n.num, a))
		}
	})
}

// liarAt reports whether a node that lies is, or was, at an address.
func (s *sim) liarAt(a netip.Addr, _ [20]byte) bool {
	return slices.ContainsFunc(s.nodes, func(n *node) bool { return n.addr.Addr() == a && n.lying > 0 })
}

// mayAsk checks that block b may be asked of e. Nobody is asked for the same
// block twice, and a second peer only in end game, or when the first is overdue.
func (n *node) mayAsk(b piece.Block, e *end) {
	s := n.s
	if _, twice := e.expected[b]; twice {
		s.fails(fmt.Sprintf("node %d: block %v is asked twice of the same peer", n.num, b))
	}
	if n.have.Has(b.Piece) {
		s.fails(fmt.Sprintf("node %d: block %v is asked for, and its piece is verified", n.num, b))
	}
	others := n.asked[b]
	if len(others) == 0 || n.excused[b] || n.allBegun() {
		return
	}
	if !slices.ContainsFunc(others, func(o *end) bool { return n.overdue(b, o) }) {
		s.fails(fmt.Sprintf("node %d: block %v is asked of another peer %v after the first", n.num, b, s.now-others[0].expected[b]))
	}
}

// notice marks what is overdue at a tick: the Core may ask others for it from
// then on, even if the first sends something again.
func (n *node) notice() {
	for b, ends := range n.asked {
		for _, e := range ends {
			if n.overdue(b, e) {
				n.excused[b] = true
			}
		}
	}
	for _, e := range n.ends {
		if e.claim != nil && n.s.now-e.heard >= 2*time.Second { // begun, and not going on
			n.excused[e.claim.block] = true
		}
	}
}

// overdue reports whether e may be taken to let a request for b lie.
func (n *node) overdue(b piece.Block, e *end) bool {
	at, waits := e.expected[b]
	return waits && (n.s.now-at >= 2*time.Second || n.s.now-e.heard >= 2*time.Second)
}

// allBegun reports whether every piece that is needed has been begun.
func (n *node) allBegun() bool {
	q := n.core.Queue()
	for i := range q.Wanted().AndNot(q.Have()) {
		if !n.begun[i] {
			return false
		}
	}
	return true
}

// mayStore checks that a span is complete and that nobody will write to its
// memory any more.
func (n *node) mayStore(span piece.Span, c *chunk) {
	s := n.s
	if c == nil {
		s.fails(fmt.Sprintf("node %d: span %v is stored, and has no memory", n.num, span))
		return
	}
	for at, st := range c.states {
		if st != landed {
			s.fails(fmt.Sprintf("node %d: span %v is stored without block %d", n.num, span, at))
		}
		b := s.layout.Block(span.Piece, int(span.Number)*piece.SpanBlocks+at)
		if len(n.asked[b]) > 0 {
			s.fails(fmt.Sprintf("node %d: span %v is stored while block %v is still expected", n.num, span, b))
		}
	}
}

// blames checks that nobody is accused who has done nothing.
func (n *node) blames(e *end, why error) {
	if n.role != nil {
		return // who knows what it has said itself
	}
	var rule *session.Violation
	if accused := e.other.node; accused.good() && (errors.As(why, &rule) || errors.Is(why, swarm.ErrBanned)) {
		n.s.fails(fmt.Sprintf("node %d accuses node %d: %v", n.num, accused.num, why))
	}
}
