package memory

// indexed is the size from which on a table has an index; up to there, the bytes
// of the hashes in its leaves are searched, which takes some ten nanoseconds per leaf.
const indexed = 1024

// big is the memory of a table that has outgrown the blocks.
type big struct {
	owner  int      // the position of its swarm
	leaves []pageNo // all full but for the last
	index  index    // empty up to indexed peers
}

// newBig returns the number of a new big table with room for one leaf.
func (sh *shard) newBig(owner int) (i int, ok bool) {
	if !sh.pool.reserve(bigCost) {
		return 0, false
	}
	no, ok := sh.pool.take()
	if !ok {
		sh.pool.charge(-bigCost)
		return 0, false
	}
	sh.bigs = append(sh.bigs, &big{owner: owner, leaves: []pageNo{no}, index: index{pool: sh.pool}})
	return len(sh.bigs) - 1, true
}

// freeBig gives a big table back; the last one takes its number.
func (sh *shard) freeBig(i int) {
	b := sh.bigs[i]
	b.index.release()
	for _, no := range b.leaves {
		sh.pool.give(no)
	}
	sh.pool.charge(-bigCost)
	last := len(sh.bigs) - 1
	if i != last {
		moved := sh.bigs[last]
		sh.bigs[i] = moved
		sw := sh.swarms.at(moved.owner)
		if sw.v4.ref == makeBigRef(last) {
			sw.v4.ref = makeBigRef(i)
		} else {
			sw.v6.ref = makeBigRef(i)
		}
	}
	sh.bigs[last] = nil
	sh.bigs = sh.bigs[:last]
}

// reserve makes room for a peer with hash h in v, which is big.
func (v *view) reserveBig(h uint64) bool {
	b, n := v.big, int(v.t.n)
	if n == len(b.leaves)*v.room {
		no, ok := v.sh.pool.take()
		if !ok {
			return false
		}
		b.leaves = append(b.leaves, no)
	}
	if n < indexed {
		return true
	}
	if len(b.index.dir) == 0 && !v.buildIndex() {
		return false
	}
	return b.index.reserve(h, v.hashAt)
}

// buildIndex is done once, when a table comes to the size from which on it has one.
func (v *view) buildIndex() bool {
	x := &v.big.index
	for pos := range int(v.t.n) {
		h := v.hashAt(pos)
		if !x.reserve(h, v.hashAt) {
			x.release()
			return false
		}
		x.insert(h, pos)
	}
	return true
}

// trimBig gives back what a big table does not need any more.
func (v *view) trimBig() {
	b, n := v.big, int(v.t.n)
	if n <= capacities[v.family][classes-1]*3/4 && v.move(classes-1) {
		return
	}
	for spare := len(b.leaves) - 1; spare > 0 && n <= spare*v.room-v.room/2; spare-- {
		v.sh.pool.give(b.leaves[spare])
		b.leaves = b.leaves[:spare]
	}
	if n < indexed/2 && len(b.index.dir) > 0 {
		b.index.release()
	}
}
