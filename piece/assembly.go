package piece

// PeerKey is the number that a swarm gives to a connection. It is never used
// again in the life of the swarm; 0 is nobody.
type PeerKey uint32

// maxAskers is how many peers may be asked for the same block at once. More
// than one are asked only in end game, or when the first has let it lie.
const maxAskers = 3

// blockState is one block of a piece on its way. It is free when it has not
// arrived and nobody is asked for it.
type blockState struct {
	askers  [maxAskers]PeerKey // first come first, 0 behind the last
	from    PeerKey            // who sent it; 0 while it has not arrived
	doubted bool               // an asker is overdue: somebody else may be asked too
}

func (b *blockState) arrived() bool { return b.from != 0 }
func (b *blockState) free() bool    { return b.from == 0 && b.askers[0] == 0 }

func (b *blockState) asks(p PeerKey) bool {
	for _, a := range b.askers {
		if a == p {
			return true
		}
	}
	return false
}

// drop removes p from the askers and reports whether it was one.
func (b *blockState) drop(p PeerKey) bool {
	for i, a := range b.askers {
		if a == p && a != 0 {
			copy(b.askers[i:], b.askers[i+1:])
			b.askers[maxAskers-1] = 0
			return true
		}
	}
	return false
}

// Assembly is one piece on its way: which of its blocks are asked of whom,
// which have arrived and from whom. It belongs to a Queue.
type Assembly struct {
	index  Index
	blocks []blockState
	free   int       // blocks that nobody is asked for
	left   int       // blocks that have not arrived
	first  int       // no block before this one is free
	asked  int       // requests that are out, over all blocks
	spans  []spanUse // memory, by span
	drew   PeerKey   // who drew from it last and may go on
	sole   PeerKey   // on parole: the only one who may be asked
	parole bool      // the piece failed before; see Queue.Verified
	listed int       // position in Queue.open, -1 when it has no free block
}

// spanUse is the state of one span of an Assembly.
type spanUse struct {
	reserved bool
	left     uint8 // blocks that have not arrived
}

func (a *Assembly) reset(l Layout, i Index) {
	n := l.Blocks(i)
	a.index, a.free, a.left, a.first, a.asked = i, n, n, 0, 0
	a.drew, a.sole, a.parole, a.listed = 0, 0, false, -1
	a.blocks = resized(a.blocks, n)
	a.spans = resized(a.spans, l.Spans(i))
	for s := range a.spans {
		a.spans[s].left = uint8(min(SpanBlocks, n-s*SpanBlocks))
	}
}

// resized returns a zeroed slice of length n, in the memory of s where it fits.
func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// senders appends to dst who sent each block, in order.
func (a *Assembly) senders(dst []PeerKey) []PeerKey {
	for i := range a.blocks {
		dst = append(dst, a.blocks[i].from)
	}
	return dst
}
