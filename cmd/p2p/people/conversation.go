package people

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer"
	"p2p/peer/ext"
	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/room"
	"p2p/peer/ext/offer"
	"p2p/peer/ext/pex"
	"p2p/peer/ext/presence"
	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
)

// conversation is one room on this device: what is said in it (Talk), and the swarm of those who are in it. It does not
// change; what it knows of members comes from the Talk, which may be asked by any goroutine.
type conversation struct {
	node   *Node
	id     room.ID
	own    bool // it is the room of the account's devices
	past   bool // the account has left it: it is open for the account's other devices alone
	talk   *chat.Talk
	swarm  *peer.Gathering
	near   *presence.Extension
	offers *offer.Extension
	opened chan struct{} // closed when all of that is there, or will not be

	wasOut bool // as the clerk has seen it last: this person was removed. It is the clerk's, once opened is closed
}

// converse opens a room, or makes one with birth. The caller holds changing.
func (n *Node) converse(ctx context.Context, id room.ID, birth *room.Birth, trackers []string, own, past bool) (*conversation, error) {
	c := &conversation{node: n, id: id, own: own, past: past, opened: make(chan struct{})}
	defer close(c.opened)
	o := chat.Options{
		Device: n.self.device, Account: n.self.accountKey(), Owner: n.known.owner, Log: n.log, Tell: c.tell, Said: c.said, Meets: c.meets, Shuns: c.shuns,
	}
	var err error
	if birth != nil {
		if c.talk, err = chat.Create(ctx, n.archive, o, *birth); err == nil {
			c.id = c.talk.ID()
		}
	} else {
		c.talk, err = chat.Open(ctx, n.archive, id, o)
	}
	if err != nil {
		return nil, err
	}
	c.wasOut = c.talk.Removed(o.Account)
	c.near = presence.New(presence.Options{Self: c.state, Welcome: c.welcome, Secret: c.id[:], Linger: c.mayHear, Tell: c.sees})
	c.offers = offer.New(offer.Options{
		Info: c.infoOf,
		Lost: func() []infohash.T { return n.files.lostIn(c.id) },
		Hear: func(device identity.Key, hash infohash.T) { n.files.hear(c.id, device, hash) },
	})
	swarm, err := n.node.Gather(peer.Room{
		InfoHash: swarmOf(c.id), Trackers: tiers(trackers), Admit: c.admits, Known: c.trusts, Missing: c.missing,
		Extensions: []ext.Extension{c.talk.Extension(), c.near, c.offers, pex.Extension{Among: c.trusts}},
	})
	if err != nil {
		c.talk.Close()
		return nil, err
	}
	c.swarm = swarm
	return c, nil
}

// tiers makes each tracker a tier of its own: people who share one of them meet.
func tiers(trackers []string) (all [][]string) {
	for _, t := range trackers {
		all = append(all, []string{t})
	}
	return all
}

// close leaves the room on this device, not as a member.
func (c *conversation) close(ctx context.Context) {
	c.swarm.Close(ctx)
	c.talk.Close()
}

// admits reports whether a device may connect. One of which nobody knows whose it is may, to show that: it is told
// nothing before (welcome), and sent away when it does not. So may one of somebody who was removed: it is told that,
// and sent away. Any goroutine may call it.
func (c *conversation) admits(device identity.Key) bool {
	if c.node.known.revoked(device) {
		return false
	}
	account := c.owner(device)
	return account.IsZero() || c.belongs(account) || c.mayHear(account)
}

// mayHear reports whether somebody is no member any more, and is to know. Who was blocked hears nothing.
func (c *conversation) mayHear(account identity.Key) bool {
	return !c.own && !c.past && c.talk.Removed(account) && !c.node.isBlocked(account)
}

// trusts reports whether a device is that of somebody who belongs here. Any goroutine may call it.
func (c *conversation) trusts(device identity.Key) bool { return c.belongs(c.owner(device)) }

// owner returns whose a device is, zero for unknown. One that was revoked is nobody's, also where the room does not know of that
// yet.
func (c *conversation) owner(device identity.Key) identity.Key {
	if c.node.known.revoked(device) {
		return identity.Key{}
	}
	if account := c.node.known.owner(device); !account.IsZero() {
		return account
	}
	account, _ := c.talk.Knows(device)
	return account
}

// belongs reports whether somebody may be here: a member, or, before the room is known, who is expected.
func (c *conversation) belongs(account identity.Key) bool {
	me := c.node.accountOf()
	switch {
	case account.IsZero():
		return false
	case account == me:
		return true
	case c.own, c.past, c.node.isBlocked(account), c.bars(): // who is blocked is not met in rooms either; what he says there others pass on
		return false
	case !c.talk.Known():
		return c.node.expects(c.id, account)
	}
	// Two who were both removed may tell each other.
	return c.talk.Role(account) != room.Nobody || c.talk.Removed(account) && c.talk.Removed(me)
}

// welcome is presence.Options.Welcome.
func (c *conversation) welcome(device, account identity.Key) bool {
	if account.IsZero() {
		return c.trusts(device)
	}
	return c.belongs(account)
}

// tell is called by the Talk's goroutine.
func (c *conversation) tell(change chat.Change) {
	if len(change.Added) > 0 || change.Recount {
		c.node.hub.news()
	}
	c.node.clerk.do(func(ctx context.Context) {
		if <-c.opened; c.swarm != nil {
			c.node.changed(ctx, c, change)
		}
	})
}

