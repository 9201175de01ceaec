package chat

import (
	"context"
	"sync"

	"go.uber.org/zap"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// given is from where on members got bodies for sure, as far as somebody has asked. It holds for one view.
type given struct {
	mu   sync.Mutex
	of   *view
	from map[identity.Key]history.Position
}

// Given reports whether a member was given what an event says by whoever gave him the event: it was written after he had come, or no
// longer before than the room has let joiners read at all times. Of another one nobody can know: most often he has its header alone,
// and neither what he has stored nor how far he has read says more. It waits for the archive.
func (t *Talk) Given(account identity.Key, e *room.Event) bool {
	v := t.view.Load()
	since, member := v.since[account]
	switch {
	case !member:
		return false
	case v.least < 0, !e.Position().Less(since):
		return true
	case v.least == 0:
		return false
	}
	g := &t.given
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.of != v {
		g.of, g.from = v, map[identity.Key]history.Position{}
	}
	from, known := g.from[account]
	if !known {
		var err error
		if from, _, err = t.archive.Back(context.Background(), t.id, since, v.least); err != nil {
			t.log.Warn("how much history a member got cannot be read", zap.Error(err))
			return false
		}
		g.from[account] = from
	}
	return !e.Position().Less(from)
}
