package udpfront_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/memory"
	"p2p/tracker/udpfront"
	"p2p/tracker/udpwire"
	"p2p/tracker/wire"
)

var torrent = infohash.Of([]byte("torrent"))

// clock is a clock that a test turns.
type clock struct{ seconds atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_800_000_000+c.seconds.Load(), 0) }
func (c *clock) advance(d time.Duration) { c.seconds.Add(int64(d / time.Second)) }

// fixture is a tracker on a socket of the loopback interface.
type fixture struct {
	addr    *net.UDPAddr
	clock   *clock
	service *tracker.Service
}

// listen starts a tracker on host and stops it when the test ends.
func listen(t *testing.T, host string, o tracker.Options) *fixture {
	t.Helper()
	network := map[bool]string{true: "udp4", false: "udp"}[host == "0.0.0.0"] // which package net takes for [::]
	conn, err := net.ListenUDP(network, &net.UDPAddr{IP: net.ParseIP(host)})
	if err != nil {
		t.Skipf("no socket on %s: %v", host, err)
	}
	f := &fixture{addr: conn.LocalAddr().(*net.UDPAddr), clock: &clock{}}
	o.Now = f.clock.now
	f.service = tracker.New(memory.New(memory.Options{}), o)
	front, err := udpfront.New(conn, f.service, udpfront.Options{Now: f.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- front.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return f
}

// client is a socket that talks to the tracker.
type client struct {
	t    *testing.T
	conn *net.UDPConn
	buf  [4096]byte
}

func (f *fixture) dial(t *testing.T) *client {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, f.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{t: t, conn: conn}
}

func (c *client) send(packet []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(packet); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) receive() []byte {
	c.t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		c.t.Fatal(err)
	}
	n, err := c.conn.Read(c.buf[:])
	if err != nil {
		c.t.Fatal(err)
	}
	return c.buf[:n]
}

// wantSilence checks that packet is not answered: the next answer is the one to
// a connect that is sent behind it, and the tracker answers in order.
func (c *client) wantSilence(packet []byte) {
	c.t.Helper()
	c.send(packet)
	c.send(udpwire.ConnectRequest{TransactionID: 0xfeedface}.AppendTo(nil))
	got := c.receive()
	if r, err := udpwire.ParseConnectResponse(got); err != nil || r.TransactionID != 0xfeedface {
		c.t.Errorf("answered with %x", got)
	}
}

func (c *client) connect() uint64 {
	c.t.Helper()
	c.send(udpwire.ConnectRequest{TransactionID: 11}.AppendTo(nil))
	r, err := udpwire.ParseConnectResponse(c.receive())
	if err != nil || r.TransactionID != 11 {
		c.t.Fatalf("connect: %+v, %v", r, err)
	}
	return r.ConnectionID
}

func (c *client) announce(r udpwire.AnnounceRequest) udpwire.AnnounceResponse {
	c.t.Helper()
	c.send(r.AppendTo(nil))
	answer, err := udpwire.ParseAnnounceResponse(c.receive())
	if err != nil || answer.TransactionID != r.TransactionID {
		c.t.Fatalf("announce: %+v, %v (%q)", answer, err, c.buf[8:60])
	}
	return answer
}

func (c *client) wantError(packet []byte, message string) {
	c.t.Helper()
	c.send(packet)
	r, err := udpwire.ParseErrorResponse(c.receive())
	if err != nil || r.Message != message {
		c.t.Errorf("answer is %+v, %v; want %q", r, err, message)
	}
}

// request returns an announce of a leech that has port.
func request(id uint64, port uint16) udpwire.AnnounceRequest {
	return udpwire.AnnounceRequest{
		ConnectionID: id, TransactionID: 22, InfoHash: torrent, PeerID: [20]byte{byte(port >> 8), byte(port)},
		Left: 1, Event: wire.Started, Key: 7, NumWant: udpwire.DefaultNumWant, Port: port,
	}
}

func TestAnnounceAndScrape(t *testing.T) {
	for host, family := range map[string]wire.Family{"127.0.0.1": wire.IPv4, "::1": wire.IPv6} {
		t.Run(family.String(), func(t *testing.T) {
			f := listen(t, host, tracker.Options{})
			c := f.dial(t)
			id := c.connect()
			first := c.announce(request(id, 6881))
			if first.Leechers != 1 || first.Seeders != 0 || len(first.Peers) != 0 {
				t.Errorf("the first is told %+v", first)
			}
			if first.Interval < 1800 || first.Interval > 1980 {
				t.Errorf("interval is %d", first.Interval)
			}
			seed := request(id, 6882)
			seed.Left, seed.Event = 0, wire.Completed
			second := c.announce(seed)
			want := netip.AddrPortFrom(netip.MustParseAddr(host), 6881)
			if got := second.PeersOf(family); len(got) != 1 || got[0] != want || second.Seeders != 1 {
				t.Errorf("the second is told %v, %+v", got, second)
			}
			scrape := udpwire.ScrapeRequest{ConnectionID: id, TransactionID: 33, InfoHashes: []infohash.T{torrent, {}}}
			c.send(scrape.AppendTo(nil))
			got, err := udpwire.ParseScrapeResponse(c.receive())
			if err != nil || len(got.Counts) != 2 || got.Counts[1] != (udpwire.Counts{}) ||
				got.Counts[0] != (udpwire.Counts{Seeders: 1, Completed: 1, Leechers: 1}) {
				t.Errorf("scrape: %+v, %v", got, err)
			}
		})
	}
}

// A socket for all addresses sees IPv4 peers as ::ffff:127.0.0.1.
func TestADualStackSocketAnswersIPv4InItsForm(t *testing.T) {
	f := listen(t, "", tracker.Options{})
	f.addr.IP = net.IPv4(127, 0, 0, 1)
	c := f.dial(t)
	id := c.connect()
	c.announce(request(id, 6881))
	got := c.announce(request(id, 6882)).PeersOf(wire.IPv4)
	if want := netip.MustParseAddrPort("127.0.0.1:6881"); len(got) != 1 || got[0] != want {
		t.Errorf("peers are %v", got)
	}
}

// Clients drop an answer that comes from another address than they asked.
func TestAnAnswerComesFromTheAddressThatWasAsked(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system does not tell")
	}
	for _, host := range []string{"0.0.0.0", "::"} {
		f := listen(t, host, tracker.Options{})
		f.addr.IP = net.IPv4(127, 0, 0, 2)
		conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 3)}, f.addr)
		if err != nil {
			t.Skipf("no second loopback address: %v", err)
		}
		defer conn.Close()
		c := &client{t: t, conn: conn}
		c.announce(request(c.connect(), 6881))
	}
}

