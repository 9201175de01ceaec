package history

import (
	"sync"
	"time"
)

// lull is a goroutine that does what can wait, when nobody has written for a while or somebody pokes it. Between start and
// stop its methods may be called by any goroutine, and never wait.
type lull struct {
	pause time.Duration
	wake  chan struct{}
	quit  chan struct{} // closed by stop
	done  sync.WaitGroup
	quiet *time.Timer
}

// start has work called whenever it is time, one call after the other. Work that is long watches quit.
func (l *lull) start(pause time.Duration, work func()) {
	l.pause, l.wake, l.quit = pause, make(chan struct{}, 1), make(chan struct{})
	l.quiet = time.AfterFunc(pause, l.poke)
	l.done.Go(func() {
		for {
			select {
			case <-l.quit:
				return
			case <-l.wake:
				work()
			}
		}
	})
}

// poke has the work done now.
func (l *lull) poke() {
	select {
	case l.wake <- struct{}{}:
	default: // it will see this too
	}
}

// later has the work done when later has not been called again for the pause.
func (l *lull) later() { l.quiet.Reset(l.pause) }

// stopping reports whether stop was called.
func (l *lull) stopping() bool {
	select {
	case <-l.quit:
		return true
	default:
		return false
	}
}

// stop waits for the work that is being done, and has no more done. A lull that was not started can be stopped too.
func (l *lull) stop() {
	if l.quit == nil {
		return
	}
	close(l.quit)
	l.done.Wait()
	l.quiet.Stop()
}
