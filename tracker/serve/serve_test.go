package serve_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/httpwire"
	"p2p/tracker/serve"
	"p2p/tracker/udpwire"
	"p2p/tracker/wire"
)

var torrent = infohash.Of([]byte("torrent"))

// start runs a tracker and returns it with what stops it.
func start(t *testing.T, addr string) (*serve.Server, func()) {
	t.Helper()
	s, err := serve.Listen(addr, serve.Options{})
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

// announceHTTP announces a leech over HTTP.
func announceHTTP(t *testing.T, addr netip.AddrPort, port uint16) []netip.AddrPort {
	t.Helper()
	r := httpwire.AnnounceRequest{InfoHash: torrent, PeerID: [20]byte{1}, Port: port, Left: 1, NumWant: -1}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + addr.String() + "/announce?" + string(r.AppendQuery(nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := httpwire.ParseAnnounceResponse(body)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(response.Peers.All())
}

// announceUDP announces a leech over UDP.
func announceUDP(t *testing.T, addr netip.AddrPort, port uint16) []netip.AddrPort {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exchange := func(packet []byte) []byte {
		if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(packet); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 2048)
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return buf[:n]
	}
	connected, err := udpwire.ParseConnectResponse(exchange(udpwire.ConnectRequest{}.AppendTo(nil)))
	if err != nil {
		t.Fatal(err)
	}
	r := udpwire.AnnounceRequest{ConnectionID: connected.ConnectionID, InfoHash: torrent, PeerID: [20]byte{2}, Port: port, Left: 1, NumWant: -1}
	answer, err := udpwire.ParseAnnounceResponse(exchange(r.AppendTo(nil)))
	if err != nil {
		t.Fatal(err)
	}
	return answer.PeersOf(wire.FamilyOf(addr.Addr()))
}

func TestBothProtocolsShareAPortAndASwarm(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0", "localhost:0", ":0"} {
		t.Run(addr, func(t *testing.T) {
			if strings.HasPrefix(addr, "[::1]") {
				l, err := net.Listen("tcp", addr)
				if err != nil {
					t.Skipf("no IPv6: %v", err)
				}
				l.Close()
			}
			s, stop := start(t, addr)
			defer stop()
			at := s.Addr()
			if at.Addr().IsUnspecified() {
				at = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), at.Port())
			}
			if got := announceHTTP(t, at, 6881); len(got) != 0 {
				t.Errorf("the first is told %v", got)
			}
			if got, want := announceUDP(t, at, 6882), netip.AddrPortFrom(at.Addr(), 6881); !slices.Equal(got, []netip.AddrPort{want}) {
				t.Errorf("the second is told %v, want %v", got, want)
			}
			if stats := s.Service().Stats(); stats.AnnouncesHTTP != 1 || stats.AnnouncesUDP != 1 || stats.Leechers != 2 {
				t.Errorf("stats are %+v", stats)
			}
		})
	}
}

func TestAPortThatIsTakenIsAnError(t *testing.T) {
	s, stop := start(t, "127.0.0.1:0")
	defer stop()
	if _, err := serve.Listen(s.Addr().String(), serve.Options{}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("%v", err)
	}
	// The same when only UDP is taken.
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	if _, err := serve.Listen(udp.LocalAddr().String(), serve.Options{}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("%v", err)
	}
	for _, addr := range []string{"127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000"} {
		if _, err := serve.Listen(addr, serve.Options{}); err == nil {
			t.Errorf("%s is accepted", addr)
		}
	}
}

func TestClosingAServerThatNeverRanFreesItsPort(t *testing.T) {
	onFreed(t, "127.0.0.1:0", func(port uint16) error {
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		for range 2 {
			s, err := serve.Listen(addr, serve.Options{})
			if err != nil {
				return err
			}
			if err := s.Close(); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestALocalAnnounceNeedsNoSocket(t *testing.T) {
	s, stop := start(t, "127.0.0.1:0")
	defer stop()
	_, err := s.Service().Announce(t.Context(), tracker.Request{
		InfoHash: torrent, Peer: netip.MustParseAddrPort("198.51.100.7:51413"), Seed: true, Event: wire.Started,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := announceHTTP(t, s.Addr(), 6881); len(got) != 1 || got[0].String() != "198.51.100.7:51413" {
		t.Errorf("peers are %v", got)
	}
}

// Whatever was answered is in the store, and nothing runs on after Run.
func TestNoGoroutineOutlivesRun(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 3 {
		s, stop := start(t, "127.0.0.1:0")
		announceHTTP(t, s.Addr(), 6881)
		announceUDP(t, s.Addr(), 6882)
		stop()
		if _, err := net.DialTimeout("tcp", s.Addr().String(), time.Second); err == nil {
			t.Error("the port is still open")
		}
	}
	// A goroutine that has done its last act may take a moment to be gone.
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