// BEP 15: "The tracker verifies the connection_id and ignores the request if it
// doesn't match. Connection IDs should not be guessable by the client."
func TestUnverifiedPacketsGetSilence(t *testing.T) {
	f := listen(t, "127.0.0.1", tracker.Options{})
	c := f.dial(t)
	id := c.connect()
	for name, wrong := range map[string]uint64{
		"zero": 0, "the protocol id": udpwire.ProtocolID, "one bit": id ^ 1<<40, "another epoch": id ^ 1, "all ones": ^uint64(0),
	} {
		t.Run(name, func(t *testing.T) {
			c.wantSilence(request(wrong, 6881).AppendTo(nil))
			c.wantSilence(udpwire.ScrapeRequest{ConnectionID: wrong, InfoHashes: []infohash.T{torrent}}.AppendTo(nil))
		})
	}
	if stats := f.service.Stats(); stats.Leechers != 0 || stats.Unverified != 10 {
		t.Errorf("stats are %+v", stats)
	}
}

func TestAConnectionIDIsBoundToItsAddress(t *testing.T) {
	f := listen(t, "0.0.0.0", tracker.Options{})
	f.addr.IP = net.IPv4(127, 0, 0, 1)
	id := f.dial(t).connect()
	other, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}, f.addr)
	if err != nil {
		t.Skipf("no second loopback address: %v", err)
	}
	defer other.Close()
	c := &client{t: t, conn: other}
	c.wantSilence(request(id, 6881).AppendTo(nil))
	// The port is not part of it: some NATs give every packet another one.
	f.dial(t).announce(request(id, 6881))
}

