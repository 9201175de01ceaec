package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"

	"p2p/tracker/udpfront"
)

// Sockets are the open sockets of a tracker. Either list may be empty, and the
// listeners for the operator may be nil.
type Sockets struct {
	// HTTP are stream listeners for clients. One that speaks TLS is a listener too.
	HTTP []net.Listener
	// UDP are sockets, each of which gets a loop of its own; see Bind.
	UDP []*net.UDPConn
	// Admin is for the pages of the tracker alone, with the one for Prometheus at
	// /metrics. With it, clients find no pages at HTTP but /healthz and /readyz.
	Admin net.Listener
	// Profiles is for runtime profiles: a listener of httpfront.ListenLoopback,
	// because they show what is in memory.
	Profiles net.Listener
}

// Close closes all of s.
func (s Sockets) Close() error {
	var err error
	for _, l := range s.HTTP {
		err = errors.Join(err, l.Close())
	}
	for _, c := range s.UDP {
		err = errors.Join(err, c.Close())
	}
	for _, l := range []net.Listener{s.Admin, s.Profiles} {
		if l != nil {
			err = errors.Join(err, l.Close())
		}
	}
	return err
}

// bindAttempts is how many free ports are tried until one is free for both
// protocols.
const bindAttempts = 16

// ListenHTTP opens a stream listener for clients at addr, "host:port", of a
// network as package net names them. Its connections are not probed: a client that is
// silent is closed much sooner than a probe would find it gone, and to ask for probes is
// three system calls for each connection.
func ListenHTTP(network, addr string) (net.Listener, error) {
	config := net.ListenConfig{KeepAlive: -1}
	return config.Listen(context.Background(), network, addr)
}

// Bind opens the sockets for each of addrs, "host:port" with an empty host for
// every address of the machine and port 0 for any free one: a TCP listener, and on
// the same port UDP sockets, as many as loops says where the system can divide the
// packets between them; one for every core when it is zero. For every address of
// the machine there are as many again, for IPv6.
//
// A literal address without a name is of both families when it stands alone,
// as package net has it, and of its own when there are several addresses: 0.0.0.0
// and [::] may be listed both.
//
// The port is ours alone. A TCP listener cannot be bound beside another, and of
// the UDP sockets the first is bound as if it were the only one; see udpfront.Listen.
func Bind(loops int, addrs ...string) (Sockets, error) {
	if loops <= 0 {
		loops = runtime.GOMAXPROCS(0)
	}
	var all Sockets
	for _, addr := range addrs {
		l, udp, err := bind(addr, family(addr, len(addrs)), loops)
		if err != nil {
			return Sockets{}, errors.Join(fmt.Errorf("listen on %s: %w", addr, err), all.Close())
		}
		all.HTTP = append(all.HTTP, l)
		all.UDP = append(all.UDP, udp...)
	}
	return all, nil
}

// family returns "4" or "6" for a literal address that is one of several, else "".
func family(addr string, several int) string {
	a, err := netip.ParseAddrPort(addr)
	switch {
	case err != nil || several < 2:
		return ""
	case a.Addr().Is4():
		return "4"
	default:
		return "6"
	}
}

// bind opens the sockets of one address. TCP goes first, because that is where
// ports are taken; when any port will do and UDP has the one that was found, the
// next is tried.
func bind(addr, family string, loops int) (net.Listener, []*net.UDPConn, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, nil, err
	}
	for attempt := 1; ; attempt++ {
		l, err := ListenHTTP("tcp"+family, addr)
		if err != nil {
			return nil, nil, err
		}
		at := l.Addr().(*net.TCPAddr)
		udp, err := bindUDP(at, family, loops)
		if err == nil {
			return l, udp, nil
		}
		l.Close()
		if (port != "0" && port != "") || attempt == bindAttempts {
			return nil, nil, err
		}
	}
}

// bindUDP opens the UDP sockets for a TCP listener at an address. Where that is of
// both families they are not: a socket of its own makes IPv4 some 4 % faster.
func bindUDP(at *net.TCPAddr, family string, loops int) ([]*net.UDPConn, error) {
	if family != "" || !at.IP.Equal(net.IPv6unspecified) {
		return udpfront.Listen("udp"+family, &net.UDPAddr{IP: at.IP, Port: at.Port, Zone: at.Zone}, loops)
	}
	v4, err := udpfront.Listen("udp4", &net.UDPAddr{Port: at.Port}, loops)
	if err != nil {
		return nil, err
	}
	v6, err := udpfront.Listen("udp6", &net.UDPAddr{Port: at.Port}, loops)
	if err != nil {
		return nil, errors.Join(err, Sockets{UDP: v4}.Close())
	}
	return append(v4, v6...), nil
}

// Inherited makes Sockets of files that are open sockets, as the one who started
// the process hands them over (systemd: "socket activation"). What clients send
// while no tracker runs waits in them, so a restart loses nothing. The files stay
// the caller's, to close as soon as Inherited has returned. A file
// that is neither a stream listener nor a UDP socket is an error.
func Inherited(files ...*os.File) (Sockets, error) {
	var all Sockets
	for _, f := range files {
		if l, err := net.FileListener(f); err == nil {
			all.HTTP = append(all.HTTP, l)
			continue
		}
		c, err := net.FilePacketConn(f)
		if err == nil {
			udp, ok := c.(*net.UDPConn)
			if ok {
				all.UDP = append(all.UDP, udp)
				continue
			}
			err = errors.Join(errors.New("not a socket of TCP or UDP"), c.Close())
		}
		return Sockets{}, errors.Join(fmt.Errorf("use the socket %s: %w", f.Name(), err), all.Close())
	}
	return all, nil
}
