package ext

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"time"

	"p2p/peer/identity"
	"p2p/peer/wire"
	"p2p/piece"
)

// Check reports an error when list cannot be used together: a name that is
// empty, too long or there twice, or too many of them.
func Check(list []Extension) error {
	if len(list) > wire.MaxExtensions {
		return fmt.Errorf("%d extensions, the limit is %d", len(list), wire.MaxExtensions)
	}
	seen := make(map[string]bool, len(list))
	for _, e := range list {
		name := e.Name()
		switch {
		case name == "" || len(name) > wire.MaxExtensionName:
			return fmt.Errorf("extension name %q is not of 1 to %d bytes", name, wire.MaxExtensionName)
		case seen[name]:
			return fmt.Errorf("extension %q is there twice", name)
		}
		seen[name] = true
	}
	return nil
}

// Registry is the extensions of one torrent and the peers that speak them. It
// belongs to the goroutine that owns the torrent; extensions are called from
// within its methods.
type Registry struct {
	instances []instance // the one at index i has id i+1 in our handshake
	conns     map[piece.PeerKey]*conn
	order     []*conn // in the order in which they came
}

type instance struct {
	Instance
	name   string
	secure bool // for devices alone: see Guarded
}

// serves reports whether the instance has a place on a connection to a device, zero
// for a plain one.
func (i instance) serves(device identity.Key) bool { return !i.secure || !device.IsZero() }

// Conn is a connection, as its owner lends it to a Registry. No field may be
// missing.
type Conn struct {
	Key     piece.PeerKey
	Addr    netip.AddrPort
	Device  identity.Key // at the other end, proven; zero = the connection is plain
	Dialled bool         // we opened it
	// Seed reports whether the peer has the whole torrent.
	Seed func() bool
	// Send queues an extended message, which is copied, and never blocks. False
	// means that there is no room for it.
	Send func(class Class, id uint8, payload []byte) bool
	// Close ends the connection, but not before it has returned.
	Close func(why error)
}

// NewRegistry opens the extensions of list, which Check accepts, on a torrent.
// t.Peers is set here.
func NewRegistry(t Torrent, list []Extension) *Registry {
	r := &Registry{conns: make(map[piece.PeerKey]*conn)}
	for _, e := range list {
		at := len(r.instances)
		t.Peers = func() iter.Seq[Peer] { return r.peers(at) }
		if i := e.Open(t); i != nil {
			g, ok := e.(Guarded)
			r.instances = append(r.instances, instance{i, e.Name(), ok && g.Secure()})
		}
	}
	return r
}

// Greet completes our handshake for a new connection to a device, zero for a plain
// one: the names, and what the extensions add.
func (r *Registry) Greet(h *wire.ExtHandshake, device identity.Key) {
	h.M = make(map[string]uint8, len(r.instances))
	for at, i := range r.instances {
		if !i.serves(device) {
			continue
		}
		h.M[i.name] = uint8(at + 1)
		if g, ok := i.Instance.(Greeter); ok {
			g.Greet(h)
		}
	}
}

// Join takes in a connection. A peer that does not speak BEP 10 is only listed.
func (r *Registry) Join(c Conn) {
	m := &conn{Conn: c, registry: r, handlers: make([]Handler, len(r.instances))}
	r.conns[c.Key] = m
	r.order = append(r.order, m)
}

// Leave forgets a connection that is over, if it was there.
func (r *Registry) Leave(key piece.PeerKey) {
	c := r.conns[key]
	if c == nil {
		return
	}
	c.over = true
	delete(r.conns, key)
	r.order = slices.DeleteFunc(r.order, func(o *conn) bool { return o == c })
	for _, h := range c.handlers {
		if h != nil {
			h.Detach()
		}
	}
}

