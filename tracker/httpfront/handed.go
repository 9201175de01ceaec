package httpfront

import (
	"net"
	"sync"
)

// handed is the listener from which net/http gets the connections that the fast
// loop hands over.
type handed struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newHanded(addr net.Addr) *handed {
	return &handed{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// give hands a connection over. It is closed when nobody takes it any more.
func (h *handed) give(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.closed:
		c.Close()
	}
}

// Accept implements net.Listener.
func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handed) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr implements net.Listener.
func (h *handed) Addr() net.Addr { return h.addr }

// replay is a connection of which some has been read already.
type replay struct {
	net.Conn
	conn *conn
	rest []byte // to be read first
}

// Read implements net.Conn.
func (r *replay) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return r.Conn.Read(p)
	}
	n := copy(p, r.rest)
	if r.rest = r.rest[n:]; len(r.rest) == 0 {
		r.rest = nil // so that the memory is free
	}
	return n, nil
}

// Close implements net.Conn.
func (r *replay) Close() error { return r.conn.Close() }
