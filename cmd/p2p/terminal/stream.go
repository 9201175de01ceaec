package terminal

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
)

// The waits before the stream of events is opened again: short at first, since a node that is
// restarted is back soon, then no more than a person would bear.
const (
	firstWait = 200 * time.Millisecond
	lastWait  = 5 * time.Second
)

// lost says that the node does not answer, and when it is asked again.
type lost struct {
	err error
	in  time.Duration
}

// follow keeps the stream of events open until ctx ends, and tells each event (a
// *p2pv1.Event) and each loss of the node (a lost), one after the other. After a loss it goes
// on behind the last event.
func follow(ctx context.Context, c p2pv1connect.PeopleClient, tell func(any)) {
	var cursor int64
	wait := firstWait
	for ctx.Err() == nil {
		err := stream(ctx, c, cursor, func(e *p2pv1.Event) {
			cursor, wait = max(cursor, e.GetCursor()), firstWait
			tell(e)
		})
		if ctx.Err() != nil {
			return
		}
		pause := wait/2 + rand.N(wait) // many terminals of one node do not come back at one moment
		tell(lost{err, pause})
		wait = min(2*wait, lastWait)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// stream tells the events of one stream until it ends; it always ends with an error.
func stream(ctx context.Context, c p2pv1connect.PeopleClient, cursor int64, tell func(*p2pv1.Event)) error {
	s, err := c.Events(ctx, connect.NewRequest(&p2pv1.EventsRequest{Cursor: cursor, PresenceFollows: true}))
	if err != nil {
		return err
	}
	defer s.Close()
	for s.Receive() {
		tell(s.Msg())
	}
	if err := s.Err(); err != nil {
		return err
	}
	return errors.New("the node has ended the stream")
}
