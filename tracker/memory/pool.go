package memory

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"
)

// pageSize is the unit in which all memory is given out that grows with the
// number of peers.
const pageSize = 4096

// page is memory for peers: one leaf of a big table, or blocks of one class. A
// page for swarms or a segment of an index is the same under another type.
type page [pageSize]byte

// pageNo names a page of a pool. It is a number and no pointer, so the garbage
// collector has nothing to follow but the chunks, and marks ten million peers in
// a millisecond; what it asked of announces meanwhile would be milliseconds else.
type pageNo uint32

// chunk is the unit in which a pool takes memory from Go. No chunk is ever looked
// into by the collector.
type chunk [chunkPages]page

const (
	chunkPages = 64
	allFree    = 1<<chunkPages - 1
	// chunkCost is charged for a chunk: its pages, and for each of them its
	// places in the lists and directories that lead to it, which grow by doubling.
	chunkCost = chunkPages * (pageSize + 48)
	bigCost   = 256 // is charged for a big table, besides its pages
)

// The least budget, and the one for Options without any.
const (
	leastMemory   = 16 << 20
	defaultMemory = 256 << 20
)

// What a process needs beside the store and beside what the collector needs for
// the store: the program itself, stacks, sockets' buffers. Of that, outside is
// what the collector does not know of.
const (
	process = 32 << 20
	outside = 16 << 20
)

// Budget returns how much of the memory that a whole process may take, limit, is for
// Options.MaxMemory, in bytes: three quarters of what is left after 32 MiB for
// the program itself. The last quarter is for the garbage of the rest of the
// program, which only CollectorLimit keeps from becoming as much as the store.
func Budget(limit int64) int64 { return max((limit-process)/4*3, leastMemory) }

// CollectorLimit returns what debug.SetMemoryLimit is given in a process that may
// take limit bytes: 16 MiB less. Near to it the collector runs often, which costs
// little, for there is next to nothing to follow.
func CollectorLimit(limit int64) int64 { return max(limit-outside, process) }

// pool gives out pages within a budget. Its methods may be called by any
// goroutine; the pages belong to who has taken them.
type pool struct {
	max int64 // immutable
	// chunks has a place for each chunk that the budget allows, so it never moves.
	// A place changes only while nobody has a page of it.
	chunks []*chunk

	mu    sync.Mutex
	free  []uint64 // by place: a bit for each page that nobody has
	top   int      // no place from here on was ever used
	low   int      // no place below has a free page
	gone  []int32  // the places below top without a chunk
	empty int      // chunks of which all pages are free

	// taken is what is charged to the budget: all chunks, and what has another
	// form than pages. used is the part of it that is in use; pressure is
	// measured by it.
	taken, used atomic.Int64
}

func newPool(max int64) *pool {
	n := max/chunkCost + 1
	p := &pool{max: max, chunks: make([]*chunk, n), free: make([]uint64, n), gone: make([]int32, 0, n)}
	p.charge(n * (8 + 8 + 4))
	return p
}

// charge charges n bytes that are no pages and have been taken, or, below zero, given back.
func (p *pool) charge(n int64) {
	p.taken.Add(n)
	p.used.Add(n)
}

// reserve charges n bytes that are no pages, or nothing and returns false when
// they are too many.
func (p *pool) reserve(n int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken.Load()+n > p.max {
		return false
	}
	p.charge(n)
	return true
}

// take returns a page, whose bytes may be anything; ok is false when the budget
// does not allow another. It is the lowest that is free, so that chunks
// become empty in times of few peers.
func (p *pool) take() (no pageNo, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.low < p.top && p.free[p.low] == 0 {
		p.low++
	}
	if p.low == p.top && !p.grow() {
		return 0, false
	}
	i := p.low
	if p.free[i] == allFree {
		p.empty--
	}
	bit := bits.TrailingZeros64(p.free[i])
	p.free[i] &^= 1 << bit
	p.used.Add(chunkCost / chunkPages)
	return pageNo(i*chunkPages + bit), true
}

// grow adds a chunk, if the budget allows it, and points low to it.
func (p *pool) grow() bool {
	if p.taken.Load()+chunkCost > p.max {
		return false
	}
	p.taken.Add(chunkCost)
	i := p.top
	if n := len(p.gone); n > 0 {
		i = int(p.gone[n-1])
		p.gone = p.gone[:n-1]
	} else {
		p.top++
	}
	p.chunks[i], p.free[i], p.low = new(chunk), allFree, i
	p.empty++
	return true
}

// give takes a page back. A chunk is given back to Go when all of it is free, but
// for one, lest a single page costs a chunk each time.
func (p *pool) give(no pageNo) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := int(no / chunkPages)
	p.free[i] |= 1 << (no % chunkPages)
	p.low = min(p.low, i)
	p.used.Add(-chunkCost / chunkPages)
	if p.free[i] != allFree {
		return
	}
	if p.empty++; p.empty == 1 {
		return
	}
	p.empty--
	p.chunks[i], p.free[i] = nil, 0
	p.gone = append(p.gone, int32(i))
	p.taken.Add(-chunkCost)
}

// page returns the bytes of a page that has been taken.
func (p *pool) page(no pageNo) *page { return &p.chunks[no/chunkPages][no%chunkPages] }

// swarms returns a page as one for swarms, and segment as one for an index. Both
// types are without pointers and fit into a page, which lies at a multiple of its size.
func (p *pool) swarms(no pageNo) *[swarmsPerPage]swarm {
	return (*[swarmsPerPage]swarm)(unsafe.Pointer(p.page(no)))
}

func (p *pool) segment(no pageNo) *segment { return (*segment)(unsafe.Pointer(p.page(no))) }

// They fit; otherwise these are negative, which does not compile.
const (
	_ = uint(pageSize - unsafe.Sizeof([swarmsPerPage]swarm{}))
	_ = uint(pageSize - unsafe.Sizeof(segment{}))
)

// pressed reports whether the quotas of sources apply: three quarters are in use.
func (p *pool) pressed() bool { return p.used.Load() > p.max/4*3 }

// tight reports whether swarms of one peer must go: little is left, which is for
// the growth of swarms that serve somebody.
func (p *pool) tight() bool { return p.used.Load() > p.max/16*15 }
