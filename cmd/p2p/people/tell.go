package people

import (
	"context"
	"maps"
	"slices"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/zap"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// Messages are told by their number in the history: a listener reads on from where he is, whenever there is
// something new. All else is told as it is now, and a listener that missed it asks.

// page is how many messages a listener reads at a time.
const page = 200

// signEvery is how often a program that asks for it is given a sign of life.
var signEvery = 2 * time.Second

// stallTime is after how long the disk, which does not do what was written, counts as one that does not answer.
var stallTime = 4 * time.Second

// stalls reports whether nothing can be stored, since the disk does not answer: then the node is of no more use than one that hangs.
func (n *Node) stalls() bool { return n.archive.Writing() >= stallTime }

// Events implements p2pv1connect.PeopleHandler.
func (n *Node) Events(ctx context.Context, r *connect.Request[p2pv1.EventsRequest], s *connect.ServerStream[p2pv1.Event]) error {
	l := n.hub.listen(r.Msg.PresenceFollows)
	defer n.hub.leave(l)
	var signs <-chan time.Time
	if r.Msg.Signs {
		t := time.NewTicker(signEvery)
		defer t.Stop()
		signs = t.C
	}
	cursor, err := n.beginEvents(ctx, r.Msg, s)
	if err != nil {
		return err
	}
	for {
		if cursor, err = n.tellFrom(ctx, cursor, s); err != nil {
			return failure(err)
		}
		stored, events := l.stored, l.events
		if signs != nil && n.stalls() { // whatever is told would be a sign that it does not
			stored, events = nil, nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-signs:
			if n.stalls() {
				continue
			}
			if err := s.Send(&p2pv1.Event{Cursor: cursor}); err != nil {
				return err
			}
		case <-stored:
		case e, more := <-events:
			if !more {
				return fail(away, reasonStopping)
			}
			// e is everybody's; how far this one has heard is his own.
			if err := s.Send(&p2pv1.Event{Cursor: cursor, What: e.What}); err != nil {
				return err
			}
		}
	}
}

// beginEvents begins a stream of events: it says how things stand, and from where on it tells.
func (n *Node) beginEvents(ctx context.Context, q *p2pv1.EventsRequest, s *connect.ServerStream[p2pv1.Event]) (cursor int64, err error) {
	seal, err := n.seal(ctx)
	if err != nil {
		return 0, failure(err)
	}
	last, err := n.archive.Last(ctx)
	if err != nil {
		return 0, failure(err)
	}
	cursor = q.Cursor
	resumed := cursor != 0 && cursor <= last
	switch {
	case cursor < 0:
		cursor = 0
	case !resumed:
		cursor = last
	}
	hello := &p2pv1.Hello{Cursor: cursor, Resumed: resumed, Me: n.whoami(), Seal: seal, EditsOnce: true}
	if q.Signs {
		hello.SignMillis = int32(signEvery.Milliseconds())
	}
	first := []*p2pv1.Event{{Cursor: cursor, What: &p2pv1.Event_Hello{Hello: hello}}}
	n.mu.Lock()
	full := n.full
	n.mu.Unlock()
	if full { // it is told when it begins, which was before
		first = append(first, &p2pv1.Event{Cursor: cursor, What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{Kind: p2pv1.Alert_KIND_DISK_FULL}}})
	}
	if a := n.renewal(); a != nil {
		first = append(first, &p2pv1.Event{Cursor: cursor, What: &p2pv1.Event_Alert{Alert: a}})
	}
	for _, e := range first {
		if err := s.Send(e); err != nil {
			return 0, err
		}
	}
	return cursor, nil
}

// tellFrom sends the messages after cursor, and returns the number of the last.
func (n *Node) tellFrom(ctx context.Context, cursor int64, s *connect.ServerStream[p2pv1.Event]) (int64, error) {
	for {
		all, err := n.archive.Arrived(ctx, cursor, page)
		if err != nil || len(all) == 0 {
			return cursor, err
		}
		v := n.viewer(ctx)
		for i := range all {
			cursor = all[i].N
			m, err := v.changedBy(&all[i])
			if err != nil {
				return cursor, err
			}
			if m == nil {
				continue
			}
			if err := s.Send(&p2pv1.Event{Cursor: cursor, What: &p2pv1.Event_Message{Message: m}}); err != nil {
				return cursor, err
			}
		}
	}
}

