package chat

import (
	"context"
	"fmt"

	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// request is something to be written. Many that wait go into one commit.
type request struct {
	write func(r *room.Room) (room.Event, room.Outcome, error)
	event room.Event
	done  chan error // holds one
}

// maxRequests is how many go into one commit at most.
const maxRequests = 256

// submit has the goroutine write, and waits for the commit.
func (t *Talk) submit(ctx context.Context, write func(r *room.Room) (room.Event, room.Outcome, error)) (room.Event, error) {
	r := &request{write: write, done: make(chan error, 1)}
	select {
	case t.requests <- r:
	case <-t.done:
		return room.Event{}, ErrClosed
	case <-ctx.Done():
		return room.Event{}, ctx.Err()
	}
	select {
	case err := <-r.done: // what was taken is answered in the same turn
		return r.event, err
	case <-ctx.Done():
		return room.Event{}, ctx.Err()
	}
}

// Write writes an event of kind room.Delete or from room.Content on. It waits, and returns when the event is
// committed: it survives whatever happens then, and goes to the others. When ctx ends first it may be
// written all the same.
func (t *Talk) Write(ctx context.Context, kind room.Kind, b []byte) (room.Event, error) {
	return t.WriteOnce(ctx, "", kind, b)
}

// WriteOnce is Write for what may be asked for again, since whoever asked has not heard the answer: what was written into this room
// under the same key before, on this device, is returned instead, whatever it is. An empty key is none.
func (t *Talk) WriteOnce(ctx context.Context, key string, kind room.Kind, b []byte) (room.Event, error) {
	e, err := t.submit(ctx, func(r *room.Room) (room.Event, room.Outcome, error) {
		if key != "" {
			if e, there := t.store.Sent(key); there {
				return e, room.Outcome{}, nil
			}
		}
		if err := t.mayWrite(r, kind, b); err != nil {
			return room.Event{}, room.Outcome{}, err
		}
		e, out, err := r.Write(t.o.Device, kind, b, t.wall())
		if err == nil && key != "" {
			t.store.Under(key)
		}
		return e, out, err
	})
	if err != nil {
		return room.Event{}, fmt.Errorf("write: %w", err)
	}
	return e, nil
}

// mayWrite refuses what would not count.
func (t *Talk) mayWrite(r *room.Room, kind room.Kind, b []byte) error {
	device := t.o.Device.Key()
	switch {
	case kind != room.Delete && kind < room.Content:
		return ErrKind
	case r.Log(device).Seq == 0:
		return ErrNotJoined
	case r.Ended(device):
		return ErrNotAllowed
	case kind == body.KindRevocation && r.Role(t.o.Account) < room.Moderator:
		return ErrNotAllowed
	case kind == room.Delete:
		id, err := body.ParseDelete(b)
		if err != nil {
			return err
		}
		if target, ok := t.store.Find(id); ok && target.Account != t.o.Account && r.Role(t.o.Account) < room.Moderator {
			return ErrNotAllowed
		}
	}
	return nil
}

// Change writes an Admin event, and waits as Write does. When a Remove has no Cuts, or that of a Revoke is 0, it lets
// count what is known here. The error is ErrNotAllowed or ErrFull when it would have no effect.
func (t *Talk) Change(ctx context.Context, c room.Change) (room.Event, error) {
	e, err := t.submit(ctx, func(r *room.Room) (room.Event, room.Outcome, error) {
		if r.Log(t.o.Device.Key()).Seq == 0 {
			return room.Event{}, room.Outcome{}, ErrNotJoined
		}
		switch {
		case c.Op == room.Remove && len(c.Cuts) == 0:
			c.Cuts = t.withThis(r.Cuts(c.Account))
		case c.Op == room.Revoke && len(c.Cuts) == 1 && c.Cuts[0].Seq == 0:
			c.Cuts = t.withThis([]room.Cut{{Device: c.Cuts[0].Device, Seq: r.Log(c.Cuts[0].Device).Seq}})
		}
		if !r.May(t.o.Account, c) {
			if c.Op == room.Add && r.Role(c.Account) == room.Nobody && len(r.Members()) >= r.Options().Limit {
				return room.Event{}, room.Outcome{}, ErrFull
			}
			return room.Event{}, room.Outcome{}, ErrNotAllowed
		}
		return r.Write(t.o.Device, room.Admin, c.AppendTo(nil), t.wall())
	})
	if err != nil {
		return room.Event{}, fmt.Errorf("change the room: %w", err)
	}
	return e, nil
}

// withThis has the event that is about to be written count, if it is this device that it ends: else nobody would read that
// somebody has left.
func (t *Talk) withThis(cuts []room.Cut) []room.Cut {
	for i := range cuts {
		if cuts[i].Device == t.o.Device.Key() {
			cuts[i].Seq++
		}
	}
	return cuts
}

// Begin takes the first events of the room, which have come with an invitation and are verified as those of room.ParseMessage are:
// they count as those that a member sends, whoever has passed them on. It waits as Write does. Where they are here already
// nothing happens.
func (t *Talk) Begin(ctx context.Context, first []room.Sent) error {
	_, err := t.submit(ctx, func(r *room.Room) (e room.Event, all room.Outcome, err error) {
		for i := range first {
			out, err := r.Receive(first[i].Event, first[i].Body, 0)
			all.Add(out) // also with an error: what came before the bad one is in the room
			if err != nil {
				return room.Event{}, all, err
			}
		}
		return room.Event{}, all, nil
	})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	return nil
}

// Join writes the first event of this device, unless it is there, and waits as Write does. The error is ErrNotAllowed as long
// as it is not known here that the account is a member.
func (t *Talk) Join(ctx context.Context, cert identity.Certificate) error {
	_, err := t.submit(ctx, func(r *room.Room) (room.Event, room.Outcome, error) {
		switch {
		case r.Log(t.o.Device.Key()).Seq > 0:
			return room.Event{}, room.Outcome{}, nil
		case r.Role(t.o.Account) == room.Nobody:
			return room.Event{}, room.Outcome{}, ErrNotAllowed
		}
		return r.Write(t.o.Device, room.Join, cert.AppendTo(nil), t.wall())
	})
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	return nil
}
