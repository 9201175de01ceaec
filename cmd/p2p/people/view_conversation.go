package people

import (
	"cmp"
	"slices"
	"strings"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// conversationView returns a place as programs see it.
func (v *viewer) conversationView(p place) (*p2pv1.Conversation, error) {
	out := &p2pv1.Conversation{
		Id: textID(p.Room), Direct: !p.With.IsZero(), With: textKey(p.With), Name: v.nameOfPlace(p), Left: p.Left && p.Join == nil, Draft: v.draft(p.Room), Active: p.Since,
		Reason: p.Refused.view(), Older: v.older(p),
	}
	if p.Room.IsZero() {
		if out.Id = p.Swarm; !p.Left {
			v.awaits(out, p)
		}
		return out, nil
	}
	if p.Join != nil { // he was there before, and asks to come in again
		v.awaits(out, p)
	} else if c := v.Node.conversation(p.Room); c != nil {
		v.inside(out, c, p)
	}
	return out, v.last(out, p.Room)
}

// older returns the conversation with the same person before this one, empty for none.
func (v *viewer) older(p place) string {
	if p.With.IsZero() {
		return ""
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	var found *place
	for _, q := range v.book.places {
		if q.With == p.With && q.Since < p.Since && (found == nil || q.Since > found.Since) {
			found = q
		}
	}
	if found == nil {
		return ""
	}
	return textID(found.Room)
}

// inside fills in who is in a room, and what it is like.
func (v *viewer) inside(out *p2pv1.Conversation, c *conversation, p place) {
	if v.entering(c, p) {
		v.awaits(out, p)
		return
	}
	o := c.talk.Options()
	out.Limit, out.History, out.Open = int32(o.Limit), saidHistory(o.History), o.Open
	out.Role = p2pv1.Role(c.talk.Role(v.me))
	if c.talk.Removed(v.me) && !p.Left { // else the person has put up with it
		out.Left, out.Reason = true, c.out(v.me)
	}
	if reason := v.deserted(c, p); reason != nil {
		out.Reason = reason
	}
	for _, person := range c.talk.Members() {
		out.Members = append(out.Members, v.member(c, person))
	}
	slices.SortFunc(out.Members, func(a, b *p2pv1.Member) int {
		return cmp.Or(-cmp.Compare(a.Role, b.Role), cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Account, b.Account))
	})
	for _, k := range v.typers(c.id) {
		out.Typing = append(out.Typing, textKey(k))
	}
}

// entering reports whether this person was let into a room that has not said so yet: nothing of it is here, or not all that was said
// before he was. Nobody can write until then.
func (v *viewer) entering(c *conversation, p place) bool {
	in := c.talk.Role(v.me) != room.Nobody || c.talk.Removed(v.me)
	return !c.talk.Known() || p.With.IsZero() && !p.Left && !in
}

func (v *viewer) member(c *conversation, p room.Person) *p2pv1.Member {
	s := v.faces.of(p.Account)
	m := &p2pv1.Member{Account: textKey(p.Account), Name: v.nameOf(p.Account), Role: p2pv1.Role(p.Role), Presence: s.presence, Me: p.Account == v.me}
	if name := v.guest(v.ctx, c, p.Account); name != "" {
		m.Name, m.Invited = name, len(c.talk.Devices(p.Account)) == 0 // who has come may not have said his name yet
	}
	m.InDoubt = v.inDoubt(p.Account)
	path, rtt := v.faces.in(c.id, p.Account)
	m.Path, m.RttMicros = path, rtt.Microseconds()
	switch {
	case m.Me:
		m.Presence = v.presence()
	case path == p2pv1.Path_PATH_UNSPECIFIED && !v.saidGone(p.Account) && passOn(c.near.Present(), p.Account):
		m.Path, m.Presence = p2pv1.Path_PATH_RELAYED, through(s.presence)
	}
	return m
}

// saidGone reports whether the directory says of a contact that he is not there. He may have blocked this person, and is in a room of
// both all the same: what others say of him there is not for who is to see nothing.
func (v *viewer) saidGone(account identity.Key) bool {
	k, known := v.contact(account)
	return known && k.State == p2pv1.ContactState_CONTACT_STATE_FRIEND && k.Directory != "" && v.sessionView().Connected &&
		v.faces.of(account).presence == p2pv1.Presence_PRESENCE_OFFLINE
}

// last fills in what was said last and what is unread.
func (v *viewer) last(out *p2pv1.Conversation, id room.ID) error {
	newest, err := v.visible(v.archive.Before, id, history.End, 1)
	if err != nil {
		return err
	}
	if len(newest) > 0 {
		if out.Last, err = v.message(&newest[0]); err != nil {
			return err
		}
		out.Active = max(out.Active, min(out.Last.Written, out.Last.Arrived))
	}
	u, err := v.unreadIn(id)
	out.Unread, out.Mentions = int32(u.count), int32(u.mentions)
	if u.count < history.MaxUnread {
		out.Late = int32(max(0, u.count-u.newer))
	}
	return err
}

// awaits fills in who has to let this person in, how far that is, and why he does not answer.
func (v *viewer) awaits(out *p2pv1.Conversation, p place) {
	host := cmp.Or(p.Host, p.With)
	if host.IsZero() {
		return
	}
	out.Waiting = v.nameOf(host)
	if p.Join == nil {
		if p.With.IsZero() {
			out.Wait = p2pv1.Conversation_WAIT_ADMITTED
		}
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	out.Wait = p2pv1.Conversation_WAIT_CALLING
	switch d := v.doors[doorOf(host)]; {
	case d == nil:
	case d.heard[swarmFrom(p.Swarm)]:
		out.Wait = p2pv1.Conversation_WAIT_ASKED
	default:
		out.Problem = d.problem()
	}
}

func (v *viewer) draft(id room.ID) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.drafts[id]
}

// places returns copies of all places, but not of those that were left and have nothing to read.
func (n *Node) places() (all []place) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.book.places {
		if c := n.book.contacts[p.With]; c != nil && c.State != p2pv1.ContactState_CONTACT_STATE_FRIEND && c.State != p2pv1.ContactState_CONTACT_STATE_ASKED && c.State != p2pv1.ContactState_CONTACT_STATE_REMOVED {
			continue
		}
		all = append(all, *p)
	}
	return all
}

