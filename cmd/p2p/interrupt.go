package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

// farewell is how long the program takes at the most, once it was told to stop,
// to tell the trackers that it leaves.
const farewell = 3 * time.Second

// interruptible returns a context that ends, with an *interrupted as its cause,
// at the first signal to stop; at the second the program leaves at once. A reader
// that closes our stdout becomes an error of writing to it. The function that
// comes with the context gives the signals back and must be called. The third
// value ends the context for another cause.
func (a *app) interruptible(parent context.Context) (context.Context, func(), context.CancelCauseFunc) {
	surviveBrokenPipe()
	ctx, cancel := context.WithCancelCause(parent)
	signals, release := a.stops()
	done := make(chan struct{})
	var listener sync.WaitGroup
	listener.Go(func() { a.obey(signals, done, cancel) })
	return ctx, func() {
		release()
		close(done)
		listener.Wait()
		cancel(nil)
	}, cancel
}

// obey waits for the two signals.
func (a *app) obey(signals <-chan os.Signal, done <-chan struct{}, cancel context.CancelCauseFunc) {
	select {
	case <-done:
		return
	case s := <-signals:
		a.say("stopping")
		cancel(&interrupted{s})
	}
	select {
	case <-done:
	case s := <-signals:
		a.display.Clear()
		a.exit(signalCode(s))
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
