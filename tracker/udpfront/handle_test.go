package udpfront

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/memory"
	"p2p/tracker/udpwire"
)

// newFront returns a Front whose handle can be called without packets.
func newFront(t testing.TB) *Front {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	f, err := New(conn, tracker.New(memory.New(memory.Options{}), tracker.Options{}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var source = netip.MustParseAddrPort("192.0.2.1:5000")

// fill announces peers to one swarm and returns the announce of the last one.
func fill(t testing.TB, f *Front, peers int) []byte {
	t.Helper()
	r := udpwire.AnnounceRequest{
		ConnectionID: f.ids.issue(f.now(), source.Addr()), InfoHash: infohash.T{1}, Left: 1, NumWant: 30,
	}
	var packet []byte
	for n := range peers {
		r.Port, r.PeerID = uint16(n+1), [20]byte{byte(n), byte(n >> 8)}
		packet = r.AppendTo(nil)
		if got, err := udpwire.ParseAnnounceResponse(f.handle(context.Background(), packet, source)); err != nil || int(got.Leechers) != n+1 {
			t.Fatalf("announce: %+v, %v", got, err)
		}
	}
	return packet
}

func TestAnAnnounceDoesNotAllocate(t *testing.T) {
	f := newFront(t)
	packet := fill(t, f, 100)
	connect := udpwire.ConnectRequest{}.AppendTo(nil)
	unverified := bytes.Repeat([]byte{0, 0, 0, 1}, 30)
	allocs := testing.AllocsPerRun(1000, func() {
		for _, p := range [][]byte{connect, packet, unverified} {
			f.handle(context.Background(), p, source)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// A packet of any content, from an address that is verified or not, gets
// silence or an answer that fits, and an unverified one no more than it had.
func FuzzHandle(f *testing.F) {
	f.Add(udpwire.ConnectRequest{}.AppendTo(nil), false)
	f.Add(udpwire.AnnounceRequest{Port: 1, NumWant: -1}.AppendTo(nil), true)
	f.Add(udpwire.ScrapeRequest{InfoHashes: make([]infohash.T, 80)}.AppendTo(nil), true)
	front := newFront(f)
	fill(f, front, 300)
	f.Fuzz(func(t *testing.T, packet []byte, verified bool) {
		if verified && len(packet) >= 8 {
			id := udpwire.ConnectResponse{ConnectionID: front.ids.issue(front.now(), source.Addr())}.AppendTo(nil)
			packet = append(bytes.Clone(id[8:]), packet[8:]...)
		}
		answer := front.handle(t.Context(), packet, source)
		if len(answer) > maxAnswer || (!verified && len(answer) > len(packet)) {
			t.Errorf("%d bytes are answered with %d", len(packet), len(answer))
		}
	})
}

func BenchmarkHandle(b *testing.B) {
	for _, peers := range []int{2, 50, 10_000} {
		b.Run(fmt.Sprintf("announce to %d peers", peers), func(b *testing.B) {
			f := newFront(b)
			packet := fill(b, f, peers)
			b.ReportAllocs()
			for b.Loop() {
				f.handle(context.Background(), packet, source)
			}
		})
	}
	b.Run("connect", func(b *testing.B) {
		f := newFront(b)
		packet := udpwire.ConnectRequest{}.AppendTo(nil)
		b.ReportAllocs()
		for b.Loop() {
			f.handle(context.Background(), packet, source)
		}
	})
}

// One client that waits for every answer, so this measures the system calls and
// the waking of two goroutines more than the tracker. What it is for is the
// allocations: there are none on either side.
func BenchmarkRoundTrip(b *testing.B) {
	for _, host := range []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4zero} {
		b.Run(host.String(), func(b *testing.B) {
			conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: host})
			if err != nil {
				b.Fatal(err)
			}
			f, err := New(conn, tracker.New(memory.New(memory.Options{}), tracker.Options{}), Options{})
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- f.Serve(ctx) }()
			b.Cleanup(func() { cancel(); <-ended })
			port := conn.LocalAddr().(*net.UDPAddr).Port
			client, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { client.Close() })
			packet, buf := udpwire.ConnectRequest{}.AppendTo(nil), make([]byte, 64)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Write(packet); err != nil {
					b.Fatal(err)
				}
				if _, err := client.Read(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
