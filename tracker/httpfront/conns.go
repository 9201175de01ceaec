package httpfront

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"time"
)

// conns is the connections of a Front that are open: at most so many together,
// and at most so many from one address, so that one client cannot take all.
type conns struct {
	places  chan struct{} // one token per open connection
	perAddr int
	exempt  proxies // many clients share their addresses

	mu     sync.Mutex
	open   map[*conn]struct{} // those that the fast loop has
	byAddr map[netip.Addr]int
	// TLS handshakes that are going on, all together and by address.
	shaking   int
	shakingBy map[netip.Addr]int
	loops     sync.WaitGroup // of the fast loop
}

func newConns(places, perAddr int, exempt proxies) *conns {
	return &conns{
		places: make(chan struct{}, places), perAddr: perAddr, exempt: exempt,
		open: make(map[*conn]struct{}), byAddr: make(map[netip.Addr]int), shakingBy: make(map[netip.Addr]int),
	}
}

// full reports whether no other connection would find a place.
func (s *conns) full() bool { return len(s.places) == cap(s.places) }

// reserve takes a place for the next connection. While there is none, idle
// connections are closed, and only those: one that is about to ask, from far
// away perhaps, is never given up for a new one. It fails when ctx ends.
func (s *conns) reserve(ctx context.Context) error {
	select {
	case s.places <- struct{}{}:
		return nil
	default:
		s.nudge(func(c *conn) bool { return c.idle.Load() })
	}
	select {
	case s.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cancel gives the place back that reserve took.
func (s *conns) cancel() { <-s.places }

// add puts nc into the place that reserve took. When its address has enough
// connections it closes nc, gives the place back and returns nil.
func (s *conns) add(nc net.Conn) *conn {
	c := &conn{raw: nc, stream: nc, owner: s, keep: idleTimeout}
	if secure, ok := nc.(*tls.Conn); ok {
		c.raw = secure.NetConn()
	}
	if remote, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		c.remote = bare(remote.AddrPort().Addr())
	}
	c.network = network(c.remote)
	if s.exempt.contain(c.remote) {
		c.network, c.keep = netip.Addr{}, proxyTimeout
	}
	// Before it can be nudged, so that the nudge counts.
	_ = c.limitHead(time.Now()) // fails for one that has been closed, as the first read will
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.network.IsValid() {
		if s.byAddr[c.network] >= s.perAddr {
			c.raw.Close()
			s.cancel()
			return nil
		}
		s.byAddr[c.network]++
	}
	s.open[c] = struct{}{}
	return c
}

// network is what counts as one address: all of IPv4, the first 64 bits of IPv6,
// of which one host has as many as it likes.
func network(a netip.Addr) netip.Addr {
	if a.Is6() {
		prefix, _ := a.Prefix(64)
		return prefix.Addr()
	}
	return a
}

// detach takes c from the fast loop; its place stays taken.
func (s *conns) detach(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

// remove gives back the place of c, which has been closed.
func (s *conns) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	if c.network.IsValid() {
		if s.byAddr[c.network]--; s.byAddr[c.network] == 0 {
			delete(s.byAddr, c.network)
		}
	}
	<-s.places
}

// nudgeGrace is how long an idle connection is kept after a nudge, for the
// request that may be under way.
const nudgeGrace = 50 * time.Millisecond

// everyone is for nudge.
func everyone(*conn) bool { return true }

// nudge makes connections end that wait for a request.
func (s *conns) nudge(which func(*conn) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := time.Now().Add(nudgeGrace)
	for c := range s.open {
		if which(c) {
			_ = c.raw.SetReadDeadline(at) // fails for one that has been closed
		}
	}
}

// closeAll closes what the fast loop has.
func (s *conns) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		c.raw.Close()
	}
}
