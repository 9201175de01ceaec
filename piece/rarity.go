package piece

import "math/rand/v2"

// rarity keeps the missing pieces of a torrent sorted by how many connected
// peers have them, in random order among equals: the order that "rarest first"
// draws in. Peers that have everything do not change the order and are counted
// apart. Every step is O(1) but add and remove, which take one step for each
// level of availability above the piece's own.
//
// The sorted slice falls into bands: band a holds the pieces that a peers have
// and is order[bound[a]:bound[a+1]].
type rarity struct {
	order []uint32
	pos   []int32 // where a piece stands in order; -1 when it does not
	avail []uint16
	bound []int32
	rng   *rand.Rand
}

// maxAvail is the count at which availability stops growing: a piece that so
// many peers have is not rare, and the count fits 16 bits.
const maxAvail = 1<<16 - 2

func newRarity(pieces int, rng *rand.Rand) *rarity {
	r := &rarity{
		pos:   make([]int32, pieces),
		avail: make([]uint16, pieces),
		bound: make([]int32, 2),
		rng:   rng,
	}
	for i := range r.pos {
		r.pos[i] = -1
	}
	return r
}

func (r *rarity) len() int { return len(r.order) }

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

// grow makes room for band a.
func (r *rarity) grow(a int) {
	for len(r.bound) < a+2 {
		r.bound = append(r.bound, r.bound[len(r.bound)-1])
	}
}

// add puts p, which is not in the order, into its band at a random place.
func (r *rarity) add(p uint32) {
	a := int(r.avail[p])
	r.grow(a)
	r.order = append(r.order, 0)
	hole := int32(len(r.order) - 1)
	for b := len(r.bound) - 1; b > a+1; b-- { // each band above moves its first piece to its end
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
	for b := int(r.avail[p]) + 1; b < len(r.bound); b++ { // each band from p's own up fills the hole with its last piece
		last := r.bound[b] - 1
		if last != hole {
			r.put(r.order[last], hole)
		}
		hole = last
		r.bound[b]--
	}
	r.order = r.order[:len(r.order)-1]
	r.pos[p] = -1
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
	a := int(r.avail[p])
	if a == maxAvail {
		return
	}
	r.avail[p]++
	if r.pos[p] < 0 {
		return
	}
	r.grow(a + 1)
	last := r.bound[a+1] - 1
	r.swap(r.pos[p], last)
	r.bound[a+1]--
	r.shuffle(a+1, last)
}

// less counts one peer less that has p.
func (r *rarity) less(p uint32) {
	a := int(r.avail[p])
	if a == 0 {
		return
	}
	r.avail[p]--
	if r.pos[p] < 0 {
		return
	}
	first := r.bound[a]
	r.swap(r.pos[p], first)
	r.bound[a]++
	r.shuffle(a-1, first)
}
