//go:build linux || darwin

package peer_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"p2p/peer"
)

// fromPort dials with the sockets of this machine.
func fromPort(t *testing.T, from, to netip.AddrPort) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c, err := peer.TCP.DialFrom(ctx, from, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// freePort returns a port of the loopback address that is not in use.
func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

// Two dials that meet make one connection; on one machine, where packets take no time, that is sure to happen with one that meets itself.
func TestDialsThatMeetAreAConnection(t *testing.T) {
	at := freePort(t)
	c := fromPort(t, at, at)
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
		t.Errorf("%q comes, %v", b, err)
	}
}

func TestSeveralConnectionsAreFromOnePort(t *testing.T) {
	from := freePort(t)
	for range 3 {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		to := netip.MustParseAddrPort(l.Addr().String())
		for range 2 { // the second time while the first one has just ended
			c := fromPort(t, netip.AddrPortFrom(netip.IPv6Unspecified(), from.Port()), to)
			in, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if at := netip.MustParseAddrPort(in.RemoteAddr().String()); at != from {
				t.Errorf("it comes from %v, not from %v", at, from)
			}
			c.Close()
			in.Close()
		}
	}
}

func TestNobodyDialsFromThePortOfAListener(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := netip.MustParseAddrPort(l.Addr().String())
	if _, err := peer.TCP.DialFrom(t.Context(), at, freePort(t)); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("it is dialled from where somebody listens: %v", err)
	}
}
