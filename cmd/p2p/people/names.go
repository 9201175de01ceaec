package people

import (
	"context"
	"slices"
	"strings"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/identity"
)

// candidate is something that a name may mean.
type candidate[T any] struct {
	name, id  string
	is        T
	elsewhere bool // it is what others call it, at the directory
}

// pick returns what s means: a name as it stands, an id or the start of one, or the start of a name that
// no other has. What this person calls somebody comes before what others do. None and several are told apart.
func pick[T any](s string, all []candidate[T]) (found T, none, several bool) {
	lower := strings.ToLower(strings.TrimSpace(s))
	if lower == "" {
		return found, true, false
	}
	for _, fits := range []func(candidate[T]) bool{
		func(c candidate[T]) bool { return !c.elsewhere && strings.ToLower(c.name) == lower || c.id == lower },
		func(c candidate[T]) bool { return strings.ToLower(c.name) == lower },
		func(c candidate[T]) bool { return len(lower) >= 6 && strings.HasPrefix(c.id, lower) },
		func(c candidate[T]) bool { return strings.HasPrefix(strings.ToLower(c.name), lower) },
	} {
		var hits []candidate[T]
		for _, c := range all {
			if fits(c) && !slices.ContainsFunc(hits, func(h candidate[T]) bool { return h.id == c.id }) {
				hits = append(hits, c)
			}
		}
		if len(hits) > 0 {
			return hits[0].is, false, len(hits) > 1
		}
	}
	return found, true, false
}

// who returns the contact that a program means.
func (n *Node) who(s string) (contact, error) {
	if _, err := n.me(); err != nil {
		return contact{}, err
	}
	n.mu.Lock()
	var all []candidate[contact]
	for _, c := range n.book.sorted() {
		all = append(all, candidate[contact]{c.Name, textKey(c.Account), *c, false})
		if name := c.knownAs(); name != "" {
			all = append(all, candidate[contact]{name, textKey(c.Account), *c, true})
		}
	}
	n.mu.Unlock()
	c, none, several := pick(strings.TrimPrefix(s, "@"), all)
	switch {
	case none:
		return contact{}, fail(missing, api.NoSuchPerson, "who", s)
	case several:
		return contact{}, fail(invalid, api.Ambiguous, "who", s)
	}
	return c, nil
}

// where returns the place that a program means: a room by its name or id, or the conversation with a
// contact by his.
func (n *Node) where(s string) (place, error) {
	if _, err := n.me(); err != nil {
		return place{}, err
	}
	var all []candidate[place]
	for _, p := range n.places() {
		name := p.Name
		if c := n.conversation(p.Room); c != nil && c.talk.Known() && c.talk.Options().Name != "" {
			name = c.talk.Options().Name
		}
		if !p.With.IsZero() {
			k, _ := n.contact(p.With)
			if k.Room != p.Room {
				all = append(all, candidate[place]{"", textID(p.Room), p, false}) // an older one with the same person
				continue
			}
			name = n.nameOf(p.With)
			all = append(all, candidate[place]{name, textKey(p.With), p, false})
			if known := k.knownAs(); known != "" {
				all = append(all, candidate[place]{known, textID(p.Room), p, true})
			}
		}
		id := textID(p.Room)
		if p.Room.IsZero() {
			id = p.Swarm
		}
		all = append(all, candidate[place]{name, id, p, false})
	}
	p, none, several := pick(strings.TrimLeft(s, "@#"), same(all))
	switch {
	case none:
		return place{}, n.nowhere(s)
	case several:
		return place{}, fail(invalid, api.Ambiguous, "who", s)
	}
	return p, nil
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

// same gives the candidates that mean one place one id to be counted by, and keeps their other ids as names.
func same(all []candidate[place]) (list []candidate[place]) {
	for _, c := range all {
		list = append(list, candidate[place]{c.name, c.is.Swarm, c.is, c.elsewhere}, candidate[place]{c.id, c.is.Swarm, c.is, false})
	}
	return list
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
	case c == nil:
		return nil, p, fail(failed, api.NotMember, "where", s)
	}
	me := self.accountKey()
	if reason := c.out(me); c.talk.Removed(me) && p.With.IsZero() && reason != nil {
		return nil, p, api.Refused(reason)
	}
	// Joined and Role may be behind what the Talk has stored a moment ago, and programs have seen; Join is not.
	if !c.talk.Joined() && c.talk.Join(ctx, self.certificate) != nil {
		return nil, p, fail(failed, api.NotMember, "where", s)
	}
	return c, p, nil
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
			all = append(all, candidate[identity.Key]{n.nameOf(p.Account), textKey(p.Account), p.Account, false})
		}
	}
	k, none, several := pick(strings.TrimPrefix(s, "@"), all)
	switch {
	case several:
		return identity.Key{}, fail(invalid, api.Ambiguous, "who", s)
	case none:
		found, err := n.who(s)
		if err == nil && found.State != p2pv1.ContactState_CONTACT_STATE_FRIEND {
			err = fail(failed, api.NotContact, "who", s)
		}
		return found.Account, err
	}
	return k, nil
}
