package store

import (
	"math"
	"math/bits"
	"sync"

	"p2p/piece"
)

// DefaultMemory is the budget of Memory when nobody says otherwise: 20 MiB on
// their way fill a line of 200 MB/s over 100 ms, and leave a process whose program alone takes 25 MiB within 64 MB.
const DefaultMemory = 20 << 20

// Memory is the budget of blocks on their way, for the whole process, and the
// pool of the buffers they lie in. Any goroutine may use it.
//
// Buffers come in sizes that are powers of two from one block to one span, so
// that a torrent of small pieces does not take a span for each. What is taken
// and what lies in the pool are never more than the limit together; when nothing
// is reserved, the pool is empty.
type Memory struct {
	mu     sync.Mutex
	limit  int
	used   int // bytes reserved
	peak   int
	pooled int // bytes in free
	free   [sizes][][]byte
}

// sizes counts the powers of two from BlockSize to SpanSize.
var _ = [1]struct{}{}[piece.BlockSize<<(sizes-1)-piece.SpanSize]

const sizes = 5

// NewMemory returns a budget of limit bytes; 0 means DefaultMemory. It is never
// less than a few spans, without which nothing could move.
func NewMemory(limit int64) *Memory {
	if limit <= 0 {
		limit = DefaultMemory
	}
	return &Memory{limit: int(min(max(limit, 4*piece.SpanSize), math.MaxInt))}
}

// class returns which of the sizes holds n bytes.
func class(n int) int {
	blocks := (n + piece.BlockSize - 1) / piece.BlockSize
	return bits.Len(uint(max(blocks, 1) - 1))
}

// Reserve implements piece.Budget. What was reserved is taken with Take, and
// given back with Give or Cancel.
func (m *Memory) Reserve(n int) bool {
	size := piece.BlockSize << class(n)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used+size > m.limit {
		return false
	}
	m.used += size
	m.peak = max(m.peak, m.used)
	return true
}

// Take returns a buffer of n bytes that were reserved. Its contents are
// whatever was there before.
func (m *Memory) Take(n int) []byte {
	c := class(n)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.free[c]) > 0 {
		return m.pop(c)[:n]
	}
	m.shrink()
	return make([]byte, n, piece.BlockSize<<c)
}

// pop takes a buffer out of the pool.
func (m *Memory) pop(c int) []byte {
	last := len(m.free[c]) - 1
	b := m.free[c][last]
	m.free[c][last] = nil
	m.free[c] = m.free[c][:last]
	m.pooled -= cap(b)
	return b
}

// shrink lets go of pooled buffers, large ones first, until there is room for
// all that is reserved: a torrent of large pieces that follows one of small ones
// must not find the memory full of small buffers.
func (m *Memory) shrink() {
	for c := sizes - 1; c >= 0; c-- {
		for len(m.free[c]) > 0 && m.used+m.pooled > m.limit {
			m.pop(c)
		}
	}
}

// Give takes back a buffer that came from Take, and its reservation.
func (m *Memory) Give(b []byte) {
	c := class(cap(b))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= cap(b)
	if m.used == 0 {
		m.free, m.pooled = [sizes][][]byte{}, 0
		return
	}
	m.free[c] = append(m.free[c], b[:0])
	m.pooled += cap(b)
}

// Cancel takes back a reservation of n bytes that was never taken.
func (m *Memory) Cancel(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= piece.BlockSize << class(n)
}

// Used returns the bytes that are reserved now, and the most that ever were.
func (m *Memory) Used() (now, peak int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used, m.peak
}
