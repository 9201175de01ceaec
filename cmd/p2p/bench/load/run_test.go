package load_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"p2p/cmd/p2p/bench/load"
	"p2p/tracker/udpwire"
)

// patience is long enough for a machine that is busy with other tests.
const patience = 20 * time.Second

func prefill(t *testing.T, peers int, ends ...netip.AddrPort) load.Options {
	t.Helper()
	o := load.Options{Mix: load.Mix{0, 1, 0}, Want: 30, Clients: 4, Outstanding: 32, Patience: patience, Prefill: true, Workers: 2}
	for _, e := range ends {
		o.Trackers = append(o.Trackers, load.Endpoint{Address: e})
	}
	o.Population = population(t, load.Crowd{Torrents: 5, Peers: peers, Sources: load.Sources(ends[0].Addr(), o.Clients), Seeds: 0.5, Seed: 1})
	return o
}

// background runs a server that tells where it is, until the test ends.
func background(t *testing.T, serve func(context.Context, string, func(string) error) error, address string) netip.AddrPort {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	where, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- serve(ctx, address, func(s string) error { where <- s; return nil }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case s := <-where:
		return netip.MustParseAddrPort(s)
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	panic("unreachable")
}

func TestTheEchoAnswersEveryPeerOfSeveralTrackers(t *testing.T) {
	a, b := background(t, load.Echo, "127.0.0.1:0"), background(t, load.Echo, "127.0.0.1:0")
	for _, at := range []netip.AddrPort{a, b} {
		if err := load.AwaitUDP(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	r, err := load.UDP(t.Context(), prefill(t, 1000, a, b))
	if err != nil {
		t.Fatal(err)
	}
	sum := r.Sum()
	if sum.Answered[load.Announce] != 1000 || sum.Peers != 1000*load.EchoPeers || sum.Errors+sum.Malformed+sum.Stray+sum.Lost != 0 {
		t.Errorf("announces %d, peers %d", sum.Answered[load.Announce], sum.Peers)
	}
	if sum.BytesOut != 98*1000 || sum.BytesIn != 188*1000 {
		t.Errorf("%d bytes out, %d in", sum.BytesOut, sum.BytesIn)
	}
	for i := range r.Nodes {
		if n := r.Nodes[i].Answered[load.Announce]; n < 400 || n > 600 {
			t.Errorf("tracker %d has answered %d of 1000", i, n)
		}
	}
}

func TestTheEchoSpeaksIPv6(t *testing.T) {
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("this machine has no IPv6")
	} else {
		l.Close()
	}
	r, err := load.UDP(t.Context(), prefill(t, 100, background(t, load.Echo, "[::1]:0")))
	if err != nil {
		t.Fatal(err)
	}
	if sum := r.Sum(); sum.Answered[load.Announce] != 100 || sum.Peers != 900 {
		t.Errorf("announces %d, peers %d", sum.Answered[load.Announce], sum.Peers)
	}
}

// moody is a tracker over UDP that answers announces with errors, without peers
// or in nobody's name, each as often as any other.
func moody(t *testing.T) netip.AddrPort {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-ended })
	go func() {
		defer close(ended)
		b := make([]byte, 2048)
		for turn := 0; ; {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			h, err := udpwire.ParseHeader(b[:n])
			if err != nil {
				t.Error(err)
				continue
			}
			if h.Action == udpwire.Connect {
				conn.WriteTo(udpwire.ConnectResponse{TransactionID: h.TransactionID, ConnectionID: 9}.AppendTo(nil), from)
				continue
			}
			good := udpwire.AnnounceResponse{TransactionID: h.TransactionID, Interval: 60}
			switch turn++; turn % 4 {
			case 0:
				conn.WriteTo(udpwire.ErrorResponse{TransactionID: h.TransactionID, Message: "no"}.AppendTo(nil), from)
			case 1:
				conn.WriteTo(good.AppendTo(nil), from)
			case 2:
				stray := good
				stray.TransactionID = 0
				conn.WriteTo(stray.AppendTo(nil), from)
				good.Peers = make([]byte, 12)
				conn.WriteTo(good.AppendTo(nil), from)
			case 3:
				conn.WriteTo(binary.BigEndian.AppendUint16(good.AppendTo(nil), 1), from)
			}
		}
	}()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func TestFaultsOfATrackerOverUDPAreCountedApart(t *testing.T) {
	r, err := load.UDP(t.Context(), prefill(t, 400, moody(t)))
	if err != nil {
		t.Fatal(err)
	}
	sum := r.Sum()
	got := [6]int64{sum.Sent[load.Announce], sum.Answered[load.Announce], sum.Errors, sum.Empty, sum.Stray, sum.Malformed}
	if want := [6]int64{400, 200, 100, 100, 100, 100}; got != want {
		t.Errorf("announces, answers, errors, empty, stray, malformed: %v; want %v", got, want)
	}
	if sum.Deprived != 100 || sum.Peers != 200 || sum.Lost != 0 {
		t.Errorf("deprived %d, peers %d, lost %d", sum.Deprived, sum.Peers, sum.Lost)
	}
}

func TestNobodyThereIsSilenceNotAnAnswer(t *testing.T) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() // it listens, and says nothing
	o := prefill(t, 10, conn.LocalAddr().(*net.UDPAddr).AddrPort())
	o.Prefill, o.Patience, o.Duration = false, time.Millisecond, 500*time.Millisecond // within which a busy machine lets it ask
	r, err := load.UDP(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if sum := r.Sum(); sum.Total() != 0 || sum.Lost == 0 || sum.Lost != sum.Asked() {
		t.Errorf("asked %d, answered %d, lost %d", sum.Asked(), sum.Total(), sum.Lost)
	}
	o.Prefill = true
	if _, err := load.UDP(t.Context(), o); !errors.Is(err, load.ErrSilent) {
		t.Errorf("a prefill ends with %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o.Patience = patience
	if _, err := load.UDP(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("a run that is cancelled ends with %v", err)
	}
}

// website is a tracker over HTTP.
func website(t *testing.T, serve http.HandlerFunc) netip.AddrPort {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: serve, ReadHeaderTimeout: patience}
	ended := make(chan struct{})
	go func() { defer close(ended); server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-ended })
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func TestFaultsOfATrackerOverHTTPAreCountedApart(t *testing.T) {
	var turn atomic.Int64
	at := website(t, func(w http.ResponseWriter, r *http.Request) {
		switch turn.Add(1) % 5 {
		case 0:
			io.WriteString(w, "d14:failure reason2:noe")
		case 1:
			io.WriteString(w, "d8:intervali60e5:peers0:e")
		case 2:
			io.WriteString(w, "d8:intervali60e5:peers12:abcdefghijkle")
		case 3:
			io.WriteString(w, "<html>")
		case 4:
			http.Error(w, "busy", http.StatusServiceUnavailable)
		}
	})
	for _, keep := range []bool{true, false} {
		o := prefill(t, 500, at)
		o.KeepAlive = keep
		r, err := load.HTTP(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		sum := r.Sum()
		got := [5]int64{sum.Sent[load.Announce], sum.Answered[load.Announce], sum.Errors, sum.Empty, sum.Malformed}
		if want := [5]int64{500, 200, 200, 100, 100}; got != want || sum.Peers != 200 || sum.Lost != 0 {
			t.Errorf("keep-alive %v: announces, answers, errors, empty, malformed: %v; want %v", keep, got, want)
		}
	}
}

// opentracker closes each connection after the answer, without a word.
func TestAConnectionThatWasClosedIsOpenedAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-ended })
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 4096))
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\nd8:intervali60e5:peers0:e")
			conn.Close()
		}
	}()
	o := prefill(t, 200, l.Addr().(*net.TCPAddr).AddrPort())
	o.KeepAlive = true
	r, err := load.HTTP(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if sum := r.Sum(); sum.Answered[load.Announce] != 200 || sum.Reopened == 0 || sum.Lost+sum.Refused != 0 {
		t.Errorf("answered %d, opened again %d, lost %d, refused %d", sum.Answered[load.Announce], sum.Reopened, sum.Lost, sum.Refused)
	}
}