// BEP 15: "Trackers should accept the connection ID until two minutes after it
// has been send." Clients in use keep them for longer.
func TestAConnectionIDIsGoodForTenMinutesAtLeastAndFifteenAtMost(t *testing.T) {
	f := listen(t, "127.0.0.1", tracker.Options{})
	c := f.dial(t)
	for _, offset := range []time.Duration{0, time.Second, 4*time.Minute + 59*time.Second, 3 * time.Hour} {
		f.clock.advance(offset)
		id := c.connect()
		c.announce(request(id, 6881))
		f.clock.advance(10 * time.Minute)
		c.announce(request(id, 6881))
		f.clock.advance(5 * time.Minute)
		c.wantSilence(request(id, 6881).AppendTo(nil))
		// Four epochs on, the bits of the epoch are the same again.
		f.clock.advance(5 * time.Minute)
		c.wantSilence(request(id, 6881).AppendTo(nil))
	}
}

func TestTwoTrackersDoNotAcceptEachOthersIDs(t *testing.T) {
	a, b := listen(t, "127.0.0.1", tracker.Options{}), listen(t, "127.0.0.1", tracker.Options{})
	id := a.dial(t).connect()
	b.dial(t).wantSilence(request(id, 6881).AppendTo(nil))
}

// Section 7 of the notes: an answer to a packet whose source may be forged is
// never longer than the packet.
func TestNoUnverifiedPacketIsAnsweredWithMoreThanItHad(t *testing.T) {
	f := listen(t, "127.0.0.1", tracker.Options{})
	c := f.dial(t)
	connect := udpwire.ConnectRequest{TransactionID: 1}.AppendTo(nil)
	c.send(connect)
	if got := c.receive(); len(got) > len(connect) {
		t.Errorf("a connect of %d bytes is answered with %d", len(connect), len(got))
	}
	for name, packet := range map[string][]byte{
		"empty":                       {},
		"one byte":                    {0},
		"a connect cut short":         connect[:15],
		"another protocol id":         append([]byte{1}, connect[1:]...),
		"an unknown action":           {0, 0, 4, 23, 39, 16, 25, 128, 0, 0, 0, 9, 0, 0, 0, 0},
		"an announce cut short":       request(0, 1).AppendTo(nil)[:40],
		"an error":                    udpwire.ErrorResponse{Message: "hello there, tracker"}.AppendTo(nil),
		"text":                        []byte("GET /announce HTTP/1.1\r\nHost: x\r\n\r\n"),
		"more than the buffer":        bytes.Repeat([]byte{0xff}, 9000),
		"as much as a datagram holds": bytes.Repeat([]byte{0}, 65507),
	} {
		t.Run(name, func(t *testing.T) { c.wantSilence(packet) })
	}
}

func TestVerifiedButBadRequestsGetAClearError(t *testing.T) {
	f := listen(t, "127.0.0.1", tracker.Options{})
	c := f.dial(t)
	id := c.connect()
	c.wantError(request(id, 1).AppendTo(nil)[:97], "malformed packet: announce request of less than 98 bytes")
	c.wantError(request(id, 0).AppendTo(nil), "no peer can be reached at the address and port of this request")
	c.wantError(udpwire.ScrapeRequest{ConnectionID: id}.AppendTo(nil), "malformed packet: scrape request without an info-hash")
	unknown := request(id, 1).AppendTo(nil)
	binary.BigEndian.PutUint32(unknown[8:], 77)
	c.wantError(unknown, "malformed packet: unknown action")
}

