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

	"p2p/peer/session"
	"p2p/peer/swarm"
	"p2p/peer/wire"
	"p2p/torrentfile/infohash"
)

// Deadlines of a connection that is not a peer's yet.
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

// welcome does our half of the handshake with somebody who called. Nothing is
// said before the caller has named a torrent that we have.
func (n *Node) welcome(ctx context.Context, conn net.Conn) error {
	theirs, err := readHandshake(ctx, conn)
	if err != nil {
		return err
	}
	m, leave, err := n.meet(ctx, theirs.InfoHash)
	if err != nil {
		return err
	}
	defer leave()
	if err := n.writeHandshake(conn, theirs.InfoHash); err != nil {
		return err
	}
	m.Joined(conn, candidate(conn, theirs, false))
	return nil
}

// meeting is where connections go whose handshakes name the same info-hash: the
// Loop of a torrent, or a Lobby.
type meeting interface {
	Joined(net.Conn, swarm.Candidate)
	DialFailed(netip.AddrPort, error)
}

// dial connects to a peer of torrent h in the background, and hands it to m.
func (n *Node) dial(ctx context.Context, h infohash.T, m meeting, addr netip.AddrPort) {
	n.wg.Go(func() {
		err := n.call(ctx, h, m, addr)
		if err != nil {
			m.DialFailed(addr, err)
		}
	})
}

// call connects to addr, does the handshakes and hands the connection to m.
func (n *Node) call(ctx context.Context, h infohash.T, m meeting, addr netip.AddrPort) error {
	conn, theirs, err := n.reach(ctx, h, addr)
	if err == nil {
		m.Joined(conn, candidate(conn, theirs, true))
	}
	return err
}

// reach connects to a peer of torrent h and does the handshakes.
func (n *Node) reach(ctx context.Context, h infohash.T, addr netip.AddrPort) (net.Conn, wire.Handshake, error) {
	select {
	case n.dialling <- struct{}{}:
		defer func() { <-n.dialling }()
	case <-ctx.Done():
		return nil, wire.Handshake{}, ctx.Err()
	}
	dialCtx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := n.opt.Network.Dial(dialCtx, n.opt.Listen.Addr(), addr)
	if err != nil {
		return nil, wire.Handshake{}, err
	}
	theirs, err := n.exchange(ctx, conn, h)
	if err != nil {
		conn.Close()
		return nil, wire.Handshake{}, err
	}
	return conn, theirs, nil
}

// exchange does the handshakes with somebody whom we called.
func (n *Node) exchange(ctx context.Context, conn net.Conn, h infohash.T) (wire.Handshake, error) {
	if err := n.writeHandshake(conn, h); err != nil {
		return wire.Handshake{}, err
	}
	theirs, err := readHandshake(ctx, conn)
	if err == nil && theirs.InfoHash != h {
		err = errOtherTorrent
	}
	return theirs, err
}

func (n *Node) writeHandshake(conn net.Conn, h infohash.T) error {
	if err := conn.SetWriteDeadline(time.Now().Add(greetTimeout)); err != nil {
		return err
	}
	ours := wire.Handshake{Reserved: wire.Reserved(), InfoHash: h, PeerID: n.id}
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

// readHandshake reads exactly the handshake, within the time that it may take.
func readHandshake(ctx context.Context, conn net.Conn) (wire.Handshake, error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := conn.SetReadDeadline(time.Now().Add(greetTimeout)); err != nil {
		return wire.Handshake{}, err
	}
	var b [wire.HandshakeLen]byte
	if _, err := io.ReadFull(conn, b[:]); err != nil {
		return wire.Handshake{}, fmt.Errorf("read handshake: %w", err)
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return wire.Handshake{}, err
	}
	return wire.ParseHandshake(b[:])
}

// candidate describes a connection whose handshakes are done.
func candidate(conn net.Conn, theirs wire.Handshake, dialled bool) swarm.Candidate {
	return swarm.Candidate{
		Addr: addrPort(conn.RemoteAddr()), ID: theirs.PeerID, Dialled: dialled,
		Fast: theirs.SupportsFast(), Ext: theirs.SupportsExtended(),
	}
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
