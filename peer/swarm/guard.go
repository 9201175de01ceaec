package swarm

import (
	"context"
	"time"
)

// What is shared may be written to, moved or deleted meanwhile. Other bytes are poison to those who fetch them, and get us banned,
// so it is looked at every lookEvery whether the files seem to be what they were when they were verified. Whoever knows of somebody
// who is about to fetch it can have it looked at earlier, but for lookRest after the last time. For many files both are longer.
const (
	lookEvery = 2 * time.Second
	lookRest  = 100 * time.Millisecond
)

// guard is what the Loop remembers of that. It takes system calls for each file, so it is done on a goroutine of its own.
type guard struct {
	busy bool
	last time.Time
}

// Look has it looked at now whether what is shared is still what it was. It does not wait for the answer.
func (l *Loop) Look() {
	l.mail.put(func(_ context.Context, now time.Time) { l.look(now, lookRest) })
}

// look looks at the files of a complete torrent, if rest has passed since it did so last.
func (l *Loop) look(now time.Time, rest time.Duration) {
	g := &l.guard
	if many := time.Duration(1 + len(l.opt.Info.Files)/1000); g.busy || now.Sub(g.last) < rest*many || !l.isComplete() {
		return
	}
	g.busy = true
	l.wg.Go(func() {
		err := l.opt.Store.Intact()
		l.mail.put(func(_ context.Context, now time.Time) {
			g.busy, g.last = false, now
			if err != nil {
				l.fail(now, err)
			}
		})
	})
}

// isComplete reports whether Complete is closed.
func (l *Loop) isComplete() bool {
	select {
	case <-l.complete:
		return true
	default:
		return false
	}
}
