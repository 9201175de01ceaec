package announce

import (
	"context"
	"sync"
	"time"
)

// race begins attempt 0, 1 ... n-1, in this order: the next begins when one has
// failed or when patience has passed since the last began, and the earlier ones
// go on. begin returns the work of an attempt; settle gets every outcome and
// says whether that is enough: then none begins any more and the rest are
// cancelled. Both run on the caller's goroutine, the work on its own. race
// returns when all that began have ended and are settled; whoever is cancelled
// must therefore end soon.
//
// It is the scheme of Happy Eyeballs (RFC 8305, section 5): order where
// everything works, no wait of a whole time-out where it does not.
func race[T any](ctx context.Context, n int, patience time.Duration,
	begin func(i int) (work func(context.Context) (T, error)),
	settle func(i int, value T, err error) (enough bool)) {

	type outcome struct {
		i     int
		value T
		err   error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	outcomes := make(chan outcome, n) // room for all: no work waits for us to listen
	var running sync.WaitGroup
	defer running.Wait()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	next := atOnce
	begun, ended := 0, 0
	for {
		more := begun < n && ctx.Err() == nil
		if ended == begun && !more {
			return
		}
		var due <-chan time.Time
		if more {
			due = next
		}
		select {
		case <-due:
			i, work := begun, begin(begun)
			begun++
			running.Go(func() {
				value, err := work(ctx)
				outcomes <- outcome{i, value, err}
			})
			timer.Reset(patience)
			next = timer.C
		case o := <-outcomes:
			ended++
			if settle(o.i, o.value, o.err) {
				cancel()
			}
			next = atOnce
		}
	}
}

// atOnce is a time that has come. A timer of no length would do as well, but for the race
// detector, under which Go 1.26 sometimes crashes when one fires in a test's bubble.
var atOnce = func() <-chan time.Time {
	c := make(chan time.Time)
	close(c)
	return c
}()
