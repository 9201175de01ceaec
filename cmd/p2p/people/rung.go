package people

import (
	"context"
	"strconv"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat/room"
	"p2p/peer/ext/knock"
	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
)

// What becomes of a request of this person at the door of another: of a contact to be, or of whose link leads into a room.

// answered takes in what somebody says whose bell was rung.
func (n *Node) answered(ctx context.Context, v knock.Visitor, a knock.Answer) {
	n.known.add(v.Certificate)
	if !a.Join.IsZero() {
		n.joined(ctx, v, a)
		return
	}
	n.asking.Lock()
	defer n.asking.Unlock()
	k, known := n.contact(v.Account)
	if !known || k.State != p2pv1.ContactState_CONTACT_STATE_ASKED {
		return
	}
	if a.Verdict == knock.Refused {
		k.State = p2pv1.ContactState_CONTACT_STATE_REFUSED
		n.rewrite(ctx, record{Contact: &k})
		n.alert(p2pv1.Alert_KIND_ANSWERED, v.Account, "")
		return
	}
	addrs := a.Addrs
	if v.Listen.IsValid() {
		addrs = append(addrs, v.Listen)
	}
	if id := room.ID(a.Room); a.Verdict == knock.Accepted && !id.IsZero() && id != k.Room {
		l := letter{Kind: accepts, Room: id, Trackers: k.Reach.Trackers, Addrs: addrs[:min(len(addrs), maxAddrs)]}
		if err := n.resume(ctx, k, l); err != nil && ctx.Err() == nil {
			n.log.Warn("cannot go on in a conversation from before", zap.Error(err))
		}
		return
	}
	if c := n.conversation(k.Room); c != nil && len(addrs) > 0 {
		c.swarm.Expect(addrs)
	}
	if !k.Arrived && a.Verdict != knock.Busy {
		k.Arrived = true
		if err := n.write(ctx, record{Contact: &k}); err != nil && ctx.Err() == nil {
			n.log.Warn("it is not kept that a request has arrived", zap.Error(err))
		}
	}
	n.tellContact(v.Account)
}

// joined enters a room whose link was honoured, or gives up and remembers why.
func (n *Node) joined(ctx context.Context, v knock.Visitor, a knock.Answer) {
	n.mu.Lock()
	at := n.book.places[a.Join.String()]
	if at == nil || at.Join == nil || at.Host != v.Account {
		n.mu.Unlock()
		return
	}
	p := *at
	n.mu.Unlock()
	switch a.Verdict {
	case knock.Accepted:
		id := room.ID(a.Room)
		if swarmOf(id) != a.Join {
			return
		}
		p.Addrs = a.Addrs
		if v.Listen.IsValid() {
			p.Addrs = append(p.Addrs, v.Listen)
		}
		if comesBack := p.Room == id; !comesBack {
			p.Join = nil
		} else if !p.Left { // the room is open already, and says when it is so
			if c := n.conversation(id); c != nil {
				c.swarm.Expect(p.Addrs)
			}
			return
		}
		p.Room, p.Left = id, false
	case knock.Refused:
		p.Left, p.Join, p.Refused = true, nil, refusalOf(a)
		n.shout(p2pv1.Alert_KIND_ANSWERED, v.Account, n.nameOfPlace(p), p.Refused.view())
	default:
		n.rung(ctx, v.Account, p, a.Join)
		return
	}
	n.rewrite(ctx, record{Place: &p})
	if c := n.conversation(p.Room); c != nil && p.Refused == nil { // who comes back may have been sent away a moment ago
		c.swarm.Expect(p.Addrs)
	}
	n.tellRoom(p.Room, false)
	// Until now programs knew the place by its swarm.
	n.hub.tell(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: &p2pv1.Conversation{
		Id: p.Swarm, Name: n.nameOfPlace(p), Left: true, Reason: p.Refused.view(), Became: textID(p.Room),
	}}})
}

// admitted ends the request of one who was in a room before, once the room says that he is in again. Its host may have said so too
// early: for a host who has not heard that somebody had left he has never been away. Then the room, which is open on both sides, tells
// the host, and the bell that is rung still finds him knowing better.
func (n *Node) admitted(ctx context.Context, c *conversation) {
	at := n.place(c.id)
	if at == nil || at.Join == nil || at.Left || c.talk.Role(n.accountOf()) == room.Nobody {
		return
	}
	p := *at
	p.Join = nil
	n.rewrite(ctx, record{Place: &p})
	n.tellRoom(c.id, false)
}

// rung notes that who was rung has the request, and thinks.
func (n *Node) rung(ctx context.Context, host identity.Key, p place, join infohash.T) {
	n.mu.Lock()
	d := n.doors[doorOf(host)]
	news := d != nil && !d.heard[join]
	if news {
		d.heard[join] = true
	}
	n.mu.Unlock()
	if news {
		n.tellWaiting(ctx, p)
	}
}

// tellWaiting tells programs of a room into which nobody has let this person yet.
func (n *Node) tellWaiting(ctx context.Context, p place) {
	c, err := n.viewer(ctx).conversationView(p)
	if n.lost("what a link leads to", err); err == nil {
		n.hub.tell(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: c}})
	}
}

// tellUnreached tells programs of the rooms whose hosts are rung in vain, when why has changed.
func (n *Node) tellUnreached(ctx context.Context) {
	n.mu.Lock()
	var news []place
	for _, p := range n.book.places {
		d := n.doors[doorOf(p.Host)]
		if p.Join == nil || d == nil {
			continue
		}
		if now := d.problem().GetKey(); now != d.told {
			d.told = now
			news = append(news, *p)
		}
	}
	n.mu.Unlock()
	for _, p := range news {
		n.tellWaiting(ctx, p)
	}
}

// refusalOf turns what a door says into what is remembered, and shown.
func refusalOf(a knock.Answer) *refusal {
	reason, known := map[knock.Why]string{
		knock.Full: api.RoomFull, knock.Expired: api.LinkExpired, knock.Revoked: api.LinkRevoked, knock.Removed: api.Removed,
		knock.Powerless: api.LinkPowerless,
	}[a.Why]
	if !known {
		reason = api.LinkRefused
	}
	return &refusal{Reason: reason, Limit: a.Limit}
}

// view returns a refusal as programs see it, nil for none.
func (r *refusal) view() *p2pv1.Reason {
	if r == nil {
		return nil
	}
	if r.Limit == 0 {
		return api.Problem(r.Reason)
	}
	return api.Problem(r.Reason, "limit", strconv.Itoa(r.Limit))
}
