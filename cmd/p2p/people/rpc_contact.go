package people

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/qrcode"
	"p2p/peer/directory"
	"p2p/peer/ext/chat/room"
	"p2p/peer/ext/knock"
	"p2p/peer/identity"
)

// ListContacts implements p2pv1connect.PeopleHandler.
func (n *Node) ListContacts(ctx context.Context, _ *connect.Request[p2pv1.ListContactsRequest]) (*connect.Response[p2pv1.ListContactsResponse], error) {
	n.mu.Lock()
	all := n.book.sorted()
	list := make([]contact, 0, len(all))
	for _, c := range all {
		list = append(list, *c)
	}
	n.mu.Unlock()
	v, r := n.viewer(ctx), &p2pv1.ListContactsResponse{}
	for _, c := range list {
		r.Contacts = append(r.Contacts, v.contactView(c))
	}
	return connect.NewResponse(r), nil
}

// AddContact implements p2pv1connect.PeopleHandler.
func (n *Node) AddContact(ctx context.Context, r *connect.Request[p2pv1.AddContactRequest]) (*connect.Response[p2pv1.AddContactResponse], error) {
	switch {
	case !plain(r.Msg.Note, 4*maxNote) || utf8.RuneCountInString(r.Msg.Note) > maxNote:
		return nil, fail(invalid, api.BadNote, "limit", strconv.Itoa(maxNote))
	case !isName(r.Msg.Name):
		return nil, fail(invalid, api.BadNickname, "limit", strconv.Itoa(maxNameLen))
	}
	k, err := n.whom(ctx, r.Msg.Who)
	if err != nil {
		return nil, err
	}
	k.Note = r.Msg.Note
	if r.Msg.Name != "" {
		k.Name, k.His = n.freeName(r.Msg.Name, k.Account), ""
	}
	before, _ := n.contact(k.Account)
	hears := n.hub.listen(false)
	defer n.hub.leave(hears)
	online, err := n.ask(ctx, k)
	if err != nil {
		return nil, n.named(err, k.Name)
	}
	mayHaveRefused := before.State == p2pv1.ContactState_CONTACT_STATE_REFUSED || before.State == p2pv1.ContactState_CONTACT_STATE_REMOVED
	if online && mayHaveRefused && n.refusedAtOnce(ctx, hears, k.Account) {
		return nil, fail(denied, api.HasRefused, "who", k.Name)
	}
	now, _ := n.contact(k.Account)
	sought := before.State == p2pv1.ContactState_CONTACT_STATE_FRIEND
	return connect.NewResponse(&p2pv1.AddContactResponse{
		Contact: n.viewer(ctx).contactView(now), Delivered: online || now.Arrived && !sought, Sought: sought,
	}), nil
}

// refusalTime is how long is waited for who has refused before, and may do so again by himself.
const refusalTime = time.Second

// refusedAtOnce waits for whether somebody who is there refuses what he was just asked.
func (n *Node) refusedAtOnce(ctx context.Context, hears *listener, account identity.Key) bool {
	ctx, cancel := context.WithTimeout(ctx, refusalTime)
	defer cancel()
	for {
		if k, _ := n.contact(account); k.State != p2pv1.ContactState_CONTACT_STATE_ASKED {
			return k.State == p2pv1.ContactState_CONTACT_STATE_REFUSED
		}
		select {
		case <-ctx.Done():
			return false
		case _, more := <-hears.events:
			if !more {
				return false
			}
		}
	}
}

// whom returns who is meant by a name at the directory or a link, as a contact to be.
func (n *Node) whom(ctx context.Context, who string) (contact, error) {
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(who)), "p2p:") {
		l, err := identity.ParseLink(who)
		switch {
		case err != nil:
			return contact{}, badLink(err)
		case !l.Room.IsZero():
			return contact{}, fail(invalid, api.BadLink, "problem", api.LinkToRoom)
		}
		if err := n.ensure(ctx); err != nil {
			return contact{}, failure(err)
		}
		k, _ := n.contact(l.Account)
		if k.Name == "" {
			k.Name = n.freeName(l.Name, l.Account)
			k.His = cmp.Or(l.Name, k.Name)
		}
		k.Account, k.Reach = l.Account, reach{Trackers: l.Trackers, Addrs: l.Addrs, Token: l.Token}
		return k, n.notMe(k.Account)
	}
	_, client, err := n.account()
	if err != nil {
		return contact{}, err
	}
	p, err := client.Find(ctx, who)
	if err != nil {
		return contact{}, n.named(err, who)
	}
	for _, c := range p.Certificates {
		n.known.add(c)
	}
	if err := n.sameKey(ctx, client, p); err != nil {
		return contact{}, err
	}
	k, _ := n.contact(p.Account)
	if k.Name == "" {
		k.Name, k.His = n.freeName(p.Name, p.Account), p.Name
	}
	k.Account, k.Directory = p.Account, p.Name
	return k, n.notMe(k.Account)
}

