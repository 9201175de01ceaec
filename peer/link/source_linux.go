package link

import (
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// newSource returns a source for conn.
func newSource(conn net.Conn, idle func() error) source {
	if tcp, ok := conn.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			s := &rawSource{raw: raw, idle: idle}
			s.step = s.try
			return s
		}
	}
	return &plainSource{conn, idle}
}

// rawSource reads from a TCP socket with readv(2): the rest of a block to its
// place and the next header into the buffer in one system call. It tells a
// socket that has run dry from one that has more, so that what was read is
// handed over in batches exactly as large as the traffic makes them.
type rawSource struct {
	raw  syscall.RawConn
	idle func() error
	step func(fd uintptr) bool // try, as a value made once
	bufs [2][]byte
	iov  [][]byte
	n    int
	err  error
}

func (s *rawSource) readv(a, b []byte) (int, error) {
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
func (s *rawSource) try(fd uintptr) bool {
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
