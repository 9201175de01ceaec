//go:build linux || darwin

package link

import (
	"net"

	"golang.org/x/sys/unix"
)

// unsentMost is how many bytes may lie in the kernel that it has not sent yet. What
// lies there cannot be passed any more by what is urgent. On a line of 10 Mbit/s
// it is 26 ms.
const unsentMost = 32 << 10

// keepLittleUnsent has writes wait until the kernel has sent nearly all of what it was given
// before. Without that it takes megabytes. It is of no consequence where it fails.
func keepLittleUnsent(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	//nolint:errcheck // an old kernel does without
	raw.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentMost)
	})
}
