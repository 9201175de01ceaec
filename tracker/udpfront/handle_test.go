package udpfront

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/memory"
	"p2p/tracker/udpwire"
)

var key = []byte("sixteen bytes of")

// newTestHandler returns a handler with a service of its own.
func newTestHandler(t testing.TB) *handler {
	t.Helper()
	h, err := newHandler(tracker.New(memory.New(memory.Options{}), tracker.Options{}), Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// answer returns the answer to a packet from source, in memory of its own.
func (h *handler) answer(packet []byte) []byte {
	return h.handle(context.Background(), nil, request{packet, source, h.now()})
}

var source = netip.MustParseAddrPort("192.0.2.1:5000")

// fill puts peers into one swarm and returns the announce of another.
func fill(t testing.TB, h *handler, peers int) []byte {
	t.Helper()
	crowd(t, h.service, peers)
	r := udpwire.AnnounceRequest{
		ConnectionID: h.ids.issue(h.now(), source.Addr()), InfoHash: infohash.T{1}, Left: 1, NumWant: 30, Port: 1,
	}
	packet := r.AppendTo(nil)
	got, err := udpwire.ParseAnnounceResponse(h.answer(packet))
	if err != nil || int(got.Leechers) != peers+1 || len(got.Peers) != 6*min(peers, 30) {
		t.Fatalf("announce: %+v, %v", got, err)
	}
	return packet
}

// crowd puts peers into the swarm {1}, each from an address of its own.
func crowd(t testing.TB, service *tracker.Service, peers int) {
	t.Helper()
	for n := range peers {
		_, err := service.Announce(context.Background(), tracker.Request{
			InfoHash: infohash.T{1}, PeerID: [20]byte{byte(n), byte(n >> 8), 1},
			Peer: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18 + byte(n>>16), byte(n >> 8), byte(n)}), 6881),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// refusing is a Policy that refuses everything.
type refusing struct{ tracker.Open }

var errClosed error = &tracker.Refusal{Reason: "closed on sundays"}

func (refusing) MayAnnounce(context.Context, tracker.Request) error { return errClosed }

func (refusing) MayScrape(context.Context, tracker.ScrapeRequest) error { return errClosed }

// Whoever sends the packets, and whatever they are: no garbage is left by them.
func TestNoPacketMakesTheHandlerAllocate(t *testing.T) {
	h := newTestHandler(t)
	closed, err := newHandler(tracker.New(memory.New(memory.Options{}), tracker.Options{Policy: refusing{}}), Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	announce := fill(t, h, 100)
	id := announce[:8]
	verified := func(action byte, rest int) []byte {
		return append(append(bytes.Clone(id), 0, 0, 0, action, 0, 0, 0, 0), make([]byte, rest)...)
	}
	portZero := bytes.Clone(announce)
	clear(portZero[96:98])
	url := udpwire.AppendOptions(nil, "/0123456789abcdefABCDEF0123456789/announce?"+strings.Repeat("x", 500))
	for name, packet := range map[string][]byte{
		"empty":                     {},
		"a connect":                 udpwire.ConnectRequest{}.AppendTo(nil),
		"an announce":               announce,
		"an announce with a url":    append(bytes.Clone(announce), url...),
		"a scrape":                  verified(2, 74*20),
		"an unverified announce":    bytes.Repeat([]byte{0, 0, 0, 1}, 30),
		"an announce that is short": verified(1, 80),
		"an announce of port 0":     portZero,
		"a scrape of nothing":       verified(2, 19),
		"an unknown action":         verified(9, 100),
	} {
		out := make([]byte, 0, maxAnswer)
		for who, h := range map[string]*handler{"open": h, "closed": closed} {
			r := request{packet, source, h.now()}
			if allocs := testing.AllocsPerRun(200, func() { h.handle(context.Background(), out, r) }); allocs != 0 {
				t.Errorf("%s, %s: %v allocations", name, who, allocs)
			}
		}
	}
}

// BEP 41: a tracker can serve several users "by using different request paths".
func TestThePasskeyIsReadFromTheURLOfTheOptions(t *testing.T) {
	const path = "/0123456789abcdefABCDEF0123456789/announce"
	for name, test := range map[string]struct {
		options []byte
		want    string
	}{
		"in one option":       {udpwire.AppendOptions(nil, path), path[1:33]},
		"in two options":      {udpwire.AppendOptions(udpwire.AppendOptions(nil, path[:20]), path[20:]), path[1:33]},
		"with a long query":   {udpwire.AppendOptions(nil, path+"?"+strings.Repeat("q", 600)), path[1:33]},
		"none":                {nil, ""},
		"a path without one":  {udpwire.AppendOptions(nil, "/announce"), ""},
		"longer than it says": {append([]byte{2, 200}, path...), ""},
		"after the end":       {append([]byte{0}, udpwire.AppendOptions(nil, path)...), ""},
	} {
		t.Run(name, func(t *testing.T) {
			asked := &asked{}
			h, err := newHandler(tracker.New(memory.New(memory.Options{}), tracker.Options{Policy: asked}), Options{})
			if err != nil {
				t.Fatal(err)
			}
			r := udpwire.AnnounceRequest{
				ConnectionID: h.ids.issue(h.now(), source.Addr()), Port: 1, Options: test.options,
				Uploaded: 3, Downloaded: math.MaxUint64,
			}
			if _, err := udpwire.ParseAnnounceResponse(h.answer(r.AppendTo(nil))); err != nil {
				t.Fatal(err)
			}
			if got := asked.request; got.Passkey.Reveal() != test.want || got.Uploaded != 3 || got.Downloaded != math.MaxInt64 {
				t.Errorf("passkey %q, %d up, %d down", got.Passkey.Reveal(), got.Uploaded, got.Downloaded)
			}
		})
	}
}

// asked is a Policy that remembers what it was asked.
type asked struct {
	tracker.Open
	request tracker.Request
}

func (a *asked) MayAnnounce(_ context.Context, r tracker.Request) error {
	a.request = r
	return nil
}

// A packet of any content, from an address that is verified or not, gets
// silence or an answer that fits, and an unverified one no more than it had.
func FuzzHandle(f *testing.F) {
	f.Add(udpwire.ConnectRequest{}.AppendTo(nil), false)
	f.Add(udpwire.AnnounceRequest{Port: 1, NumWant: -1}.AppendTo(nil), true)
	f.Add(udpwire.AnnounceRequest{Port: 1, Options: udpwire.AppendOptions(nil, "/"+strings.Repeat("k", 32)+"/announce")}.AppendTo(nil), true)
	f.Add(udpwire.AnnounceRequest{Port: 1, Options: bytes.Repeat([]byte{2, 255}, 900)}.AppendTo(nil), true)
	f.Add(udpwire.ScrapeRequest{InfoHashes: make([]infohash.T, 80)}.AppendTo(nil), true)
	h := newTestHandler(f)
	fill(f, h, 300)
	f.Fuzz(func(t *testing.T, packet []byte, verified bool) {
		packet = packet[:min(len(packet), maxPacket)]
		if verified && len(packet) >= 8 {
			id := udpwire.ConnectResponse{ConnectionID: h.ids.issue(h.now(), source.Addr())}.AppendTo(nil)
			packet = append(bytes.Clone(id[8:]), packet[8:]...)
		}
		before := bytes.Clone(packet)
		answer := h.answer(packet)
		if len(answer) > maxAnswer || (!verified && len(answer) > len(packet)) {
			t.Errorf("%d bytes are answered with %d", len(packet), len(answer))
		}
		if !bytes.Equal(packet, before) {
			t.Error("the packet was changed")
		}
	})
}

func BenchmarkHandle(b *testing.B) {
	for _, peers := range []int{2, 50, 10_000} {
		b.Run(fmt.Sprintf("announce to %d peers", peers), func(b *testing.B) {
			h := newTestHandler(b)
			benchmark(b, h, fill(b, h, peers))
		})
	}
	b.Run("connect", func(b *testing.B) {
		benchmark(b, newTestHandler(b), udpwire.ConnectRequest{}.AppendTo(nil))
	})
	b.Run("unverified", func(b *testing.B) {
		benchmark(b, newTestHandler(b), make([]byte, 98))
	})
}

func benchmark(b *testing.B, h *handler, packet []byte) {
	b.ReportAllocs()
	out, r := make([]byte, 0, maxAnswer), request{packet, source, h.now()}
	for b.Loop() {
		h.handle(context.Background(), out, r)
	}
}

// The handlers of several loops over one service: what they share is the store.
// Compare ns/op with -cpu 1,2.
func BenchmarkHandlersSideBySide(b *testing.B) {
	service := tracker.New(memory.New(memory.Options{}), tracker.Options{})
	crowd(b, service, 1000)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		h, err := newHandler(service, Options{Key: key})
		if err != nil {
			b.Error(err)
			return
		}
		rng := rand.New(rand.NewPCG(rand.Uint64(), 1))
		a := udpwire.AnnounceRequest{ConnectionID: h.ids.issue(h.now(), source.Addr()), Left: 1, NumWant: 30, Port: 1}
		packet, out, now := a.AppendTo(nil), make([]byte, 0, maxAnswer), h.now()
		for pb.Next() {
			binary.BigEndian.PutUint16(packet[16:], uint16(rng.IntN(1000))) // the info-hash
			h.handle(context.Background(), out, request{packet, source, now})
		}
	})
}
