package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
)

// farewell is how long the program takes at the most, once it was told to stop,
// to tell the trackers that it leaves.
const farewell = 3 * time.Second

// echo is how soon after the first signal another one is the same one: timeout(1)
// and other parents send a signal to a process and then to its group. No hand is
// that quick.
const echo = 100 * time.Millisecond

// interruptible returns a context that ends, with an *interrupted as its cause,
// at the first signal to stop; at the second the program leaves at once. A reader
// that closes our stdout becomes an error of writing to it. The function that
// comes with the context gives the signals back and must be called. The third
// value ends the context for another cause.
func (a *app) interruptible(parent context.Context) (context.Context, func(), context.CancelCauseFunc) {
	surviveBrokenPipe()
	ctx, cancel := context.WithCancelCause(parent)
	signals, release := a.stops()
	_, releaseStatuses := a.statuses() // SIGUSR1 kills who does not listen for it
	done := make(chan struct{})
	var listener sync.WaitGroup
	listener.Go(func() { a.obey(signals, done, cancel) })
	return ctx, func() {
		release()
		releaseStatuses()
		close(done)
		listener.Wait()
		cancel(nil)
	}, cancel
}

// obey waits for the two signals.
func (a *app) obey(signals <-chan os.Signal, done <-chan struct{}, cancel context.CancelCauseFunc) {
	for stopping := false; !stopping; {
		select {
		case <-done:
			return
		case s := <-signals:
			if s == syscall.SIGHUP && a.hangup != nil && a.hangup() {
				continue
			}
			a.say("stopping")
			cancel(&interrupted{s})
			stopping = true
		}
	}
	for first := time.Now(); ; {
		select {
		case <-done:
			return
		case s := <-signals:
			if time.Since(first) >= echo && (s != syscall.SIGHUP || a.hangup == nil) {
				a.display.Clear()
				a.exit(signalCode(s))
				return
			}
		}
	}
}

// stopCause returns why ctx ended, in place of a plain context.Canceled that
// err may have become on its way up.
func stopCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
		return cause
	}
	return err
}
