package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"p2p/peer/identity"
	"p2p/peer/link"
	"p2p/peer/secure"
	"p2p/peer/session"
	"p2p/peer/swarm"
	"p2p/peer/wire"
	"p2p/torrentfile/infohash"
)

// Deadlines of a connection that is not a peer's yet: to be there, and then for all
// handshakes together.
const (
	dialTimeout  = 10 * time.Second
	greetTimeout = 10 * time.Second
)

// errOtherTorrent ends a connection whose other end speaks of another torrent.
var errOtherTorrent = errors.New("the peer answered for another torrent")

// accept takes connections until the listener is closed.
func (n *Node) accept(ctx context.Context) {
	for {
		conn, err := n.listener.Accept()
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			if err == nil {
				conn.Close()
			}
			return
		case err != nil: // out of descriptors, most likely: wait for some to come back
			n.log.Warn("accept failed", zap.Error(err))
			if !pause(ctx, 100*time.Millisecond) {
				return
			}
			continue
		}
		n.doorstep.enter(conn)
		n.wg.Go(func() {
			defer n.doorstep.leave(conn)
			if err := n.welcome(ctx, conn); err != nil {
				conn.Close()
				n.log.Debug("handshake failed", zap.Stringer("peer", conn.RemoteAddr()), zap.Error(err))
			}
		})
	}
}

// welcome does our half of the handshakes with somebody who called. Nothing is
// said before the caller has named a torrent that we have; but whoever speaks TLS learns
// the key of our device, and proves his.
func (n *Node) welcome(ctx context.Context, conn net.Conn) error {
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	began := time.Now()
	if err := conn.SetDeadline(began.Add(greetTimeout)); err != nil {
		return err
	}
	inner, theirs, err := n.listen(ctx, conn)
	if err != nil {
		return err
	}
	p := candidate(inner, theirs, false)
	p.Began = began
	m, leave, err := n.meet(ctx, theirs.InfoHash, p.Device)
	if err != nil {
		return err
	}
	defer leave()
	sole := !p.Device.IsZero() && m.Lacks(p.Device)
	if err := n.writeHandshake(inner, theirs.InfoHash, sole); err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	m.Joined(inner, p)
	return nil
}

// listen hears who calls, told by the first byte: BEP 3 begins with a 19, TLS with a 22
// (RFC 8446, section 5.1). It returns the connection in which the peer wire runs, and
// the handshake that has come in it.
func (n *Node) listen(ctx context.Context, conn net.Conn) (net.Conn, wire.Handshake, error) {
	var b [wire.HandshakeLen]byte
	if _, err := io.ReadFull(conn, b[:1]); err != nil {
		return nil, wire.Handshake{}, fmt.Errorf("read handshake: %w", err)
	}
	switch {
	case b[0] == wire.FirstByte:
		theirs, err := readHandshake(conn, &b, 1)
		return conn, theirs, err
	case b[0] == secure.Record && n.opt.Device != nil:
		c, err := n.opt.Device.Accept(ctx, conn, b[:1], nil)
		if err != nil {
			return nil, wire.Handshake{}, err
		}
		theirs, err := readHandshake(c, &b, 0)
		return c, theirs, err
	}
	return nil, wire.Handshake{}, fmt.Errorf("%w: it begins with the byte %d", wire.ErrHandshake, b[0])
}

// meeting is where connections go whose handshakes name the same info-hash: the
// Loop of a torrent, or a Lobby.
type meeting interface {
	Joined(net.Conn, swarm.Candidate)
	Called(net.Conn, swarm.Candidate)
	DialFailed(netip.AddrPort, error)
	Lacks(identity.Key) bool
}

// call is a connection to be made.
type call struct {
	hash infohash.T
	addr netip.AddrPort
	want func(identity.Key) bool // who must answer; nil = anybody, without TLS
	from meeting                 // who wants it; nil without TLS
}

// dial connects to a peer of torrent h in the background, without TLS, and hands it
// to m.
func (n *Node) dial(ctx context.Context, h infohash.T, m meeting, addr netip.AddrPort) {
	n.dialAs(ctx, m, call{hash: h, addr: addr})
}

