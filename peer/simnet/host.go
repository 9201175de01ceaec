package simnet

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// Host is one machine of a network, with one address. It is a Network.
type Host struct {
	net  *Net
	addr netip.Addr

	// Guarded by Net.mu.
	isDown         bool
	latency        time.Duration // on top of Options.Latency
	up, down       link
	sent, received int64
	listeners      map[uint16]*listener
	lastPort       uint16
	router         *router // nil = everybody is let in
}

// Addr returns the address of the host.
func (h *Host) Addr() netip.Addr { return h.addr }

// SetBandwidth sets what the host can send and receive, in bytes a second; 0
// means no limit. What is on a link already is not affected.
func (h *Host) SetBandwidth(up, down int64) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.up.rate, h.down.rate = up, down
}

// SetLatency sets how much longer than Options.Latency a byte travels from and
// to this host.
func (h *Host) SetLatency(d time.Duration) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.latency = d
}

// Traffic returns how many bytes have left and reached the host so far.
func (h *Host) Traffic() (sent, received int64) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return h.sent, h.received
}

// Conns returns the host's ends of its connections, oldest first.
func (h *Host) Conns() []*Conn {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return h.net.ends(func(c *Conn) bool { return c.host == h })
}

// Down takes the host off the network: its connections are reset, dials to it
// get no answer and dials from it fail. Its listeners stay, unreachable.
func (h *Host) Down() {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.isDown = true
	for _, c := range h.net.ends(func(c *Conn) bool { return c.host == h || c.peer.host == h }) {
		c.kill()
	}
}

// Up ends what Down began.
func (h *Host) Up() {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.isDown = false
}

// firstPort is the first of the ports that are chosen for who does not care.
const firstPort = 49152

// port returns a port that is not in use, 0 when all are.
func (h *Host) port() uint16 {
	for range 1<<16 - firstPort {
		h.lastPort = max(h.lastPort+1, firstPort)
		if h.listeners[h.lastPort] == nil {
			return h.lastPort
		}
	}
	return 0
}

// mine returns addr as an address of the host, which the unspecified one and
// the zero Addr stand for too.
func (h *Host) mine(addr netip.Addr) (netip.Addr, error) {
	if !addr.IsValid() || addr.IsUnspecified() || addr.Unmap() == h.addr {
		return h.addr, nil
	}
	return addr, syscall.EADDRNOTAVAIL
}

// Listen implements Network. addr is the address of the host, or unspecified.
func (h *Host) Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	ip, err := h.mine(addr.Addr())
	port := addr.Port()
	if port == 0 {
		port = h.port()
	}
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case h.net.closed:
		err = net.ErrClosed
	case err != nil:
		err = os.NewSyscallError("bind", err)
	case port == 0 || h.listeners[port] != nil:
		err = os.NewSyscallError("bind", syscall.EADDRINUSE)
	}
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: net.TCPAddrFromAddrPort(addr), Err: err}
	}
	l := newListener(h, netip.AddrPortFrom(ip, port))
	h.listeners[port] = l
	return l, nil
}

// Dial implements Network. from is the address of the host, unspecified or zero.
// It takes a round trip.
func (h *Host) Dial(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	return h.DialFrom(ctx, netip.AddrPortFrom(from, 0), to)
}

// DialFrom is Dial from a port; 0 is any.
func (h *Host) DialFrom(ctx context.Context, from, to netip.AddrPort) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		if errno, ok := err.(syscall.Errno); ok {
			err = os.NewSyscallError("connect", errno)
		}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	d, err := h.startDial(from, netip.AddrPortFrom(to.Addr().Unmap(), to.Port()))
	if err != nil {
		return fail(err)
	}
	select {
	case <-d.finished:
	case <-ctx.Done():
		h.net.mu.Lock()
		d.finish(nil, ctx.Err()) // unless it has just succeeded
		h.net.mu.Unlock()
	}
	if d.err != nil {
		return fail(d.err)
	}
	return d.conn, nil
}

// startDial sends the first packet of a connection.
func (h *Host) startDial(from, to netip.AddrPort) (*dial, error) {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	ip, err := h.mine(from.Addr())
	local := netip.AddrPortFrom(ip, from.Port())
	if local.Port() == 0 {
		local = netip.AddrPortFrom(ip, h.port())
	}
	switch {
	case n.closed:
		return nil, net.ErrClosed
	case err != nil:
		return nil, err
	case h.isDown:
		return nil, syscall.ENETUNREACH
	case h.dialling(local, to) != nil, len(n.ends(func(c *Conn) bool { return c.host == h && c.local == local && c.remote == to })) > 0:
		return nil, syscall.EADDRNOTAVAIL
	}
	h.router.passes(local, to)
	d := &dial{host: h, local: local, to: to, finished: make(chan struct{})}
	d.timeout = n.after(n.opts.DialTimeout, func() { d.finish(nil, syscall.ETIMEDOUT) })
	n.dials[d] = struct{}{}
	n.control(h, to.Addr(), d.ask)
	return d, nil
}