// Handle takes the extended message id of a peer. An error says which rule the
// peer broke; the caller ends its connection. What comes for an extension that
// we do not have, or from a peer that has not named it, means nothing.
func (r *Registry) Handle(now time.Time, key piece.PeerKey, id uint8, payload []byte) error {
	c := r.conns[key]
	if c == nil {
		return nil
	}
	if id == wire.ExtHandshakeID {
		return r.greeted(now, c, payload)
	}
	at := int(id) - 1
	if at >= len(r.instances) || c.handlers[at] == nil {
		return nil
	}
	if err := c.handlers[at].Handle(now, payload); err != nil {
		return fmt.Errorf("%s: %w", r.instances[at].name, err)
	}
	return nil
}

// greeted takes an extension handshake, which may come more than once. A peer
// that turns an extension off and on again keeps its Handler: who could get a
// new one could get round every limit that a Handler keeps.
func (r *Registry) greeted(now time.Time, c *conn, payload []byte) error {
	h, err := wire.ParseExtHandshake(payload)
	if err != nil {
		return err
	}
	c.hello = c.hello.Merge(h)
	for at, i := range r.instances {
		if c.handlers[at] == nil && c.hello.M[i.name] != 0 && i.serves(c.Device) {
			c.handlers[at] = i.Attach(now, speaker{c, at})
		}
	}
	return nil
}

// Tick lets time pass for the extensions. The owner of the torrent calls it
// about every TickEvery.
func (r *Registry) Tick(now time.Time) {
	for _, i := range r.instances {
		if t, ok := i.Instance.(Ticker); ok {
			t.Tick(now)
		}
	}
}

// Speaks reports whether the peer speaks any of the extensions.
func (r *Registry) Speaks(key piece.PeerKey) bool {
	c := r.conns[key]
	return c != nil && slices.ContainsFunc(c.handlers, func(h Handler) bool { return h != nil })
}

// Hello returns what the peer has said about itself so far, nothing when it is not
// connected.
func (r *Registry) Hello(key piece.PeerKey) wire.ExtHandshake {
	if c := r.conns[key]; c != nil {
		return c.hello
	}
	return wire.ExtHandshake{}
}

// peers yields the connected peers as the instance at an index sees them.
func (r *Registry) peers(at int) iter.Seq[Peer] {
	return func(yield func(Peer) bool) {
		for _, c := range r.order {
			if !yield(speaker{c, at}) {
				return
			}
		}
	}
}

// conn is a connected peer.
type conn struct {
	Conn
	registry *Registry
	hello    wire.ExtHandshake
	handlers []Handler // by instance; nil = the peer has not named it
	over     bool
}

// speaker is a connected peer as one instance sees it: it implements Peer.
type speaker struct {
	conn *conn
	at   int // index of the instance
}

func (s speaker) Key() piece.PeerKey       { return s.conn.Key }
func (s speaker) Addr() netip.AddrPort     { return s.conn.Addr }
func (s speaker) Device() identity.Key     { return s.conn.Device }
func (s speaker) Dialled() bool            { return s.conn.Dialled }
func (s speaker) Hello() wire.ExtHandshake { return s.conn.hello }

func (s speaker) Seed() bool { return s.conn.hello.UploadOnly || s.conn.Seed() }

func (s speaker) Listen() netip.AddrPort {
	switch {
	case s.conn.Dialled:
		return s.conn.Addr
	case s.conn.hello.Port != 0:
		return netip.AddrPortFrom(s.conn.Addr.Addr(), s.conn.hello.Port)
	}
	return netip.AddrPort{}
}

// Send uses the id that the peer chose. BEP 10: "The IDs are local to this
// particular peer." A plain peer that names a Guarded extension gets nothing all the same.
func (s speaker) Send(class Class, payload []byte) bool {
	i := s.conn.registry.instances[s.at]
	id := s.conn.hello.M[i.name]
	if s.conn.over || id == 0 || !i.serves(s.conn.Device) || class >= Classes || len(payload) > MaxPayload {
		return false
	}
	return s.conn.Send(class, id, payload)
}

func (s speaker) Close(why error) {
	if !s.conn.over {
		s.conn.Close(fmt.Errorf("%s: %w", s.conn.registry.instances[s.at].name, why))
	}
}
