package swarm

import (
	"context"
	"time"
)

// checkpointEvery is how often verified pieces are made safe from a power cut
// while a download runs.
const checkpointEvery = 10 * time.Second

// keeper is what the Loop remembers of checkpoints. They sync files, which
// takes time, so they are made on a goroutine of their own, one at a time.
type keeper struct {
	busy    bool
	again   bool // one more is wanted as soon as this one is done
	unsaved bool // pieces were verified since the last one began
	last    time.Time
}

// checkpoint makes verified pieces safe now and then.
func (l *Loop) checkpoint(now time.Time) {
	if l.keeper.unsaved && now.Sub(l.keeper.last) >= checkpointEvery {
		l.save(now)
	}
}

// save makes a checkpoint, or one more if one is being made.
func (l *Loop) save(now time.Time) {
	k := &l.keeper
	if k.busy {
		k.again = true
		return
	}
	k.busy, k.again, k.unsaved, k.last = true, false, false, now
	have := l.core.Queue().Have().Clone()
	done := l.core.Queue().Done()
	l.wg.Go(func() {
		err := l.opt.Store.Checkpoint(have)
		l.mail.put(func(_ context.Context, now time.Time) {
			k.busy = false
			switch {
			case err != nil:
				l.fail(now, err)
			case done:
				l.finished()
			case k.again:
				l.save(now)
			}
		})
	})
}

// finished tells that the torrent is complete and safe, once.
func (l *Loop) finished() {
	if !l.core.Queue().Done() {
		return
	}
	if !l.isComplete() {
		l.publish(time.Now())
		close(l.complete)
		l.watch()
	}
}
