package load

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxBatch is the most packets that one system call moves.
const maxBatch = 64

// packetSize is room for a datagram: none of a tracker is longer.
const packetSize = 2048

// socketBuffer is what a socket may hold: the whole window with what the kernel
// adds to each packet.
const socketBuffer = 4 << 20

// pipe is a connected UDP socket that moves many packets in one system call. It
// never waits. It is for one goroutine.
type pipe struct {
	fd     int
	in     ring
	out    ring
	sent   int // packets of out that the kernel has
	queued int // packets in out
}

// ring is the fixed memory of a batch of packets, in the form that the kernel
// takes.
type ring struct {
	memory  []byte
	vectors []unix.Iovec
	headers []message
}

// message is struct mmsghdr of recvmmsg(2).
type message struct {
	header unix.Msghdr
	length uint32
}

func newRing(n int) ring {
	r := ring{make([]byte, n*packetSize), make([]unix.Iovec, n), make([]message, n)}
	for i := range n {
		r.vectors[i].Base = &r.memory[i*packetSize]
		r.vectors[i].SetLen(packetSize)
		r.headers[i].header.Iov = &r.vectors[i]
		r.headers[i].header.SetIovlen(1)
	}
	return r
}

// openPipe connects a socket from local, an address or none, to remote.
func openPipe(local netip.Addr, remote netip.AddrPort, batch int) (*pipe, error) {
	fd, err := unix.Socket(familyOf(remote.Addr()), unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	// Smaller buffers than asked for still work.
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer)
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, socketBuffer)
	if local.IsValid() {
		err = unix.Bind(fd, sockaddr(netip.AddrPortFrom(local, 0)))
	}
	if err == nil {
		err = unix.Connect(fd, sockaddr(remote))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect: %w", err), unix.Close(fd))
	}
	return &pipe{fd: fd, in: newRing(batch), out: newRing(batch)}, nil
}

func (p *pipe) close() error { return unix.Close(p.fd) }

// size returns how many packets fit.
func (p *pipe) size() int { return len(p.out.headers) }

// waiting returns how many packets flush has yet to send.
func (p *pipe) waiting() int { return p.queued - p.sent }

// buffer returns room for the next packet to be put.
func (p *pipe) buffer() []byte { return p.out.memory[p.queued*packetSize:][:0:packetSize] }

// put adds a packet, which must lie in what buffer returned.
func (p *pipe) put(b []byte) {
	p.out.vectors[p.queued].SetLen(len(b))
	p.queued++
}

// flush sends what was put, as far as the kernel takes it.
func (p *pipe) flush() error {
	n, err := p.batch(unix.SYS_SENDMMSG, p.out.headers[p.sent:p.queued])
	p.sent += n
	if p.sent == p.queued {
		p.sent, p.queued = 0, 0
	}
	return err
}

// receive fetches what has arrived and returns how many packets that is.
func (p *pipe) receive() (int, error) { return p.batch(unix.SYS_RECVMMSG, p.in.headers) }

// packet returns a packet of the last receive, until the next.
func (p *pipe) packet(i int) []byte {
	return p.in.memory[i*packetSize:][:min(p.in.headers[i].length, packetSize)]
}

// batch moves packets, and returns how many. The calls do not block, so the
// scheduler of Go need not know of them.
func (p *pipe) batch(call uintptr, m []message) (int, error) {
	n, _, errno := unix.RawSyscall6(call, uintptr(p.fd), uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)), unix.MSG_DONTWAIT, 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN, unix.EINTR, unix.ENOBUFS:
		return 0, nil
	}
	return 0, errno
}

// unreachable reports whether the system has learned that nobody listens.
func unreachable(err error) bool {
	return errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.ENETUNREACH)
}

// waitPipes sleeps until something arrives on one of the sockets, at most for d.
func waitPipes(lines []line, d time.Duration) {
	polls := make([]unix.PollFd, len(lines))
	for i, l := range lines {
		polls[i] = unix.PollFd{Fd: int32(l.pipe.fd), Events: unix.POLLIN}
	}
	unix.Poll(polls, int(d/time.Millisecond)) // whatever it says, the next look tells
}

// holdThread keeps the goroutine on its thread, whose core the caches belong to.
func holdThread() (release func()) {
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}

// workersFor returns how many workers a run has.
func workersFor(o Options) int { return o.Workers }

func familyOf(a netip.Addr) int {
	if a.Unmap().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if ip := a.Addr().Unmap(); ip.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}
