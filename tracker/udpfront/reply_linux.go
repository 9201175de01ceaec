package udpfront

import (
	"fmt"
	"net"

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

// replyInfo is the control data of one packet. Its zero value is off.
type replyInfo struct {
	buf   []byte
	clear int // offset of the interface in buf
}

// newReplyInfo asks for control data if conn is bound to all addresses.
func newReplyInfo(conn *net.UDPConn) (*replyInfo, error) {
	local := conn.LocalAddr().(*net.UDPAddr).IP
	if !local.IsUnspecified() {
		return &replyInfo{}, nil
	}
	level, option, size, at := unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, unix.SizeofInet6Pktinfo, 16
	if local.To4() != nil {
		level, option, size, at = unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo, 0
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), level, option, 1) })
	if err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, fmt.Errorf("ask for the destination of packets: %w", failed)
	}
	return &replyInfo{buf: make([]byte, unix.CmsgSpace(size)), clear: unix.CmsgLen(0) + at}, nil
}

// received is where a read puts the control data.
func (r *replyInfo) received() []byte { return r.buf }

// answer turns the first n bytes of control data of a packet into those of its
// answer. The interface is taken out: the way back is for the routing table to choose.
func (r *replyInfo) answer(n int) []byte {
	if n != len(r.buf) || n == 0 {
		return nil
	}
	clear(r.buf[r.clear : r.clear+4])
	return r.buf
}
