package serve_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"p2p/tracker/serve"
	"p2p/tracker/udpwire"
)

// run runs a tracker on sockets and returns it with what stops it.
func run(t *testing.T, sockets serve.Sockets) (*serve.Server, func()) {
	t.Helper()
	s, err := serve.New(sockets, serve.Options{UDPKey: []byte("sixteen bytes of")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return s, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func TestSeveralAddressesServeOneRegistry(t *testing.T) {
	for _, addrs := range [][]string{
		{"127.0.0.1:0", "127.0.0.1:0"},
		{"127.0.0.1:0", "[::1]:0"},
		{"0.0.0.0:0", "[::]:0"},
	} {
		sockets, err := serve.Bind(2, addrs...)
		if err != nil {
			t.Skipf("no such addresses: %v", err)
		}
		s, stop := run(t, sockets)
		if got := s.Addrs(); len(got) != len(addrs) || got[0] != s.Addr() {
			t.Errorf("%v: listens on %v", addrs, got)
		}
		for _, at := range s.Addrs() {
			if at.Addr().IsUnspecified() {
				at = netip.AddrPortFrom(map[bool]netip.Addr{true: netip.IPv6Loopback(), false: netip.MustParseAddr("127.0.0.1")}[at.Addr().Is6()], at.Port())
			}
			announceHTTP(t, at, 6881)
			announceUDP(t, at, 6882)
		}
		if stats := s.Service().Stats(); stats.AnnouncesHTTP != 2 || stats.AnnouncesUDP != 2 {
			t.Errorf("%v: stats are %+v", addrs, stats)
		}
		stop()
	}
}

// needIPv6 skips a test where there is none.
func needIPv6(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6: %v", err)
	}
	l.Close()
}

// onFreed calls bind with a port that was free for serve.Bind a moment ago. Whoever else is on this machine may take it
// first, so that it fails only if it does with one port after the other: one that is not given back never is.
func onFreed(t *testing.T, addr string, bind func(port uint16) error) {
	t.Helper()
	var err error
	for range 5 {
		free, bound := serve.Bind(2, addr)
		if bound != nil {
			t.Fatal(bound)
		}
		port := free.HTTP[0].Addr().(*net.TCPAddr).AddrPort().Port()
		if err := free.Close(); err != nil {
			t.Fatal(err)
		}
		if err = bind(port); !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// However every address of the machine is asked for, both families are served
// on one port.
func TestEveryAddressMeansBothFamilies(t *testing.T) {
	needIPv6(t)
	for _, hosts := range [][]string{{""}, {"[::]"}, {"0.0.0.0", "[::]"}} {
		var sockets serve.Sockets
		var port uint16
		var addrs []string
		onFreed(t, ":0", func(freed uint16) (err error) { // free everywhere
			port, addrs = freed, nil
			for _, host := range hosts {
				addrs = append(addrs, fmt.Sprintf("%s:%d", host, port))
			}
			sockets, err = serve.Bind(2, addrs...)
			return err
		})
		_, stop := run(t, sockets)
		for _, host := range []string{"127.0.0.1", "::1"} {
			at := netip.AddrPortFrom(netip.MustParseAddr(host), port)
			announceHTTP(t, at, 6881)
			if got, want := announceUDP(t, at, 6882), netip.AddrPortFrom(at.Addr(), 6881); !slices.Contains(got, want) {
				t.Errorf("%v: %s is told of %v, want %v", addrs, host, got, want)
			}
		}
		stop()
	}
}

func TestAnAddressThatFailsLeavesNoSocketBehind(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	onFreed(t, "127.0.0.1:0", func(port uint16) error {
		at := fmt.Sprintf("127.0.0.1:%d", port)
		if _, err := serve.Bind(2, at, taken.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatalf("%v", err)
		}
		again, err := serve.Bind(2, at)
		if err != nil {
			return fmt.Errorf("the first address is still taken: %w", err)
		}
		return again.Close()
	})
}

// Some NATs give every packet another port, so that it reaches another loop.
func TestAConnectionIDIsGoodAtEveryLoop(t *testing.T) {
	sockets, err := serve.Bind(4, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, stop := run(t, sockets)
	defer stop()
	id := connectID(t, s.Addr())
	for range 20 {
		answer := exchange(t, s.Addr(), udpwire.AnnounceRequest{ConnectionID: id, Port: 1, NumWant: -1}.AppendTo(nil))
		if _, err := udpwire.ParseAnnounceResponse(answer); err != nil {
			t.Fatal(err)
		}
	}
}

func connectID(t *testing.T, at netip.AddrPort) uint64 {
	t.Helper()
	r, err := udpwire.ParseConnectResponse(exchange(t, at, udpwire.ConnectRequest{}.AppendTo(nil)))
	if err != nil {
		t.Fatal(err)
	}
	return r.ConnectionID
}

// exchange sends a packet from a port of its own and returns the answer.
func exchange(t *testing.T, at netip.AddrPort, packet []byte) []byte {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(packet); err != nil {
		t.Fatal(err)
	}
	return receive(t, conn)
}

func receive(t *testing.T, conn *net.UDPConn) []byte {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

// files returns s as files, as another process would get them.
func files(t *testing.T, s serve.Sockets) []*os.File {
	t.Helper()
	var all []*os.File
	add := func(f *os.File, err error) {
		if err != nil {
			t.Skipf("the system cannot hand over sockets: %v", err)
		}
		t.Cleanup(func() { f.Close() })
		all = append(all, f)
	}
	for _, l := range s.HTTP {
		add(l.(*net.TCPListener).File())
	}
	for _, c := range s.UDP {
		add(c.File())
	}
	return all
}

// A restart with handed-over sockets: what is sent while no tracker runs is
// answered by the next, and connection ids outlive the process with the key.
func TestARestartWithInheritedSocketsLosesNothing(t *testing.T) {
	bound, err := serve.Bind(2, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	handed := files(t, bound)
	if err := bound.Close(); err != nil {
		t.Fatal(err)
	}
	inherit := func() serve.Sockets {
		sockets, err := serve.Inherited(handed...)
		if err != nil {
			t.Fatal(err)
		}
		if len(sockets.HTTP) != len(bound.HTTP) || len(sockets.UDP) != len(bound.UDP) {
			t.Fatalf("%d and %d sockets", len(sockets.HTTP), len(sockets.UDP))
		}
		return sockets
	}
	s, stop := run(t, inherit())
	at := s.Addr()
	id := connectID(t, at)
	stop()

	var waiting []*net.UDPConn
	for range 50 {
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(at))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write(udpwire.AnnounceRequest{ConnectionID: id, Port: 1}.AppendTo(nil)); err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, conn)
	}
	s, stop = run(t, inherit())
	defer stop()
	if s.Addr() != at {
		t.Errorf("the address is %v, was %v", s.Addr(), at)
	}
	for _, conn := range waiting {
		if _, err := udpwire.ParseAnnounceResponse(receive(t, conn)); err != nil {
			t.Fatal(err)
		}
	}
	announceHTTP(t, at, 6881)
}

func TestWhatIsNoSocketIsNotInherited(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no sockets as files")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := serve.Inherited(socket, file); err == nil {
		t.Error("a file is taken for a socket")
	}
	socket.Close()
	if again, err := net.Listen("tcp", at); err != nil {
		t.Errorf("the socket before it is still open: %v", err)
	} else {
		again.Close()
	}
}

func TestATrackerWithoutSocketsIsAnError(t *testing.T) {
	if _, err := serve.New(serve.Sockets{}, serve.Options{}); err == nil {
		t.Error("accepted")
	}
}

// Everything that Close and a failing New leave open would keep the port.
func TestAKeyOfTheWrongLengthClosesTheSockets(t *testing.T) {
	sockets, err := serve.Bind(2, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := sockets.HTTP[0].Addr().String()
	if _, err := serve.New(sockets, serve.Options{UDPKey: []byte("short")}); err == nil {
		t.Fatal("accepted")
	}
	again, err := serve.Bind(2, at)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestOneSocketPerCoreIsTheRule(t *testing.T) {
	sockets, err := serve.Bind(0, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer sockets.Close()
	want := 1
	if runtime.GOOS == "linux" {
		want = runtime.GOMAXPROCS(0)
	}
	at := slices.Repeat([]string{sockets.HTTP[0].Addr().String()}, want)
	var got []string
	for _, c := range sockets.UDP {
		got = append(got, c.LocalAddr().String())
	}
	if !slices.Equal(got, at) {
		t.Errorf("UDP sockets on %v, want %v", got, at)
	}
}