func (n *Node) notMe(k identity.Key) error {
	if k == n.accountOf() {
		return fail(invalid, api.Yourself)
	}
	return nil
}

// ask asks somebody to be a contact, and reports whether he is there to hear it.
func (n *Node) ask(ctx context.Context, k contact) (online bool, err error) {
	k, err = n.want(ctx, k)
	switch {
	case err != nil:
		return false, err
	case k.State == p2pv1.ContactState_CONTACT_STATE_FRIEND:
		return n.faces.of(k.Account).presence != p2pv1.Presence_PRESENCE_OFFLINE, nil
	}
	online, err = n.post(ctx, k.Account, n.request(k))
	if err != nil && len(k.Reach.Trackers)+len(k.Reach.Addrs) > 0 || errors.Is(err, directory.ErrUnavailable) {
		err = nil // his bell is rung, or it is sent with the next session
	}
	return online, err
}

// want writes into the book that somebody is asked, whose bell is rung then; or accepts him, if he has asked himself.
func (n *Node) want(ctx context.Context, k contact) (contact, error) {
	n.asking.Lock()
	defer n.asking.Unlock()
	now, known := n.contact(k.Account)
	if known { // he may have asked a moment ago
		k.State, k.Room, k.Arrived, k.Beginning, k.Resumes = now.State, now.Room, now.Arrived, now.Beginning, now.Resumes
	}
	if c := n.conversation(k.Room); k.State == p2pv1.ContactState_CONTACT_STATE_FRIEND && c != nil && c.talk.Removed(k.Account) {
		k.State = p2pv1.ContactState_CONTACT_STATE_REMOVED // settle comes to it in a moment
	}
	return n.wantAs(ctx, k, now)
}

// wantAs is want for what somebody is now. The caller holds asking.
func (n *Node) wantAs(ctx context.Context, k, now contact) (contact, error) {
	var err error
	switch k.State {
	case p2pv1.ContactState_CONTACT_STATE_FRIEND:
		if !k.Reach.news(now.Reach) {
			if c := n.conversation(k.Room); c == nil || !c.strangeTo(k.Account) {
				return k, fail(exists, api.AlreadyContact, "who", k.Name)
			}
			n.remind(ctx, now)
			return now, nil
		}
		now.Reach, now.Name, now.Sought = k.Reach, k.Name, time.Now().UnixMilli()
		return now, n.seek(ctx, now)
	case p2pv1.ContactState_CONTACT_STATE_BLOCKED:
		return k, fail(failed, api.Blocked, "who", k.Name)
	case p2pv1.ContactState_CONTACT_STATE_ASKS:
		if err = n.unlikeAny(k.Account); err != nil {
			return k, err
		}
		err = n.accept(ctx, k)
		k.State = p2pv1.ContactState_CONTACT_STATE_FRIEND
		return k, err
	case p2pv1.ContactState_CONTACT_STATE_ASKED: // it is sent once more
		if c := n.conversation(k.Room); c != nil && c.talk.Known() {
			break
		}
		fallthrough // another device has made the room and may be gone with it: that request leads nowhere
	default:
		if k.Room, err = n.foundDirect(ctx, k.Account); err != nil {
			return k, err
		}
		k.Arrived, k.Beginning, k.Sought, k.Resumes = false, nil, 0, false
		n.mu.Lock()
		k.Resumes = n.book.resumes(&k)
		n.mu.Unlock()
	}
	k.State, k.Asked, k.Refused = p2pv1.ContactState_CONTACT_STATE_ASKED, time.Now().UnixMilli(), 0
	if err := n.write(ctx, record{Contact: &k}); err != nil {
		return k, err
	}
	return k, n.refit(ctx)
}

// foundDirect makes the room of this person and one other.
func (n *Node) foundDirect(ctx context.Context, with identity.Key) (room.ID, error) {
	add := room.Change{Op: room.Add, Account: with, Role: room.Member}
	return n.found(ctx, room.Options{Limit: 2, History: -1}, place{With: with}, func(ctx context.Context, c *conversation, p *place) error {
		e, err := c.talk.Change(ctx, add)
		if err == nil {
			p.Beginning, err = n.beginningOf(ctx, c, e, &add)
		}
		return err
	})
}

