package terminal

import (
	"context"
	"math/rand/v2"
	"time"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
)

// The waits before the stream of events is opened again: short at first, since a node that is
// restarted is back soon, then no more than a person would bear.
const (
	firstWait = 200 * time.Millisecond
	lastWait  = 5 * time.Second
)

// starts is how often a node is started that does not come up: it may have died of the same again.
const starts = 3

// lost says that the node does not answer, and when it is asked again.
type lost struct {
	err   error
	in    time.Duration
	rests bool // nobody starts one until it is wanted
}

// revival says that the node is gone, and that another one is being started.
type revival struct{}

// goesOn says that a node that hung goes on.
type goesOn struct{}

// follow keeps the stream of events open until ctx ends, and tells each event (a
// *p2pv1.Event), each loss of the node (a lost), that it goes on (a goesOn) and that one is being started (a revival), one after the
// other. After a loss it goes on behind the last event. One that hangs is waited for: what has stopped it may let it go. A node that has died is started at once. One that somebody has asked to stop, or that
// cannot start, is left alone until the person needs it.
func follow(ctx context.Context, w *way, tell func(any)) {
	var cursor int64
	wait, rests, failures := firstWait, false, 0
	for ctx.Err() == nil {
		there := false
		err := stream(ctx, w.node(), cursor, func(in any) {
			if e, ok := in.(*p2pv1.Event); ok {
				cursor, wait, rests, failures, there = max(cursor, e.GetCursor()), firstWait, false, 0, true
			}
			tell(in)
		})
		switch {
		case ctx.Err() != nil:
			return
		case there:
			w.had() // what was wanted before this loss
		}
		rests = rests || api.ReasonOf(err).GetKey() == api.Stopping
		if !rests && w.attach != nil {
			tell(revival{})
			if err = w.restore(ctx); err != nil {
				failures++
				rests = failures >= starts
			}
		}
		pause := wait/2 + rand.N(wait) // many terminals of one node do not come back at one moment
		if err != nil {
			tell(lost{err, pause, rests && w.attach != nil})
		}
		wait = min(2*wait, lastWait)
		select {
		case <-ctx.Done():
		case <-w.wanted:
			rests, failures = false, 0
		case <-time.After(pause):
		}
	}
}

// stream tells the events of one stream until it ends, and in between that the node hangs (a lost) and that it goes on (a goesOn); it
// always ends with an error.
func stream(ctx context.Context, c p2pv1connect.PeopleClient, cursor int64, tell func(any)) error {
	greeted := false
	hear := func(e *p2pv1.Event) error {
		greeted = true
		tell(e)
		return nil
	}
	silent := func(is bool) error {
		switch {
		case is:
			tell(lost{err: api.ErrSilent})
		case greeted: // else the Hello, which comes next, says it
			tell(goesOn{})
		}
		return nil
	}
	return api.Hear(ctx, c, &p2pv1.EventsRequest{Cursor: cursor, PresenceFollows: true}, hear, silent)
}
