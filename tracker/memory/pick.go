package memory

import (
	"slices"

	"p2p/tracker/wire"
)

// pick chooses up to want peers for p, which stands at place at of its table, own,
// or -1 when it is not in the swarm. Peers of its own family come first; with
// both, a quarter of the places is kept for the other family, if that has so many.
func (sh *shard) pick(into *wire.Peers, own *view, p *peer, at, want int) {
	if !p.both {
		own.choose(into, chooser{p.seed, at, 0}, want)
		return
	}
	other := sh.view(own.owner, 1-p.family)
	kept := min(other.eligible(p.seed), want/4)
	own.choose(into, chooser{p.seed, at, 0}, want-kept)
	other.choose(into, chooser{p.seed, -1, p.identity}, want-into.Len())
}

// chooser is the peer for which others are chosen.
type chooser struct {
	seed bool
	at   int    // its own position in the table, or -1
	twin uint32 // its identity, where it may stand under its other address; or 0
}

// eligible returns how many peers of v there are for a seed or for a leech.
func (v *view) eligible(forSeed bool) int {
	if forSeed {
		return int(v.t.leeches)
	}
	return int(v.t.n)
}

// leechShare is the part of a leech's answer that is kept for leeches while there
// are as many. With none of it, a swarm with as many seeds as an answer has places
// becomes a star: every leech asks the same few seeds, which have no room for all,
// and no leech ever learns of another with which it could exchange pieces. With
// more of it, who has just come finds less of those who have everything.
const leechShare = 4

// choose adds up to want peers of v to into. A seed gets leeches only. A leech
// gets seeds first, and then leeches.
func (v *view) choose(into *wire.Peers, c chooser, want int) {
	if v.t.n == 0 || want <= 0 {
		return
	}
	dst := &into.V4
	if v.family == wire.IPv6 {
		dst = &into.V6
	}
	border := int(v.t.leeches)
	if !c.seed {
		leeches := border
		if c.at >= 0 && c.at < border {
			leeches--
		}
		seeds := min(v.t.seeds(), want-min(leeches, want/leechShare))
		*dst = v.draw(*dst, extent{border, int(v.t.n)}, seeds, c)
		want -= seeds
	}
	*dst = v.draw(*dst, extent{0, border}, want, c)
}

// extent is the positions from the first one up to the second one.
type extent struct{ from, to int }

// run is how many neighbours are drawn together from a big table: they lie in one
// or two lines of the cache, and reading those is what an announce to a
// large swarm costs.
const run = 3

// draw appends the compact addresses of up to want peers, chosen at random from
// an extent, to dst. It leaves out c itself, also under its other address.
//
// The extent is cut into equal strata, one peer or run of peers is drawn from
// each, and the whole is turned by a random amount: every peer is equally likely,
// none comes twice, and only what is returned is read.
func (v *view) draw(dst []byte, e extent, want int, c chooser) []byte {
	n, skip := e.to-e.from, e.to
	if c.at >= e.from && c.at < e.to {
		n, skip = n-1, c.at
	}
	want = min(want, n)
	if want <= 0 {
		return dst
	}
	dst = slices.Grow(dst, want*v.family.PeerSize())
	length := 1
	if v.big != nil && want >= run && n >= 4*want {
		length = run
	}
	dice := &v.sh.dice
	strata := (want + length - 1) / length
	turn := dice.below(n)
	var low, high int
	for i := range strata {
		low, high = high, int(uint64(i+1)*uint64(n)/uint64(strata))
		first := low + turn
		if spare := high - low - length; spare > 0 {
			first += dice.below(spare + 1)
		}
		for pos := first; pos < first+min(length, want); pos++ {
			at := pos
			if at >= n {
				at -= n
			}
			if at += e.from; at >= skip {
				at++
			}
			switch r := v.record(at); {
			case c.twin != 0 && r.identity() == c.twin:
			case v.family == wire.IPv4: // the room for it was made above
				dst = dst[:len(dst)+6]
				*(*[6]byte)(dst[len(dst)-6:]) = [6]byte(r)
			default:
				dst = append(dst, r[:18]...)
			}
		}
		want -= length
	}
	return dst
}
