package people

import (
	"context"

	"go.uber.org/zap"

	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

// Members of a room learn from presence how those call themselves whom they meet. Who was there before, or is never there at the same
// time, they would know by his key alone: so each account also writes its name into the room, and again when it changes.

// sign has a room know how this person calls himself, and reads how the others do.
func (n *Node) sign(ctx context.Context, c *conversation) {
	p := n.place(c.id)
	if c.own || p == nil || !p.With.IsZero() || p.Left || !c.talk.Joined() {
		return
	}
	all, err := n.archive.OfKind(ctx, c.id, body.KindName)
	if err != nil {
		n.log.Debug("cannot read the names in a room", zap.Error(err))
		return
	}
	me, written := n.accountOf(), ""
	for i := range all {
		if name, err := body.ParseName(all[i].Body); err == nil && all[i].Account == me {
			written = name
		}
	}
	n.signed(ctx, all)
	n.mu.Lock()
	name := body.Name(n.displayName())
	n.mu.Unlock()
	if len(name) == 0 || string(name) == written {
		return
	}
	if _, err := c.talk.Write(ctx, body.KindName, name); err != nil && ctx.Err() == nil {
		n.log.Debug("cannot write a name into a room", zap.Error(err))
	}
}

// signAll is sign for all rooms: the name may be another one.
func (n *Node) signAll(ctx context.Context) {
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
		if name, err := body.ParseName(e.Body); err == nil && n.faces.signs(e.Account, name, int64(e.Event.Wall)) {
			n.looks(ctx, e.Account)
		}
	}
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
