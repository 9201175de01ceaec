package drive

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
)

// The ports of Addr lie below those that systems give to outgoing connections:
// Linux takes these from 32768 on, macOS and Windows from 49152 on.
const (
	firstPort = 10000
	portCount = 22000
)

// turn counts the ports that were tried. It starts anywhere, since other programs
// choose as this one does.
var turn atomic.Uint32

func init() { turn.Store(rand.Uint32N(portCount)) }

// Addr returns an address of this machine that nobody listens at, over TCP or
// UDP, and that it returns only once. A process may be told to listen there, and
// again after its end: no connection that is made meanwhile gets the port for its
// own end of it, as happens to a port that the system has chosen.
func Addr(t testing.TB) string {
	t.Helper()
	for range portCount {
		port := firstPort + int(turn.Add(1)%portCount)
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if free(addr) {
			return addr
		}
	}
	t.Fatal("no port is free for both protocols")
	return ""
}

func free(addr string) bool {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	defer l.Close()
	c, err := net.ListenPacket("udp", addr)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