// sees is called by the swarm's goroutine with what a connection says of itself.
func (c *conversation) sees(s presence.Seen) {
	n, at := c.node, contactPoint{c.id, s.Device}
	if s.Gone || !n.faces.meeting(at) {
		defer c.near.Changed() // with whom this device is connected
	}
	if s.Gone {
		if account, changed := n.faces.parts(at, time.Now()); changed {
			n.clerk.do(func(ctx context.Context) { n.looks(ctx, account) })
		}
		if c.own {
			n.clerk.do(n.accompany)
		}
		return
	}
	fresh := false
	for _, cert := range s.State.Certificates {
		fresh = n.known.add(cert) || fresh
	}
	if fresh {
		c.talk.Review()
	}
	if card := s.State.Card; !card.IsZero() {
		n.introduced(card)
	}
	if s.Listen.IsValid() && !n.faces.meeting(at) {
		n.clerk.do(func(context.Context) { n.alsoAt(c, s) })
	}
	if !n.faces.meeting(at) {
		n.greet(c, s.Account, s.Device)
		if c.own {
			defer n.clerk.do(n.accompany)
		}
	}
	g := glimpse{account: s.Account, away: s.State.Away, text: s.State.Text, addr: s.Addr.Addr(), listen: s.Listen, rtt: s.RTT, near: s.State.Near}
	if n.faces.meets(at, g, s.State.Name) || fresh {
		n.clerk.do(func(ctx context.Context) { n.looks(ctx, s.Account) })
	}
}

// state is what this device tells others of itself. Any goroutine may call it.
func (n *Node) state() presence.State {
	n.mu.Lock()
	s, name := n.self, n.displayName()
	away := n.away.now(n.hub.watched()) != p2pv1.Presence_PRESENCE_ONLINE
	n.mu.Unlock()
	if s == nil {
		return presence.State{}
	}
	certs := []identity.Certificate{s.certificate}
	for _, c := range n.known.all(s.accountKey()) {
		if c.Device != s.deviceKey() && len(certs) < presence.MaxCertificates {
			certs = append(certs, c)
		}
	}
	return presence.State{Name: name, Away: away, Certificates: certs}
}

// state is what this device tells those of itself who are in the room. By which name a directory knows the account, and what
// it says of being away, is for contacts and its own devices alone.
func (c *conversation) state() presence.State {
	n := c.node
	s := n.state()
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.book.places[swarmOf(c.id).String()]; n.self != nil && (c.own || p != nil && !p.With.IsZero()) {
		s.Card, s.Text = n.self.card, n.away.text
		return s
	}
	if len(s.Certificates) == 0 {
		return s
	}
	s.Near = nearOf(c.near.Present(), presence.ShortOf(s.Certificates[0].Account))
	return s
}

// nearOf returns whom a device of an account is connected with, as it tells others, in order.
func nearOf(present []presence.Seen, own presence.Short) (near []presence.Short) {
	for _, s := range present {
		if k := presence.ShortOf(s.Account); k != own {
			near = append(near, k)
		}
	}
	slices.SortFunc(near, func(a, b presence.Short) int { return bytes.Compare(a[:], b[:]) })
	near = slices.Compact(near)
	return near[:min(len(near), presence.MaxNear)]
}

// passOn reports whether one of those who are connected says that he is so with an account: what is said reaches it through him.
func passOn(present []presence.Seen, account identity.Key) bool {
	return slices.ContainsFunc(present, func(s presence.Seen) bool { return slices.Contains(s.State.Near, presence.ShortOf(account)) })
}

// meets is chat.Options.Meets.
func (c *conversation) meets(device, account identity.Key) bool {
	of := slices.DeleteFunc(slices.Clone(c.near.Present()), func(s presence.Seen) bool { return s.Device != device })
	return passOn(of, account)
}

// through returns how somebody is there with whom another one is connected: who is no contact at a directory shows himself to
// those alone who are connected with him, and whether he looks is not known then.
func through(known p2pv1.Presence) p2pv1.Presence {
	if known == p2pv1.Presence_PRESENCE_ONLINE {
		return known
	}
	return p2pv1.Presence_PRESENCE_AWAY
}

// accountOf returns the key of the account, zero for nobody's.
func (n *Node) accountOf() identity.Key {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.self == nil {
		return identity.Key{}
	}
	return n.self.accountKey()
}

// expects reports whether somebody may be met in a room that is not known yet: who let this person in, or a
// contact.
func (n *Node) expects(id room.ID, account identity.Key) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.book.places[swarmOf(id).String()]
	return p != nil && (account == p.With || account == p.Host || n.book.friend(account))
}

// every returns all open conversations but the own one.
func (n *Node) every() (all []*conversation) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.open {
		all = append(all, c)
	}
	return all
}

// join makes this device write its Join as soon as the account is a member.
func (c *conversation) join(ctx context.Context) {
	n := c.node
	me, err := n.me()
	if err != nil || c.past || !c.talk.Known() || c.talk.Joined() || c.talk.Role(me.accountKey()) == room.Nobody {
		return
	}
	if err := c.talk.Join(ctx, me.certificate); err != nil && !errors.Is(err, chat.ErrClosed) {
		n.log.Warn("cannot join a room", zap.Stringer("room", c.id), zap.Error(err))
	}
}

// mayInvite reports whether somebody may add members.
func (c *conversation) mayInvite(account identity.Key) bool {
	role := c.talk.Role(account)
	return role >= room.Moderator || role == room.Member && c.talk.Options().Open
}

// others returns the members besides this account.
func (c *conversation) others() (all []identity.Key) {
	me := c.node.accountOf()
	for _, p := range c.talk.Members() {
		if p.Account != me {
			all = append(all, p.Account)
		}
	}
	return all
}