// found makes a room and writes it into the book; first is done before others hear of it, and may add to what is written.
func (n *Node) found(ctx context.Context, o room.Options, p place, first func(context.Context, *conversation, *place) error) (room.ID, error) {
	n.changing.Lock()
	defer n.changing.Unlock()
	s, err := n.me()
	if err != nil {
		return room.ID{}, err
	}
	p.Trackers = n.trackers()
	c, err := n.converse(ctx, room.ID{}, &room.Birth{Certificate: s.certificate, Options: o}, p.Trackers, false, false)
	if err != nil {
		return room.ID{}, err
	}
	if err := first(ctx, c, &p); err != nil {
		c.close(ctx)
		return room.ID{}, err
	}
	n.mu.Lock()
	n.open[c.id] = c
	n.mu.Unlock()
	p.Room, p.Swarm, p.Since = c.id, swarmOf(c.id).String(), time.Now().UnixMilli()
	err = n.write(ctx, record{Place: &p})
	n.clerk.do(func(ctx context.Context) { n.sign(ctx, c) })
	return c.id, err
}

// AnswerContact implements p2pv1connect.PeopleHandler.
func (n *Node) AnswerContact(ctx context.Context, r *connect.Request[p2pv1.AnswerContactRequest]) (*connect.Response[p2pv1.AnswerContactResponse], error) {
	if !isName(r.Msg.Name) {
		return nil, fail(invalid, api.BadNickname, "limit", strconv.Itoa(maxNameLen))
	}
	k, err := n.who(r.Msg.Who)
	switch {
	case err == nil && r.Msg.Answer == p2pv1.AnswerContactRequest_ANSWER_ACCEPT:
		if err := n.notPosing(ctx, k); err != nil {
			return nil, err
		}
	case err != nil && r.Msg.Answer == p2pv1.AnswerContactRequest_ANSWER_BLOCK:
		if k, err = n.unknown(ctx, r.Msg.Who, err); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	}
	n.asking.Lock()
	defer n.asking.Unlock()
	if now, known := n.contact(k.Account); known { // much may have happened meanwhile
		k = now
	}
	if r.Msg.Name != "" {
		k.Name, k.His = n.freeName(r.Msg.Name, k.Account), ""
	}
	asks := k.State == p2pv1.ContactState_CONTACT_STATE_ASKS
	switch r.Msg.Answer {
	case p2pv1.AnswerContactRequest_ANSWER_ACCEPT:
		if !asks {
			return nil, fail(failed, api.NotAsked, "who", r.Msg.Who)
		}
		if err = n.unlikeAny(k.Account); err == nil {
			err = n.accept(ctx, k)
		}
	case p2pv1.AnswerContactRequest_ANSWER_REFUSE:
		if !asks {
			return nil, fail(failed, api.NotAsked, "who", r.Msg.Who)
		}
		err = n.refuse(ctx, k)
	case p2pv1.AnswerContactRequest_ANSWER_BLOCK:
		if k.State != p2pv1.ContactState_CONTACT_STATE_BLOCKED {
			k.State, k.Before = p2pv1.ContactState_CONTACT_STATE_BLOCKED, k.State
			err = n.rewritten(ctx, k)
		}
	case p2pv1.AnswerContactRequest_ANSWER_UNBLOCK:
		if k.State == p2pv1.ContactState_CONTACT_STATE_BLOCKED {
			k.State, k.Before, k.Refused = n.unblocked(k), p2pv1.ContactState_CONTACT_STATE_UNSPECIFIED, 0
			err = n.rewritten(ctx, k)
			break
		}
		err = fail(failed, api.NotBlocked, "who", k.Name)
	default:
		return nil, fail(invalid, api.Invalid, "what", "answer")
	}
	if err != nil {
		return nil, failure(err)
	}
	now, _ := n.contact(k.Account)
	out := &p2pv1.AnswerContactResponse{Contact: n.viewer(ctx).contactView(now)}
	if now.State == p2pv1.ContactState_CONTACT_STATE_BLOCKED {
		for _, c := range n.shared(k.Account) {
			out.SharedRooms = append(out.SharedRooms, c.talk.Options().Name)
		}
	}
	return connect.NewResponse(out), nil
}

