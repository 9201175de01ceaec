package udpwire_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"p2p/torrentfile/infohash"
	"p2p/tracker/udpwire"
	"p2p/tracker/wire"
)

// packet joins the named fields of a packet, written in hexadecimal.
func packet(t *testing.T, fields ...string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(strings.Join(fields, ""), " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantPacket(t *testing.T, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("packet is\n%x, want\n%x", got, want)
	}
}

func TestConnectRequest(t *testing.T) {
	golden := packet(t,
		"00000417 27101980", // 64-bit protocol_id: 0x41727101980, magic constant
		"00000000",          // 32-bit action: 0, connect
		"1badcafe",          // 32-bit transaction_id
	)
	r := udpwire.ConnectRequest{TransactionID: 0x1badcafe}
	wantPacket(t, r.AppendTo(nil), golden)
	got, err := udpwire.ParseConnectRequest(golden)
	if err != nil || got != r {
		t.Errorf("parsed as %+v, %v", got, err)
	}
	golden[7]++
	if _, err := udpwire.ParseConnectRequest(golden); !errors.Is(err, udpwire.ErrMalformed) {
		t.Errorf("with another protocol id: %v", err)
	}
}

func TestConnectResponse(t *testing.T) {
	golden := packet(t,
		"00000000",         // 32-bit action: 0, connect
		"1badcafe",         // 32-bit transaction_id
		"0123456789abcdef", // 64-bit connection_id
	)
	r := udpwire.ConnectResponse{TransactionID: 0x1badcafe, ConnectionID: 0x0123456789abcdef}
	wantPacket(t, r.AppendTo(nil), golden)
	got, err := udpwire.ParseConnectResponse(golden)
	if err != nil || got != r {
		t.Errorf("parsed as %+v, %v", got, err)
	}
	// BEP 15: "Check whether the packet is at least 16 bytes."
	if _, err := udpwire.ParseConnectResponse(golden[:15]); !errors.Is(err, udpwire.ErrMalformed) {
		t.Errorf("15 bytes: %v", err)
	}
}

// announceGolden is an announce request with every field different.
func announceGolden(t *testing.T) ([]byte, udpwire.AnnounceRequest) {
	golden := packet(t,
		"0123456789abcdef",       // 64-bit connection_id
		"00000001",               // 32-bit action: 1, announce
		"1badcafe",               // 32-bit transaction_id
		strings.Repeat("aa", 20), // 20-byte info_hash
		strings.Repeat("bb", 20), // 20-byte peer_id
		"0000000000000001",       // 64-bit downloaded
		"0000000000000002",       // 64-bit left
		"0000000000000003",       // 64-bit uploaded
		"00000002",               // 32-bit event: 2, started
		"c0000201",               // 32-bit IP address
		"deadbeef",               // 32-bit key
		"ffffffff",               // 32-bit num_want: -1, default
		"1ae1",                   // 16-bit port
	)
	r := udpwire.AnnounceRequest{
		ConnectionID: 0x0123456789abcdef, TransactionID: 0x1badcafe,
		InfoHash: infohash.T(bytes.Repeat([]byte{0xaa}, 20)), PeerID: [20]byte(bytes.Repeat([]byte{0xbb}, 20)),
		Downloaded: 1, Left: 2, Uploaded: 3, Event: wire.Started,
		IP: [4]byte{192, 0, 2, 1}, Key: 0xdeadbeef, NumWant: udpwire.DefaultNumWant, Port: 6881,
		Options: []byte{},
	}
	return golden, r
}

func TestAnnounceRequest(t *testing.T) {
	golden, r := announceGolden(t)
	if len(golden) != udpwire.AnnounceRequestSize {
		t.Fatalf("the golden packet has %d bytes", len(golden))
	}
	wantPacket(t, r.AppendTo(nil), golden)
	got, err := udpwire.ParseAnnounceRequest(golden)
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("parsed as %+v, %v", got, err)
	}
}

// BEP 15: "event 0 // 0: none; 1: completed; 2: started; 3: stopped"
func TestEventsHaveTheNumbersOfTheProtocol(t *testing.T) {
	golden, _ := announceGolden(t)
	for number, want := range map[byte]wire.Event{
		0: wire.None, 1: wire.Completed, 2: wire.Started, 3: wire.Stopped, 4: wire.None, 255: wire.None,
	} {
		golden[83] = number
		if r, err := udpwire.ParseAnnounceRequest(golden); err != nil || r.Event != want {
			t.Errorf("event %d is read as %v, %v", number, r.Event, err)
		}
	}
}

