package session

import (
	"slices"

	"p2p/piece"
)

// Spread remembers to whom each piece was sent first, for all connections of a
// torrent. What nobody was sent before goes out before what somebody was: the
// swarm makes copies of its own of what one of it has, and the line of the only
// seed is too dear to send anything twice (the purpose of super-seeding, BEP 16,
// without its price: nobody is told less than the truth about what we have, and
// who wants a piece still gets it). It belongs to the goroutine that owns the
// queue.
type Spread struct {
	pieces int
	first  []piece.PeerKey // by piece; nil until something is sent
}

// NewSpread returns the Spread of a torrent of so many pieces, of which none was
// sent.
func NewSpread(pieces int) *Spread { return &Spread{pieces: pieces} }

// take reports whether piece i goes to p first, and notes it if nobody was sent
// any of it yet.
func (s *Spread) take(p piece.PeerKey, i piece.Index) bool {
	if s.first == nil {
		s.first = make([]piece.PeerKey, s.pieces)
	}
	first := &s.first[i.Int()]
	if *first == 0 {
		*first = p
	}
	return *first == p
}

// Left says that p has gone, perhaps with pieces that it had not got whole or
// that it passed on to nobody.
func (s *Spread) Left(p piece.PeerKey) {
	for i, first := range s.first {
		if first == p {
			s.first[i] = 0
		}
	}
}

// freshFirst moves up to n blocks to the front of those that wait for the
// writer: those of pieces that nobody else was sent before. Only a peer with the
// fast extension is answered out of order. BEP 6 promises it an answer to each
// request; without, a peer may take one that is passed over for lost.
func (c *Conn) freshFirst(n int) {
	if c.cfg.Spread == nil || !c.cfg.Fast {
		return
	}
	front := 0
	for at := 0; at < len(c.uploads) && front < n; at++ {
		b := c.uploads[at]
		if !c.cfg.Spread.take(c.cfg.Key, b.Piece) {
			continue
		}
		if at > front {
			c.uploads = slices.Insert(slices.Delete(c.uploads, at, at+1), front, b)
		}
		front++
	}
}