// blockedPlaces returns copies of those with people who are blocked, which are read and nothing else.
func (n *Node) blockedPlaces() (all []place) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.book.places {
		if n.book.blocked(p.With) {
			all = append(all, *p)
		}
	}
	return all
}

// conversations returns all of them, the one in which something was said last first.
func (v *viewer) conversations() ([]*p2pv1.Conversation, error) {
	var all []*p2pv1.Conversation
	for _, p := range v.places() {
		c, err := v.conversationView(p)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *p2pv1.Conversation) int {
		return cmp.Or(-cmp.Compare(a.Active, b.Active), cmp.Compare(a.Id, b.Id))
	})
	return all, nil
}

// contactView returns a contact as programs see him.
func (v *viewer) contactView(k contact) *p2pv1.Contact {
	s := v.faces.of(k.Account)
	c := &p2pv1.Contact{
		Account: textKey(k.Account), Name: k.Name, DirectoryName: k.Directory, State: k.State, Verified: k.Verified && k.Changed.IsZero(), Differs: k.Differs, ChangedKey: textKey(k.Changed),
		Note: k.Note, Conversation: textID(k.Room), AskedAt: k.Asked, FormerName: k.Was,
	}
	if k.State == p2pv1.ContactState_CONTACT_STATE_ASKS {
		c.LinkUsedBy = v.nameOf(k.Late)
	}
	c.Arrived = k.State == p2pv1.ContactState_CONTACT_STATE_ASKED && k.Arrived
	if k.State != p2pv1.ContactState_CONTACT_STATE_FRIEND {
		c.Presence = p2pv1.Presence_PRESENCE_UNSPECIFIED // only contacts see presence
		c.Problem = v.problem(k)
		return c
	}
	c.PresenceText = s.text
	c.Presence, c.LastSeen, c.Path, c.RttMicros = s.presence, s.seen, s.path, s.rtt.Microseconds()
	if v.keptApart(k) {
		c.Problem = api.Problem(api.KeptApart)
	}
	for _, cert := range v.known.all(k.Account) {
		c.Devices = append(c.Devices, &p2pv1.Device{
			Key: textKey(cert.Device), Certified: cert.Issued.UnixMilli(), Revoked: cert.Revoked, Online: s.devices[cert.Device],
		})
	}
	return c
}

// problem says why nothing has come of a request yet.
func (v *viewer) problem(k contact) *p2pv1.Reason {
	if k.State != p2pv1.ContactState_CONTACT_STATE_ASKED || k.Arrived { // else he has it, and the bell may rest
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if d := v.doors[doorOf(k.Account)]; d != nil {
		return d.problem()
	}
	return nil
}

// typers returns who is typing in a room.
func (n *Node) typers(id room.ID) (all []identity.Key) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for k := range n.typing[id] {
		all = append(all, k)
	}
	slices.SortFunc(all, identity.Key.Compare)
	return all
}

// presence is how this person appears.
func (n *Node) presence() p2pv1.Presence {
	watched, _ := n.hub.watched()
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.away.now(watched, 0)
}
