package peer

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"go.uber.org/zap"
)

// packetNetwork is a Network that has UDP too.
type packetNetwork interface {
	ListenPacket(ctx context.Context, addr netip.AddrPort) (*net.UDPConn, error)
}

func (tcp) ListenPacket(ctx context.Context, addr netip.AddrPort) (*net.UDPConn, error) {
	var lc net.ListenConfig
	host := ""
	if addr.Addr().IsValid() {
		host = addr.Addr().String()
	}
	conn, err := lc.ListenPacket(ctx, "udp", net.JoinHostPort(host, portString(addr.Port())))
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

// declineUTP tells those who try to reach us by µTP (BEP 29) that we do not
// speak it, until ctx ends. Who gets no answer waits before it tries TCP:
// libtorrent four seconds, others longer. It is a courtesy, so that it does
// without a port that somebody else has.
func (n *Node) declineUTP(ctx context.Context) {
	network, ok := n.opt.Network.(packetNetwork)
	if !ok {
		return
	}
	conn, err := network.ListenPacket(ctx, netip.AddrPortFrom(n.opt.Listen.Addr(), n.addr.Port()))
	if err != nil {
		n.log.Debug("cannot decline uTP", zap.Error(err))
		return
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	n.wg.Go(func() {
		var in [1500]byte
		var out [utpHeader]byte
		for {
			size, from, err := conn.ReadFromUDPAddrPort(in[:])
			switch {
			case errors.Is(err, net.ErrClosed):
				return
			case err != nil: // Windows reports here what became of an earlier answer
				if !pause(ctx, 10*time.Millisecond) {
					return
				}
			case utpReset(in[:size], &out):
				conn.WriteToUDPAddrPort(out[:], from)
			}
		}
	})
}

// The header of a µTP packet (BEP 29).
const (
	utpHeader = 20
	utpSyn    = 4<<4 | 1 // ST_SYN, version 1
	utpRst    = 3<<4 | 1 // ST_RESET, version 1
)

// utpReset fills out with the refusal of packet, and reports whether there is
// one: only an attempt to connect is refused. The answer is no longer than the
// question, so that nobody can use us to flood a third party.
func utpReset(packet []byte, out *[utpHeader]byte) bool {
	if len(packet) < utpHeader || packet[0] != utpSyn {
		return false
	}
	*out = [utpHeader]byte{0: utpRst}
	copy(out[2:4], packet[2:4])     // connection_id: of the SYN, which it expects answers by
	copy(out[18:20], packet[16:18]) // ack_nr: its seq_nr
	return true
}
