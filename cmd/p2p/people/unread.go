package people

import (
	"slices"

	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

// unread is what others have written after this person's read mark, as far as it was looked at: a conversation that
// nobody reads is told with every message, and its thousand unread ones are not to be read again each time.
type unread struct {
	mark     history.Position
	upto     int64 // number of the last event that is in it
	newer    int   // lines after mark
	mentions int   // that name this person
}

// unreadIn returns it for a room.
func (v *viewer) unreadIn(id room.ID) (unread, error) {
	reads, err := v.archive.Reads(v.ctx, id)
	if err != nil {
		return unread{}, err
	}
	var mark history.Position
	if e, has := reads[v.me]; has {
		mark = e.Position()
	}
	v.mu.Lock()
	u, known := v.Node.unread[id]
	v.mu.Unlock()
	var all []history.Entry
	if known && u.mark == mark {
		all, err = v.archive.ArrivedIn(v.ctx, id, u.upto, history.MaxUnread)
	} else {
		u = unread{mark: mark}
		all, err = v.archive.After(v.ctx, id, mark, history.MaxUnread)
	}
	if err != nil {
		return unread{}, err
	}
	for i := range all {
		u.add(v, &all[i])
	}
	v.mu.Lock()
	v.Node.unread[id] = u
	v.mu.Unlock()
	return u, nil
}

func (u *unread) add(v *viewer, e *history.Entry) {
	u.upto = max(u.upto, e.N)
	if !e.Line || !e.Counts || e.Account == v.me || e.Event.Kind < room.Content || !u.mark.Less(e.Position()) {
		return
	}
	u.newer++
	if t, err := body.ParseText(e.Body); err == nil && e.Event.Kind == body.KindText && slices.Contains(t.Mentions, v.me) {
		u.mentions++
	}
}

// recountUnread has the unread messages of a room looked at again when some that were there may count no more, or are
// gone.
func (n *Node) recountUnread(id room.ID, added []history.Entry, recount bool) {
	if !recount && !slices.ContainsFunc(added, func(e history.Entry) bool { return e.Event.Kind == room.Delete }) {
		return
	}
	n.mu.Lock()
	delete(n.unread, id)
	n.mu.Unlock()
}
