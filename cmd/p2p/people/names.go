package people

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// candidate is something that a name may mean.
type candidate[T any] struct {
	name, id string
	is       T
	rank     rank
	one      string // the same for candidates that mean one thing; empty: the id is
}

// rank orders what has one name: the lowest is meant. Nobody can take a name from whom this person calls so, by having it at the
// directory, or by giving it to a room.
type rank int

const (
	own       rank = iota // what this person calls somebody
	elsewhere             // what others do, at the directory
	group                 // a room, which its owners name
	former                // what is over
)

func (c candidate[T]) what() string { return cmp.Or(c.one, c.id) }

// pick returns what s means: what has that id or that name, what has an id that begins so, or what has such a name; of those with
// the whole name only what comes first by rank, and what is over only if nothing else is meant. Of several none is meant; exact says
// that all have the whole name.
func pick[T any](s string, all []candidate[T]) (found []candidate[T], exact bool) {
	lower := strings.ToLower(strings.TrimSpace(s))
	if lower == "" {
		return nil, false
	}
	for _, fits := range []func(candidate[T]) bool{
		func(c candidate[T]) bool { return c.id == lower },
		func(c candidate[T]) bool { return strings.ToLower(c.name) == lower },
		func(c candidate[T]) bool { return len(lower) >= enoughID && strings.HasPrefix(c.id, lower) },
		func(c candidate[T]) bool { return c.rank < former && strings.HasPrefix(strings.ToLower(c.name), lower) },
		func(c candidate[T]) bool { return strings.HasPrefix(strings.ToLower(c.name), lower) },
	} {
		for _, c := range all {
			if !fits(c) {
				continue
			}
			switch i := slices.IndexFunc(found, func(f candidate[T]) bool { return f.what() == c.what() }); {
			case i < 0:
				found = append(found, c)
			case c.rank < found[i].rank:
				found[i] = c
			}
		}
		if len(found) == 0 {
			continue
		}
		exact = strings.ToLower(found[0].name) == lower
		if exact {
			first := slices.MinFunc(found, func(a, b candidate[T]) int { return cmp.Compare(a.rank, b.rank) }).rank
			found = slices.DeleteFunc(found, func(c candidate[T]) bool { return c.rank != first })
		}
		return found, exact
	}
	return nil, false
}

const (
	enoughID  = 6 // characters of an id, if no other begins so
	shownID   = 8 // of them in an error
	maxListed = 5 // that a name may mean, in an error
)

