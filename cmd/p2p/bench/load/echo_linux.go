package load

import (
	"context"
	"fmt"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"

	"p2p/tracker/wire"
)

// Echo answers every request on a UDP socket at address with a fixed packet, in
// batches, on one thread, until ctx ends. It tells ready where it listens. No
// tracker that uses the same system calls on one core can be faster.
func Echo(ctx context.Context, address string, ready func(string) error) error {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	udp := conn.(*net.UDPConn)
	if err := udp.SetReadBuffer(socketBuffer); err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	file, err := udp.File() // a copy that waits
	if err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	defer file.Close()
	fd := int(file.Fd())
	// Now and then it looks whether it should end.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100e3}); err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	if err := ready(conn.LocalAddr().String()); err != nil {
		return err
	}
	release := holdThread()
	defer release()
	e := newEcho(fd, wire.FamilyOf(udp.LocalAddr().(*net.UDPAddr).AddrPort().Addr()))
	for ctx.Err() == nil {
		if err := e.turn(); err != nil {
			return err
		}
	}
	return nil
}

type echoLoop struct {
	fd     int
	family wire.Family
	in     ring
	out    ring
	names  []unix.RawSockaddrInet6 // of which IPv4 uses a part
}

func newEcho(fd int, f wire.Family) *echoLoop {
	e := &echoLoop{fd, f, newRing(maxBatch), newRing(maxBatch), make([]unix.RawSockaddrInet6, maxBatch)}
	for i := range e.names {
		e.in.headers[i].header.Name = (*byte)(unsafe.Pointer(&e.names[i]))
	}
	return e
}

// turn receives a batch and answers it.
func (e *echoLoop) turn() error {
	for i := range e.in.headers {
		e.in.headers[i].header.Namelen = unix.SizeofSockaddrInet6
	}
	n, err := e.call(unix.SYS_RECVMMSG, e.in.headers, unix.MSG_WAITFORONE)
	if err != nil {
		return err
	}
	answers := 0
	for i := range n {
		room := e.out.memory[answers*packetSize:][:packetSize]
		b := echoAnswer(room, e.in.memory[i*packetSize:][:e.in.headers[i].length], e.family)
		if b == nil {
			continue
		}
		e.out.vectors[answers].SetLen(len(b))
		e.out.headers[answers].header.Name = e.in.headers[i].header.Name
		e.out.headers[answers].header.Namelen = e.in.headers[i].header.Namelen
		answers++
	}
	for sent := 0; sent < answers; {
		n, err := e.call(unix.SYS_SENDMMSG, e.out.headers[sent:answers], 0)
		if err != nil {
			return err
		}
		sent += max(n, 1) // one that cannot be sent is lost
	}
	return nil
}

func (e *echoLoop) call(number uintptr, m []message, flags uintptr) (int, error) {
	n, _, errno := unix.Syscall6(number, uintptr(e.fd), uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)), flags, 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN, unix.EINTR, unix.ECONNREFUSED, unix.ENOBUFS:
		return 0, nil
	}
	return 0, errno
}
