package memory

import "encoding/binary"

// A small table lies in one block: a few bytes that say whose it is, then a leaf.
// The blocks of one size of a shard lie side by side in pages. Where one is
// given back, the last one moves into the gap: there are no holes, so no
// history of announces can leave pages that are nearly empty.

// blockSizes are chosen for IPv4 peers, 15 bytes each: 1, 2, 4, 8, 16, 26, 45,
// 67, 90 and 136 of them.
var blockSizes = [...]int{20, 36, 64, 124, 244, 408, 680, 1020, 1364, 2048}

const (
	classes     = len(blockSizes)
	blockHeader = 4 // the position of the swarm whose table it is
)

// blocks is all blocks of one size of a shard.
type blocks struct {
	pages []pageNo
	n     int
}

// block returns the i-th block of a class.
func (sh *shard) block(class, i int) []byte {
	size := blockSizes[class]
	per := pageSize / size
	return sh.pool.page(sh.blocks[class].pages[i/per])[i%per*size:][:size]
}

// newBlock returns the number of a new block; ok is false when the budget does not
// allow it. Its bytes may be anything.
func (sh *shard) newBlock(class, owner int) (i int, ok bool) {
	b := &sh.blocks[class]
	if b.n == len(b.pages)*(pageSize/blockSizes[class]) {
		no, ok := sh.pool.take()
		if !ok {
			return 0, false
		}
		b.pages = append(b.pages, no)
	}
	i = b.n
	b.n++
	setOwner(sh.block(class, i), owner)
	return i, true
}

// freeBlock gives a block back. The last one of its class takes its place, so
// every view of another table is void after it.
func (sh *shard) freeBlock(class, i int) {
	b := &sh.blocks[class]
	last := b.n - 1
	if i != last {
		moved := sh.block(class, i)
		copy(moved, sh.block(class, last))
		sw := sh.swarms.at(owner(moved))
		if from := makeRef(class, last); sw.v4.ref == from {
			sw.v4.ref = makeRef(class, i)
		} else {
			sw.v6.ref = makeRef(class, i)
		}
	}
	b.n = last
	// Half a page is kept, lest one peer that comes and goes costs a page each time.
	per := pageSize / blockSizes[class]
	if spare := len(b.pages) - 1; b.n == 0 || b.n <= spare*per-per/2 {
		sh.pool.give(b.pages[spare])
		b.pages = b.pages[:spare]
	}
}

func owner(block []byte) int { return int(binary.LittleEndian.Uint32(block)) }

func setOwner(block []byte, swarm int) { binary.LittleEndian.PutUint32(block, uint32(swarm)) }

// ref says where the records of a table are: 4 bits of kind, 28 bits of number.
type ref uint32

const noRef ref = 0 // no memory yet

const (
	bigKind = 15 // a big table; kinds from 1 on are classes of blocks, + 1
	refBits = 28
)

func makeRef(class, i int) ref { return ref(class+1)<<refBits | ref(i) }

func makeBigRef(i int) ref { return bigKind<<refBits | ref(i) }

func (r ref) isBig() bool { return r>>refBits == bigKind }
func (r ref) class() int  { return int(r>>refBits) - 1 }
func (r ref) number() int { return int(r & (1<<refBits - 1)) }
