package memory

import (
	"bytes"
	"hash/maphash"

	"p2p/tracker/wire"
)

// table is the part of a swarm's record that is about the peers of one family.
// Positions below leeches are leeches, the others seeds; they change with every
// removal.
type table struct {
	ref     ref
	n       uint32
	leeches uint32
	// oldest is no later than the last announce of any of the peers, so that
	// expiry need not look at all of them.
	oldest uint32
}

func (t *table) seeds() int { return int(t.n - t.leeches) }

func (t *table) isSeed(pos int) bool { return pos >= int(t.leeches) }

// view is a table together with its memory. It is void as soon as a block of the
// shard has been given back, other than by the view itself.
type view struct {
	t      *table
	sh     *shard
	big    *big
	leaf   []byte // the only one, unless big
	room   int    // peers per leaf
	owner  int    // the position of the swarm
	family wire.Family
}

// view returns the table of family f of the swarm at a position.
func (sh *shard) view(swarm int, f wire.Family) view {
	var v view
	v.open(sh, swarm, f)
	return v
}

func (v *view) open(sh *shard, swarm int, f wire.Family) {
	v.t, v.sh, v.owner, v.family = sh.swarms.at(swarm).table(f), sh, swarm, f
	v.resolve()
}

func (v *view) resolve() {
	v.big, v.leaf, v.room = nil, nil, 0
	switch r := v.t.ref; {
	case r == noRef:
	case r.isBig():
		v.big, v.room = v.sh.bigs[r.number()], leafCapacity(v.family)
	default:
		v.leaf = v.sh.block(r.class(), r.number())[blockHeader:]
		v.room = capacities[v.family][r.class()]
	}
}

// place returns the leaf of a position and the place in it.
func (v *view) place(pos int) (leaf []byte, i int) {
	switch {
	case v.big == nil:
		return v.leaf, pos
	case v.family == wire.IPv4:
		return v.sh.pool.page(v.big.leaves[uint(pos)/leaf4])[:], int(uint(pos) % leaf4)
	default:
		return v.sh.pool.page(v.big.leaves[uint(pos)/leaf6])[:], int(uint(pos) % leaf6)
	}
}

func (v *view) record(pos int) record {
	leaf, i := v.place(pos)
	if v.family == wire.IPv4 {
		return record(leaf[v.room+i*record4:][:record4])
	}
	return record(leaf[v.room+i*record6:][:record6])
}

// copyTo copies the peer at a position to another position of w.
func (v *view) copyTo(pos int, w *view, to int) {
	fromLeaf, i := v.place(pos)
	toLeaf, j := w.place(to)
	toLeaf[j] = fromLeaf[i]
	copy(w.record(to), v.record(pos))
}

// hashSeed keys all hashes: clients choose info-hashes, ports and often their
// IPv6 addresses, and must not be able to choose where they collide.
var hashSeed = maphash.MakeSeed()

// hashAt returns the hash of the peer at a position.
func (v *view) hashAt(pos int) uint64 { return v.sh.rule.hash(v.record(pos).key()) }

// fingerprint is the byte of a hash that stands in the leaf.
func fingerprint(h uint64) byte { return byte(h >> 16) }

// kin is what a search has learned about the peers of the address that it was for.
type kin struct {
	n       int
	stalest int // the position of the one that has been silent for longest
	seen    uint32
}

// find returns the position of p, or -1 and its kin.
func (v *view) find(p *peer) (int, kin) {
	var k kin
	if v.big != nil && len(v.big.index.dir) > 0 {
		for probe := v.big.index.probe(p.hash); ; {
			pos, ok := probe.next()
			if !ok {
				return -1, k
			}
			if v.compare(pos, p, &k) {
				return pos, k
			}
		}
	}
	for first, n := 0, int(v.t.n); first < n; first += v.room {
		leaf, _ := v.place(first)
		marks := leaf[:min(v.room, n-first)]
		for i := 0; ; i++ {
			next := bytes.IndexByte(marks[i:], fingerprint(p.hash))
			if next < 0 {
				break
			}
			if i += next; v.compare(first+i, p, &k) {
				return first + i, k
			}
		}
	}
	return -1, k
}

// compare reports whether p is at pos, or adds to k if it is kin of p.
func (v *view) compare(pos int, p *peer, k *kin) bool {
	r := v.record(pos)
	if p.is(r) {
		return true
	}
	if p.group < len(p.key) && string(r[:p.group]) == string(p.key[:p.group]) {
		if seen := r.seen(); k.n == 0 || seen < k.seen {
			k.stalest, k.seen = pos, seen
		}
		k.n++
	}
	return false
}

