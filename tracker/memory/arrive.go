package memory

import (
	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/wire"
)

// What goes when memory is short.
const (
	// tightBatch is how many swarms go for each new peer while little is left,
	// fullBatch when nothing is: that is more than a page of them.
	tightBatch = 2
	fullBatch  = 2 * swarmsPerPage
	// contestants are the swarms among which the one to go is chosen.
	contestants = 16
)

// arrive puts p into the swarm of h, or renews it. It leaves p's table in own and
// returns p's place there.
func (s *Store) arrive(sh *shard, own *view, key uint64, h *infohash.T, p *peer) (at int, err error) {
	if pos := sh.find(key, h); pos >= 0 {
		own.open(sh, pos, p.family)
		if at, _ = own.find(p); at >= 0 {
			return sh.renew(own, at, p), nil
		}
	}
	if s.pool.pressed() {
		if s.sources.exceeded(p.key) {
			s.refusedQuota.Add(1)
			return 0, tracker.ErrQuota
		}
		if s.pool.tight() {
			s.evict(sh, h, tightBatch)
		}
	}
	at, ok := s.insert(sh, own, key, h, p)
	if !ok && s.evict(sh, h, fullBatch) > 0 {
		at, ok = s.insert(sh, own, key, h, p)
	}
	if !ok {
		s.refusedFull.Add(1)
		return 0, tracker.ErrFull
	}
	return at, nil
}

// renew brings what is known about p up to date.
func (sh *shard) renew(v *view, at int, p *peer) int {
	isCounted := v.record(at).isCounted()
	wasSeed := v.t.isSeed(at)
	if wasSeed != p.seed {
		at = v.setSeed(at, p.seed)
		if p.seed {
			sh.tally.seeds++
		} else {
			sh.tally.seeds--
		}
	}
	if p.completed && p.seed && !wasSeed && !isCounted {
		isCounted = true
		sh.complete(v.owner, p)
	}
	v.record(at).setTail(p.identity, p.seen, isCounted)
	v.t.oldest = min(v.t.oldest, p.seen)
	return at
}

// complete counts that p has finished.
func (sh *shard) complete(pos int, p *peer) {
	if !sh.twinCounted(pos, p) {
		sh.swarms.at(pos).completed++
	}
}

// insert adds p, who is not in the swarm of h yet. It leaves p's table in v and
// returns p's place there. When the budget does not allow it, ok is false.
func (s *Store) insert(sh *shard, v *view, key uint64, h *infohash.T, p *peer) (at int, ok bool) {
	pos := sh.find(key, h)
	if pos < 0 {
		if pos, ok = sh.open(key, h, p.seen); !ok {
			return 0, false
		}
	}
	v.open(sh, pos, p.family)
	if _, kin := v.find(p); p.group < len(p.key) && kin.n >= sh.rule.ports {
		sh.leave(v, kin.stalest)
		s.replaced.Add(1)
	}
	if !v.reserve(p) {
		if sw := sh.swarms.at(pos); sw.len() == 0 && sw.completed == 0 {
			sh.forget(pos)
		}
		return 0, false
	}
	at = sh.join(v, p)
	finished := p.completed && p.seed
	v.record(at).setTail(p.identity, p.seen, finished)
	if finished {
		sh.complete(pos, p)
	}
	return at, true
}

// evict forgets up to n swarms of at most one peer, but not that of keep, and
// returns how many. Of some that are drawn at random, the one that goes is one
// whose network has had its share, or else the youngest: a flood of new info-hashes drives out
// itself, while the old torrent with one faithful seed stays, and so do those in
// which somebody has found somebody.
func (s *Store) evict(sh *shard, keep *infohash.T, n int) (evicted int) {
	for evicted < n {
		pos := sh.victim(keep)
		if pos < 0 {
			break
		}
		sh.forget(pos)
		evicted++
	}
	s.evicted.Add(uint64(evicted))
	return evicted
}

// victim returns the position of the swarm to go, or -1.
func (sh *shard) victim(keep *infohash.T) int {
	best := -1
	if sh.swarms.n == 0 {
		return best
	}
	for range contestants {
		pos := sh.dice.below(sh.swarms.n)
		sw := sh.swarms.at(pos)
		switch {
		case sw.len() > 1 || sw.hash == *keep:
		case sh.isGreedy(pos):
			return pos
		case best < 0 || sw.born > sh.swarms.at(best).born:
			best = pos
		}
	}
	return best
}

// isGreedy reports whether the one peer of a swarm comes from a network that has
// had its share.
func (sh *shard) isGreedy(pos int) bool {
	for _, f := range [...]wire.Family{wire.IPv4, wire.IPv6} {
		if v := sh.view(pos, f); v.t.n > 0 {
			return sh.sources.exceeded(v.record(0).key())
		}
	}
	return false
}

// forget forgets a swarm with all that is in it.
func (sh *shard) forget(pos int) {
	for _, f := range [...]wire.Family{wire.IPv4, wire.IPv6} {
		v := sh.view(pos, f)
		for v.t.n > 0 {
			sh.leave(&v, int(v.t.n)-1)
		}
		v.trim()
	}
	sh.close(pos)
}
