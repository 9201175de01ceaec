package link

import (
	"net"

	"golang.org/x/sys/unix"
)

// acknowledged returns how many bytes the other end of conn has, or -1. What it has got behind a packet that was
// lost counts: on a slow line with a long queue it takes seconds to send that one again.
func acknowledged(conn *net.TCPConn) int64 {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1
	}
	bytes := int64(-1)
	//nolint:errcheck // then it is not told
	raw.Control(func(fd uintptr) {
		// A kernel before 4.1 fills in less, and leaves the count at 0: that is no count of ours,
		// for the handshakes of the protocol are behind us.
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil && info.Bytes_acked > 0 {
			bytes = int64(info.Bytes_acked) + int64(info.Sacked)*int64(info.Snd_mss)
		}
	})
	return bytes
}
