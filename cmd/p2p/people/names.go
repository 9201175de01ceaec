package people

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/naming"
	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

const (
	shownID   = 8 // characters of an id in an error
	maxListed = 5 // that a name may mean, in an error
)

// ambiguous is the error for a name that may mean several.
func ambiguous[T any](s string, all []naming.Candidate[T], exact bool) error {
	var which []string
	for _, c := range all[:min(len(all), maxListed)] {
		which = append(which, c.Name+" ("+c.ID[:min(len(c.ID), shownID)]+")")
	}
	if len(all) > maxListed {
		which = append(which, "…")
	}
	key := api.Ambiguous
	if exact {
		key = api.SameName
	}
	return fail(invalid, key, "who", s, "which", strings.Join(which, ", "))
}

// unknownName is the error for a name that nobody has, or of which s is only the start.
func unknownName(s string, begin []string, otherwise error) error {
	if len(begin) == 0 {
		return otherwise
	}
	which := strings.Join(begin[:min(len(begin), maxListed)], ", ")
	if len(begin) > maxListed {
		which += ", …"
	}
	return fail(missing, api.NameStart, "who", s, "which", which)
}

// who returns the contact that a program means.
func (n *Node) who(s string) (contact, error) {
	if _, err := n.me(); err != nil {
		return contact{}, err
	}
	n.mu.Lock()
	var all []naming.Candidate[contact]
	for _, c := range n.book.sorted() {
		id, rank := textKey(c.Account), naming.Own
		if c.State == p2pv1.ContactState_CONTACT_STATE_REMOVED {
			rank = naming.Former
		}
		all = append(all, naming.Candidate[contact]{Name: c.Name, ID: id, Is: *c, Rank: rank})
		if name := c.knownAs(); name != "" {
			all = append(all, naming.Candidate[contact]{Name: name, ID: id, Is: *c, Rank: max(rank, naming.Elsewhere)})
		}
		if c.Was != "" {
			all = append(all, naming.Candidate[contact]{Name: c.Was, ID: id, Is: *c, Rank: max(rank, naming.Before)})
		}
	}
	n.mu.Unlock()
	hits, exact := naming.Person(s, all)
	switch len(hits) {
	case 0:
		return contact{}, unknownName(s, naming.Starting(s, all), fail(missing, api.NoSuchPerson, "who", s))
	case 1:
		return hits[0].Is, nil
	}
	return contact{}, ambiguous(s, hits, exact)
}

// where returns the place that a program means: a room by its name or id, or the conversation with a
// contact by his. With # in front it is a room, with @ a person.
func (n *Node) where(s string) (place, error) {
	if _, err := n.me(); err != nil {
		return place{}, err
	}
	var all []naming.Candidate[place]
	for _, p := range n.places() {
		all = append(all, n.candidates(p)...)
	}
	hits, exact := naming.Place(s, all, func(p place) bool { return p.With.IsZero() })
	switch len(hits) {
	case 0:
		return place{}, n.nowhere(s, naming.Starting(s, all))
	case 1:
		return hits[0].Is, nil
	}
	return place{}, ambiguous(s, hits, exact)
}

// candidates returns the names of a place.
func (n *Node) candidates(p place) []naming.Candidate[place] {
	c := naming.Candidate[place]{Name: n.nameOfPlace(p), ID: textID(p.Room), Is: p, Rank: naming.Group, One: p.Swarm}
	if p.Left || n.isOut(p.Room) {
		c.Rank = naming.Former
	}
	if p.With.IsZero() {
		link := c // programs knew it by that before this person was in it
		link.ID = p.Swarm
		if p.Room.IsZero() {
			return []naming.Candidate[place]{link}
		}
		return []naming.Candidate[place]{c, link}
	}
	k, _ := n.contact(p.With)
	if k.Room != p.Room {
		c.Name = "" // an older one with the same person
		return []naming.Candidate[place]{c}
	}
	c.Rank = min(c.Rank, naming.Own)
	if p.Left {
		c.Rank = naming.Former
	}
	person := c
	person.ID = textKey(p.With)
	all := []naming.Candidate[place]{c, person}
	if name := k.knownAs(); name != "" {
		known := c
		known.Name, known.Rank = name, max(c.Rank, naming.Elsewhere)
		all = append(all, known)
	}
	if k.Was != "" {
		was := c
		was.Name, was.Rank = k.Was, max(c.Rank, naming.Before)
		all = append(all, was)
	}
	return all
}

// isOut reports whether this person was removed from a room that is open.
func (n *Node) isOut(id room.ID) bool {
	c := n.conversation(id)
	return c != nil && c.talk.Known() && c.talk.Removed(n.accountOf())
}

// nameOfPlace returns what a conversation is called: a room as its owners say, or as it was called when this person was last in
// it or was shown the way; that of two as this person calls the other. A room of which nothing else is known has the name of who
// would let one in.
func (n *Node) nameOfPlace(p place) string {
	if !p.With.IsZero() {
		return n.nameOf(p.With)
	}
	if c := n.conversation(p.Room); c != nil && c.talk.Known() && seen(c.talk.Options().Name) {
		return c.talk.Options().Name
	}
	if seen(p.Name) {
		return p.Name
	}
	return n.nameOf(p.Host)
}

