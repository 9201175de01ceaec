package memory

import (
	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/wire"
)

// swarm is what a shard knows of one torrent: 64 bytes, one line of the cache.
type swarm struct {
	hash      infohash.T
	completed uint32 // peers that ever finished
	born      uint32 // when the store first heard of it
	emptied   uint32 // when the last peer left; 0 while there are peers
	v4, v6    table
}

func (s *swarm) len() int { return int(s.v4.n) + int(s.v6.n) }

func (s *swarm) table(f wire.Family) *table {
	if f == wire.IPv4 {
		return &s.v4
	}
	return &s.v6
}

// swarms is all swarms of a shard, without holes, in pages.
type swarms struct {
	pool  *pool // immutable
	pages []pageNo
	n     int
}

const swarmsPerPage = pageSize / 64

func (s *swarms) at(pos int) *swarm {
	return &s.pool.swarms(s.pages[uint(pos)/swarmsPerPage])[uint(pos)%swarmsPerPage]
}

// matched is the largest swarm, in addresses, in which a client that is known
// under both families is looked for. In larger ones it counts twice: the search
// would cost more than the number is worth.
const matched = 64

// matches reports whether the swarm is one in which clients that are known
// under both families are told from others.
func (s *swarm) matches() bool { return s.v6.n > 0 && s.v4.n > 0 && s.len() <= matched }

// counts returns the size of the swarm at a position. Of a client that is known
// under both families the IPv4 address counts.
func (sh *shard) counts(pos int) tracker.Counts {
	s := sh.swarms.at(pos)
	c := tracker.Counts{
		Seeders:   s.v4.seeds() + s.v6.seeds(),
		Leechers:  int(s.v4.leeches + s.v6.leeches),
		Completed: int(s.completed),
	}
	if !s.matches() {
		return c
	}
	v4, v6 := sh.view(pos, wire.IPv4), sh.view(pos, wire.IPv6)
	for i := range int(s.v6.n) {
		switch {
		case v4.findIdentity(v6.record(i).identity()) < 0:
		case s.v6.isSeed(i):
			c.Seeders--
		default:
			c.Leechers--
		}
	}
	return c
}

// findIdentity returns the position of a peer that is this client, or -1.
func (v *view) findIdentity(identity uint32) int {
	if identity == 0 {
		return -1
	}
	for pos := range int(v.t.n) {
		if v.record(pos).identity() == identity {
			return pos
		}
	}
	return -1
}

// twinCounted reports whether p's "completed" was counted when it said so under
// its other address.
func (sh *shard) twinCounted(pos int, p *peer) bool {
	if !sh.swarms.at(pos).matches() {
		return false
	}
	other := sh.view(pos, 1-p.family)
	i := other.findIdentity(p.identity)
	return i >= 0 && other.record(i).isCounted()
}
