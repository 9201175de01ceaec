// Package scatter reads from a connection into two buffers at once: what is wanted goes to its place, and what comes behind
// it into a buffer, with one system call. It also tells a socket that has run dry from one that has more.
package scatter

import "net"

// Source reads from a connection. It is for one goroutine.
type Source interface {
	// Readv reads at least one byte, first into a, then into b; one of them may be empty. It calls the idle function
	// of New before it waits, and returns its error if there is one.
	Readv(a, b []byte) (int, error)
}

// plain reads from any net.Conn. It cannot know whether a read will
// wait, so it takes every read for one that does.
type plain struct {
	conn net.Conn
	idle func() error
}

func (s *plain) Readv(a, b []byte) (int, error) {
	if err := s.idle(); err != nil {
		return 0, err
	}
	if len(a) == 0 {
		a = b
	}
	return s.conn.Read(a)
}