// changedBy returns the message that an event is, or is about; nil when people see nothing of it.
func (v *viewer) changedBy(e *history.Entry) (*p2pv1.Message, error) {
	id := e.Event.In()
	if v.isOwn(id) || !e.Counts {
		return nil, nil
	}
	if e.Line {
		if v.hidden(e) {
			return nil, nil
		}
		return v.message(e)
	}
	target := e.Target
	if target.IsZero() {
		return nil, nil
	}
	t, found, err := v.archive.Event(v.ctx, target)
	if err != nil || !found || !t.Line || !t.Counts {
		return nil, err
	}
	m, err := v.message(&t)
	if err == nil {
		m.Change = v.change(e, &t)
	}
	return m, err
}

// change says what an event has done to the message that it is about; nil: nothing, or it is deleted since.
func (v *viewer) change(e, to *history.Entry) *p2pv1.Change {
	c := &p2pv1.Change{Account: textKey(e.Account), Name: v.nameOf(e.Account), Mine: e.Account == v.me, Written: int64(e.Event.Wall)}
	switch {
	case e.Event.Kind == room.Delete && to.Gone:
		c.Kind = p2pv1.Change_KIND_DELETED
		return c
	case to.Gone || to.Body == nil:
		return nil
	case edits(e, to):
		c.Kind = p2pv1.Change_KIND_EDITED
		return c
	case withdraws(e, to):
		c.Kind = p2pv1.Change_KIND_WITHDREW
		return c
	case e.Event.Kind != body.KindReaction:
		return nil
	}
	r, err := body.ParseReaction(e.Body)
	if err != nil {
		return nil
	}
	if c.Kind, c.Emoji = p2pv1.Change_KIND_REACTED, r.Emoji; r.Back {
		c.Kind = p2pv1.Change_KIND_TOOK_BACK
	}
	return c
}

// maxAgain is how many messages are told again at once: of more, programs see how they are when they list them.
const maxAgain = 1000

// tellAgain tells messages again that have begun or ceased to count, or whose bodies were withheld and are here now. They keep their
// places and numbers, so no program takes one for news.
func (n *Node) tellAgain(ctx context.Context, all []room.ID) {
	if _, listeners := n.hub.watched(); listeners == 0 {
		return
	}
	v := n.viewer(ctx)
	for _, id := range all[max(0, len(all)-maxAgain):] {
		e, found, err := n.archive.Event(ctx, id)
		if err != nil || !found {
			continue // it is gone again, or will be listed
		}
		m, err := v.changedBy(&e)
		if err == nil && !e.Counts {
			m, err = v.without(&e)
		}
		if err == nil && m != nil {
			n.hub.tell(&p2pv1.Event{What: &p2pv1.Event_Message{Message: m}})
		}
	}
}

// without returns a message that does not count any more, without what it has said, or the one that an event was about which does not
// count; nil when people see nothing of it.
func (v *viewer) without(e *history.Entry) (*p2pv1.Message, error) {
	if v.isOwn(e.Event.In()) || e.Line && v.hidden(e) {
		return nil, nil
	}
	if e.Line {
		return &p2pv1.Message{
			Id: textID(e.Event.ID), Conversation: textID(e.Event.In()), Number: e.N, Account: textKey(e.Account), Name: v.nameOf(e.Account),
			Device: textKey(e.Event.Author), Written: int64(e.Event.Wall), Arrived: e.Arrived.UnixMilli(), Lamport: e.Event.Lamport,
			Mine: e.Account == v.me, Deleted: true, Gone: true,
		}, nil
	}
	t, found, err := v.archive.Event(v.ctx, e.Target)
	if err != nil || !found || !t.Line || !t.Counts {
		return nil, err
	}
	return v.message(&t)
}

func (n *Node) isOwn(id room.ID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.self != nil && n.self.own == id
}

// gather is how long changes of a conversation wait for others.
const gather = 50 * time.Millisecond

// tellRoom tells programs of a conversation soon, and with marks also of who has, or has read, this person's messages: many
// changes at once are told as one.
func (n *Node) tellRoom(id room.ID, marks bool) {
	if _, listeners := n.hub.watched(); listeners == 0 {
		return
	}
	n.mu.Lock()
	first := len(n.stale) == 0
	n.stale[id] = n.stale[id] || marks
	n.mu.Unlock()
	if first {
		time.AfterFunc(gather, func() { n.clerk.do(n.tellStale) })
	}
}

