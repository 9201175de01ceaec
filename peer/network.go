package peer

import (
	"context"
	"net"
	"net/netip"
)

// Network is where a Node listens and dials. The zero Options use the TCP of
// this machine; tests use package simnet.
type Network interface {
	Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error)
	// Dial connects to an address, from a given one unless that is zero.
	Dial(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error)
}

// tcp is the TCP of this machine.
type tcp struct{}

func (tcp) Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error) {
	var lc net.ListenConfig
	host := ""
	if addr.Addr().IsValid() {
		host = addr.Addr().String()
	}
	return lc.Listen(ctx, "tcp", net.JoinHostPort(host, portString(addr.Port())))
}

func (tcp) Dial(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	if from.IsValid() && !from.IsUnspecified() {
		d.LocalAddr = &net.TCPAddr{IP: from.AsSlice(), Zone: from.Zone()}
	}
	return d.DialContext(ctx, "tcp", to.String())
}

// addrPort returns the address of a connection's end, IPv4 as IPv4.
func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch t := a.(type) {
	case *net.TCPAddr:
		ap = t.AddrPort()
	default:
		ap, _ = netip.ParseAddrPort(a.String()) // simnet's; zero when it is no address at all
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// toTrackers is how trackers are reached over a Network that is not this machine's, by HTTP alone; nil over that.
func toTrackers(o Options) func(ctx context.Context, network, address string) (net.Conn, error) {
	if _, ok := o.Network.(tcp); ok {
		return nil
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		to, err := netip.ParseAddrPort(address)
		if err == nil && network != "tcp" {
			err = net.UnknownNetworkError(network)
		}
		if err != nil {
			return nil, err
		}
		return o.Network.Dial(ctx, o.Listen.Addr(), to)
	}
}