func TestAnnounceResponseOverIPv4(t *testing.T) {
	golden := packet(t,
		"00000001",         // 32-bit action: 1, announce
		"1badcafe",         // 32-bit transaction_id
		"00000708",         // 32-bit interval
		"00000002",         // 32-bit leechers
		"00000001",         // 32-bit seeders
		"c0000201", "1ae1", // 32-bit IP address, 16-bit TCP port
		"c0000202", "1ae2",
	)
	peers := []netip.AddrPort{
		netip.MustParseAddrPort("192.0.2.1:6881"), netip.MustParseAddrPort("192.0.2.2:6882"),
	}
	checkAnnounceResponse(t, golden, peers, wire.IPv4)
}

// BEP 15: "IPv6 announces have the same structure as v4 ones, including the used
// action number except that the stride size of <IP address, TCP port> pairs in
// the response is 18 bytes instead of 6."
func TestAnnounceResponseOverIPv6(t *testing.T) {
	golden := packet(t,
		"00000001", "1badcafe", "00000708", "00000002", "00000001",
		"20010db8 00000000 00000000 00000001", "1ae1",
		"20010db8 00000000 00000000 00000002", "1ae2",
	)
	peers := []netip.AddrPort{
		netip.MustParseAddrPort("[2001:db8::1]:6881"), netip.MustParseAddrPort("[2001:db8::2]:6882"),
	}
	checkAnnounceResponse(t, golden, peers, wire.IPv6)
}

func checkAnnounceResponse(t *testing.T, golden []byte, peers []netip.AddrPort, f wire.Family) {
	t.Helper()
	r := udpwire.AnnounceResponse{TransactionID: 0x1badcafe, Interval: 1800, Leechers: 2, Seeders: 1}
	for _, a := range peers {
		r.Peers = wire.AppendPeer(r.Peers, a)
	}
	wantPacket(t, r.AppendTo(nil), golden)
	got, err := udpwire.ParseAnnounceResponse(golden)
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("parsed as %+v, %v", got, err)
	}
	if !slices.Equal(got.PeersOf(f), peers) {
		t.Errorf("peers are %v, want %v", got.PeersOf(f), peers)
	}
	// BEP 15: "Check whether the packet is at least 20 bytes."
	if _, err := udpwire.ParseAnnounceResponse(golden[:19]); !errors.Is(err, udpwire.ErrMalformed) {
		t.Errorf("19 bytes: %v", err)
	}
}

func TestScrapeRequest(t *testing.T) {
	golden := packet(t,
		"0123456789abcdef",       // 64-bit connection_id
		"00000002",               // 32-bit action: 2, scrape
		"1badcafe",               // 32-bit transaction_id
		strings.Repeat("aa", 20), // 20-byte info_hash
		strings.Repeat("bb", 20),
	)
	r := udpwire.ScrapeRequest{
		ConnectionID: 0x0123456789abcdef, TransactionID: 0x1badcafe,
		InfoHashes: []infohash.T{infohash.T(golden[16:36]), infohash.T(golden[36:56])},
	}
	wantPacket(t, r.AppendTo(nil), golden)
	got, err := udpwire.ParseScrapeRequest(golden, nil)
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("parsed as %+v, %v", got, err)
	}
	if _, err := udpwire.ParseScrapeRequest(golden[:35], nil); !errors.Is(err, udpwire.ErrMalformed) {
		t.Errorf("without a whole info-hash: %v", err)
	}
}

// BEP 15: "Up to about 74 torrents can be scraped at once."
func TestScrapeRequestIsCutAtSeventyFour(t *testing.T) {
	long := udpwire.ScrapeRequest{InfoHashes: make([]infohash.T, 90)}.AppendTo(nil)
	room := make([]infohash.T, 0, udpwire.MaxScrape)
	r, err := udpwire.ParseScrapeRequest(long, room)
	if err != nil || len(r.InfoHashes) != 74 || cap(r.InfoHashes) != cap(room) {
		t.Errorf("%d info-hashes, %v", len(r.InfoHashes), err)
	}
}