// dialAs makes a call in the background, and hands the connection to m.
func (n *Node) dialAs(ctx context.Context, m meeting, c call) {
	c.from = m
	n.wg.Go(func() {
		began := time.Now()
		a, dialCtx := n.attempt(ctx, c)
		conn, theirs, err := n.place(dialCtx, c)
		switch told := a.over(err); {
		case !told && err == nil:
			link.Refuse(conn)
			return
		case !told:
			return
		case err != nil:
			m.DialFailed(c.addr, err)
			return
		}
		p := candidate(conn, theirs, true)
		p.Began = began
		m.Joined(conn, p)
	})
}

// reach connects to a peer of torrent h, without TLS, and does the handshakes.
func (n *Node) reach(ctx context.Context, h infohash.T, addr netip.AddrPort) (net.Conn, wire.Handshake, error) {
	return n.place(ctx, call{hash: h, addr: addr})
}

// place makes a call and does the handshakes.
func (n *Node) place(ctx context.Context, c call) (net.Conn, wire.Handshake, error) {
	select {
	case n.dialling <- struct{}{}:
		defer func() { <-n.dialling }()
	case <-ctx.Done():
		return nil, wire.Handshake{}, ctx.Err()
	}
	dialCtx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := n.opt.Network.Dial(dialCtx, n.opt.Listen.Addr(), c.addr)
	if err != nil {
		return nil, wire.Handshake{}, err
	}
	inner, theirs, err := n.exchange(ctx, conn, c)
	if err != nil {
		conn.Close()
		return nil, wire.Handshake{}, err
	}
	return inner, theirs, nil
}

// exchange does the handshakes with somebody whom we called, all of them within
// greetTimeout. It returns the connection in which the peer wire runs.
func (n *Node) exchange(ctx context.Context, conn net.Conn, c call) (inner net.Conn, theirs wire.Handshake, err error) {
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := conn.SetDeadline(time.Now().Add(greetTimeout)); err != nil {
		return nil, theirs, err
	}
	inner = conn
	sole := false
	if c.want != nil {
		secured, err := n.opt.Device.Call(ctx, conn, c.want)
		if err != nil {
			return nil, theirs, err
		}
		inner, sole = secured, c.from.Lacks(secured.Peer())
	}
	if err := n.writeHandshake(inner, c.hash, sole); err != nil {
		return nil, theirs, err
	}
	if theirs, err = readHandshake(inner, new([wire.HandshakeLen]byte), 0); err != nil {
		return nil, theirs, err
	}
	if theirs.InfoHash != c.hash {
		return nil, theirs, errOtherTorrent
	}
	return inner, theirs, conn.SetDeadline(time.Time{})
}

// writeHandshake sends our handshake. sole is that we have no other connection to the device at the other end.
func (n *Node) writeHandshake(conn net.Conn, h infohash.T, sole bool) error {
	ours := wire.Handshake{Reserved: wire.Reserved(), InfoHash: h, PeerID: n.id}
	if sole {
		ours.SetSole()
	}
	if _, err := conn.Write(ours.Append(nil)); err != nil {
		return fmt.Errorf("send handshake: %w", err)
	}
	return nil
}

// hello is what we tell a peer at addr about ourselves, once the handshakes are
// done (BEP 10).
func (n *Node) hello(addr netip.Addr) wire.ExtHandshake {
	return wire.ExtHandshake{Client: n.opt.Client, ReqQ: session.OurReqQ, YourIP: addr.Unmap(), Port: n.addr.Port()}
}

// readHandshake reads exactly the handshake, of which the first have bytes are in b.
func readHandshake(conn net.Conn, b *[wire.HandshakeLen]byte, have int) (wire.Handshake, error) {
	if _, err := io.ReadFull(conn, b[have:]); err != nil {
		return wire.Handshake{}, fmt.Errorf("read handshake: %w", err)
	}
	return wire.ParseHandshake(b[:])
}

// candidate describes a connection whose handshakes are done.
func candidate(conn net.Conn, theirs wire.Handshake, dialled bool) swarm.Candidate {
	p := swarm.Candidate{
		Addr: addrPort(conn.RemoteAddr()), ID: theirs.PeerID, Dialled: dialled,
		Fast: theirs.SupportsFast(), Ext: theirs.SupportsExtended(),
	}
	if c, ok := conn.(*secure.Conn); ok {
		p.Device, p.Sole = c.Peer(), theirs.Sole()
	}
	return p
}

// pause waits for d; false means that ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
