package people

import (
	"context"
	"errors"
	"strconv"
	"time"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
)

// ListConversations implements p2pv1connect.PeopleHandler.
func (n *Node) ListConversations(ctx context.Context, r *connect.Request[p2pv1.ListConversationsRequest]) (*connect.Response[p2pv1.ListConversationsResponse], error) {
	v := n.viewer(ctx)
	if r.Msg.Where == "" {
		all, err := v.conversations()
		return connect.NewResponse(&p2pv1.ListConversationsResponse{Conversations: all}), failure(err)
	}
	p, err := n.readable(r.Msg.Where)
	if err != nil {
		return nil, err
	}
	c, err := v.conversationView(p)
	return connect.NewResponse(&p2pv1.ListConversationsResponse{Conversations: []*p2pv1.Conversation{c}}), failure(err)
}

// defaultLimit is how many members a room may have when nobody says otherwise.
const defaultLimit = 50

// CreateRoom implements p2pv1connect.PeopleHandler.
func (n *Node) CreateRoom(ctx context.Context, r *connect.Request[p2pv1.CreateRoomRequest]) (*connect.Response[p2pv1.CreateRoomResponse], error) {
	o := room.Options{Name: r.Msg.Name, Limit: int(r.Msg.Limit), History: historyOf(r.Msg.History), Open: r.Msg.Open}
	if o.Limit == 0 {
		o.Limit = defaultLimit
	}
	if err := errors.Join(entitled(o.Name), possible(o), possibleHistory(r.Msg.History)); err != nil {
		return nil, err
	}
	if err := n.ensure(ctx); err != nil {
		return nil, failure(err)
	}
	var guests []contact
	for _, who := range r.Msg.Invite {
		k, err := n.who(who)
		if err != nil {
			return nil, err
		}
		if k.State != p2pv1.ContactState_CONTACT_STATE_FRIEND {
			return nil, fail(failed, api.NotContact, "who", who)
		}
		if err := n.undoubted(k.Account); err != nil {
			return nil, err
		}
		guests = append(guests, k)
	}
	if len(guests) >= o.Limit {
		return nil, fail(full, api.RoomFull, "limit", strconv.Itoa(o.Limit))
	}
	id, err := n.found(ctx, o, place{Name: o.Name}, func(context.Context, *conversation, *place) error { return nil })
	if err != nil {
		return nil, failure(err)
	}
	c := n.conversation(id)
	for _, k := range guests {
		if err := n.bring(ctx, c, k.Account); err != nil {
			return nil, err
		}
	}
	out, err := n.viewRoom(ctx, id)
	return connect.NewResponse(&p2pv1.CreateRoomResponse{Conversation: out}), err
}

// entitled reports a name that no room can be given. One that has it already is left alone.
func entitled(name string) error {
	if !plain(name, room.MaxName) || !seen(name) {
		return fail(invalid, api.BadRoomName, "limit", strconv.Itoa(room.MaxName))
	}
	return nil
}

// possible reports what no room can have besides.
func possible(o room.Options) error {
	switch {
	case o.Limit < 1 || o.Limit > room.MaxMembers:
		return fail(invalid, api.BadRoomLimit, "limit", strconv.Itoa(room.MaxMembers))
	}
	return nil
}

// possibleHistory is possible for what a program says of the history.
func possibleHistory(said int32) error {
	if said < -1 || said > room.MaxHistory {
		return fail(invalid, api.BadRoomHistory, "limit", strconv.Itoa(room.MaxHistory))
	}
	return nil
}

// historyOf turns what a program says of the history that a joiner gets into what a room says.
func historyOf(said int32) int {
	switch said {
	case 0:
		return -1 // all
	case -1:
		return 0
	}
	return int(said)
}

// saidHistory turns it back: programs write what they read.
func saidHistory(n int) int32 {
	switch {
	case n < 0:
		return 0
	case n == 0:
		return -1
	}
	return int32(n)
}

func (n *Node) viewRoom(ctx context.Context, id room.ID) (*p2pv1.Conversation, error) {
	p := n.place(id)
	if p == nil {
		return nil, fail(missing, api.NoSuchConversation, "where", textID(id))
	}
	n.tellRoom(id, false)
	c, err := n.viewer(ctx).conversationView(*p)
	return c, failure(err)
}

// bring adds a contact to a room, and tells him in the conversation with him.
func (n *Node) bring(ctx context.Context, c *conversation, account identity.Key) error {
	if err := n.undoubted(account); err != nil {
		return err
	}
	if c.talk.Role(account) == room.Nobody {
		if err := n.change(ctx, c, room.Change{Op: room.Add, Account: account, Role: room.Member}); err != nil {
			return err
		}
		n.introduce(ctx, c, account)
	}
	k, known := n.contact(account)
	direct := n.conversation(k.Room)
	p := n.place(c.id)
	if !known || direct == nil || p == nil {
		return nil // he was a member before, and has the room; or comes by a link
	}
	n.callThere(c, account)
	v := body.Invitation{Room: c.id, Name: c.talk.Options().Name, Trackers: first(p.Trackers, body.MaxTrackers)}
	if _, err := direct.talk.Write(ctx, body.KindInvitation, v.AppendTo(nil)); err != nil {
		return stored(err)
	}
	return nil
}