// reserve makes room for p, and returns false when the budget does not allow it.
func (v *view) reserve(p *peer) bool {
	n := int(v.t.n)
	switch {
	case n >= maxIndexed:
		return false
	case v.big != nil:
		return v.reserveBig(p.hash)
	case n < v.room:
		return true
	}
	if class, ok := classFor(v.family, n+1); ok {
		return v.move(class)
	}
	return v.moveToBig()
}

// move moves the table to a block of a class, and returns false when the budget
// does not allow it.
func (v *view) move(class int) bool {
	i, ok := v.sh.newBlock(class, v.owner)
	if !ok {
		return false
	}
	v.moveTo(makeRef(class, i))
	return true
}

func (v *view) moveToBig() bool {
	i, ok := v.sh.newBig(v.owner)
	if !ok {
		return false
	}
	v.moveTo(makeBigRef(i))
	return true
}

// moveTo copies the peers to new memory and frees the old.
func (v *view) moveTo(r ref) {
	old, oldRef := *v, v.t.ref
	v.t.ref = r
	v.resolve()
	for pos := range int(v.t.n) {
		old.copyTo(pos, v, pos)
	}
	v.sh.free(oldRef)
}

func (sh *shard) free(r ref) {
	switch {
	case r == noRef:
	case r.isBig():
		sh.freeBig(r.number())
	default:
		sh.freeBlock(r.class(), r.number())
	}
}

// trim gives back what the table does not need any more; all views are void then.
func (v *view) trim() {
	n := int(v.t.n)
	switch {
	case v.t.ref == noRef:
	case n == 0:
		v.sh.free(v.t.ref)
		*v.t = table{}
	case v.big != nil:
		v.trimBig()
	default:
		if class := v.t.ref.class(); class > 1 && n <= capacities[v.family][class-2] {
			v.move(class - 1)
		}
	}
}

// add puts a peer for which there is room into the table and returns its
// position. The tail of its record may be anything.
func (v *view) add(p *peer) int {
	at := int(v.t.n)
	v.t.n++
	if !p.seed {
		if border := int(v.t.leeches); border < at {
			v.shift(border, at)
			at = border
		}
		v.t.leeches++
	}
	leaf, i := v.place(at)
	leaf[i] = fingerprint(p.hash)
	copy(v.record(at), p.key)
	if v.isIndexed() {
		v.big.index.insert(p.hash, at)
	}
	if at == 0 && v.t.n == 1 || p.seen < v.t.oldest {
		v.t.oldest = p.seen
	}
	return at
}

func (v *view) isIndexed() bool { return v.big != nil && len(v.big.index.dir) > 0 }

// shift moves the peer at a position to one that nobody stands at.
func (v *view) shift(from, to int) {
	if from == to {
		return
	}
	if v.isIndexed() {
		v.big.index.move(v.hashAt(from), from, to)
	}
	v.copyTo(from, v, to)
}

// setSeed moves the peer at pos to where its role belongs and returns its new
// position.
func (v *view) setSeed(pos int, seed bool) int {
	if seed == v.t.isSeed(pos) {
		return pos
	}
	if seed {
		v.t.leeches--
	}
	border := int(v.t.leeches)
	v.swap(pos, border)
	if !seed {
		v.t.leeches++
	}
	return border
}

// swap exchanges two peers.
func (v *view) swap(a, b int) {
	if a == b {
		return
	}
	if v.isIndexed() {
		v.big.index.exchange(v.hashAt(a), a, v.hashAt(b), b)
	}
	leafA, i := v.place(a)
	leafB, j := v.place(b)
	leafA[i], leafB[j] = leafB[j], leafA[i]
	var spare [record6]byte
	n := copy(spare[:], v.record(a))
	copy(v.record(a), v.record(b))
	copy(v.record(b), spare[:n])
}

// remove takes the peer at pos out. Its memory is given back by trim.
func (v *view) remove(pos int) {
	if v.isIndexed() {
		v.big.index.remove(v.hashAt(pos), pos)
	}
	if !v.t.isSeed(pos) {
		v.t.leeches--
		v.shift(int(v.t.leeches), pos)
		pos = int(v.t.leeches)
	}
	v.t.n--
	v.shift(int(v.t.n), pos)
}