func (n *Node) tellStale(ctx context.Context) {
	n.mu.Lock()
	stale := maps.Clone(n.stale)
	clear(n.stale)
	n.mu.Unlock()
	for id, marks := range stale {
		if c := n.conversation(id); c != nil && marks {
			n.tellMarks(ctx, c)
		}
		p := n.place(id)
		if p == nil {
			continue
		}
		c, err := n.viewer(ctx).conversationView(*p)
		if err != nil {
			n.log.Debug("cannot read a conversation", zap.Error(err))
			continue
		}
		n.hub.tell(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: c}})
	}
}

// tellConversations tells of all of them: the book has changed.
func (n *Node) tellConversations() {
	for _, p := range n.places() {
		n.tellRoom(p.Room, false)
	}
}

func (n *Node) tellContact(account identity.Key) {
	if k, known := n.contact(account); known {
		n.hub.tell(&p2pv1.Event{What: &p2pv1.Event_Contact{Contact: n.viewer(n.ctx).contactView(k)}})
	}
}

func (n *Node) tellContacts() {
	n.mu.Lock()
	accounts := slices.Collect(maps.Keys(n.book.contacts))
	n.mu.Unlock()
	for _, k := range accounts {
		n.tellContact(k)
	}
}

// tellTyping passes on that somebody types.
func (n *Node) tellTyping(c *conversation, t chat.Typing) {
	n.mu.Lock()
	if n.typing[c.id] == nil {
		n.typing[c.id] = map[identity.Key]bool{}
	}
	if t.On {
		n.typing[c.id][t.Account] = true
	} else {
		delete(n.typing[c.id], t.Account)
	}
	n.mu.Unlock()
	n.hub.tell(&p2pv1.Event{What: &p2pv1.Event_Typing{Typing: &p2pv1.Typing{
		Conversation: textID(c.id), Account: textKey(t.Account), Name: n.nameOf(t.Account), Typing: t.On,
	}}})
}

// said passes on what somebody says whose disk is slow. It is called by the Talk's goroutine.
func (c *conversation) said(s chat.Said) {
	if c.own {
		return
	}
	n := c.node
	n.hub.mention(&p2pv1.Event{What: &p2pv1.Event_Said{Said: &p2pv1.Message{
		Id: textID(s.Event), Conversation: textID(c.id), Account: textKey(s.Account), Name: n.nameOf(s.Account), Device: textKey(s.Device),
		Written: time.Now().UnixMilli(), Text: s.Text,
	}}})
}

// marked is how many of this person's last messages are looked at when marks have changed.
const marked = 30

// ticks is how many people have a message, and have read it.
type ticks struct{ delivered, read int }

// tellMarks tells those of the last messages of this person again that more people have, or have read, than
// programs were told.
func (n *Node) tellMarks(ctx context.Context, c *conversation) {
	all, err := n.archive.Before(ctx, c.id, history.End, marked)
	if err != nil {
		n.log.Debug("cannot read a conversation", zap.Error(err))
		return
	}
	v := n.viewer(ctx)
	n.mu.Lock()
	before, now := n.ticks[c.id], make(map[room.ID]ticks, len(all))
	n.ticks[c.id] = now
	n.mu.Unlock()
	for i := range all {
		if all[i].Account != v.me || all[i].Event.Kind < room.Content || all[i].Event.Kind == body.KindInvitation || all[i].Event.Kind == body.KindRevocation {
			continue
		}
		var marks p2pv1.Message
		v.marks(&marks, &all[i], c.id)
		id := all[i].Event.ID
		now[id] = ticks{len(marks.DeliveredTo), len(marks.ReadBy)}
		if before[id] == now[id] {
			continue
		}
		if m, err := v.message(&all[i]); err == nil {
			n.hub.tell(&p2pv1.Event{What: &p2pv1.Event_Message{Message: m}})
		}
	}
}

// alert tells what must not be overlooked.
func (n *Node) alert(kind p2pv1.Alert_Kind, account identity.Key, text string) {
	n.shout(kind, account, text, nil)
}

// shout is alert with a reason that says all of it.
func (n *Node) shout(kind p2pv1.Alert_Kind, account identity.Key, text string, reason *p2pv1.Reason) {
	n.hub.tell(&p2pv1.Event{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{
		Kind: kind, Account: textKey(account), Name: n.nameOf(account), Text: text, Reason: reason,
	}}})
}

// tellDirectory tells how things stand with the directory.
func (n *Node) tellDirectory() {
	n.hub.tell(&p2pv1.Event{What: &p2pv1.Event_Directory{Directory: n.directoryView()}})
}
