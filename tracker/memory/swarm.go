package memory

import (
	"math/rand/v2"

	"p2p/tracker"
	"p2p/tracker/wire"
)

// matched is the largest swarm, in addresses, in which a client that is known
// under both families is looked for. In larger ones it counts twice: the search
// would cost more than the number is worth.
const matched = 64

// swarm is the peers of one torrent. Its shard's lock guards it.
type swarm struct {
	v4        table
	v6        *table // nil while there are none
	completed uint32 // peers that ever finished
	emptied   uint32 // when the last peer left; 0 while there are peers
}

func (s *swarm) len() int {
	n := s.v4.len()
	if s.v6 != nil {
		n += s.v6.len()
	}
	return n
}

// table returns the table of family f; nil when it is empty and need not be there.
func (s *swarm) table(f wire.Family) *table {
	if f == wire.IPv4 {
		return &s.v4
	}
	return s.v6
}

// room is table, made where it is missing.
func (s *swarm) room(f wire.Family) *table {
	if f == wire.IPv6 && s.v6 == nil {
		s.v6 = &table{family: wire.IPv6}
	}
	return s.table(f)
}

// other returns the table of the family that f is not, or nil.
func (s *swarm) other(f wire.Family) *table {
	if f == wire.IPv4 {
		return s.v6
	}
	return &s.v4
}

// matches reports whether the swarm is one in which clients that are known
// under both families are told from others.
func (s *swarm) matches() bool {
	return s.v6 != nil && s.v6.len() > 0 && s.v4.len() > 0 && s.len() <= matched
}

// counts returns the size of the swarm. Of a client that is known under both
// families the IPv4 address counts.
func (s *swarm) counts() tracker.Counts {
	c := tracker.Counts{
		Seeders:   s.v4.seeds(),
		Leechers:  int(s.v4.leeches),
		Completed: int(s.completed),
	}
	if s.v6 == nil {
		return c
	}
	c.Seeders += s.v6.seeds()
	c.Leechers += int(s.v6.leeches)
	if !s.matches() {
		return c
	}
	for pos := range s.v6.len() {
		switch {
		case s.v4.findIdentity(s.v6.identity(pos)) < 0:
		case s.v6.isSeed(pos):
			c.Seeders--
		default:
			c.Leechers--
		}
	}
	return c
}

// findIdentity returns the position of a peer that is this client, or -1.
func (t *table) findIdentity(identity uint32) int {
	if identity == 0 {
		return -1
	}
	for pos := range t.len() {
		if t.identity(pos) == identity {
			return pos
		}
	}
	return -1
}

// peer is an announce in the terms of this package.
type peer struct {
	family    wire.Family
	key       []byte // compact address
	identity  uint32 // 0 for nobody's
	seen      uint32
	seed      bool
	completed bool // says that it has just finished
}

// knows reports whether p is in the swarm, which may be nil.
func (s *swarm) knows(p peer) bool {
	if s == nil {
		return false
	}
	t := s.table(p.family)
	return t != nil && t.find(p.key) >= 0
}

// apply puts p into the swarm, or renews it, and returns its position.
func (s *swarm) apply(p peer) int {
	s.emptied = 0
	t := s.room(p.family)
	pos, isCounted := t.find(p.key), false
	finished := p.completed && p.seed
	if pos < 0 {
		pos = t.add(p.key, p.seed)
	} else {
		isCounted = t.counted(pos)
		finished = finished && !t.isSeed(pos)
		pos = t.setSeed(pos, p.seed)
	}
	if finished && !isCounted {
		isCounted = true
		if !s.twinCounted(p) {
			s.completed++
		}
	}
	t.setTail(pos, p.identity, p.seen, isCounted)
	return pos
}

// twinCounted reports whether p's "completed" was counted when it said so under
// its other address.
func (s *swarm) twinCounted(p peer) bool {
	if !s.matches() {
		return false
	}
	other := s.other(p.family)
	pos := other.findIdentity(p.identity)
	return pos >= 0 && other.counted(pos)
}

// pick chooses up to want peers for the peer at position pos of its table, -1
// when it is not in the swarm. Peers of its own family come first; with both, a
// quarter of the places is kept for the other family, if that has so many.
func (s *swarm) pick(into *wire.Peers, p peer, pos, want int, both bool, rng *rand.Rand) {
	own, other := s.table(p.family), s.other(p.family)
	if !both || other == nil {
		own.choose(into, chooser{p.seed, pos, 0}, want, rng)
		return
	}
	kept := min(other.eligible(p.seed), want/4)
	own.choose(into, chooser{p.seed, pos, 0}, want-kept, rng)
	other.choose(into, chooser{p.seed, -1, p.identity}, want-into.Len(), rng)
}

// chooser is the peer for which others are chosen.
type chooser struct {
	seed bool
	pos  int    // its own position in the table, or -1
	twin uint32 // its identity, where it may stand under its other address; or 0
}

// eligible returns how many peers of t there are for a seed or for a leech.
func (t *table) eligible(forSeed bool) int {
	if forSeed {
		return int(t.leeches)
	}
	return t.len()
}

// choose adds up to want peers of t to into. A seed gets leeches only. A leech
// gets seeds first, but no more than half of the places while there are leeches
// for the others: those have what it wants too, and time to give it.
func (t *table) choose(into *wire.Peers, c chooser, want int, rng *rand.Rand) {
	if t == nil {
		return
	}
	dst := &into.V4
	if t.family == wire.IPv6 {
		dst = &into.V6
	}
	border := int(t.leeches)
	if !c.seed {
		leeches := border
		if c.pos >= 0 && c.pos < border {
			leeches--
		}
		seeds := min(t.seeds(), max((want+1)/2, want-leeches))
		*dst = t.pick(*dst, border, t.len(), seeds, c, rng)
		want -= max(0, seeds)
	}
	*dst = t.pick(*dst, 0, border, want, c, rng)
}
