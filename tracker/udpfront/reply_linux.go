package udpfront

import (
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// A socket for all addresses of a machine would answer from whichever address
// the kernel prefers, and a client that asked another one drops the answer; most
// machines have several IPv6 addresses. The kernel can say with each packet which
// address it was sent to, and takes the same structure back as the address to
// send from.
//
//	IPv4: cmsghdr + 4B interface + 4B local address + 4B destination (struct in_pktinfo)
//	IPv6: cmsghdr + 16B destination + 4B interface (struct in6_pktinfo)
//
// A socket of both families gets the second form for IPv4 too, with a mapped
// address.

// controlData is room for the larger of the two.
type controlData [40]byte

// replyInfo says what control data looks like. Its zero value is that of a
// socket that gets none: one that is bound to one address answers from that
// anyway, and the kernel is spared the work.
type replyInfo struct {
	size  int // of the control data of a packet
	clear int // offset of the interface in it
}

// newReplyInfo asks for control data if conn is bound to all addresses.
func newReplyInfo(conn *net.UDPConn, raw syscall.RawConn) (replyInfo, error) {
	local := conn.LocalAddr().(*net.UDPAddr).IP
	if !local.IsUnspecified() {
		return replyInfo{}, nil
	}
	level, option, size, at := unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, unix.SizeofInet6Pktinfo, 16
	if local.To4() != nil {
		level, option, size, at = unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo, 0
	}
	var failed error
	err := raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), level, option, 1) })
	if err != nil {
		return replyInfo{}, err
	}
	if failed != nil {
		return replyInfo{}, fmt.Errorf("ask for the destination of packets: %w", failed)
	}
	return replyInfo{size: unix.CmsgSpace(size), clear: unix.CmsgLen(0) + at}, nil
}

// turn makes the first n bytes of c, which came with a packet, those of its
// answer, and returns how many they are. The interface is taken out: the way back
// is for the routing table to choose.
func (r replyInfo) turn(c *controlData, n int) int {
	if n != r.size || n == 0 {
		return 0
	}
	clear(c[r.clear : r.clear+4])
	return n
}
