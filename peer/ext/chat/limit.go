package chat

import (
	"context"

	"go.uber.org/zap"

	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// limit is from where on an account gets the bodies of events.
type limit struct {
	nothing bool // no member
	from    history.Position
}

// bodies is the room.Bodies for the other end of a link: members get what was written from some lines before they
// came, as the room decides, and how those are called who wrote it or were invited; whoever is no member, nothing that people wrote.
func (t *Talk) bodies(l *link) room.Bodies {
	return func(m *room.Meta) []byte {
		account := l.whose()
		if m.Kind < room.Content || account == t.o.Account {
			return t.body(m)
		}
		at := t.limitOf(account)
		if at.nothing || t.store.Room.Role(account) == room.Nobody || m.Position().Less(at.from) && m.Kind != body.KindName && m.Kind != body.KindGuest {
			return nil // he may have been removed in this turn
		}
		return t.body(m)
	}
}

// body returns the body of an event: those that were just committed go to many at once.
func (t *Talk) body(m *room.Meta) []byte {
	if b, ok := t.fresh[m.ID]; ok {
		return b
	}
	return t.store.Body(m)
}

// limitOf returns from where on an account gets bodies.
func (t *Talk) limitOf(account identity.Key) limit {
	if at, ok := t.limits[account]; ok {
		return at
	}
	at := t.findLimit(account)
	t.limits[account] = at
	return at
}

// findLimit asks the room and the archive. When they cannot be read the account gets nothing, until it asks again.
func (t *Talk) findLimit(account identity.Key) limit {
	r := t.store.Room
	since, member := r.Since(account)
	n := r.Options().History
	switch {
	case !member:
		return limit{nothing: true}
	case n < 0:
		return limit{}
	}
	joined := since.Position()
	if n == 0 {
		return limit{from: joined}
	}
	from, found, err := t.archive.Back(context.Background(), t.id, joined, n)
	if err != nil {
		t.log.Warn("how much history a member gets cannot be read", zap.Error(err))
		return limit{nothing: true}
	}
	if !found {
		return limit{}
	}
	return limit{from: from}
}
