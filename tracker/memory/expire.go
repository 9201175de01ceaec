package memory

import (
	"context"
	"time"

	"p2p/torrentfile/infohash"
)

// step is how many records expiry looks at before it lets others have the lock:
// some microseconds of work.
const step = 512

// Expire implements tracker.Store. It holds one shard's lock at a time, and none
// for longer than step records take, so announces go on beside it. A peer that
// is moved by an announce meanwhile may be missed; the next call finds it.
func (s *Store) Expire(ctx context.Context, before time.Time) (removed int, err error) {
	for i := range s.shards {
		if err := ctx.Err(); err != nil {
			return removed, err
		}
		removed += s.expireShard(&s.shards[i], before)
	}
	return removed, nil
}

// expireShard walks over the swarms of one shard. The lock is held whenever the
// map is touched; between two swarms it may be let go, for Go allows a map to change
// while it is ranged over.
func (s *Store) expireShard(sh *shard, before time.Time) (removed int) {
	work := 0
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for h, sw := range sh.swarms {
		removed += s.expireSwarm(sh, sw, stamp(before), &work)
		s.settle(sh, h, before)
		if work++; work >= step {
			work = 0
			sh.mu.Unlock()
			sh.mu.Lock()
		}
	}
	return removed
}

// settle tidies the swarm that h names now, after expiry has gone through it.
func (s *Store) settle(sh *shard, h infohash.T, before time.Time) {
	sw := sh.swarms[h]
	switch {
	case sw == nil:
	case sw.len() > 0 || sw.emptied == 0:
		s.tidy(sh, h, sw, stamp(before))
	case sw.emptied < stamp(before.Add(-s.opts.KeepEmpty)):
		s.forget(sh, h)
	}
}

// expireSwarm removes the peers of sw that were last seen before a time stamp.
func (s *Store) expireSwarm(sh *shard, sw *swarm, before uint32, work *int) (removed int) {
	for _, t := range []*table{&sw.v4, sw.v6} {
		if t == nil {
			continue
		}
		for pos := t.len() - 1; pos >= 0; pos-- {
			if pos < t.len() && t.seen(pos) < before {
				size := measure(sw)
				t.remove(pos)
				s.account(size, measure(sw))
				removed++
			}
			if *work++; *work >= step {
				*work = 0
				sh.mu.Unlock()
				sh.mu.Lock()
			}
		}
	}
	return removed
}
