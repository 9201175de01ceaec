package peer_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"p2p/peer"
	"p2p/peer/ext"
	"p2p/peer/identity"
	"p2p/peer/secure"
	"p2p/peer/simnet"
	"p2p/peer/wire"
	"p2p/torrentfile/infohash"
)

var (
	lounge = infohash.Of([]byte("lounge"))
	bell   = infohash.Of([]byte("bell"))
)

// device returns the same device for the same seed.
func device(t testing.TB, seed byte) *secure.Device {
	t.Helper()
	s, err := identity.NewSecret(rand.NewChaCha8([32]byte{seed}))
	if err != nil {
		t.Fatal(err)
	}
	d, err := secure.NewDevice(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// admits lets the devices in of which the seeds are named.
func admits(t testing.TB, seeds ...byte) func(identity.Key) bool {
	var keys []identity.Key
	for _, s := range seeds {
		keys = append(keys, device(t, s).Key())
	}
	return func(k identity.Key) bool { return slices.Contains(keys, k) }
}

// talk is an extension for devices alone that notes who speaks it and what they say.
type talk struct {
	mu    sync.Mutex
	peers map[identity.Key]ext.Peer
	heard []string
	joins int
	do    func(func(time.Time)) bool
}

func (*talk) Name() string { return "p2_talk" }
func (*talk) Secure() bool { return true }
func (t *talk) Open(o ext.Torrent) ext.Instance {
	t.do = o.Do
	return t
}
func (t *talk) Attach(_ time.Time, p ext.Peer) ext.Handler {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.peers == nil {
		t.peers = make(map[identity.Key]ext.Peer)
	}
	t.peers[p.Device()] = p
	t.joins++
	return &talking{t, p}
}

// with returns how many it talks with.
func (t *talk) with() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.peers)
}

// met returns how often it has begun to talk with somebody.
func (t *talk) met() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.joins
}

func (t *talk) took() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer func() { t.heard = nil }()
	return t.heard
}

type talking struct {
	*talk
	peer ext.Peer
}

func (t *talking) Handle(_ time.Time, payload []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heard = append(t.heard, string(payload))
	return nil
}

func (t *talking) Detach() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.peers[t.peer.Device()] == t.peer {
		delete(t.peers, t.peer.Device())
	}
}

// person is a Node with a key and somebody who talks.
type person struct {
	*peer.Node
	*talk
	host  *simnet.Host
	room  *peer.Gathering
	calls *calls
}

// calls is a Network that remembers when it dialled, and whom.
type calls struct {
	peer.Network
	mu    sync.Mutex
	times []time.Time
	whom  []netip.AddrPort
}

func (c *calls) Dial(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	c.mu.Lock()
	c.times, c.whom = append(c.times, time.Now()), append(c.whom, to)
	c.mu.Unlock()
	return c.Network.Dial(ctx, from, to)
}

// since returns how many dials there were since then.
func (c *calls) since(then time.Time) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, at := range c.times {
		if !at.Before(then) {
			n++
		}
	}
	return n
}

// person opens the Node of a device; Network and Extensions are set here.
func (w *world) person(seed byte) *person {
	w.t.Helper()
	h := w.host()
	p := w.personOn(seed, h, netip.AddrPortFrom(h.Addr(), 6881))
	p.host = h
	return p
}

func (w *world) personOn(seed byte, n peer.Network, listen netip.AddrPort) *person {
	w.t.Helper()
	p := &person{talk: &talk{}, calls: &calls{Network: n}}
	p.Node = openNode(w.t, peer.Options{
		Network: p.calls, Listen: listen, Seed: uint64(seed), Device: device(w.t, seed), Extensions: []ext.Extension{p.talk},
	})
	return p
}

// gather has p enter a room.
func (p *person) gather(t testing.TB, r peer.Room) {
	t.Helper()
	if r.InfoHash.IsZero() {
		r.InfoHash = lounge
	}
	var err error
	if p.room, err = p.Gather(r); err != nil {
		t.Fatal(err)
	}
}

// greets calls addr plainly from a new host, says b, and returns what comes back until the
// connection is closed.
func (w *world) greets(addr netip.AddrPort, b []byte) []byte {
	w.t.Helper()
	h := w.host()
	c, err := h.Dial(w.t.Context(), h.Addr(), addr)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	c.Write(b)
	c.SetReadDeadline(time.Now().Add(time.Second))
	got, _ := io.ReadAll(c)
	return got
}

// calling opens a secure connection from a device to the one that has the key of seed.
func (w *world) calling(addr netip.AddrPort, who, whom byte) *secure.Conn {
	w.t.Helper()
	h := w.host()
	raw, err := h.Dial(w.t.Context(), h.Addr(), addr)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := device(w.t, who).Dial(w.t.Context(), raw, device(w.t, whom).Key())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { raw.Close() })
	return c
}

func greeting(h infohash.T, id byte) []byte {
	return wire.Handshake{Reserved: wire.Reserved(), InfoHash: h, PeerID: [20]byte{id}}.Append(nil)
}

// answered reports whether the other end has answered with a handshake.
func answered(c net.Conn, b []byte) bool {
	c.Write(b)
	c.SetReadDeadline(time.Now().Add(time.Second))
	_, err := io.ReadFull(c, make([]byte, wire.HandshakeLen))
	return err == nil
}

// hello returns the extension handshake that a peer gets on a connection.
func (w *world) hello(c net.Conn, h infohash.T, id byte) wire.ExtHandshake {
	w.t.Helper()
	if !answered(c, greeting(h, id)) {
		w.t.Fatal("no handshake")
	}
	var hello wire.ExtHandshake
	f := &fake{Conn: c, t: w.t}
	// It says that it speaks the extension, whatever the connection is.
	f.send(wire.Message{ID: wire.Extended, Payload: wire.AppendExtHandshake(nil, wire.ExtHandshake{M: map[string]uint8{"p2_talk": 5}})})
	f.each(func(m wire.Message) {
		if m.ID == wire.Extended && m.ExtID == wire.ExtHandshakeID {
			var err error
			if hello, err = wire.ParseExtHandshake(m.Payload); err != nil {
				w.t.Error(err)
			}
		}
	})
	return hello
}
