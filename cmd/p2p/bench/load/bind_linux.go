package load

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// lateBind lets the kernel choose the port when the other end is known: else a
// source address would be out of ports after 28,000 connections that are over.
func lateBind(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		// A kernel that does not know it runs out of ports sooner.
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
}
