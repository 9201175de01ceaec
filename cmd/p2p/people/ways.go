package people

import (
	"context"
	"net/netip"
	"slices"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat/room"
	"p2p/peer/ext/presence"
	"p2p/peer/identity"
)

// A tracker may be away, may have forgotten who is in a room, or may never have been there. Whoever finds that it was away, or that
// somebody is gone through whom he has met others, is announced anew (peer.Room.Missing). And members tell each other who
// else is connected (pex.Extension.Among), and a device that is met in one room is called in the others that both are in. Where
// people were met last is remembered.
// Nobody learns of anybody by that who is not in the same room: a device is called where it is known to listen, and
// hears which room is meant when it has proven who it is.

// reachAt tells the swarms of all rooms that somebody is in where he may be.
func (n *Node) reachAt(account identity.Key, addrs []netip.AddrPort) {
	if len(addrs) == 0 {
		return
	}
	for _, c := range n.all() {
		if c.looksFor(account) {
			c.swarm.Expect(addrs)
		}
	}
}

// seek looks for a contact where a new link of his says that he is. Both may have moved since they last met, and the
// tracker that they had in common may be gone: nothing else leads them to each other then.
func (n *Node) seek(ctx context.Context, k contact) error {
	if err := n.write(ctx, record{Contact: &k}); err != nil {
		return err
	}
	n.changing.Lock()
	defer n.changing.Unlock()
	at := n.place(k.Room)
	if at == nil {
		return nil
	}
	p := *at
	if p.Trackers = union(k.Reach.Trackers, at.Trackers, maxTrackers); !slices.Equal(p.Trackers, at.Trackers) {
		if err := n.write(ctx, record{Place: &p}); err != nil {
			return err
		}
		n.mu.Lock()
		c := n.open[k.Room]
		delete(n.open, k.Room)
		n.mu.Unlock()
		if c != nil {
			c.close(ctx) // fit opens it again, under those trackers
		}
		return n.fit(ctx)
	}
	if c := n.conversation(k.Room); c != nil {
		c.swarm.Expect(k.Reach.Addrs)
	}
	return nil
}

// union returns what is in a and then what is in b alone, limit at most.
func union[T comparable](a, b []T, limit int) []T {
	all := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all[:min(len(all), limit)]
}

// alsoAt has a device that was met in one room called in the others, and for the files of that one: once for each time that it is met, so that
// it is called no more often than it comes.
func (n *Node) alsoAt(met *conversation, s presence.Seen) {
	n.files.comes(met, s.Listen)
	for _, c := range n.all() {
		if c != met && !n.faces.meeting(contactPoint{c.id, s.Device}) && c.looksFor(s.Account) {
			c.swarm.Expect([]netip.AddrPort{s.Listen})
		}
	}
}

// convene notes in the swarm of a room where those listen who belong there and are connected in others alone. Who could not
// be reached there is not called for it before his time.
func (n *Node) convene(c *conversation) {
	var addrs []netip.AddrPort
	for _, e := range n.faces.elsewhere(c.id) {
		if c.looksFor(e.account) {
			addrs = append(addrs, e.listen)
		}
	}
	c.swarm.AddPeers(addrs, false)
}

// callThere calls somebody in a room wherever he is known to be: he, or this person, has a place there again, and was called in vain
// meanwhile, less and less often.
func (n *Node) callThere(c *conversation, account identity.Key) {
	addrs := n.faces.addrs(account)
	for _, e := range n.faces.elsewhere(c.id) {
		if e.account == account {
			addrs = append(addrs, e.listen)
		}
	}
	c.swarm.Expect(addrs)
}

// revisit notes in the swarm of a room where those were met last who belong there: both may have moved since one of them was told where
// the other one is, and there may be no tracker any more. A contact is looked for in the conversation with him alone, however many rooms
// both are in: where he is met, he is called in the others (alsoAt).
func (n *Node) revisit(c *conversation) {
	sought := c.others()
	if p := n.place(c.id); p != nil {
		sought = append(sought, p.With, p.Host)
	}
	if c.own {
		sought = []identity.Key{n.accountOf()}
	}
	var addrs []netip.AddrPort
	for _, account := range sought {
		k, _ := n.contact(account)
		elsewhere := k.State == p2pv1.ContactState_CONTACT_STATE_FRIEND && k.Room != c.id
		if c.looksFor(account) && c.belongs(account) && !elsewhere {
			addrs = append(addrs, n.faces.haunts(account)...)
		}
	}
	c.swarm.AddPeers(addrs, false)
}

// revisitAll is revisit for all rooms.
func (n *Node) revisitAll(context.Context) {
	for _, c := range n.all() {
		n.revisit(c)
	}
}

// all returns all open conversations.
func (n *Node) all() []*conversation {
	all := n.every()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.own != nil {
		all = append(all, n.own)
	}
	return all
}

// looksFor reports whether somebody is to be met here: another device of the account, a member, or who is expected where nobody has told yet who is one.
func (c *conversation) looksFor(account identity.Key) bool {
	switch {
	case c.own, c.past, account == c.node.accountOf():
		return account == c.node.accountOf()
	case !c.talk.Known():
		return c.node.expects(c.id, account)
	}
	return c.talk.Role(account) != room.Nobody
}

// missing returns how many members have none of these devices, but for whom is not met anyway. Any goroutine may call it.
func (c *conversation) missing(here []identity.Key) (count int) {
	met := map[identity.Key]bool{}
	for _, device := range here {
		met[c.owner(device)] = true
	}
	for _, account := range c.others() {
		if !met[account] && c.belongs(account) {
			count++
		}
	}
	return count
}

// again has all rooms announced anew: trackers may have forgotten who is in them.
func (n *Node) again() {
	for _, c := range n.all() {
		c.swarm.Again()
	}
}

// addrs returns where the members listen who are connected.
func (c *conversation) addrs() (all []netip.AddrPort) {
	for _, s := range c.near.Present() {
		if s.Listen.IsValid() && len(all) < maxAddrs {
			all = append(all, s.Listen)
		}
	}
	return all
}
