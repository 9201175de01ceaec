package piece

import "math/rand/v2"

// rarity keeps the missing pieces of a torrent sorted by how many connected
// peers have them, in random order among equals: the order that "rarest first"
// draws in. Peers that have everything do not change the order and are counted
// apart.
//
// The sorted slice falls into bands: band a holds the pieces that a peers have
// and is order[bound[a]:bound[a+1]]. A have message moves one piece to the next
// band, which takes two swaps. A whole bitfield changes so much that the order
// is given up and made again when it is next looked at: once, however many
// peers have come and gone by then.
type rarity struct {
	order []uint32
	bound [topBand + 2]int32
	pos   []int32  // where a piece stands in order; absent when it is not missing
	count []uint16 // how many peers have a piece, missing or not
	size  int      // missing pieces
	stale bool     // order, bound and the places in pos are to be made again
	rng   *rand.Rand
}

const (
	// topBand holds the pieces that so many peers have, or more: none of them
	// is rare. It bounds the work of taking a piece out of the order.
	topBand = 255
	// maxCount is where counting stops. Nobody has so many connections.
	maxCount = 1<<16 - 1
	// bulkShare is the share of the missing pieces at which a bitfield is
	// counted as a whole: one eighth, by measurement.
	bulkShare = 8

	absent = -1 // in pos
)

// newRarity returns the order of a torrent whose missing pieces are missing.
func newRarity(missing *Bitfield, rng *rand.Rand) *rarity {
	r := &rarity{
		order: make([]uint32, missing.Count()),
		pos:   make([]int32, missing.Len()),
		count: make([]uint16, missing.Len()),
		size:  missing.Count(),
		stale: true,
		rng:   rng,
	}
	for i := range r.pos {
		r.pos[i] = absent
	}
	for i := range missing.All() {
		r.pos[i.n] = 0
	}
	return r
}

// band returns the band that p belongs to.
func (r *rarity) band(p uint32) int { return min(int(r.count[p]), topBand) }

// put writes piece p at position at.
func (r *rarity) put(p uint32, at int32) {
	r.order[at] = p
	r.pos[p] = at
}

func (r *rarity) swap(a, b int32) {
	pa, pb := r.order[a], r.order[b]
	r.put(pa, b)
	r.put(pb, a)
}

// add puts p, which is not in the order, into its band at a random place.
func (r *rarity) add(p uint32) {
	r.size++
	r.pos[p] = 0
	if r.stale {
		return
	}
	a := r.band(p)
	r.order = append(r.order, 0)
	hole := int32(len(r.order) - 1)
	for b := topBand + 1; b > a+1; b-- { // each band above moves its first piece to its end
		first := r.bound[b-1]
		if first != hole {
			r.put(r.order[first], hole)
		}
		hole = first
		r.bound[b]++
	}
	r.bound[a+1]++
	r.put(p, hole)
	r.shuffle(a, hole)
}

// remove takes p out of the order.
func (r *rarity) remove(p uint32) {
	hole := r.pos[p]
	r.size--
	r.pos[p] = absent
	if r.stale {
		return
	}
	for b := r.band(p) + 1; b < len(r.bound); b++ { // each band from p's own up fills the hole with its last piece
		last := r.bound[b] - 1
		if last != hole {
			r.put(r.order[last], hole)
		}
		hole = last
		r.bound[b]--
	}
	r.order = r.order[:len(r.order)-1]
}

// shuffle swaps the piece at position at with a random one of its band a.
func (r *rarity) shuffle(a int, at int32) {
	lo, hi := r.bound[a], r.bound[a+1]
	if n := hi - lo; n > 1 {
		r.swap(at, lo+r.rng.Int32N(n))
	}
}

// more counts one more peer that has p.
func (r *rarity) more(p uint32) {
	if r.count[p] == maxCount {
		return
	}
	a := r.band(p)
	r.count[p]++
	if a == topBand || r.stale || r.pos[p] == absent {
		return
	}
	last := r.bound[a+1] - 1
	r.swap(r.pos[p], last)
	r.bound[a+1]--
	r.shuffle(a+1, last)
}

// less counts one peer less that has p.
func (r *rarity) less(p uint32) {
	if r.count[p] == 0 {
		return
	}
	r.count[p]--
	a := r.band(p) + 1 // where it was
	if int(r.count[p]) >= topBand || r.stale || r.pos[p] == absent {
		return
	}
	first := r.bound[a]
	r.swap(r.pos[p], first)
	r.bound[a]++
	r.shuffle(a-1, first)
}

// gain counts the pieces of a peer that has come.
func (r *rarity) gain(have *Bitfield) {
	r.stale = r.stale || have.Count() > r.size/bulkShare
	for i := range have.All() {
		r.more(i.n)
	}
}

// lose takes back the pieces of a peer that has gone.
func (r *rarity) lose(have *Bitfield) {
	r.stale = r.stale || have.Count() > r.size/bulkShare
	for i := range have.All() {
		r.less(i.n)
	}
}

// sorted returns the missing pieces, rarest first. It is valid until the next
// change.
func (r *rarity) sorted() []uint32 {
	if r.stale {
		r.sort()
	}
	return r.order
}

// shared returns the missing pieces that somebody has who does not have
// everything, rarest first. It is valid until the next change.
func (r *rarity) shared() []uint32 { return r.sorted()[r.bound[1]:] }

// sort makes the order again: it counts how many pieces each band has, then
// deals the pieces out, each to a random place among those that are already
// there.
func (r *rarity) sort() {
	r.stale = false
	r.bound = [topBand + 2]int32{}
	for p, at := range r.pos {
		if at != absent {
			r.bound[r.band(uint32(p))+1]++
		}
	}
	for b := 1; b < len(r.bound); b++ {
		r.bound[b] += r.bound[b-1]
	}
	if cap(r.order) < r.size {
		r.order = make([]uint32, r.size)
	}
	r.order = r.order[:r.size]
	next := r.bound
	for p, at := range r.pos {
		if at == absent {
			continue
		}
		a := r.band(uint32(p))
		end := next[a]
		next[a]++
		other := r.bound[a] + r.rng.Int32N(end-r.bound[a]+1)
		r.order[end] = r.order[other]
		r.order[other] = uint32(p)
	}
	for at, p := range r.order {
		r.pos[p] = int32(at)
	}
}
