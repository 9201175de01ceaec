//go:build !linux

package load

import (
	"context"
	"net"

	"p2p/tracker/wire"
)

// Echo answers every request on a UDP socket at address with a fixed packet
// until ctx ends. It tells ready where it listens.
func Echo(ctx context.Context, address string, ready func(string) error) error {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	release := context.AfterFunc(ctx, func() { conn.Close() })
	defer release()
	if err := ready(conn.LocalAddr().String()); err != nil {
		return err
	}
	udp, in, out := conn.(*net.UDPConn), make([]byte, packetSize), make([]byte, packetSize)
	family := wire.FamilyOf(udp.LocalAddr().(*net.UDPAddr).AddrPort().Addr())
	for {
		n, from, err := udp.ReadFromUDPAddrPort(in)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if b := echoAnswer(out, in[:n], family); b != nil {
			udp.WriteToUDPAddrPort(b, from) // what cannot be sent is lost
		}
	}
}
