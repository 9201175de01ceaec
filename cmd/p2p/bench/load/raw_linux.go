package load

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls below never block, so they are made without a word to the
// scheduler of Go: what it does about threads that might block would take a tenth
// of the core that the load has.

// rawAddress is a socket address in the form of the kernel.
type rawAddress struct {
	bytes  [unix.SizeofSockaddrInet6]byte
	length uintptr
}

// rawOf writes a as struct sockaddr_in or sockaddr_in6.
func rawOf(a netip.AddrPort) *rawAddress {
	r := &rawAddress{}
	binary.BigEndian.PutUint16(r.bytes[2:], a.Port())
	if ip := a.Addr().Unmap(); ip.Is4() {
		binary.NativeEndian.PutUint16(r.bytes[:], unix.AF_INET)
		ip4 := ip.As4()
		copy(r.bytes[4:], ip4[:])
		r.length = unix.SizeofSockaddrInet4
		return r
	}
	binary.NativeEndian.PutUint16(r.bytes[:], unix.AF_INET6)
	ip6 := a.Addr().As16()
	copy(r.bytes[8:], ip6[:])
	r.length = unix.SizeofSockaddrInet6
	return r
}

func errorOf(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

func rawBind(fd int, a *rawAddress) error {
	_, _, errno := unix.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&a.bytes)), a.length)
	return errorOf(errno)
}

func rawConnect(fd int, a *rawAddress) error {
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&a.bytes)), a.length)
	return errorOf(errno)
}

// rawBindLate lets the kernel choose the port when the other end is known; one
// that does not know the option runs out of ports sooner.
func rawBindLate(fd int) {
	yes := int32(1)
	unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, uintptr(unsafe.Pointer(&yes)), 4, 0)
}

// rawWrite and rawRead move bytes of a buffer that is not empty.
func rawWrite(fd int, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func rawRead(fd int, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func rawClose(fd int) { unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// rawReady is epoll_pwait(2) that does not wait.
func rawReady(fd int, events []unix.EpollEvent) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}