// change makes a change of a room.
func (n *Node) change(ctx context.Context, c *conversation, change room.Change) error {
	_, err := c.talk.Change(ctx, change)
	switch {
	case errors.Is(err, chat.ErrFull):
		return fail(full, api.RoomFull, "limit", strconv.Itoa(c.talk.Options().Limit))
	case err != nil:
		return stored(err)
	}
	return nil
}

// JoinRoom implements p2pv1connect.PeopleHandler.
func (n *Node) JoinRoom(ctx context.Context, r *connect.Request[p2pv1.JoinRoomRequest]) (*connect.Response[p2pv1.JoinRoomResponse], error) {
	l, err := identity.ParseLink(r.Msg.Link)
	switch {
	case err != nil:
		return nil, badLink(err)
	case l.Room.IsZero():
		return nil, fail(invalid, api.BadLink, "problem", api.LinkToPerson)
	}
	if err := n.ensure(ctx); err != nil {
		return nil, failure(err)
	}
	if err := n.notMe(l.Account); err != nil {
		return nil, err
	}
	p, err := n.follows(ctx, l)
	if err != nil {
		return nil, failure(err)
	}
	c, err := n.viewer(ctx).conversationView(p)
	return connect.NewResponse(&p2pv1.JoinRoomResponse{Conversation: c}), failure(err)
}

// follows begins to ask for entry by a link, where this person is not in the room. It holds changing: else what is just being written
// of a room that he has left (parted) would come after it, and undo it. Of a room that he was in before, what was said stays where it
// is, whether somebody lets him in again or not.
func (n *Node) follows(ctx context.Context, l identity.Link) (place, error) {
	n.changing.Lock()
	defer n.changing.Unlock()
	n.mu.Lock()
	have := n.book.places[l.Room.String()]
	n.mu.Unlock()
	if have != nil && !have.Left && !n.isOut(have.Room) {
		return *have, nil
	}
	p := place{Swarm: l.Room.String()}
	if have != nil && !have.Room.IsZero() {
		p = *have
		p.Left, p.Refused = true, nil
	}
	p.Host, p.Trackers, p.Since = l.Account, l.Trackers, time.Now().UnixMilli()
	p.Join = &reach{Trackers: l.Trackers, Addrs: l.Addrs, Token: l.Token}
	if p.Room.IsZero() && entitled(l.RoomName) == nil {
		p.Name = l.RoomName
	}
	n.faces.called(l.Account, l.Name)
	if err := n.write(ctx, record{Place: &p}); err != nil {
		return place{}, err
	}
	return p, n.fit(ctx)
}

func swarmFrom(s string) infohash.T {
	h, _ := infohash.Parse(s) // the book holds what this node has written
	return h
}

// LeaveRoom implements p2pv1connect.PeopleHandler.
func (n *Node) LeaveRoom(ctx context.Context, r *connect.Request[p2pv1.LeaveRoomRequest]) (*connect.Response[p2pv1.LeaveRoomResponse], error) {
	p, err := n.where(r.Msg.Where)
	if err != nil {
		return nil, err
	}
	if !p.With.IsZero() {
		return nil, fail(invalid, api.NotARoom, "where", r.Msg.Where)
	}
	if c := n.conversation(p.Room); c != nil && lastOwner(c, n.accountOf()) {
		return nil, fail(failed, api.LastOwner)
	}
	if err := n.depart(ctx, p); err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(&p2pv1.LeaveRoomResponse{}), failure(n.refit(ctx))
}

// lastOwner reports whether a room would be without an owner if somebody left, although others stay.
func lastOwner(c *conversation, account identity.Key) bool {
	if c.talk.Role(account) != room.Owner || len(c.talk.Members()) < 2 {
		return false
	}
	for _, p := range c.talk.Members() {
		if p.Role == room.Owner && p.Account != account {
			return false
		}
	}
	return true
}

// depart ends the account's own membership.
func (n *Node) depart(ctx context.Context, p place) error {
	left := p.Left
	p.Left, p.Join, p.Refused = true, nil, nil
	if p.With.IsZero() {
		p.Name = n.nameOfPlace(p)
	}
	p.Gone = p.Room.IsZero() // it was never there: a link into it waits, or was refused
	if c := n.conversation(p.Room); c != nil && c.talk.Joined() && !left && !n.isOut(p.Room) {
		e, err := c.talk.Change(ctx, room.Change{Op: room.Remove, Account: n.accountOf()})
		if err != nil {
			return stored(err)
		}
		p.Farewell = farewell{e.Author, e.Seq}
	}
	if err := n.write(ctx, record{Place: &p}); err != nil {
		return err
	}
	if p.Gone {
		n.hub.tell(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: &p2pv1.Conversation{Id: p.Swarm, Name: p.Name, Left: true, Gone: true}}})
		return nil
	}
	n.tellRoom(p.Room, false)
	return nil
}

