package udpfront

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

const (
	// maxSockets bounds what Listen opens.
	maxSockets = 256
	// receiveBuffer is what the kernel is asked to hold for us while we work, and
	// sendBuffer what it is asked to hold for the network card, in bytes.
	receiveBuffer = 4 << 20
	sendBuffer    = 1 << 20
)

// Listen opens n sockets at one address of a network ("udp", "udp4", "udp6"), for as many Fronts, between which the
// system divides the clients by their addresses and ports. Where it cannot, on
// all systems but Linux, it opens one. Port 0 is any free port. The caller closes
// them, or has Fronts that do.
//
// The address must be free: the first socket is bound as any other socket is,
// which fails while somebody has the port, and is opened to the others of the
// same user only then. A second tracker on the same port is therefore refused and does not
// silently take a share of the clients.
func Listen(network string, addr *net.UDPAddr, n int) ([]*net.UDPConn, error) {
	conns, err := listen(network, addr, n)
	for _, c := range conns {
		// A refusal only means that bursts are lost a little earlier.
		_ = c.SetReadBuffer(receiveBuffer)
		_ = c.SetWriteBuffer(sendBuffer)
	}
	return conns, err
}

func listen(network string, addr *net.UDPAddr, n int) ([]*net.UDPConn, error) {
	first, err := net.ListenUDP(network, addr)
	if err != nil {
		return nil, err
	}
	conns := []*net.UDPConn{first}
	if n < 2 || !canShare {
		return conns, nil
	}
	fail := func(err error) ([]*net.UDPConn, error) {
		for _, c := range conns {
			err = errors.Join(err, c.Close())
		}
		return nil, err
	}
	raw, err := first.SyscallConn()
	if err == nil {
		err = share(raw)
	}
	if err != nil {
		return fail(fmt.Errorf("share the port of %s: %w", first.LocalAddr(), err))
	}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error { return share(raw) }}
	at := first.LocalAddr().(*net.UDPAddr)
	for len(conns) < min(n, maxSockets) {
		c, err := config.ListenPacket(context.Background(), network, at.String())
		if err != nil {
			return fail(err)
		}
		conns = append(conns, c.(*net.UDPConn))
	}
	return conns, nil
}