func TestScrapeResponse(t *testing.T) {
	golden := packet(t,
		"00000002",                         // 32-bit action: 2, scrape
		"1badcafe",                         // 32-bit transaction_id
		"00000001", "00000002", "00000003", // 32-bit seeders, completed, leechers
		"00000004", "00000005", "00000006",
	)
	r := udpwire.ScrapeResponse{TransactionID: 0x1badcafe, Counts: []udpwire.Counts{
		{Seeders: 1, Completed: 2, Leechers: 3}, {Seeders: 4, Completed: 5, Leechers: 6},
	}}
	wantPacket(t, r.AppendTo(nil), golden)
	got, err := udpwire.ParseScrapeResponse(golden)
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("parsed as %+v, %v", got, err)
	}
	if _, err := udpwire.ParseScrapeResponse(golden[:7]); !errors.Is(err, udpwire.ErrMalformed) {
		t.Errorf("7 bytes: %v", err)
	}
}

func TestErrorResponse(t *testing.T) {
	golden := packet(t,
		"00000003", // 32-bit action: 3, error
		"1badcafe", // 32-bit transaction_id
		hex.EncodeToString([]byte("the tracker is full")), // message
	)
	r := udpwire.ErrorResponse{TransactionID: 0x1badcafe, Message: "the tracker is full"}
	wantPacket(t, r.AppendTo(nil), golden)
	got, err := udpwire.ParseErrorResponse(golden)
	if err != nil || got != r {
		t.Errorf("parsed as %+v, %v", got, err)
	}
	got, err = udpwire.ParseErrorResponse(append(golden, make([]byte, 60000)...))
	if err != nil || len(got.Message) != 2048 {
		t.Errorf("a long message has %d bytes, %v", len(got.Message), err)
	}
}

// BEP 15: "Do not expect packets to be exactly of a certain size. Future
// extensions could increase the size of packets."
func TestLongerPacketsAreUnderstood(t *testing.T) {
	extra := []byte("from the future")
	connect := append(udpwire.ConnectRequest{TransactionID: 1}.AppendTo(nil), extra...)
	if r, err := udpwire.ParseConnectRequest(connect); err != nil || r.TransactionID != 1 {
		t.Errorf("connect request: %+v, %v", r, err)
	}
	answer := append(udpwire.ConnectResponse{TransactionID: 1, ConnectionID: 2}.AppendTo(nil), extra...)
	if r, err := udpwire.ParseConnectResponse(answer); err != nil || r.ConnectionID != 2 {
		t.Errorf("connect response: %+v, %v", r, err)
	}
	announce, want := announceGolden(t)
	if r, err := udpwire.ParseAnnounceRequest(append(announce, extra...)); err != nil || r.Port != want.Port {
		t.Errorf("announce request: %+v, %v", r, err)
	}
}

func TestPacketsOfAnotherActionAreRefused(t *testing.T) {
	golden, _ := announceGolden(t)
	golden[11] = 2
	if _, err := udpwire.ParseAnnounceRequest(golden); !errors.Is(err, udpwire.ErrMalformed) {
		t.Errorf("announce: %v", err)
	}
	if _, err := udpwire.ParseConnectRequest(golden); !errors.Is(err, udpwire.ErrMalformed) {
		t.Errorf("connect: %v", err)
	}
	golden[11] = 1
	if _, err := udpwire.ParseScrapeRequest(golden, nil); !errors.Is(err, udpwire.ErrMalformed) {
		t.Errorf("scrape: %v", err)
	}
	if _, err := udpwire.ParseErrorResponse(golden); !errors.Is(err, udpwire.ErrMalformed) {
		t.Errorf("error: %v", err)
	}
}

func TestEveryShortRequestIsRefused(t *testing.T) {
	golden, _ := announceGolden(t)
	for n := range golden {
		if _, err := udpwire.ParseAnnounceRequest(golden[:n]); !errors.Is(err, udpwire.ErrMalformed) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestParsingARequestDoesNotAllocate(t *testing.T) {
	announce, _ := announceGolden(t)
	announce = append(announce, udpwire.AppendOptions(nil, "/announce?passkey=1")...)
	connect := udpwire.ConnectRequest{TransactionID: 1}.AppendTo(nil)
	scrape := udpwire.ScrapeRequest{InfoHashes: make([]infohash.T, 74)}.AppendTo(nil)
	hashes, url := make([]infohash.T, 0, udpwire.MaxScrape), make([]byte, 0, 64)
	allocs := testing.AllocsPerRun(100, func() {
		_, err1 := udpwire.ParseConnectRequest(connect)
		r, err2 := udpwire.ParseAnnounceRequest(announce)
		url = r.URLData(url[:0])
		_, err3 := udpwire.ParseScrapeRequest(scrape, hashes)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
