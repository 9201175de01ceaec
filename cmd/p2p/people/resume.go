package people

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/ext/knock"
	"p2p/peer/identity"
)

// A device that comes to an account, when no other one of it is there any more, knows nobody. Those whom the account had know it still:
// they hold the conversations, and what they have written waits there. So who is asked by somebody whom he has, leads him back into the
// conversation of the two instead of entering another; and a member of a room may be told of it again.
//
// What somebody could do with that: whoever is asked may name any room. It is taken only where the one who has asked knows of none with
// him, and for a conversation with nobody else than him, as one is that he asks for.

// leadBack shows somebody into the conversation that the two have, who asks for another on a device that does not know it.
func (n *Node) leadBack(ctx context.Context, k contact, l letter) {
	answer := knock.Answer{Verdict: knock.Accepted, Room: k.Room}
	if c := n.conversation(k.Room); c != nil {
		c.swarm.Expect(l.Addrs)
		answer.Addrs = c.addrs()
	}
	n.tellVisitor(k.Account, answer)
	_, _ = n.post(ctx, k.Account, letter{Kind: accepts, Room: k.Room, Beginning: n.beginningIn(ctx, k.Room)})
}

// resume goes on in the conversation that somebody names who was asked: the two had it before this device came. The caller holds asking.
func (n *Node) resume(ctx context.Context, k contact, l letter) error {
	n.mu.Lock()
	first := n.book.resumes(&k)
	n.mu.Unlock()
	have := n.place(l.Room)
	if l.Room.IsZero() || !first || have != nil && (have.With != k.Account || have.Left) { // with him it is there if a node ended half-way
		return nil
	}
	asked := n.place(k.Room)
	k.State, k.Room = p2pv1.ContactState_CONTACT_STATE_FRIEND, l.Room
	p := place{
		Room: k.Room, Swarm: swarmOf(k.Room).String(), With: k.Account, Trackers: l.Trackers, Addrs: l.Addrs, Since: time.Now().UnixMilli(),
		Beginning: n.begun(k.Account, l),
	}
	err := n.write(ctx, record{Place: &p})
	if err == nil {
		err = n.write(ctx, record{Contact: &k})
	}
	if err == nil {
		err = n.desert(ctx, asked, k.Room)
	}
	if err != nil {
		return err
	}
	n.alert(p2pv1.Alert_KIND_ANSWERED, k.Account, "")
	err = n.refit(ctx)
	n.tellContact(k.Account)
	n.tellRoom(k.Room, false)
	return err
}

// desert takes the room of a request away which the other one has not come into, since the two are in another: nobody is there, or ever
// was. One in which this person has said something stays to be read.
func (n *Node) desert(ctx context.Context, asked *place, instead room.ID) error {
	if asked == nil || asked.Room == instead {
		return nil
	}
	last, err := n.archive.Before(ctx, asked.Room, history.End, 1)
	if err != nil || len(last) > 0 && last[0].Event.Kind >= room.Content {
		return err
	}
	over := *asked
	over.Left, over.Gone = true, true
	if err := n.write(ctx, record{Place: &over}); err != nil {
		return err
	}
	n.hub.tell(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: &p2pv1.Conversation{Id: textID(asked.Room), Left: true, Gone: true, Direct: true, Became: textID(instead)}}})
	return nil
}

// remind asks a contact whom this person has, on a device that may know nothing of the two.
func (n *Node) remind(ctx context.Context, k contact) {
	_, _ = n.post(ctx, k.Account, letter{Kind: asks, Room: k.Room, Beginning: n.beginningIn(ctx, k.Room)})
}

// strangeTo reports whether a member may not know of the room: nobody of his is connected here, and he has a device that has never come.
func (c *conversation) strangeTo(account identity.Key) bool {
	if path, _ := c.node.faces.in(c.id, account); path != p2pv1.Path_PATH_UNSPECIFIED {
		return false
	}
	here := c.talk.Devices(account)
	return slices.ContainsFunc(c.node.known.all(account), func(cert identity.Certificate) bool {
		return !cert.Revoked && !slices.Contains(here, cert.Device)
	})
}

// remindAfter is how long a device has, that is met in the conversation with its person, to come into the rooms that it shares with
// this account: most know of them from another one of their account.
var remindAfter = 5 * time.Second

// greet sees to it that a device of a contact that is met gets to know the rooms in which he is with this person.
func (n *Node) greet(c *conversation, account, device identity.Key) {
	if p := n.place(c.id); p == nil || p.With != account {
		return
	}
	time.AfterFunc(remindAfter, func() { n.clerk.do(func(ctx context.Context) { n.remindOfRooms(ctx, c, account, device) }) })
}

// remindOfRooms tells a contact again of those rooms into which a device of his has not come, once since he has it: it stays in the history.
func (n *Node) remindOfRooms(ctx context.Context, direct *conversation, account, device identity.Key) {
	if !n.faces.meeting(contactPoint{direct.id, device}) || n.undoubted(account) != nil {
		return
	}
	since := n.known.device(device).Issued.UnixMilli()
	for _, c := range n.shared(account) {
		if slices.Contains(c.talk.Devices(account), device) {
			continue
		}
		told, err := n.invited(ctx, direct, c.id, since)
		if err == nil && !told {
			err = n.bring(ctx, c, account)
		}
		if err != nil && ctx.Err() == nil {
			n.log.Warn("cannot tell somebody again of a room", zap.Error(err))
		}
	}
}

// invited reports whether this account has told the other one of two of a room since a time, in milliseconds.
func (n *Node) invited(ctx context.Context, direct *conversation, id room.ID, since int64) (bool, error) {
	all, err := n.archive.OfKind(ctx, direct.id, body.KindInvitation)
	return slices.ContainsFunc(all, func(e history.Entry) bool {
		v, err := body.ParseInvitation(e.Body)
		return err == nil && v.Room == id && e.Account == n.accountOf() && int64(e.Event.Wall) >= since
	}), err
}