func TestBareAnswersAnnouncesAndScrapes(t *testing.T) {
	at := background(t, load.Bare, "127.0.0.1:0")
	if err := load.AwaitHTTP(t.Context(), load.Endpoint{Address: at}); err != nil {
		t.Fatal(err)
	}
	o := prefill(t, 100, at)
	o.Prefill, o.KeepAlive, o.Mix, o.Duration = false, true, load.Mix{5, 1, 1}, 100*time.Millisecond
	r, err := load.HTTP(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if sum := r.Sum(); sum.Malformed+sum.Errors+sum.Lost != 0 || sum.Sent[load.Connect] != 0 {
		t.Errorf("malformed %d, errors %d, lost %d", sum.Malformed, sum.Errors, sum.Lost)
	}
	o.Mix = load.Mix{1, 0, 0}
	if _, err := load.HTTP(t.Context(), o); err == nil {
		t.Error("HTTP has a connect")
	}
}

func TestPathsAreThoseOfRequests(t *testing.T) {
	o := prefill(t, 1000, netip.MustParseAddrPort("127.0.0.1:1"))
	o.Prefill, o.Trackers[0].Path = false, "/x/announce?key=1"
	seen, announces := map[string]bool{}, 0
	o.Mix = load.Mix{0, 9, 1}
	for path := range load.Paths(o, 2000) {
		seen[string(path)] = true
		if string(path[:28]) == "/x/announce?key=1&info_hash=" {
			announces++
		} else if string(path[:26]) != "/x/scrape?key=1&info_hash=" {
			t.Fatalf("path %s", path)
		}
	}
	if len(seen) < 500 || announces < 1700 || announces > 1900 {
		t.Errorf("%d different paths, %d announces", len(seen), announces)
	}
}
