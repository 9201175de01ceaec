package swarm

import (
	"sync/atomic"

	"p2p/peer/link"
	"p2p/piece"
	"p2p/piece/store"
)

// landing is the memory that blocks arrive in: one chunk for each span that is
// asked for. It belongs to the Loop; the readers of the connections write into
// the chunks, each into the places that the Loop gave it.
type landing struct {
	layout piece.Layout
	memory *store.Memory
	chunks map[piece.Span]*chunk
	spare  []*chunk
}

// chunk is the memory of one span.
type chunk struct {
	buf    []byte
	states [piece.SpanBlocks]atomic.Uint32
}

func newLanding(l piece.Layout, m *store.Memory) *landing {
	return &landing{layout: l, memory: m, chunks: make(map[piece.Span]*chunk)}
}

// place returns where block b is to be put. The queue has reserved the memory
// of its span.
func (a *landing) place(b piece.Block) link.Place {
	s := b.Span()
	c := a.chunks[s]
	if c == nil {
		c = a.begin(s)
	}
	at := int(b.Begin) - s.Begin()
	return link.Place{Dst: c.buf[at : at+int(b.Length)], State: &c.states[at/piece.BlockSize]}
}

func (a *landing) begin(s piece.Span) *chunk {
	var c *chunk
	if last := len(a.spare) - 1; last >= 0 {
		c, a.spare = a.spare[last], a.spare[:last]
	} else {
		c = &chunk{}
	}
	for i := range c.states {
		c.states[i].Store(0)
	}
	c.buf = a.memory.Take(a.layout.SpanLen(s))
	a.chunks[s] = c
	return c
}

// complete takes out the buffer of a span, all blocks of which have landed and
// which no reader has a place in any more.
func (a *landing) complete(s piece.Span) []byte {
	c := a.chunks[s]
	delete(a.chunks, s)
	buf := c.buf
	c.buf = nil
	a.spare = append(a.spare, c)
	return buf
}

// release gives back the memory of an incomplete span that no connection expects
// a block of any more. It reports false when a block is just being put there, or
// lies there and the Loop has not heard of it yet: that one would count for
// whoever gets the memory next. arrived tells what the Loop has heard of.
func (a *landing) release(s piece.Span, arrived func(piece.Block) bool) bool {
	c := a.chunks[s]
	if c == nil {
		return false
	}
	first := int(s.Number) * piece.SpanBlocks
	for n := 0; n*piece.BlockSize < len(c.buf); n++ {
		if c.states[n].Load() != 0 && !arrived(a.layout.Block(s.Piece, first+n)) {
			return false
		}
	}
	a.memory.Give(a.complete(s))
	return true
}

// drop gives all memory back. No reader may be left.
func (a *landing) drop() {
	for s, c := range a.chunks {
		a.memory.Give(c.buf)
		delete(a.chunks, s)
	}
}