// BEP 41; dropping such packets cost aquatic its clients (aquatic#251).
func TestOptionsDoNotDisturbAnAnnounce(t *testing.T) {
	f := listen(t, "127.0.0.1", tracker.Options{})
	c := f.dial(t)
	r := request(c.connect(), 6881)
	for _, options := range [][]byte{udpwire.AppendOptions(nil, "/announce?a=b"), {0}, {1, 1}, {2, 200, 1}, bytes.Repeat([]byte{2, 255}, 1000)} {
		r.Options = options
		c.announce(r)
	}
}

func TestAnAnswerFitsOneDatagramOfAnyNetwork(t *testing.T) {
	for host, size := range map[string]int{"127.0.0.1": 6, "::1": 18} {
		f := listen(t, host, tracker.Options{MaxWant: 1000})
		for n := range 250 {
			addr := netip.AddrFrom4([4]byte{198, 18, 0, byte(n)})
			if size == 18 {
				addr = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 0, byte(n)})
			}
			_, err := f.service.Announce(t.Context(), tracker.Request{InfoHash: torrent, Peer: netip.AddrPortFrom(addr, 6881)})
			if err != nil {
				t.Fatal(err)
			}
		}
		c := f.dial(t)
		r := request(c.connect(), 1)
		r.NumWant = 1000
		got := c.announce(r)
		if n := 20 + len(got.Peers); n > 1232 || n+size <= 1232 {
			t.Errorf("%s: an answer of %d bytes", host, n)
		}
	}
}

// Only the source address counts, unless the tracker is told otherwise.
func TestTheAddressFieldIsNotBelieved(t *testing.T) {
	for trust, want := range map[bool]string{false: "127.0.0.1:6881", true: "198.51.100.7:6881"} {
		f := listen(t, "127.0.0.1", tracker.Options{TrustLoopback: trust})
		c := f.dial(t)
		r := request(c.connect(), 6881)
		r.IP = [4]byte{198, 51, 100, 7}
		c.announce(r)
		r = request(r.ConnectionID, 6882)
		if got := c.announce(r).PeersOf(wire.IPv4); len(got) != 1 || got[0].String() != want {
			t.Errorf("trust %v: peers are %v, want %s", trust, got, want)
		}
	}
}

// refusing is a Policy that refuses everything.
type refusing struct{ tracker.Open }

func (refusing) MayAnnounce(context.Context, tracker.Request) error {
	return &tracker.Refusal{Reason: "closed on sundays"}
}

func TestARefusalIsToldToTheClient(t *testing.T) {
	f := listen(t, "127.0.0.1", tracker.Options{Policy: refusing{}})
	c := f.dial(t)
	c.wantError(request(c.connect(), 6881).AppendTo(nil), "closed on sundays")
}

// secretive is a Policy in trouble.
type secretive struct{ tracker.Open }

func (secretive) MayAnnounce(context.Context, tracker.Request) error {
	return errors.New("password of the database is wrong")
}

func TestTroubleIsNotToldToTheClient(t *testing.T) {
	f := listen(t, "127.0.0.1", tracker.Options{Policy: secretive{}})
	c := f.dial(t)
	c.wantError(request(c.connect(), 6881).AppendTo(nil), "internal error")
}

func TestServeFailsWhenItsSocketIsClosed(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	front, err := udpfront.New(conn, tracker.New(memory.New(memory.Options{}), tracker.Options{}), udpfront.Options{})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := front.Serve(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestAKeyOfTheWrongLengthIsRefused(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := udpfront.New(conn, nil, udpfront.Options{Key: make([]byte, 5)}); err == nil {
		t.Error("accepted")
	}
}
