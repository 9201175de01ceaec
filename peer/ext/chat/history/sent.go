package history

import (
	"context"
	"crypto/sha256"
	"fmt"

	"p2p/peer/ext/chat/room"
)

// sentKey is how a key of a program is kept.
func sentKey(in room.ID, key string) []byte {
	h := sha256.Sum256(append([]byte("p2p sent"), append(in[:], key...)...))
	return h[:16]
}

// Sent returns the event that was written into a room under a key (Log.Under). An archive forgets none.
func (a *Archive) Sent(ctx context.Context, in room.ID, key string) (e room.Event, found bool, err error) {
	var s stored
	found, err = a.read.row(ctx, "SELECT "+metaColumns+" FROM sent JOIN events e ON e.n = sent.event WHERE sent.key = ?", []any{sentKey(in, key)}, s.fields()...)
	if found && err == nil {
		e, err = a.event(&s)
	}
	if err != nil {
		return room.Event{}, false, fmt.Errorf("read what was sent to room %v: %w", in, err)
	}
	return e, found, nil
}

// Under keeps, with the next Commit, that the event that was written last was written under a key, which no other in this room has.
func (l *Log) Under(key string) { l.pending[len(l.pending)-1].key = sentKey(l.id, key) }

// Sent is Archive.Sent, also for what is not committed yet. An error while reading is kept, and Commit returns it.
func (l *Log) Sent(key string) (room.Event, bool) {
	hashed := string(sentKey(l.id, key))
	for i := range l.pending {
		if p := &l.pending[i]; string(p.key) == hashed {
			return p.meta.Event, true
		}
	}
	e, found, err := l.archive.Sent(context.Background(), l.id, key)
	l.fail(err)
	return e, found
}