// readable is where for what is only read: also what was said with somebody who is blocked now.
func (n *Node) readable(s string) (place, error) {
	p, err := n.where(s)
	switch api.ReasonOf(err).GetKey() {
	case api.NoAccount: // there is nobody yet, nor does anybody have to log in
		return p, fail(missing, api.NoSuchConversation, "where", s)
	case api.Blocked, api.NoSuchConversation, api.NameStart: // by name, or by its id
	default:
		return p, err
	}
	var all []naming.Candidate[place]
	for _, was := range n.blockedPlaces() {
		all = append(all, n.candidates(was)...)
	}
	if hits, _ := naming.Place(s, all, func(place) bool { return false }); len(hits) == 1 {
		return hits[0].Is, nil
	}
	return p, err
}

// nowhere says why there is no conversation of a name: with whom it would be is known.
func (n *Node) nowhere(s string, begin []string) error {
	k, err := n.who(s)
	switch {
	case err != nil || k.State == p2pv1.ContactState_CONTACT_STATE_FRIEND:
		return unknownName(s, begin, fail(missing, api.NoSuchConversation, "where", s))
	case k.State == p2pv1.ContactState_CONTACT_STATE_BLOCKED:
		return fail(failed, api.Blocked, "who", k.Name)
	}
	return fail(failed, api.NotContact, "who", k.Name)
}

// room returns the open conversation that a program means, in which this person may write.
func (n *Node) room(ctx context.Context, s string) (*conversation, place, error) {
	p, err := n.where(s)
	if err != nil {
		return nil, p, err
	}
	self, err := n.me()
	if err != nil {
		return nil, p, err
	}
	if err := n.shutOut(self); err != nil {
		return nil, p, err
	}
	c := n.opened(p)
	if c == nil {
		return nil, p, n.outside(p, s)
	}
	me := self.accountKey()
	if c.talk.Removed(me) && p.With.IsZero() {
		return nil, p, api.Refused(cmp.Or(c.out(me), n.youLeft(p)))
	}
	// Joined and Role may be behind what the Talk has stored a moment ago, and programs have seen; Join is not.
	if !c.talk.Joined() && c.talk.Join(ctx, self.certificate) != nil {
		return nil, p, n.outside(p, s)
	}
	return c, p, nil
}

// unwritten turns an error of a write into that of a call. Of whom the Talk does not let write any more, though he could a moment
// ago, it says why: Join waits until all that the Talk has heard can be seen.
func (n *Node) unwritten(ctx context.Context, c *conversation, err error) error {
	self, e := n.me()
	if e != nil || !errors.Is(err, chat.ErrNotAllowed) {
		return stored(err)
	}
	if e := c.talk.Join(ctx, self.certificate); e != nil && !errors.Is(e, chat.ErrNotAllowed) {
		return stored(e)
	}
	if p := n.place(c.id); p != nil && c.talk.Removed(self.accountKey()) {
		return api.Refused(cmp.Or(c.out(self.accountKey()), n.youLeft(*p)))
	}
	return stored(err)
}

// notHere says why this person is not in a conversation that is known by its id.
func (n *Node) notHere(id room.ID) error {
	if why := n.absence(id); why != nil {
		return api.Refused(why)
	}
	if p := n.place(id); p != nil {
		return n.outside(*p, n.nameOfPlace(*p))
	}
	return fail(failed, api.NotMember, "where", textID(id))
}

// outside says that this person is not in a place that a program calls s.
func (n *Node) outside(p place, s string) error {
	if c := n.conversation(p.Room); n.isFriend(p.With) && (c == nil || !c.talk.Known()) {
		return fail(away, api.NotMetYet, "who", n.nameOf(p.With))
	}
	if !p.With.IsZero() {
		return fail(failed, api.NotContact, "who", n.nameOf(p.With))
	}
	return fail(failed, api.NotMember, "where", s)
}

// opened returns the conversation of a place, nil if it is not open. What is being opened is stored, and so seen by programs,
// before it is there.
func (n *Node) opened(p place) *conversation {
	if c := n.conversation(p.Room); c != nil || p.Left || p.Room.IsZero() {
		return c
	}
	n.changing.Lock() // whoever opens it holds this
	defer n.changing.Unlock()
	return n.conversation(p.Room)
}

// somebody returns the account that a program means: a member of a room, or a contact. Of two who are called alike this person is the
// one that is not meant.
func (n *Node) somebody(ctx context.Context, c *conversation, s string) (identity.Key, error) {
	var all []naming.Candidate[identity.Key]
	if c != nil {
		for _, p := range c.talk.Members() {
			is := naming.Candidate[identity.Key]{Name: cmp.Or(n.guest(ctx, c, p.Account), n.nameOf(p.Account)), ID: textKey(p.Account), Is: p.Account}
			if p.Account == n.accountOf() {
				is.Rank = naming.Former
			}
			all = append(all, is)
		}
	}
	hits, exact := naming.Person(s, all)
	if len(hits) == 1 && hits[0].Is == n.accountOf() { // or a contact who is called so, and is no member yet
		if found, err := n.who(s); err == nil && found.State == p2pv1.ContactState_CONTACT_STATE_FRIEND {
			return found.Account, nil
		}
	}
	switch len(hits) {
	case 1:
		return hits[0].Is, nil
	case 0:
		found, err := n.who(s)
		if err == nil && found.State != p2pv1.ContactState_CONTACT_STATE_FRIEND {
			err = fail(failed, api.NotContact, "who", s)
		}
		return found.Account, err
	}
	return identity.Key{}, ambiguous(s, hits, exact)
}
