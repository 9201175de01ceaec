package swarm

import (
	"context"
	"errors"
	"time"
)

// checkpointEvery is how often verified pieces are made safe from a power cut
// while a download runs.
const checkpointEvery = 10 * time.Second

// lastSave is how long the Loop keeps what it has when it is to end. What it does not
// get done then is hashed, and gets its name, in the next run.
const lastSave = 250 * time.Millisecond

// keeper is what the Loop remembers of checkpoints. They sync files, which
// takes time, so they are made on a goroutine of their own, one at a time.
type keeper struct {
	ctx     context.Context // ends when the Loop is to end
	halt    context.CancelFunc
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
	switch {
	case k.ctx.Err() != nil:
		return // end does it
	case k.busy:
		k.again = true
		return
	}
	k.busy, k.again, k.unsaved, k.last = true, false, false, now
	have := l.core.Queue().Have().Clone()
	done := l.core.Queue().Done()
	if done {
		l.publish(now) // that it is finishing
		l.watch()
	}
	l.wg.Go(func() {
		err := l.opt.Store.Checkpoint(k.ctx, have)
		l.mail.put(func(_ context.Context, now time.Time) {
			k.busy = false
			switch {
			case errors.Is(err, context.Canceled): // end does the rest
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
		l.safe = true
		l.publish(time.Now())
		close(l.complete)
		l.watch()
	}
}

// keep makes the last checkpoint, when nobody else works on the torrent any more.
func (l *Loop) keep() error {
	ctx, cancel := context.WithTimeout(context.Background(), l.lastSave)
	defer cancel()
	err := l.opt.Store.Checkpoint(ctx, l.core.Queue().Have())
	switch {
	case l.Err() != nil:
		return nil // told already; what could be kept is kept
	case errors.Is(err, context.DeadlineExceeded):
		l.publish(time.Now()) // how far it came
		return nil
	case err == nil:
		l.finished()
	}
	return err
}
