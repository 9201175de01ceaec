package people

import (
	"bytes"
	"context"
	"fmt"

	"go.uber.org/zap"

	"p2p/peer/ext/chat/room"
	"p2p/peer/ext/knock"
	"p2p/peer/identity"
)

// Two who have never been connected may be kept apart for long, by two routers or because one is away. So the first two events of
// their conversation go with the request: that which has made it, and that which has added who is asked. Whoever accepts has the
// conversation then and can write, on each device that learns of it; what is written waits in its log, and goes the way of everything
// else when they meet.
//
// They come from a stranger. So they are bounded, are kept with his request and nowhere else until he is accepted, and are
// nothing but what he could write in a conversation with him anyway: made by his account, which has signed the request, for the
// one who is asked, under the id that the request names. What is anything else counts as not said, as with versions that do not know
// of this.

// maxBeginning bounds the encoded beginning of a conversation, in bytes.
const maxBeginning = knock.MaxBeginning

// beginningOf returns the beginning of a conversation of two that this device has made, as it is sent.
func (n *Node) beginningOf(ctx context.Context, c *conversation, add room.Event, change *room.Change) ([]byte, error) {
	birth, here, err := n.archive.Event(ctx, c.id)
	if err != nil || !here {
		return nil, fmt.Errorf("read how a conversation begins: %w", err)
	}
	m := room.Message{Events: []room.Sent{{Event: birth.Event, Body: birth.Body}, {Event: add, Body: change.AppendTo(nil)}}}
	return m.AppendTo(nil), nil
}

// beginningIn returns the beginning of a conversation of two, nil if it is not here.
func (n *Node) beginningIn(ctx context.Context, id room.ID) []byte {
	if p := n.place(id); p != nil && len(p.Beginning) > 0 {
		return p.Beginning
	}
	birth, here, err := n.archive.Event(ctx, id)
	if err != nil || !here {
		return nil
	}
	next, err := n.archive.After(ctx, id, birth.Position(), 1)
	if err != nil || len(next) == 0 || next[0].Event.Prev != id {
		return nil
	}
	m := room.Message{Events: []room.Sent{{Event: birth.Event, Body: birth.Body}, {Event: next[0].Event, Body: next[0].Body}}}
	return m.AppendTo(nil)
}

// parseBeginning reads and verifies the beginning of the conversation id that from has made for to. The error wraps errLetter.
func parseBeginning(b []byte, id room.ID, from, to identity.Key) ([]room.Sent, error) {
	if len(b) > maxBeginning {
		return nil, fmt.Errorf("%w: its conversation begins with too much", errLetter)
	}
	m, err := room.ParseMessage(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errLetter, err)
	}
	if len(m.Events) != 2 {
		return nil, fmt.Errorf("%w: its conversation begins with %d events", errLetter, len(m.Events))
	}
	made, added := m.Events[0], m.Events[1]
	birth, err := room.ParseBirth(made.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errLetter, err)
	}
	change, err := room.ParseChange(added.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errLetter, err)
	}
	switch {
	case made.Event.Kind != room.Create || made.Event.ID != id || !made.Event.Owns(made.Body):
		return nil, fmt.Errorf("%w: its conversation is another one", errLetter)
	case birth.Certificate.Account != from || birth.Options.Limit != 2:
		return nil, fmt.Errorf("%w: its conversation is not one with who sends it", errLetter)
	case added.Event.Kind != room.Admin || added.Event.Room != id || added.Event.Author != made.Event.Author || added.Event.Prev != id,
		!added.Event.Owns(added.Body):
		return nil, fmt.Errorf("%w: its conversation does not begin so", errLetter)
	case change.Op != room.Add || change.Account != to || change.Role != room.Member:
		return nil, fmt.Errorf("%w: its conversation is not one with who gets it", errLetter)
	}
	return m.Events, nil
}

// begun returns the beginning that came with a request as far as it is one, nil if not.
func (n *Node) begun(from identity.Key, l letter) []byte {
	if len(l.Beginning) == 0 {
		return nil
	}
	if _, err := n.beginning(l.Beginning, l.Room, from); err != nil {
		n.log.Info("a request does not say how its conversation begins", zap.Stringer("from", from), zap.Error(err))
		return nil
	}
	return bytes.Clone(l.Beginning)
}

// beginning is parseBeginning for a conversation with somebody: he has made it, or, long before, this account.
func (n *Node) beginning(b []byte, id room.ID, with identity.Key) ([]room.Sent, error) {
	me := n.accountOf()
	events, err := parseBeginning(b, id, with, me)
	if err != nil {
		if own, other := parseBeginning(b, id, me, with); other == nil {
			return own, nil
		}
	}
	return events, err
}

// commence gives a conversation with somebody its beginning, if that is not known here.
func (n *Node) commence(ctx context.Context, c *conversation, with identity.Key, beginning []byte) {
	if c == nil || len(beginning) == 0 || c.talk.Known() {
		return
	}
	events, err := n.beginning(beginning, c.id, with)
	if err == nil {
		err = c.talk.Begin(ctx, events)
	}
	if err != nil && ctx.Err() == nil {
		n.log.Warn("a conversation does not begin as its request has said", zap.Stringer("room", c.id), zap.Error(err))
	}
}
