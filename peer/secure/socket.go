package secure

import (
	"net"
	"sync"

	"p2p/peer/scatter"
)

// socket is what TLS runs on. TLS reads and writes a record at a time, of 16 KiB at most; each would be a system call, and
// wake the other end. Here many records are one.
type socket struct {
	net.Conn
	source scatter.Source
	idle   func() error // nil for nothing to do before it waits

	// For who reads.
	buf  []byte // once records come that are long
	rest []byte // of it, or of what was read before the handshake

	mu      sync.Mutex // of writing, so that records stay in order
	holding bool
	held    []byte // written and not sent yet
}

const (
	recordMost = 16 << 10 // of content (RFC 8446, section 5.1)
	readAhead  = 64 << 10
	holdMost   = 64 << 10 // more is sent at once
)

// holds is memory for what is held while somebody writes.
var holds = sync.Pool{New: func() any { b := make([]byte, 0, holdMost+2*recordMost); return &b }}

// newSocket returns conn, of which first was read before.
func newSocket(conn net.Conn, first []byte) *socket {
	s := &socket{Conn: conn, rest: first}
	s.source = scatter.New(conn, func() error {
		if s.idle == nil {
			return nil
		}
		return s.idle()
	})
	return s
}

// NetConn returns the connection that it reads from.
func (s *socket) NetConn() net.Conn { return s.Conn }

// Read reads what TLS asks for, and what has come behind it.
func (s *socket) Read(p []byte) (int, error) {
	if len(s.rest) > 0 {
		n := copy(p, s.rest)
		s.rest = s.rest[n:]
		return n, nil
	}
	n, err := s.source.Readv(p, s.buf)
	if n > len(p) {
		s.rest = s.buf[:n-len(p)]
		n = len(p)
	}
	if s.buf == nil && n == len(p) && n >= recordMost {
		s.buf = make([]byte, readAhead)
	}
	return n, err
}

// Write writes a record.
func (s *socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.holding {
		return s.Conn.Write(p)
	}
	s.held = append(s.held, p...)
	if len(s.held) < holdMost {
		return len(p), nil
	}
	return len(p), s.send()
}

// together calls f, and sends what it writes with as few system calls as possible. For one goroutine at a time.
func (s *socket) together(f func() (int, error)) (int, error) {
	memory, _ := holds.Get().(*[]byte)
	s.mu.Lock()
	s.holding, s.held = true, (*memory)[:0]
	s.mu.Unlock()
	n, err := f()
	s.mu.Lock()
	if e := s.send(); err == nil {
		err = e
	}
	*memory = s.held
	s.holding, s.held = false, nil
	s.mu.Unlock()
	holds.Put(memory)
	return n, err
}

// send is called with the mutex held, so that nobody else's record comes between.
func (s *socket) send() error {
	if len(s.held) == 0 {
		return nil
	}
	_, err := s.Conn.Write(s.held)
	s.held = s.held[:0]
	return err
}
