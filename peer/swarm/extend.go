package swarm

import (
	"context"
	"net/netip"
	"time"

	"p2p/peer/ext"
	"p2p/peer/identity"
	"p2p/peer/link"
	"p2p/peer/wire"
	"p2p/piece"
)

// Expel ends the connection of a peer, for a reason which the Core does not know:
// it broke a rule, or this machine has moved.
func (c *Core) Expel(now time.Time, key piece.PeerKey, why error) {
	if m := c.peers[key]; m != nil {
		c.drop(now, m, why)
	}
}

// hasAll reports whether a peer has the whole torrent.
func (c *Core) hasAll(key piece.PeerKey) bool {
	m := c.peers[key]
	return m != nil && m.PeerHas().Full()
}

// openExtensions makes the registry of a torrent.
func (l *Loop) openExtensions() *ext.Registry {
	return ext.NewRegistry(ext.Torrent{
		InfoHash: l.opt.InfoHash, Info: l.opt.InfoBytes, Private: l.opt.Info.Private, Listen: l.opt.Listen,
		Complete: func() bool { return l.core.Queue().Have().Full() },
		AddPeers: func(addrs []netip.AddrPort) {
			for _, a := range addrs {
				l.core.AddAddr(a, false)
			}
		},
		Do: l.mail.post,
	}, l.opt.Extensions)
}

// greeting returns the payload of our extension handshake for a peer.
func (l *Loop) greeting(p Candidate) []byte { return greeting(l.opt.Hello, l.ext, p) }

func greeting(hello func(netip.Addr) wire.ExtHandshake, r *ext.Registry, p Candidate) []byte {
	var h wire.ExtHandshake
	if hello != nil {
		h = hello(p.Addr.Addr())
	}
	r.Greet(&h, p.Device)
	return wire.AppendExtHandshake(nil, h)
}

// introduce tells the extensions of a new connection. What they want closed is
// closed by a letter, because they are called while effects are carried out.
func (l *Loop) introduce(key piece.PeerKey, p Candidate, m *wired) {
	l.ext.Join(ext.Conn{
		Key: key, Addr: p.Addr, Device: p.Device, Dialled: p.Dialled,
		Seed: func() bool { return l.core.hasAll(key) },
		Send: offering(m.Link),
		Close: func(why error) {
			l.mail.put(func(_ context.Context, now time.Time) { l.core.Expel(now, key, why) })
		},
	})
}

// Review ends the connections of everybody whom lets says no to; a plain peer has
// the zero key. It is called on the Loop and must not block.
func (l *Loop) Review(lets func(device identity.Key) bool) {
	l.mail.put(func(_ context.Context, now time.Time) {
		for key, m := range l.links {
			if !lets(m.device) {
				l.core.Expel(now, key, ErrNotAdmitted)
			}
		}
	})
}

// offering returns the Send of an extension's peer.
func offering(l *link.Link) func(ext.Class, uint8, []byte) bool {
	return func(class ext.Class, id uint8, payload []byte) bool {
		return l.Offer(class, wire.Message{ID: wire.Extended, ExtID: id, Payload: payload})
	}
}

// converse gives the extensions what their peers said in this round.
func (l *Loop) converse(now time.Time) {
	for i, e := range l.heard {
		l.heard[i] = Effect{}
		if err := l.ext.Handle(now, e.Peer, e.ExtID, e.Payload); err != nil {
			l.core.Expel(now, e.Peer, err)
		}
	}
	l.heard = l.heard[:0]
}
