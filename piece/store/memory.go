package store

import (
	"math/bits"
	"sync"

	"p2p/piece"
)

// DefaultMemory is the budget of Memory when nobody says otherwise: 24 MiB on
// their way fill a line of 240 MB/s over 100 ms.
const DefaultMemory = 24 << 20

// Memory is the budget of blocks on their way, for the whole process, and the
// pool of the buffers they lie in. Any goroutine may use it.
//
// Buffers come in sizes that are powers of two from one block to one span, so
// that a torrent of small pieces does not take a span for each.
type Memory struct {
	mu    sync.Mutex
	limit int
	used  int // bytes reserved
	peak  int
	free  [sizes][][]byte
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
	return &Memory{limit: max(int(limit), 4*piece.SpanSize)}
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
	if last := len(m.free[c]) - 1; last >= 0 {
		b := m.free[c][last]
		m.free[c] = m.free[c][:last]
		return b[:n]
	}
	return make([]byte, n, piece.BlockSize<<c)
}

// Give takes back a buffer that came from Take, and its reservation.
func (m *Memory) Give(b []byte) {
	c := class(cap(b))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free[c] = append(m.free[c], b[:0])
	m.used -= cap(b)
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