// ChangeMember implements p2pv1connect.PeopleHandler.
func (n *Node) ChangeMember(ctx context.Context, r *connect.Request[p2pv1.ChangeMemberRequest]) (*connect.Response[p2pv1.ChangeMemberResponse], error) {
	c, p, err := n.room(ctx, r.Msg.Where)
	if err != nil {
		return nil, err
	}
	if !p.With.IsZero() {
		return nil, fail(invalid, api.NotARoom, "where", r.Msg.Where)
	}
	account, err := n.somebody(ctx, c, r.Msg.Who)
	if err != nil {
		return nil, err
	}
	member := c.talk.Role(account) != room.Nobody
	switch {
	case r.Msg.Change == p2pv1.ChangeMemberRequest_CHANGE_ADD && member && len(c.talk.Devices(account)) > 0 && !c.strangeTo(account):
		err = fail(exists, api.AlreadyMember, "who", n.nameOf(account))
	case r.Msg.Change == p2pv1.ChangeMemberRequest_CHANGE_ADD: // also again: the invitation may not have been written, or a device have come that knows nothing of it
		err = n.bring(ctx, c, account)
	case !member:
		err = fail(missing, api.NotInRoom, "who", n.nameOf(account))
	case r.Msg.Change == p2pv1.ChangeMemberRequest_CHANGE_KICK && account == n.accountOf() && lastOwner(c, account):
		err = fail(failed, api.LastOwner) // as leaving is refused
	case r.Msg.Change == p2pv1.ChangeMemberRequest_CHANGE_KICK:
		err = n.change(ctx, c, room.Change{Op: room.Remove, Account: account})
	case r.Msg.Change == p2pv1.ChangeMemberRequest_CHANGE_ROLE:
		role := room.Role(r.Msg.Role)
		if role < room.Member || role > room.Owner {
			return nil, fail(invalid, api.Invalid, "what", "role")
		}
		if role != room.Owner && account == n.accountOf() && lastOwner(c, account) { // of another nobody but he himself could take it
			return nil, fail(failed, api.LastOwner)
		}
		err = n.change(ctx, c, room.Change{Op: room.SetRole, Account: account, Role: role})
	default:
		err = fail(invalid, api.Invalid, "what", "change")
	}
	if err != nil {
		return nil, err
	}
	out, err := n.viewRoom(ctx, c.id)
	return connect.NewResponse(&p2pv1.ChangeMemberResponse{Conversation: out}), err
}

// ChangeRoom implements p2pv1connect.PeopleHandler.
func (n *Node) ChangeRoom(ctx context.Context, r *connect.Request[p2pv1.ChangeRoomRequest]) (*connect.Response[p2pv1.ChangeRoomResponse], error) {
	c, p, err := n.room(ctx, r.Msg.Where)
	if err != nil {
		return nil, err
	}
	if !p.With.IsZero() {
		return nil, fail(invalid, api.NotARoom, "where", r.Msg.Where)
	}
	o := c.talk.Options()
	was := o
	if r.Msg.Name != nil {
		if err := entitled(*r.Msg.Name); err != nil {
			return nil, err
		}
		o.Name = *r.Msg.Name
	}
	if r.Msg.Limit != nil {
		o.Limit = int(*r.Msg.Limit)
	}
	if r.Msg.History != nil {
		o.History = historyOf(*r.Msg.History)
	}
	if r.Msg.Open != nil {
		o.Open = *r.Msg.Open
	}
	if err := errors.Join(possible(o), possibleHistory(r.Msg.GetHistory())); err != nil {
		return nil, err
	}
	if o != was {
		if err := n.change(ctx, c, room.Change{Op: room.SetRoom, Options: o}); err != nil {
			return nil, err
		}
	}
	if r.Msg.RevokeLinks {
		if c.talk.Role(n.accountOf()) >= room.Moderator {
			if err := c.talk.Revoke(ctx); err != nil {
				return nil, stored(err)
			}
		}
		if _, err := n.revokeLinks(ctx, c.id); err != nil { // a member's own; and an older program on another device looks at nothing else
			return nil, failure(err)
		}
	}
	out, err := n.viewRoom(ctx, c.id)
	return connect.NewResponse(&p2pv1.ChangeRoomResponse{Conversation: out}), err
}

// revokeLinks makes the links void that this person has given out to a room, or to herself if it is zero, and returns how many
// would still have let somebody in.
func (n *Node) revokeLinks(ctx context.Context, id room.ID) (good int, err error) {
	n.mu.Lock()
	var open []invite
	for _, i := range n.book.invites {
		if i.Room == id && !i.Void && i.Until > time.Now().UnixMilli() {
			open = append(open, *i)
		}
	}
	n.mu.Unlock()
	for _, i := range open {
		i.Void = true
		if err := n.write(ctx, record{Invite: &i}); err != nil {
			return good, err
		}
		if i.Used.IsZero() {
			good++
		}
	}
	return good, nil
}
