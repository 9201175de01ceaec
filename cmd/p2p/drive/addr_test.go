package drive

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
)

func TestAnAddressIsGivenOnceAndHasNoPortOfOutgoingConnections(t *testing.T) {
	low, high := uint16(firstPort+portCount), uint16(65535)
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		if _, err := fmt.Sscan(string(b), &low, &high); err != nil {
			t.Fatal(err)
		}
	}
	given := map[string]bool{}
	for range 100 {
		addr := Addr(t)
		if given[addr] {
			t.Errorf("%s is given twice", addr)
		}
		given[addr] = true
		if port := netip.MustParseAddrPort(addr).Port(); port >= low && port <= high {
			t.Errorf("%s may be taken by a connection, of %d to %d", addr, low, high)
		}
	}
}

func TestAnAddressIsFreeForBothProtocols(t *testing.T) {
	next := func() string { return fmt.Sprint("127.0.0.1:", firstPort+int((turn.Load()+1)%portCount)) }
	for _, take := range []func(string) (func() error, error){
		func(addr string) (func() error, error) {
			l, err := net.Listen("tcp", addr)
			if err != nil {
				return nil, err
			}
			return l.Close, nil
		},
		func(addr string) (func() error, error) {
			c, err := net.ListenPacket("udp", addr)
			if err != nil {
				return nil, err
			}
			return c.Close, nil
		},
	} {
		taken := next()
		release, err := take(taken)
		if err != nil { // somebody else has it
			Addr(t)
			continue
		}
		if got := Addr(t); got == taken {
			t.Errorf("%s is taken", got)
		}
		if err := release(); err != nil {
			t.Error(err)
		}
	}
}
