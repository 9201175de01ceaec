package link

import (
	"sync"

	"p2p/piece"
)

// keptPayloads is how many buffers wait for the next writer. More are for the garbage
// collector: a burst of many peers should not be remembered for ever.
const keptPayloads = 4

// Payloads is the memory of blocks on their way out, for all connections of a
// process: a number of buffers, each for as many blocks as one write takes. A writer that gets
// none sends block by block from a small buffer of its own, so that peers that take but do
// not read hold no more than that each. Any goroutine may use it; a nil *Payloads has no bound.
type Payloads struct {
	mu   sync.Mutex
	left int
	free [][]byte
}

// NewPayloads returns memory of so many bytes, or of a few buffers if that is more.
func NewPayloads(bytes int64) *Payloads {
	return &Payloads{left: int(max(bytes/piece.SpanSize, keptPayloads))}
}

// borrow returns a buffer for a whole write, or nil when all are lent.
func (p *Payloads) borrow() []byte {
	if p == nil {
		return make([]byte, piece.SpanSize)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left == 0 {
		return nil
	}
	p.left--
	if n := len(p.free); n > 0 {
		b := p.free[n-1]
		p.free = p.free[:n-1]
		return b
	}
	return make([]byte, piece.SpanSize)
}

// giveBack takes a buffer of borrow back.
func (p *Payloads) giveBack(b []byte) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left++
	if len(p.free) < keptPayloads {
		p.free = append(p.free, b)
	}
}
