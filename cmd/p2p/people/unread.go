package people

import (
	"slices"

	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

// unread is what others have written that this person has not read: a conversation is told with every message, and
// what was counted before is not to be read again each time.
type unread struct {
	mark     history.Position // his
	upto     int64            // number of the last event that is in it
	count    int              // history.MaxUnread means that many or more
	newer    int              // of them, those after mark
	mentions int              // of those, the ones that name this person
}

// unreadIn returns it for a room.
func (v *viewer) unreadIn(id room.ID) (u unread, err error) {
	v.mu.Lock()
	u, known := v.Node.unread[id]
	anew := v.anew
	v.mu.Unlock()
	if known {
		err = v.goOn(id, &u)
	} else {
		u, err = v.countUnread(id)
	}
	if err != nil {
		return unread{}, err
	}
	v.mu.Lock()
	if anew == v.anew { // else it may go by an old mark
		v.Node.unread[id] = u
	}
	v.mu.Unlock()
	return u, nil
}

// countUnread begins with what is there.
func (v *viewer) countUnread(id room.ID) (u unread, err error) {
	reads, err := v.archive.Reads(v.ctx, id)
	if err != nil {
		return u, err
	}
	if e, has := reads[v.me]; has {
		u.mark = e.Position()
	}
	if u.count, u.upto, err = v.archive.Unread(v.ctx, id); err != nil || u.count == 0 {
		return u, err
	}
	return u, v.findNewer(id, &u)
}

// findNewer looks through the lines after the mark, the last first: what was withheld is far back, and may be much.
func (v *viewer) findNewer(id room.ID, u *unread) error {
	for before := history.End; u.newer < u.count; {
		all, err := v.archive.Before(v.ctx, id, before, history.MaxUnread)
		for i := range all {
			if e := &all[i]; u.newer < u.count && e.N <= u.upto && u.mark.Less(e.Position()) && v.fromOthers(e) {
				u.newer++
				u.mention(v, e)
			}
		}
		if err != nil || len(all) < history.MaxUnread || !u.mark.Less(all[0].Position()) {
			return err
		}
		before = all[0].Position()
	}
	return nil
}

// goOn adds what has arrived since.
func (v *viewer) goOn(id room.ID, u *unread) error {
	for {
		all, err := v.archive.ArrivedIn(v.ctx, id, u.upto, page)
		for i := range all {
			e := &all[i]
			u.upto = e.N
			after := u.mark.Less(e.Position())
			if !e.Line || !e.Counts || !v.fromOthers(e) || !after && !e.Late {
				continue
			}
			u.count = min(u.count+1, history.MaxUnread)
			if after {
				u.newer++
				u.mention(v, e)
			}
		}
		if err != nil || len(all) < page {
			return err
		}
	}
}

// fromOthers reports whether a line is one that others have written, and can be read.
func (v *viewer) fromOthers(e *history.Entry) bool {
	return e.Account != v.me && e.Event.Kind >= room.Content && e.Event.Kind < body.KindRecord && e.Body != nil
}

func (u *unread) mention(v *viewer, e *history.Entry) {
	if t, ok := textIn(e); ok && slices.Contains(t.Mentions, v.me) {
		u.mentions++
	}
}

// recountUnread has the unread messages of a room counted anew when that is not only by what was added: some may count no
// more, be gone, or have been read, and what came without its body may mention this person.
func (n *Node) recountUnread(c *conversation, change *chat.Change) {
	me := n.accountOf()
	if change.Recount || len(change.Filled) > 0 || slices.ContainsFunc(change.Added, func(e history.Entry) bool { return e.Event.Kind == room.Delete }) ||
		slices.ContainsFunc(change.Read, func(r chat.Read) bool { return r.Account == me }) {
		n.forgetUnread(c.id)
	}
}

func (n *Node) forgetUnread(id room.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.unread, id)
	n.anew++
}
