package memory

import (
	"hash/maphash"
	"sync"

	"p2p/torrentfile/infohash"
	"p2p/tracker/wire"
)

// shards is the number of locks. It is far above the number of cores, so that
// two requests rarely wait for each other.
const shards = 256

// shard is the swarms whose info-hashes fall into one of the shards. Its lock
// guards all of it.
type shard struct {
	mu      sync.Mutex
	pool    *pool    // shared; immutable
	sources *sources // shared; immutable
	rule    rule     // immutable

	index  index // info-hash -> position in swarms
	swarms swarms
	blocks [classes]blocks
	bigs   []*big

	tally tally
	dice  dice
	_     [64]byte // keeps the lock of the neighbour on another cache line
}

// tally is the size of a shard.
type tally struct {
	swarms      int // with at least one peer
	peers       int // addresses
	seeds, ipv6 int // of the peers
}

func hashOf(h *infohash.T) uint64 { return maphash.Bytes(hashSeed, h[:]) }

// find returns the position of a swarm, or -1. key is the hash of h.
func (sh *shard) find(key uint64, h *infohash.T) int {
	for probe := sh.index.probe(key); ; {
		pos, ok := probe.next()
		if !ok {
			return -1
		}
		if sh.swarms.at(pos).hash == *h {
			return pos
		}
	}
}

// open makes a swarm without peers that is not there yet and returns its
// position; ok is false when the budget does not allow it.
func (sh *shard) open(key uint64, h *infohash.T, now uint32) (pos int, ok bool) {
	s := &sh.swarms
	if s.n >= maxIndexed || !sh.index.reserve(key, sh.hashAt) {
		return 0, false
	}
	if s.n == len(s.pages)*swarmsPerPage {
		no, ok := sh.pool.take()
		if !ok {
			return 0, false
		}
		s.pages = append(s.pages, no)
	}
	pos = s.n
	s.n++
	*s.at(pos) = swarm{hash: *h, born: now, emptied: now}
	sh.index.insert(key, pos)
	return pos, true
}

func (sh *shard) hashAt(pos int) uint64 { return hashOf(&sh.swarms.at(pos).hash) }

// close forgets a swarm that has no peers and no memory for any. The last swarm
// takes its position.
func (sh *shard) close(pos int) {
	s := &sh.swarms
	last := s.n - 1
	sh.index.remove(sh.hashAt(pos), pos)
	if pos != last {
		sh.index.move(sh.hashAt(last), last, pos)
		*s.at(pos) = *s.at(last)
		for _, r := range []ref{s.at(pos).v4.ref, s.at(pos).v6.ref} {
			sh.setOwner(r, pos)
		}
	}
	if s.n = last; s.n == 0 {
		sh.index.release()
	}
	if spare := len(s.pages) - 1; s.n == 0 || s.n <= spare*swarmsPerPage-swarmsPerPage/2 {
		sh.pool.give(s.pages[spare])
		s.pages = s.pages[:spare]
	}
}

func (sh *shard) setOwner(r ref, swarm int) {
	switch {
	case r == noRef:
	case r.isBig():
		sh.bigs[r.number()].owner = swarm
	default:
		setOwner(sh.block(r.class(), r.number()), swarm)
	}
}

// join adds a peer for which v has room and returns its position in the table.
func (sh *shard) join(v *view, p *peer) int {
	sw := sh.swarms.at(v.owner)
	if sw.len() == 0 {
		sh.tally.swarms++
		sw.emptied = 0
	}
	sh.tally.peers++
	sh.tally.ipv6 += int(v.family)
	if p.seed {
		sh.tally.seeds++
	}
	sh.sources.add(p.key, 1)
	return v.add(p)
}

// leave takes the peer at a position out. The swarm is to be tidied afterwards.
func (sh *shard) leave(v *view, at int) {
	sh.tally.peers--
	sh.tally.ipv6 -= int(v.family)
	if v.t.isSeed(at) {
		sh.tally.seeds--
	}
	sh.sources.add(v.record(at).key(), -1)
	v.remove(at)
	if sh.swarms.at(v.owner).len() == 0 {
		sh.tally.swarms--
	}
}

// tidy gives back what the swarm at a position does not need any more after peers
// have left it, and forgets it when nothing is worth keeping.
func (sh *shard) tidy(pos int, now uint32) {
	sw := sh.swarms.at(pos)
	for _, f := range []wire.Family{wire.IPv4, wire.IPv6} {
		v := sh.view(pos, f)
		v.trim()
	}
	if sw.len() > 0 {
		return
	}
	sw.emptied = now
	if sw.completed == 0 {
		sh.close(pos)
	}
}
