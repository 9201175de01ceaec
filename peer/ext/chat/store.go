package chat

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// How long a Talk waits until it tries to write again.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// trouble is that the history could not be written, as when the disk is full.
type trouble struct {
	err  error // the first one, nil when all is well
	wait time.Duration
	next time.Time // when it is tried again, zero while the store is open
}

// fail closes the store: what was taken in this turn is lost, and nobody was told that it is here.
func (t *Talk) fail(n *turn, err error) {
	for _, r := range n.requests {
		r.done <- err
	}
	n.requests = nil
	if t.trouble.err == nil {
		t.log.Warn("the history cannot be written", zap.Error(err))
		t.told.Trouble = err
	}
	t.trouble.err = err
	t.trouble.wait = min(max(2*t.trouble.wait, firstRetry), lastRetry)
	t.trouble.next = n.now.Add(t.trouble.wait)
	t.store = nil
	clear(t.limits)
	for _, l := range t.links {
		l.session, l.hello, l.answers = nil, nil, nil // of a Room that is not as it was stored
	}
}

// reopen opens the store again when it is time: it can be read when it cannot be written. Whether it can be
// shows with the next commit. A person who writes, asked, has perhaps just made room, and does not wait for a minute.
func (t *Talk) reopen(n *turn, asked bool) {
	next := t.trouble.next
	if asked {
		next = next.Add(firstRetry - t.trouble.wait)
	}
	if t.store != nil || n.now.Before(next) {
		return
	}
	store, err := t.archive.Room(context.Background(), t.id)
	if err != nil {
		t.log.Debug("the history cannot be read", zap.Error(err))
		t.trouble.wait = min(2*t.trouble.wait, lastRetry)
		t.trouble.next = n.now.Add(t.trouble.wait)
		return
	}
	t.store, t.trouble.next = store, time.Time{}
	t.store.Room.Keep(t.o.Account)
	t.refresh()
	for _, l := range t.links {
		if !l.ended && l.until.IsZero() {
			t.start(l, true)
			t.tellRead(l)
			t.review(n.now, l)
		}
	}
}

// recovered is called after something was stored.
func (t *Talk) recovered() {
	if t.trouble.err != nil {
		t.log.Info("the history can be written again")
		t.told.Recovered = true
		t.trouble = trouble{}
	}
}
