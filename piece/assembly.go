package piece

// PeerKey is the number that a swarm gives to a connection. It is never used
// again in the life of the swarm; 0 is nobody.
type PeerKey uint32

// maxAskers is how many peers may be asked for the same block at once. More
// than one are asked only in end game, or when the others have let it lie.
const maxAskers = 3

// blockState is one block of a piece on its way. It is free when it has not
// arrived and nobody is asked for it.
type blockState struct {
	askers [maxAskers]PeerKey // first come first, 0 behind the last
	from   PeerKey            // who sent it; 0 while it has not arrived
	late   uint8              // bit n: askers[n] is overdue
}

func (b *blockState) arrived() bool { return b.from != 0 }
func (b *blockState) free() bool    { return b.from == 0 && b.askers[0] == 0 }

// asked returns how many peers are asked.
func (b *blockState) asked() int {
	n := 0
	for n < maxAskers && b.askers[n] != 0 {
		n++
	}
	return n
}

// overdue reports whether somebody is asked, all who are asked are overdue, and
// there is room for one more.
func (b *blockState) overdue() bool {
	n := b.asked()
	return n > 0 && n < maxAskers && b.late == 1<<n-1
}

// find returns which of the askers p is, or -1.
func (b *blockState) find(p PeerKey) int {
	for n, a := range b.askers {
		if a == p && a != 0 {
			return n
		}
	}
	return -1
}

// drop removes asker n.
func (b *blockState) drop(n int) {
	copy(b.askers[n:], b.askers[n+1:])
	b.askers[maxAskers-1] = 0
	below := uint8(1)<<n - 1
	b.late = b.late&below | b.late>>1&^below
}

// Assembly is one piece on its way: which of its blocks are asked of whom,
// which have arrived and from whom. It belongs to a Queue.
type Assembly struct {
	index  Index
	blocks []blockState
	spans  []spanUse
	first  int     // no block before this one is free
	drew   PeerKey // who began it, or took it up when it was abandoned, and goes on with it
	sole   PeerKey // on parole: the only one who may be asked now; 0 = anybody may begin
	parole bool    // the piece failed before; see Queue.Verified

	// What follows is counted from blocks and spans, by tally.
	left  int // blocks that have not arrived
	free  int // blocks that nobody is asked for
	loose int // those of them whose memory is reserved
	asked int // requests that are out, over all blocks
	few   int // blocks that somebody is asked for, and that more may be
	late  int // those of them that are overdue

	at [listings]int32 // position in the lists of the Queue, -1 when it is not there
}

// spanUse is the state of one span of an Assembly.
type spanUse struct {
	reserved bool
	left     uint8 // blocks that have not arrived
}

func (a *Assembly) reset(l Layout, i Index) {
	n := l.Blocks(i)
	*a = Assembly{
		index: i, left: n, free: n,
		blocks: resized(a.blocks, n), spans: resized(a.spans, l.Spans(i)),
	}
	for s := range a.spans {
		a.spans[s].left = uint8(min(SpanBlocks, n-s*SpanBlocks))
	}
	for l := range a.at {
		a.at[l] = -1
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

// tally adds sign times what block n stands for to the counters. It is called
// before a block changes with -1, and afterwards with 1.
func (a *Assembly) tally(n, sign int) {
	b, s := &a.blocks[n], &a.spans[n/SpanBlocks]
	if b.arrived() {
		return
	}
	a.left += sign
	s.left += uint8(sign)
	asked := b.asked()
	a.asked += sign * asked
	if asked == 0 {
		a.free += sign
		if s.reserved {
			a.loose += sign
		}
	}
	if asked > 0 && asked < maxAskers {
		a.few += sign
	}
	if b.overdue() {
		a.late += sign
	}
}

// admits reports whether p may be asked for blocks of a: anybody, but on parole
// only the one who is tried.
func (a *Assembly) admits(p PeerKey) bool { return a.sole == 0 || a.sole == p }

// span returns the numbers of the first block of span s and of the first block
// behind it.
func (a *Assembly) span(s int) (from, to int) {
	return s * SpanBlocks, min((s+1)*SpanBlocks, len(a.blocks))
}

// asks reports whether p is asked for something in a.
func (a *Assembly) asks(p PeerKey) bool {
	for n := range a.blocks {
		if a.blocks[n].find(p) >= 0 {
			return true
		}
	}
	return false
}

// idle reports whether nobody is asked for anything in span s.
func (a *Assembly) idle(s int) bool {
	from, to := a.span(s)
	for n := from; n < to; n++ {
		if a.blocks[n].askers[0] != 0 {
			return false
		}
	}
	return true
}

// senders appends to dst who sent each block, in order.
func (a *Assembly) senders(dst []PeerKey) []PeerKey {
	for i := range a.blocks {
		dst = append(dst, a.blocks[i].from)
	}
	return dst
}
