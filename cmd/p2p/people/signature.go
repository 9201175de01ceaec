package people

import (
	"context"

	"go.uber.org/zap"

	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

// People learn from presence how those call themselves whom they meet. Who was there before, is never there at the same time, or was
// away when it changed, needs more: so each account writes its name into all its rooms, those of two too, and again when it
// changes. There it is signed, and reaches everybody through whomever he meets.
//
// Names are numbered (body.Name): by the place of the record in the own room by which the account's devices agree on what others
// were told. That place is later than all that the device had seen which wrote it, so a later name has a higher number,
// whatever the clocks say.

// toldName is how others were told that the account is called.
type toldName struct {
	Name   string `json:"name"`
	Issued int64  `json:"issued,omitempty"` // milliseconds of the card by which it has its name at the directory
}

// nickBurst is how many names others are told at once, before one every heedEvery: each is kept in every room for ever. The last counts.
const nickBurst = 5

// signature returns the name that others are to be told, with an empty Text for none. The clerk calls it.
func (n *Node) signature(ctx context.Context) (body.Name, error) {
	n.mu.Lock()
	now, was, turn := toldName{Name: body.NameOf(n.displayName(), 0).Text}, n.book.told, n.book.at[toldSubject].Lamport
	if n.self != nil && !n.self.card.IsZero() {
		now.Issued = n.self.card.Issued.UnixMilli()
	}
	n.mu.Unlock()
	switch {
	case now.Name == "" || now.Name == was.Name, now.Issued < was.Issued: // another device has heard of a newer one
		return body.NameOf(was.Name, turn), nil
	case !n.telling.Allow():
		n.untold.Store(true)
		return body.NameOf(was.Name, turn), nil
	}
	if err := n.write(ctx, record{Told: &now}); err != nil {
		return body.Name{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return body.NameOf(n.book.told.Name, n.book.at[toldSubject].Lamport), nil
}

// sign has a room know how this person calls himself, and reads how the others do.
func (n *Node) sign(ctx context.Context, c *conversation) {
	if p := n.place(c.id); c.own || p == nil || p.Left || !c.talk.Joined() {
		return
	}
	if err := n.signIn(ctx, c); err != nil && ctx.Err() == nil {
		n.log.Debug("cannot tell a name to a room", zap.Error(err))
	}
}

func (n *Node) signIn(ctx context.Context, c *conversation) error {
	all, err := n.archive.OfKind(ctx, c.id, body.KindName)
	if err != nil {
		return err
	}
	n.signed(ctx, all)
	name, err := n.signature(ctx)
	if err != nil || name.Text == "" {
		return err
	}
	me := n.accountOf()
	for i := range all {
		if is, err := body.ParseName(all[i].Body); err == nil && all[i].Account == me && is == name {
			return nil
		}
	}
	_, err = c.talk.Write(ctx, body.KindName, name.AppendTo(nil))
	return err
}

// signAll is sign for all rooms: the name may be another one.
func (n *Node) signAll(ctx context.Context) {
	n.untold.Store(false)
	for _, c := range n.every() {
		n.sign(ctx, c)
	}
}

// signed takes in the names among events.
func (n *Node) signed(ctx context.Context, entries []history.Entry) {
	me := n.accountOf()
	for i := range entries {
		e := &entries[i]
		if e.Event.Kind != body.KindName || !e.Counts || e.Account == me {
			continue
		}
		if name, err := body.ParseName(e.Body); err == nil && n.faces.signs(e.Account, name) {
			n.looks(ctx, e.Account)
		}
	}
	n.callAll(ctx)
}

// enters reports whether this account is new in the room by one of these events.
func (n *Node) enters(entries []history.Entry) bool {
	me := n.accountOf()
	for i := range entries {
		if k := entries[i].Event.Kind; entries[i].Account == me && (k == room.Create || k == room.Join) {
			return true
		}
	}
	return false
}
