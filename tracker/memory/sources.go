package memory

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
)

// sources estimates how many peers the store holds from each network: a /24 of
// IPv4, a /56 of IPv6, which is what one customer may have. It is a count-min
// sketch of a fixed size, for a table of networks could itself be blown up. Every
// peer is counted in one cell of either row, and taken out again when it leaves; the
// lower of two cells is the estimate. It is never too low, and too high only where both
// cells are shared with somebody large; the hash is keyed, so nobody can seek that out.
type sources struct {
	rows [2][]atomic.Int32
	mask uint64
	most float64 // peers that the whole budget holds, at the price of swarms of one
	pool *pool
}

const (
	network4 = 3 // bytes: a /24
	network6 = 7 // bytes: a /56

	// peerPrice is about what a peer costs that is alone in its swarm, in bytes.
	peerPrice = 100
	// A network may hold one 64th of the store when the quotas begin to apply, at
	// three quarters of the budget, and one 1024th when there is nothing left. So one
	// source never gets far above the three quarters, while those behind
	// one address of a large provider (thousands of peers in a store of millions) fit in.
	looseShare  = 1.0 / 64
	strictShare = 1.0 / 1024
)

func newSources(p *pool) *sources {
	// 8 bytes for every 2 KiB of the budget: one 256th of it.
	cells := 1 << (bits.Len64(uint64(p.max/2048)) - 1)
	cells = min(max(cells, 1<<9), 1<<20)
	s := &sources{mask: uint64(cells - 1), most: float64(p.max) / peerPrice, pool: p}
	for i := range s.rows {
		s.rows[i] = make([]atomic.Int32, cells)
	}
	return s
}

// size returns the memory of s in bytes.
func (s *sources) size() int64 { return int64(len(s.rows[0])) * 8 }

func (s *sources) cells(key []byte) (a, b *atomic.Int32) {
	n := network4
	if len(key) > 6 {
		n = network6
	}
	h := maphash.Bytes(hashSeed, key[:n])
	return &s.rows[0][h&s.mask], &s.rows[1][h>>32&s.mask]
}

// add counts n peers more from the network of key, a compact peer.
func (s *sources) add(key []byte, n int32) {
	if isLocal(key) {
		return
	}
	a, b := s.cells(key)
	a.Add(n)
	b.Add(n)
}

// exceeded reports whether the network of key has had its share.
func (s *sources) exceeded(key []byte) bool {
	pressure := float64(s.pool.used.Load())/float64(s.pool.max)*4 - 3 // 0 to 1 over the last quarter
	if pressure < 0 || isLocal(key) {
		return false
	}
	a, b := s.cells(key)
	share := looseShare - (looseShare-strictShare)*min(pressure, 1)
	return float64(min(a.Load(), b.Load())) >= max(s.most*share, 1)
}
