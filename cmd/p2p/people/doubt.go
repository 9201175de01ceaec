package people

import (
	"context"
	"slices"
	"strings"

	"p2p/cmd/p2p/api"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// Who is in doubt is in rooms too. What is said there is for all the others as well, so a directory that lies must not be able
// to silence a room: as messengers do with groups, the room says loudly who is in doubt, and what this person says goes there
// only if he says so, for each of them by name: one who comes into doubt later is not covered by that. What others
// say is received, and read marks, typing and reactions go on: they tell nobody anything that he could not see.

// undoubted returns an error for a conversation of two whose other side is in doubt: nothing is to go there.
func (n *Node) undoubted(with identity.Key) error {
	switch k, _ := n.contact(with); {
	case !k.Changed.IsZero():
		return fail(failed, api.KeyChanged, "who", k.Name)
	case k.Differs:
		return fail(failed, api.NumberDiffers, "who", k.Name)
	}
	return nil
}

// inDoubt reports whether somebody is a contact whose key is in doubt, as the directory or the person has found, or was one and has another key now: rooms have him
// until somebody removes him there.
func (n *Node) inDoubt(account identity.Key) bool {
	k, known := n.contact(account)
	return known && (!k.Changed.IsZero() || k.Differs || !k.Replaced.IsZero() && !k.watched())
}

// maySay returns an error for what this person says in a conversation where somebody's key is in doubt; in a room, if it is not
// to go there despite him.
func (n *Node) maySay(ctx context.Context, c *conversation, p place, despite []string) error {
	if reason := n.deserted(c, p); reason != nil {
		return api.Refused(reason)
	}
	if s, err := n.me(); err == nil && c.talk.Lies(s.deviceKey()) { // until contradicted has seen to it
		return fail(away, api.DeviceContradicted)
	}
	if !p.With.IsZero() {
		return n.undoubted(p.With)
	}
	var who []string
	for _, m := range c.talk.Members() {
		if !n.inDoubt(m.Account) {
			continue
		}
		if !slices.ContainsFunc(despite, func(s string) bool { k, err := n.somebody(ctx, c, s); return err == nil && k == m.Account }) {
			who = append(who, n.nameOf(m.Account))
		}
	}
	if len(who) > 0 {
		return fail(failed, api.MemberInDoubt, "who", strings.Join(who, ", "))
	}
	return nil
}

// tellDoubt tells programs that somebody's key is in doubt, or is not any more: of him, and of the rooms that he is in.
func (n *Node) tellDoubt(account identity.Key) {
	n.tellContact(account)
	for _, c := range n.every() {
		if c.talk.Role(account) != room.Nobody {
			n.tellRoom(c.id, false)
		}
	}
}
