package simnet

import (
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// listener is a net.Listener on one port of a host.
type listener struct {
	host *Host
	addr netip.AddrPort

	// Guarded by Net.mu.
	closed  bool
	pending int     // connections that are being made
	queue   []*Conn // connections that wait for Accept
	arrived *sync.Cond
}

func newListener(h *Host, addr netip.AddrPort) *listener {
	return &listener{host: h, addr: addr, arrived: sync.NewCond(&h.net.mu)}
}

// Accept implements net.Listener; the connection is a *Conn.
func (l *listener) Accept() (net.Conn, error) {
	l.host.net.mu.Lock()
	defer l.host.net.mu.Unlock()
	for len(l.queue) == 0 {
		if l.closed {
			return nil, l.fault("accept", net.ErrClosed)
		}
		l.arrived.Wait()
	}
	c := l.queue[0]
	l.queue = l.queue[1:]
	return c, nil
}

// Close implements net.Listener. Connections that were not accepted are reset.
func (l *listener) Close() error {
	l.host.net.mu.Lock()
	defer l.host.net.mu.Unlock()
	if l.closed {
		return l.fault("close", net.ErrClosed)
	}
	l.close()
	return nil
}

func (l *listener) close() {
	l.closed = true
	delete(l.host.listeners, l.addr.Port())
	for _, c := range l.queue {
		c.kill()
	}
	l.queue = nil
	l.arrived.Broadcast()
}

// Addr implements net.Listener; it is a *net.TCPAddr.
func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.addr) }

func (l *listener) fault(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Addr: l.Addr(), Err: err}
}

// dial is a connection that is being made. Its three packets are those of TCP:
// ask, answer, confirm.
type dial struct {
	host    *Host
	local   netip.AddrPort
	to      netip.AddrPort
	timeout *event
	met     bool // another dial, halfway

	finished chan struct{} // closed when one of these is set, which does not change afterwards
	conn     *Conn
	err      error
}

// finish ends the dial, unless it has ended.
func (d *dial) finish(c *Conn, err error) {
	if d.conn != nil || d.err != nil {
		return
	}
	d.conn, d.err = c, err
	delete(d.host.net.dials, d)
	d.host.net.cancel(d.timeout)
	close(d.finished)
}

// ask is called when the first packet has arrived at the address dialled. Where
// no host is up, nobody answers.
func (d *dial) ask() {
	n := d.host.net
	h := n.hosts[d.to.Addr()]
	if h == nil || h.isDown {
		return
	}
	if o := h.dialling(d.to, d.local); o != nil {
		o.meet(d)
		return
	}
	if h.router.keepsOut(d.to, d.local) {
		return
	}
	l := h.listeners[d.to.Port()]
	if l == nil || l.pending+len(l.queue) >= n.opts.Backlog {
		n.control(h, d.host.addr, func() { d.finish(nil, syscall.ECONNREFUSED) })
		return
	}
	l.pending++
	n.control(h, d.host.addr, func() { d.answer(l) })
}

// meet is called when the first packet of o has arrived where d dials o from: two dials make one connection.
func (d *dial) meet(o *dial) {
	if d.met || o.met || d.err != nil || o.err != nil {
		return
	}
	d.met, o.met = true, true
	n := d.host.net
	n.control(d.host, o.host.addr, func() {
		if d.err != nil || o.err != nil {
			return // given up meanwhile; the other one finds that out in its time
		}
		first, second := n.connect(o.host, o.local, d.host, d.local)
		n.conns[first], n.conns[second] = struct{}{}, struct{}{}
		o.finish(first, nil)
		d.finish(second, nil)
	})
}

// answer is called when the second packet has come back to who dials.
func (d *dial) answer(l *listener) {
	if d.err != nil || d.host.isDown || l.host.isDown { // given up meanwhile
		l.pending--
		return
	}
	n := d.host.net
	client, server := n.connect(d.host, d.local, l.host, d.to)
	n.conns[client], n.conns[server] = struct{}{}, struct{}{}
	d.finish(client, nil)
	n.control(d.host, l.host.addr, func() { l.confirm(server) })
}

// confirm is called when the third packet has arrived.
func (l *listener) confirm(c *Conn) {
	l.pending--
	if l.closed {
		c.kill()
		return
	}
	l.queue = append(l.queue, c)
	l.arrived.Broadcast()
}
