package scatter

import (
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// New returns a source for conn.
func New(conn net.Conn, idle func() error) Source {
	if tcp, ok := conn.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			s := &socket{raw: raw, idle: idle}
			s.step = s.try
			return s
		}
	}
	return &plain{conn, idle}
}

// socket reads from a TCP socket with readv(2). As it knows when the socket has run dry, what was read can be
// handed over in batches exactly as large as the traffic makes them.
type socket struct {
	raw  syscall.RawConn
	idle func() error
	step func(fd uintptr) bool // try, as a value made once
	bufs [2][]byte
	iov  [][]byte
	n    int
	err  error
}

func (s *socket) Readv(a, b []byte) (int, error) {
	s.iov = s.bufs[:0]
	if len(a) > 0 {
		s.iov = append(s.iov, a)
	}
	if len(b) > 0 {
		s.iov = append(s.iov, b)
	}
	err := s.raw.Read(s.step)
	s.bufs = [2][]byte{}
	switch {
	case err != nil:
		return 0, err
	case s.err != nil:
		return 0, s.err
	case s.n == 0:
		return 0, io.EOF
	}
	return s.n, nil
}

// try reads once; false makes the runtime wait until the socket has something.
func (s *socket) try(fd uintptr) bool {
	for {
		s.n, s.err = unix.Readv(int(fd), s.iov)
		switch s.err {
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			s.err = s.idle()
			return s.err != nil
		case nil:
			return true
		}
		s.err = os.NewSyscallError("readv", s.err)
		return true
	}
}
