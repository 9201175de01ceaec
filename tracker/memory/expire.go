package memory

import (
	"context"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker/wire"
)

// What expiry does before it lets others have the lock: it looks at stepWork
// records, and one that it takes out counts as removalWork of them. That is some
// ten microseconds.
const (
	stepWork    = 2048
	removalWork = 32
	// stretch is how much work Expire does before it rests, half a millisecond or
	// so: packets that wait in the system are looked for when a processor has
	// nothing to run, and a goroutine that only yields always has something.
	stretch = 16 * stepWork
	rest    = 100 * time.Microsecond
)

// sweep is where expiry stands in one shard. It goes down, so that what is moved
// into the gaps that removals leave has been looked at before.
type sweep struct {
	swarm  int         // the position of the swarm to look at next; -1 at the end
	hash   infohash.T  // the swarm that it is in the midst of, if any
	inside bool        // whether there is one
	family wire.Family // of the table in it
	peer   int         // where to go on in that table
}

// Expire implements tracker.Store. It goes through the shards in turns, a small step
// in each, so no announce waits for longer than one step, and rests in between. A peer that is moved by an announce meanwhile may
// be missed; the next call finds it.
func (s *Store) Expire(ctx context.Context, before time.Time) (removed int, err error) {
	s.expiring.Lock()
	defer s.expiring.Unlock()
	var sweeps [shards]sweep
	for i := range sweeps {
		sweeps[i].swarm = maxIndexed
	}
	work := 0
	for left := shards; left > 0; {
		left = 0
		for i := range sweeps {
			w := &sweeps[i]
			if w.swarm < 0 {
				continue
			}
			if err := ctx.Err(); err != nil {
				return removed, err
			}
			gone, spent := s.step(&s.shards[i], w, before)
			removed += gone
			if w.swarm >= 0 {
				left++
			}
			if work += spent; work >= stretch {
				work = 0
				time.Sleep(rest)
			}
		}
	}
	return removed, nil
}

// step does a bounded part of the sweep of a shard, and returns how much it was.
func (s *Store) step(sh *shard, w *sweep, before time.Time) (removed, spent int) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	limit := stamp(before)
	work := stepWork
	for work > 0 {
		w.swarm = min(w.swarm, sh.swarms.n-1)
		if w.swarm < 0 {
			break
		}
		sw := sh.swarms.at(w.swarm)
		if !w.inside || sw.hash != w.hash {
			w.family, w.peer, w.inside = wire.IPv4, maxIndexed, false
		}
		gone, done := sh.expire(w, limit, &work)
		removed += gone
		if !done {
			w.inside, w.hash = true, sw.hash
			break
		}
		w.inside = false
		work -= 4
		s.settle(sh, w.swarm, before)
		w.swarm--
	}
	return removed, stepWork - work
}

// expire takes the silent peers out of the swarm at which w stands, until the
// work is done or there has been enough of it.
func (sh *shard) expire(w *sweep, limit uint32, work *int) (removed int, done bool) {
	for {
		v := sh.view(w.swarm, w.family)
		if v.t.n > 0 && v.t.oldest < limit {
			removed += v.expire(w, limit, work)
			if w.peer >= 0 {
				return removed, false
			}
		}
		if w.family == wire.IPv6 {
			return removed, true
		}
		w.family, w.peer = wire.IPv6, maxIndexed
	}
}

// expire goes down in one table. w.peer is below 0 when it has come to the end.
func (v *view) expire(w *sweep, limit uint32, work *int) (removed int) {
	whole := w.peer >= int(v.t.n)-1
	oldest := uint32(counted - 1)
	for w.peer = min(w.peer, int(v.t.n)-1); w.peer >= 0 && *work > 0; w.peer-- {
		*work--
		if seen := v.record(w.peer).seen(); seen >= limit {
			oldest = min(oldest, seen)
			continue
		}
		v.sh.leave(v, w.peer)
		removed++
		*work -= removalWork
	}
	if whole && w.peer < 0 {
		v.t.oldest = oldest
	}
	v.trim()
	return removed
}

// settle forgets the swarm at a position if expiry has left nothing in it that is
// worth keeping.
func (s *Store) settle(sh *shard, pos int, before time.Time) {
	sw := sh.swarms.at(pos)
	switch {
	case sw.len() > 0:
	case sw.emptied == 0:
		sh.tidy(pos, stamp(before))
	case sw.emptied < stamp(before.Add(-s.opts.KeepEmpty)):
		sh.close(pos)
	}
}