// ambiguous is the error for a name that may mean several.
func ambiguous[T any](s string, all []candidate[T], exact bool) error {
	var which []string
	for _, c := range all[:min(len(all), maxListed)] {
		which = append(which, c.name+" ("+c.id[:min(len(c.id), shownID)]+")")
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

// who returns the contact that a program means.
func (n *Node) who(s string) (contact, error) {
	if _, err := n.me(); err != nil {
		return contact{}, err
	}
	n.mu.Lock()
	var all []candidate[contact]
	for _, c := range n.book.sorted() {
		id, rank := textKey(c.Account), own
		if c.State == p2pv1.ContactState_CONTACT_STATE_REMOVED {
			rank = former
		}
		all = append(all, candidate[contact]{name: c.Name, id: id, is: *c, rank: rank})
		if name := c.knownAs(); name != "" {
			all = append(all, candidate[contact]{name: name, id: id, is: *c, rank: max(rank, elsewhere)})
		}
		if c.Was != "" {
			all = append(all, candidate[contact]{name: c.Was, id: id, is: *c, rank: former})
		}
	}
	n.mu.Unlock()
	hits, exact := pick(strings.TrimPrefix(s, "@"), all)
	switch len(hits) {
	case 0:
		return contact{}, fail(missing, api.NoSuchPerson, "who", s)
	case 1:
		return hits[0].is, nil
	}
	return contact{}, ambiguous(s, hits, exact)
}

// where returns the place that a program means: a room by its name or id, or the conversation with a
// contact by his. With # in front it is a room, with @ a person.
func (n *Node) where(s string) (place, error) {
	if _, err := n.me(); err != nil {
		return place{}, err
	}
	var all []candidate[place]
	for _, p := range n.places() {
		all = append(all, n.candidates(p)...)
	}
	name := s
	if strings.HasPrefix(s, "#") || strings.HasPrefix(s, "@") {
		isRoom := s[0] == '#'
		name = s[1:]
		all = slices.DeleteFunc(all, func(c candidate[place]) bool { return c.is.With.IsZero() != isRoom })
	}
	hits, exact := pick(name, all)
	if len(hits) == 0 {
		hits, exact = pick(s, all) // it may be called so
	}
	switch len(hits) {
	case 0:
		return place{}, n.nowhere(s)
	case 1:
		return hits[0].is, nil
	}
	return place{}, ambiguous(s, hits, exact)
}

// candidates returns the names of a place.
func (n *Node) candidates(p place) []candidate[place] {
	c := candidate[place]{name: n.nameOfPlace(p), id: textID(p.Room), is: p, rank: group, one: p.Swarm}
	if p.Left || n.isOut(p.Room) {
		c.rank = former
	}
	if p.With.IsZero() {
		link := c // programs knew it by that before this person was in it
		link.id = p.Swarm
		if p.Room.IsZero() {
			return []candidate[place]{link}
		}
		return []candidate[place]{c, link}
	}
	k, _ := n.contact(p.With)
	if k.Room != p.Room {
		c.name = "" // an older one with the same person
		return []candidate[place]{c}
	}
	c.rank = min(c.rank, own)
	if p.Left {
		c.rank = former
	}
	person := c
	person.id = textKey(p.With)
	all := []candidate[place]{c, person}
	if name := k.knownAs(); name != "" {
		known := c
		known.name, known.rank = name, max(c.rank, elsewhere)
		all = append(all, known)
	}
	if k.Was != "" {
		was := c
		was.name, was.rank = k.Was, former
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
	if c := n.conversation(p.Room); c != nil && c.talk.Known() && c.talk.Options().Name != "" {
		return c.talk.Options().Name
	}
	return cmp.Or(p.Name, n.nameOf(p.Host))
}

// readable is where for what is only read: also what was said with somebody who is blocked now.
func (n *Node) readable(s string) (place, error) {
	p, err := n.where(s)
	switch api.ReasonOf(err).GetKey() {
	case api.NoAccount: // there is nobody yet, nor does anybody have to log in
		return p, fail(missing, api.NoSuchConversation, "where", s)
	case api.Blocked:
	default:
		return p, err
	}
	if k, e := n.who(s); e == nil {
		if was := n.place(k.Room); was != nil {
			return *was, nil
		}
	}
	return p, err
}

// nowhere says why there is no conversation of a name: with whom it would be is known.
func (n *Node) nowhere(s string) error {
	k, err := n.who(s)
	switch {
	case err != nil || k.State == p2pv1.ContactState_CONTACT_STATE_FRIEND:
		return fail(missing, api.NoSuchConversation, "where", s)
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
	c := n.opened(p)
	switch {
	case self.loggedOut:
		return nil, p, fail(failed, api.LoggedOut)
	case n.outlawed(self):
		return nil, p, fail(denied, api.RevokedHere)
	case c == nil:
		return nil, p, n.outside(p, s)
	}
	me := self.accountKey()
	if reason := c.out(me); c.talk.Removed(me) && p.With.IsZero() && reason != nil {
		return nil, p, api.Refused(reason)
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
	if reason := c.out(self.accountKey()); reason != nil && c.talk.Removed(self.accountKey()) {
		return api.Refused(reason)
	}
	return stored(err)
}

// outside says that this person is not in a place that a program calls s.
func (n *Node) outside(p place, s string) error {
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

// somebody returns the account that a program means: a member of a room, or a contact.
func (n *Node) somebody(c *conversation, s string) (identity.Key, error) {
	var all []candidate[identity.Key]
	if c != nil {
		for _, p := range c.talk.Members() {
			all = append(all, candidate[identity.Key]{name: n.nameOf(p.Account), id: textKey(p.Account), is: p.Account})
		}
	}
	hits, exact := pick(strings.TrimPrefix(s, "@"), all)
	switch len(hits) {
	case 1:
		return hits[0].is, nil
	case 0:
		found, err := n.who(s)
		if err == nil && found.State != p2pv1.ContactState_CONTACT_STATE_FRIEND {
			err = fail(failed, api.NotContact, "who", s)
		}
		return found.Account, err
	}
	return identity.Key{}, ambiguous(s, hits, exact)
}