// unknown returns whom somebody means who is no contact: by his name at the directory, a link to him, or his key; otherwise the error
// with which he was not found among the contacts.
func (n *Node) unknown(ctx context.Context, who string, otherwise error) (contact, error) {
	if account, err := identity.ParseKey(who); err == nil {
		if err := n.notMe(account); err != nil {
			return contact{}, err
		}
		k, known := n.contact(account)
		if !known {
			name := n.faces.name(account)
			k = contact{Account: account, Name: n.freeName(name, account), His: name, State: p2pv1.ContactState_CONTACT_STATE_REMOVED}
		}
		return k, nil
	}
	if key := api.ReasonOf(otherwise).GetKey(); key != api.NoSuchPerson && key != api.NameStart {
		return contact{}, otherwise
	}
	k, err := n.whom(ctx, strings.TrimPrefix(who, "@"))
	switch api.ReasonOf(err).GetKey() {
	case api.NoSuchPerson, api.BadName, api.NoDirectory, api.NoAccount: // it was the name of no contact, to begin with
		err = otherwise
	}
	if k.State == p2pv1.ContactState_CONTACT_STATE_UNSPECIFIED { // what he is when he is unblocked
		k.State = p2pv1.ContactState_CONTACT_STATE_REMOVED
	}
	return k, err
}

// RenameContact implements p2pv1connect.PeopleHandler.
func (n *Node) RenameContact(ctx context.Context, r *connect.Request[p2pv1.RenameContactRequest]) (*connect.Response[p2pv1.RenameContactResponse], error) {
	if !isName(r.Msg.Name) {
		return nil, fail(invalid, api.BadNickname, "limit", strconv.Itoa(maxNameLen))
	}
	n.asking.Lock()
	defer n.asking.Unlock()
	k, err := n.who(r.Msg.Who)
	if err != nil {
		return nil, err
	}
	was := k.Name
	if k.Name, k.His = n.freeName(r.Msg.Name, k.Account), ""; r.Msg.Name == "" {
		if k.Name, k.His, err = n.ownName(k); err != nil {
			return nil, err
		}
	}
	if k.Name != was {
		k.Was = was
		if err := n.write(ctx, record{Contact: &k}); err != nil {
			return nil, failure(err)
		}
		n.tellDoubt(k.Account) // the conversation is called so
	}
	return connect.NewResponse(&p2pv1.RenameContactResponse{Contact: n.viewer(ctx).contactView(k)}), nil
}

// ownName returns what a contact calls himself, as he would be called here if he had no other name, and as he says it. A name by which
// he may be taken for somebody else is not given back to him.
func (n *Node) ownName(k contact) (name, his string, err error) {
	his = cmp.Or(n.faces.signed(k.Account), k.Directory, n.faces.name(k.Account))
	n.mu.Lock()
	like := n.passesFor(his, k.Account)
	n.mu.Unlock()
	if like != "" {
		return "", "", fail(failed, api.NameOfAnother, "who", k.Name, "now", his, "like", like)
	}
	return n.freeName(his, k.Account), cmp.Or(his, k.Account.Short()), nil
}

// unblocked returns what somebody is who was blocked: what he was before, so that a request of his is there again.
func (n *Node) unblocked(k contact) p2pv1.ContactState {
	if k.Before != p2pv1.ContactState_CONTACT_STATE_UNSPECIFIED && k.Before != p2pv1.ContactState_CONTACT_STATE_FRIEND {
		return k.Before
	}
	if p := n.place(k.Room); p != nil && !p.Left {
		return p2pv1.ContactState_CONTACT_STATE_FRIEND
	}
	return p2pv1.ContactState_CONTACT_STATE_REMOVED
}

func (n *Node) refuse(ctx context.Context, k contact) error {
	k.State, k.Refused, k.Beginning = p2pv1.ContactState_CONTACT_STATE_REMOVED, time.Now().UnixMilli(), nil
	if err := n.rewritten(ctx, k); err != nil {
		return err
	}
	n.tellVisitor(k.Account, knock.Answer{Verdict: knock.Refused})
	_, _ = n.post(ctx, k.Account, letter{Kind: refuses, Room: k.Room}) // the door tells him too
	return nil
}

// rewritten writes a contact and makes what runs fit.
func (n *Node) rewritten(ctx context.Context, k contact) error {
	if err := n.write(ctx, record{Contact: &k}); err != nil {
		return err
	}
	n.tellDoubt(k.Account)
	n.review() // before anything else is done
	err := n.refit(ctx)
	n.callBack(k.Account)
	return err
}

// shared returns the rooms that this person is in with somebody.
func (n *Node) shared(account identity.Key) (all []*conversation) {
	for _, c := range n.every() {
		p := n.place(c.id)
		if p != nil && p.With.IsZero() && c.talk.Joined() && c.talk.Role(account) != room.Nobody {
			all = append(all, c)
		}
	}
	return all
}

