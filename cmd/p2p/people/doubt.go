package people

import (
	"context"
	"slices"
	"strings"

	"p2p/cmd/p2p/api"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
)

// To a contact who is in doubt goes nothing at all in the conversation of the two: no new word, none that waits for him, no file. He
// is in rooms too. What is said there is for all the others as well, so a directory that lies must not be able
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

// inDoubt reports whether somebody is a contact whose key is in doubt.
func (n *Node) inDoubt(account identity.Key) bool {
	k, _ := n.contact(account)
	return k.doubtful()
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

// doubtful reports whether a contact's key is in doubt, as the directory or the person has found, or he was one and has another key now:
// rooms have him until somebody removes him there.
func (k *contact) doubtful() bool { return !k.Changed.IsZero() || k.refuted() }

// refuted reports whether the person has found that a contact's key is not his.
func (k *contact) refuted() bool { return k.Differs || !k.Replaced.IsZero() && !k.watched() }

// other returns the one of a conversation of two, zero in a room.
func (c *conversation) other() contact {
	p := c.node.place(c.id)
	if p == nil || p.With.IsZero() {
		return contact{}
	}
	k, _ := c.node.contact(p.With)
	return k
}

// bars reports whether the other one of two is not met at all, since the person has found that the key is not his.
func (c *conversation) bars() bool {
	k := c.other()
	return k.refuted()
}

// shuns is chat.Options.Shuns: what was written to a contact before he came into doubt waits, and so does what he says. One whom
// the directory alone doubts may connect all the same, for he may show that he has another name now.
func (c *conversation) shuns(account identity.Key) bool {
	k := c.other()
	return account != c.node.accountOf() && k.doubtful()
}

// gives reports whether files go to a device.
func (c *conversation) gives(device identity.Key) bool {
	account := c.owner(device)
	return c.belongs(account) && !c.shuns(account)
}

// infoOf is offer.Options.Info.
func (c *conversation) infoOf(hash infohash.T) []byte {
	if k := c.other(); k.doubtful() {
		return nil
	}
	return c.node.files.infoOf(c.id, hash)
}

// review has those sent away, from rooms and from files, who may not be there any more: they are blocked, or their keys are in doubt.
func (n *Node) review() {
	for _, c := range n.all() {
		c.swarm.Review()
		c.talk.Review()
	}
	n.files.review()
}

// callBack calls a contact whose key is not in doubt any more: he has been sent away, and may not come by himself soon.
func (n *Node) callBack(account identity.Key) {
	k, _ := n.contact(account)
	if c := n.conversation(k.Room); c != nil && !n.inDoubt(account) {
		c.swarm.Expect(append(n.faces.addrs(account), k.Reach.Addrs...))
	}
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
