package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"p2p/cmd/p2p/progress"
)

// tick is how often the live lines are redrawn.
const tick = 500 * time.Millisecond

// statusEvery is how often -j writes a status line, unless --interval says
// otherwise.
const statusEvery = time.Second

// view is one transfer as watch sees it. Its functions are called on the
// goroutine of the watch.
type view struct {
	snapshot func() progress.Snapshot
	below    func() []string                                // further live lines; may be nil
	status   func(s progress.Snapshot, into *statusMessage) // what a Snapshot does not know; may be nil
	every    time.Duration                                  // between JSON lines; 0 = statusEvery
	each     func(now time.Time)                            // whatever else wants a tick; may be nil
	silent   bool                                           // no JSON lines: the first of them is still to come
	broken   context.CancelCauseFunc                        // called when stdout is gone; may be nil
}

// watch keeps the progress on the terminal, or the JSON lines, up to date, and
// answers SIGUSR1, until the function that it returns is called. That function
// waits, leaves the terminal clean, and may be called twice.
func (a *app) watch(v view) (stop func()) {
	if v.every <= 0 {
		v.every = statusEvery
	}
	asked, release := a.statuses()
	done := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		redraw, report := time.NewTicker(tick), time.NewTicker(v.every)
		defer redraw.Stop()
		defer report.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-redraw.C:
				a.redraw(v, now)
			case <-report.C:
				a.report(v)
			case <-asked:
				a.display.Status(time.Now(), v.snapshot())
			}
		}
	})
	return sync.OnceFunc(func() {
		release()
		close(done)
		watcher.Wait()
		a.display.Clear()
	})
}

func (a *app) redraw(v view, now time.Time) {
	if v.each != nil {
		v.each(now)
	}
	var below []string
	if v.below != nil {
		below = v.below()
	}
	a.display.ShowBlock(now, v.snapshot(), below)
}

// report writes a status line with -j. Without a reader for it there is no
// point in going on.
func (a *app) report(v view) {
	if !a.globals.json || v.silent {
		return
	}
	s := v.snapshot()
	m := statusMessage{
		MessageType:    "status",
		State:          s.State.String(),
		PercentDone:    s.Fraction(),
		BytesDone:      s.Done,
		TotalBytes:     s.Total,
		DownRate:       s.Down,
		UpRate:         s.Up,
		Ratio:          s.Ratio(),
		SecondsElapsed: int64(s.Elapsed.Seconds()),
	}
	if s.State == progress.Finishing {
		m.FilesDone, m.FilesTotal = &s.FilesDone, &s.Files
	}
	if left, ok := s.Remaining(); ok {
		seconds := int64(left.Seconds())
		m.SecondsRemaining = &seconds
	}
	if v.status != nil {
		v.status(s, &m)
	}
	if err := a.emit(m); err != nil && v.broken != nil {
		v.broken(err)
	}
}

// meter counts bytes that are being read and hashed. Its methods may be called
// from any goroutine.
type meter struct {
	begin       time.Time
	done, total atomic.Int64
}

func newMeter(total int64) *meter {
	m := &meter{begin: time.Now()}
	m.total.Store(total)
	return m
}

// set notes that done of total bytes are read.
func (m *meter) set(done, total int64) {
	m.total.Store(total)
	m.done.Store(done)
}

// view shows the meter as the progress of verb on name.
func (m *meter) view(verb, name string, state progress.State) view {
	return view{snapshot: func() progress.Snapshot {
		return progress.Snapshot{
			Verb: verb, Name: name, State: state,
			Done: m.done.Load(), Total: m.total.Load(), Elapsed: time.Since(m.begin),
		}
	}}
}