// RemoveContact implements p2pv1connect.PeopleHandler.
func (n *Node) RemoveContact(ctx context.Context, r *connect.Request[p2pv1.RemoveContactRequest]) (*connect.Response[p2pv1.RemoveContactResponse], error) {
	n.asking.Lock()
	defer n.asking.Unlock()
	k, err := n.who(r.Msg.Who)
	if err != nil {
		return nil, err
	}
	if k.State == p2pv1.ContactState_CONTACT_STATE_ASKS {
		return connect.NewResponse(&p2pv1.RemoveContactResponse{}), failure(n.refuse(ctx, k))
	}
	p := n.place(k.Room)
	switch here := p != nil && !p.Left; {
	case here:
		if err := n.depart(ctx, *p); err != nil {
			return nil, failure(err)
		}
	case k.State == p2pv1.ContactState_CONTACT_STATE_REMOVED:
		return nil, fail(failed, api.NotContact, "who", k.Name)
	}
	path, _ := n.faces.in(k.Room, k.Account)
	unheard := k.State == p2pv1.ContactState_CONTACT_STATE_FRIEND && path == p2pv1.Path_PATH_UNSPECIFIED
	k.State, k.Verified = p2pv1.ContactState_CONTACT_STATE_REMOVED, false
	if err := n.rewritten(ctx, k); err != nil {
		return nil, failure(err)
	}
	if unheard { // who has never met this person in their conversation has only letters
		_, _ = n.post(ctx, k.Account, letter{Kind: refuses, Room: k.Room})
	}
	return connect.NewResponse(&p2pv1.RemoveContactResponse{}), nil
}

// How long a link is good: when nobody says otherwise, and at most.
const (
	inviteFor    = 7 * 24 * time.Hour
	maxInviteFor = 366 * 24 * time.Hour
)

// Invite implements p2pv1connect.PeopleHandler.
func (n *Node) Invite(ctx context.Context, r *connect.Request[p2pv1.InviteRequest]) (*connect.Response[p2pv1.InviteResponse], error) {
	if r.Msg.ValidMillis < 0 || r.Msg.ValidMillis > maxInviteFor.Milliseconds() {
		return nil, fail(invalid, api.BadValidity, "days", strconv.Itoa(int(maxInviteFor.Hours()/24)))
	}
	if err := n.findUnder(ctx, r.Msg.Trackers); err != nil {
		return nil, failure(err)
	}
	if err := n.ensure(ctx); err != nil {
		return nil, failure(err)
	}
	valid := time.Duration(r.Msg.ValidMillis) * time.Millisecond
	if valid == 0 {
		valid = inviteFor
	}
	now := time.Now()
	i := invite{Token: newToken(), Made: now.UnixMilli(), Until: now.Add(valid).UnixMilli()}
	l := identity.Link{Account: n.accountOf(), Token: i.Token, Trackers: first(n.trackers(), maxTrackers), Addrs: first(n.addrs(), maxAddrs)}
	if r.Msg.Where != "" {
		c, p, err := n.room(ctx, r.Msg.Where)
		switch {
		case err != nil:
			return nil, err
		case !p.With.IsZero():
			return nil, fail(invalid, api.NotARoom, "where", r.Msg.Where)
		case !c.mayInvite(n.accountOf()):
			return nil, fail(denied, api.NotAllowed)
		}
		i.Room, l.Room, l.RoomName = c.id, swarmOf(c.id), c.talk.Options().Name
		if i.Known, err = c.talk.Revocations(ctx); err != nil {
			return nil, stored(err)
		}
	}
	n.mu.Lock()
	l.Name = cut(n.displayName(), maxNameLen)
	n.mu.Unlock()
	if err := n.write(ctx, record{Invite: &i}); err != nil {
		return nil, failure(err)
	}
	n.lookOut()
	if len(r.Msg.Trackers) > 0 {
		n.hearTrackers(ctx)
	}
	code, err := qrcode.Of(l)
	if err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(&p2pv1.InviteResponse{Link: l.String(), Until: i.Until, Qr: qrcode.Lines(code)}), nil
}

// RevokeLinks implements p2pv1connect.PeopleHandler.
func (n *Node) RevokeLinks(ctx context.Context, _ *connect.Request[p2pv1.RevokeLinksRequest]) (*connect.Response[p2pv1.RevokeLinksResponse], error) {
	if _, err := n.me(); err != nil {
		return nil, err
	}
	revoked, err := n.revokeLinks(ctx, room.ID{})
	if err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(&p2pv1.RevokeLinksResponse{Revoked: int32(revoked)}), nil
}
