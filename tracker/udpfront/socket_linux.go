package udpfront

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchSize is how many packets one system call moves at most. Measured: 128 are
// no faster, and those at the end wait for the others.
const batchSize = 32

// batch is a socket that moves packets with recvmmsg and sendmmsg, between the
// kernel and memory that is laid out once. It is one object, so that the pointers
// that the kernel gets stay good.
type batch struct {
	raw      syscall.RawConn
	reply    replyInfo
	messages [batchSize]message

	in, out struct {
		headers [batchSize]unix.Mmsghdr
		vectors [batchSize]unix.Iovec
	}
	names   [batchSize]unix.RawSockaddrInet6 // or RawSockaddrInet4, which is shorter
	control [batchSize]controlData
	packets [batchSize][maxPacket]byte
	answers [batchSize][maxAnswer]byte

	// What goes into and comes out of the calls of raw: closures that are made
	// once, because one for every call would be garbage.
	receiving        func(fd uintptr) bool
	polling, sending func(fd uintptr)
	received         int
	from, until      int // of out.headers, to be sent
	dropped          int // of those
	err              error
}

// canShare says that share has an effect.
const canShare = true

// share lets further sockets of the same user be bound to the address of one.
// The kernel then chooses between them by a hash of source and destination.
func share(raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
	return errors.Join(err, failed)
}

// newSocket returns a socket on conn.
func newSocket(conn *net.UDPConn) (socket, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	reply, err := newReplyInfo(conn, raw)
	if err != nil {
		return nil, err
	}
	b := &batch{raw: raw, reply: reply}
	for i := range b.messages {
		b.in.vectors[i].Base = &b.packets[i][0]
		b.in.vectors[i].SetLen(maxPacket)
		b.out.vectors[i].Base = &b.answers[i][0]
		in, out := &b.in.headers[i].Hdr, &b.out.headers[i].Hdr
		in.Iov, out.Iov = &b.in.vectors[i], &b.out.vectors[i]
		in.SetIovlen(1)
		out.SetIovlen(1)
		in.Name = (*byte)(unsafe.Pointer(&b.names[i]))
		in.Control = &b.control[i][0]
		b.reset(in)
	}
	b.receiving = func(fd uintptr) bool { b.recvmmsg(fd); return b.err != unix.EAGAIN }
	b.polling, b.sending = b.recvmmsg, b.sendmmsg
	return b, nil
}

// recvmmsg fills the in headers with what is there. It does not wait: raw does,
// in the runtime's poller, which a deadline can wake.
func (b *batch) recvmmsg(fd uintptr) {
	for i := range b.received { // the others are as they were
		b.reset(&b.in.headers[i].Hdr)
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd,
		uintptr(unsafe.Pointer(&b.in.headers[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
	b.received, b.err = int(n), nil
	if errno != 0 {
		b.received, b.err = 0, errno
	}
}

// reset makes h ready for another packet: the kernel writes what it used.
func (b *batch) reset(h *unix.Msghdr) {
	h.Namelen = unix.SizeofSockaddrInet6
	h.SetControllen(b.reply.size)
}

func (b *batch) receive() ([]message, error) {
	if b.received == batchSize {
		// There is more, perhaps always: a loop that never waits is taken off its
		// core only every 10 ms, and HTTP would have answers of 20 ms. It costs
		// nothing that can be measured to let others go first now.
		runtime.Gosched()
	}
	if err := b.raw.Read(b.receiving); err != nil {
		return nil, err
	}
	return b.decode()
}

func (b *batch) poll() ([]message, error) {
	if err := b.raw.Control(b.polling); err != nil {
		return nil, err
	}
	if b.err == unix.EAGAIN {
		return nil, nil
	}
	return b.decode()
}

// decode returns what recvmmsg left.
func (b *batch) decode() ([]message, error) {
	if b.err != nil {
		return nil, b.err
	}
	for i := range b.received {
		m := &b.messages[i]
		m.packet = b.packets[i][:min(b.in.headers[i].Len, maxPacket)]
		m.from = b.source(i)
		m.answer = b.answers[i][:0]
	}
	return b.messages[:b.received], nil
}

// source returns who sent packet i. A name of another family is nobody's: the zero
// AddrPort has port 0.
func (b *batch) source(i int) netip.AddrPort {
	name := &b.names[i]
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&name.Port))[:])
	switch name.Family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(name.Addr).Unmap(), port)
	}
	return netip.AddrPort{}
}

func (b *batch) send(messages []message) (dropped int, err error) {
	b.from, b.until = 0, 0
	for i := range messages {
		if len(messages[i].answer) == 0 {
			continue
		}
		out, in := &b.out.headers[b.until].Hdr, &b.in.headers[i].Hdr
		out.Name, out.Namelen = in.Name, in.Namelen
		out.Control = nil
		if n := b.reply.turn(&b.control[i], int(in.Controllen)); n > 0 {
			out.Control = &b.control[i][0]
			out.SetControllen(n)
		}
		b.out.vectors[b.until].Base = &messages[i].answer[0]
		b.out.vectors[b.until].SetLen(len(messages[i].answer))
		b.until++
	}
	if b.until == 0 {
		return 0, nil
	}
	if err := b.raw.Control(b.sending); err != nil {
		return b.until, err
	}
	return b.dropped, b.err
}

// sendmmsg sends the out headers. The kernel stops at the first that it cannot
// send; that one is left out, and all of them when there is no room.
func (b *batch) sendmmsg(fd uintptr) {
	b.dropped, b.err = 0, nil
	for b.from < b.until {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd,
			uintptr(unsafe.Pointer(&b.out.headers[b.from])), uintptr(b.until-b.from), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			b.from += int(n)
		case unix.EINTR:
		case unix.EAGAIN, unix.ENOBUFS:
			b.dropped += b.until - b.from
			b.from, b.err = b.until, errno
		default:
			b.dropped++
			b.from, b.err = b.from+1, errno
		}
	}
}
