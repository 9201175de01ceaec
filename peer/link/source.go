package link

import "net"

// source reads from a connection into two buffers at once: the rest of a block
// and what comes behind it.
type source interface {
	// readv reads at least one byte, first into a, then into b. It calls the
	// idle function of its constructor before it waits.
	readv(a, b []byte) (int, error)
}

// plainSource reads from any net.Conn. It cannot know whether a read will
// wait, so it takes every read for one that does.
type plainSource struct {
	conn net.Conn
	idle func() error
}

func (s *plainSource) readv(a, b []byte) (int, error) {
	if err := s.idle(); err != nil {
		return 0, err
	}
	if len(a) == 0 {
		a = b
	}
	return s.conn.Read(a)
}
