package simnet

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// Conn is one end of a connection, a net.Conn.
type Conn struct {
	id            uint64 // the same at both ends
	host          *Host
	local, remote netip.AddrPort
	peer          *Conn
	in, out       *pipe

	// Guarded by Net.mu.
	closed   bool
	broken   error // ECONNRESET or EPIPE once the connection was reset
	rejected bool  // the other end was told that nobody reads here any more
	writing  bool  // a Write is under way; others wait for their turn
	readable *sync.Cond
	writable *sync.Cond
	reading  deadline
	sending  deadline
}

var _ net.Conn = (*Conn)(nil)

// deadline is when waiting is over.
type deadline struct {
	at    time.Time // zero means never
	alarm *event
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// connect returns the two ends of a new connection, which nobody knows yet.
func (n *Net) connect(a *Host, local netip.AddrPort, b *Host, remote netip.AddrPort) (client, server *Conn) {
	n.lastConn++
	client = &Conn{id: n.lastConn, host: a, local: local, remote: remote}
	server = &Conn{id: n.lastConn, host: b, local: remote, remote: local}
	client.peer, server.peer = server, client
	client.out, server.out = &pipe{}, &pipe{}
	client.in, server.in = server.out, client.out
	for _, c := range []*Conn{client, server} {
		c.readable, c.writable = sync.NewCond(&n.mu), sync.NewCond(&n.mu)
		c.out.init(c, c.peer)
	}
	return client, server
}

// Read implements net.Conn. What has arrived can be read also after a reset.
func (c *Conn) Read(b []byte) (int, error) {
	n := c.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, c.fault("read", net.ErrClosed)
		case c.reading.passed():
			return 0, c.fault("read", os.ErrDeadlineExceeded)
		case len(b) == 0:
			return 0, nil
		case len(c.in.unread) > 0:
			return c.in.read(b), nil
		case c.in.ended:
			return 0, io.EOF
		case c.broken != nil:
			return 0, c.fault("read", c.broken)
		}
		c.readable.Wait()
	}
}

// Write implements net.Conn. It keeps no reference to b and returns when all of
// it is in the window. Writes of several goroutines do not mix.
func (c *Conn) Write(b []byte) (int, error) {
	n := c.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	for c.writing {
		if err := c.writeFault(); err != nil {
			return 0, err
		}
		c.writable.Wait()
	}
	c.writing = true
	defer func() {
		c.writing = false
		c.writable.Broadcast()
	}()
	for written := 0; ; {
		if err := c.writeFault(); err != nil {
			return written, err
		}
		if k := min(c.out.credit, len(b)-written); k > 0 {
			c.out.credit -= k
			c.out.send(segment{bytes: append([]byte(nil), b[written:written+k]...)})
			written += k
		}
		if written == len(b) {
			return written, nil
		}
		c.writable.Wait()
	}
}

// Taken returns how many of the bytes that were written have arrived, read or not.
func (c *Conn) Taken() int64 {
	c.host.net.mu.Lock()
	defer c.host.net.mu.Unlock()
	return c.out.arrived
}

// writeFault returns why nothing can be written now, or nil.
func (c *Conn) writeFault() error {
	switch {
	case c.closed:
		return c.fault("write", net.ErrClosed)
	case c.broken != nil:
		return c.fault("write", c.broken)
	case c.sending.passed():
		return c.fault("write", os.ErrDeadlineExceeded)
	}
	return nil
}

// Close implements net.Conn. What was written still arrives, and then the end of
// the stream. Reads and writes that wait return net.ErrClosed.
func (c *Conn) Close() error {
	c.host.net.mu.Lock()
	defer c.host.net.mu.Unlock()
	if c.closed {
		return c.fault("close", net.ErrClosed)
	}
	c.closed = true
	c.forget()
	c.out.send(segment{mark: fin})
	if len(c.in.unread) > 0 {
		c.in.unread = nil
		c.refuse()
	}
	return nil
}

// refuse tells the other end, after the end of our stream, that nobody reads
// here any more, so that a writer there does not wait for room for ever.
func (c *Conn) refuse() {
	if !c.rejected {
		c.rejected = true
		c.out.send(segment{mark: reset})
	}
}

// refused is called when the other end has refused to read. It has ended its
// stream before that, so what can be read here stays.
func (c *Conn) refused() {
	if !c.closed {
		c.breakWith(syscall.EPIPE)
	}
}

// Kill resets the connection, as if the network had: reads and writes of both
// ends fail at once with ECONNRESET, once what has arrived is read.
func (c *Conn) Kill() {
	c.host.net.mu.Lock()
	defer c.host.net.mu.Unlock()
	c.kill()
}

func (c *Conn) kill() {
	for _, end := range []*Conn{c, c.peer} {
		end.out.kill()
		if !end.closed {
			end.breakWith(syscall.ECONNRESET)
		}
	}
}

// breakWith makes further writes, and reads of what has not arrived, fail.
func (c *Conn) breakWith(err error) {
	if c.broken == nil {
		c.broken = err
	}
	c.forget()
}

// forget is called when c needs no more looking after, and wakes all who wait.
func (c *Conn) forget() {
	n := c.host.net
	delete(n.conns, c)
	n.cancel(c.reading.alarm)
	n.cancel(c.sending.alarm)
	c.readable.Broadcast()
	c.writable.Broadcast()
}

// LocalAddr implements net.Conn; it is a *net.TCPAddr.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr implements net.Conn; it is a *net.TCPAddr.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	return c.setDeadline(t, true, true)
}

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.setDeadline(t, true, false)
}

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.setDeadline(t, false, true)
}

func (c *Conn) setDeadline(t time.Time, read, write bool) error {
	n := c.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if c.closed {
		return c.fault("set", net.ErrClosed)
	}
	set := func(d *deadline, waiting *sync.Cond) {
		n.cancel(d.alarm)
		d.at, d.alarm = t, nil
		if !t.IsZero() && time.Now().Before(t) {
			d.alarm = n.at(t, waiting.Broadcast)
		}
		waiting.Broadcast()
	}
	if read {
		set(&c.reading, c.readable)
	}
	if write {
		set(&c.sending, c.writable)
	}
	return nil
}

// fault returns err in the form that package net gives it.
func (c *Conn) fault(op string, err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}
