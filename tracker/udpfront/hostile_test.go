package udpfront

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/memory"
	"p2p/tracker/udpwire"
)

// A tracker that answers forged packets with more than they had is a weapon:
// those that check no connection id multiply by five, those that send errors
// for wrong ones by two.
func TestUnverifiedTrafficIsNeverAmplified(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	h := newTestHandler(t)
	fill(t, h, 300)
	in, out := 0, 0
	for range 20_000 {
		packet := make([]byte, rng.IntN(300))
		for i := range packet {
			packet[i] = byte(rng.Uint32())
		}
		if len(packet) >= udpwire.HeaderSize {
			if rng.IntN(2) == 0 {
				binary.BigEndian.PutUint64(packet, udpwire.ProtocolID)
			}
			binary.BigEndian.PutUint32(packet[8:], uint32(rng.IntN(5)))
		}
		answer := h.answer(packet)
		if len(answer) > len(packet) || len(answer) > udpwire.ConnectSize {
			t.Fatalf("%x is answered with %d bytes", packet, len(answer))
		}
		in, out = in+len(packet), out+len(answer)
	}
	if out == 0 || out > in {
		t.Errorf("%d bytes are answered with %d", in, out)
	}
}

// An id that is guessed lets a forger announce for others.
func TestNoIDIsAcceptedThatIsOneBitOff(t *testing.T) {
	h := newTestHandler(t)
	now := h.now()
	for _, addr := range []string{"192.0.2.1", "2001:db8::1"} {
		addr := netip.MustParseAddr(addr)
		id := h.ids.issue(now, addr)
		for bit := range 64 {
			if h.ids.valid(id^1<<bit, now, addr) {
				t.Errorf("%v: bit %d of the id does not matter", addr, bit)
			}
		}
	}
}

func TestRandomIDsAreNotAccepted(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	h := newTestHandler(t)
	now := h.now()
	for range 200_000 {
		if id := rng.Uint64(); h.ids.valid(id, now, source.Addr()) {
			t.Fatalf("%#x is accepted", id)
		}
	}
}

// Whoever can choose his clock or his port gets no further with an id than the
// one it was given to.
func TestAnIDIsOfUseToItsAddressOnly(t *testing.T) {
	h := newTestHandler(t)
	now := h.now()
	owner := netip.MustParseAddr("192.0.2.1")
	id := h.ids.issue(now, owner)
	for _, other := range []string{"192.0.2.2", "193.0.2.1", "2001:db8::c000:201", "::", "::192.0.2.1"} {
		if h.ids.valid(id, now, netip.MustParseAddr(other)) {
			t.Errorf("the id of %v is good for %s", owner, other)
		}
	}
}

func TestIDsAreAcceptedForTenMinutesAndNeverFromTheFuture(t *testing.T) {
	h := newTestHandler(t)
	start := time.Unix(1_800_000_000, 0)
	for offset := time.Duration(0); offset < 25*time.Minute; offset += 50 * time.Second {
		issued := start.Add(offset)
		id := h.ids.issue(issued, source.Addr())
		for age := -30 * time.Minute; age <= 30*time.Minute; age += 10 * time.Second {
			got := h.ids.valid(id, issued.Add(age), source.Addr())
			switch {
			case age >= 0 && age <= 10*time.Minute && !got:
				t.Fatalf("an id of %v is refused after %v", offset, age)
			case (age <= -5*time.Minute || age >= 15*time.Minute) && got:
				t.Fatalf("an id of %v is accepted after %v", offset, age)
			}
		}
	}
}

// Loops that share a port share the key: a client whose NAT gives every packet
// another port reaches another loop each time, and after a restart another process.
func TestIDsOfOneKeyAreGoodEverywhere(t *testing.T) {
	a, b := newTestHandler(t), newTestHandler(t)
	now := time.Unix(1_800_000_299, 0)
	id := a.ids.issue(now, source.Addr())
	if !b.ids.valid(id, now.Add(2*time.Second), source.Addr()) {
		t.Error("refused")
	}
	c, err := newConnectionIDs(nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.valid(id, now, source.Addr()) {
		t.Error("an id of another key is accepted")
	}
}

// Port 0 cannot be answered, and in an announce cannot be connected to.
func TestPortZeroIsNobody(t *testing.T) {
	h := newTestHandler(t)
	packet := fill(t, h, 3)
	nobody := request{packet, netip.AddrPortFrom(source.Addr(), 0), h.now()}
	if got := h.handle(context.Background(), nil, nobody); len(got) != 0 {
		t.Errorf("a packet from port 0 is answered with %x", got)
	}
	none := request{packet, netip.AddrPort{}, h.now()}
	if got := h.handle(context.Background(), nil, none); len(got) != 0 {
		t.Errorf("a packet from nowhere is answered with %x", got)
	}
	before := h.service.Stats().Tally
	clear(packet[96:98])
	if got, err := udpwire.ParseErrorResponse(h.answer(packet)); err != nil {
		t.Errorf("an announce of port 0 is answered with %+v, %v", got, err)
	}
	if after := h.service.Stats().Tally; after != before {
		t.Errorf("the store has changed: %+v", after)
	}
}

// Every length of an announce that is cut short, from a client that is verified.
func TestACutAnnounceChangesNothing(t *testing.T) {
	h := newTestHandler(t)
	packet := fill(t, h, 3)
	clear(packet[16:36]) // another torrent
	before := h.service.Stats().Tally
	for n := range udpwire.AnnounceRequestSize {
		answer := h.answer(packet[:n])
		if n < udpwire.HeaderSize {
			if len(answer) != 0 {
				t.Errorf("%d bytes are answered", n)
			}
			continue
		}
		if r, err := udpwire.ParseErrorResponse(answer); err != nil || !strings.HasPrefix(r.Message, "malformed packet") {
			t.Errorf("%d bytes: %+v, %v", n, r, err)
		}
	}
	if after := h.service.Stats().Tally; after != before {
		t.Errorf("the store has changed: %+v", after)
	}
}

func TestNoOptionsMakeAnAnnounceFail(t *testing.T) {
	h := newTestHandler(t)
	packet := fill(t, h, 3)
	for name, options := range map[string][]byte{
		"a length beyond the end":    {2, 255, '/'},
		"no length":                  {2},
		"nothing but no-ops":         bytes.Repeat([]byte{1}, maxPacket-len(packet)),
		"nothing but empty urls":     bytes.Repeat([]byte{2, 0}, 900),
		"urls to the end":            bytes.Repeat(append([]byte{2, 255}, make([]byte, 255)...), 7),
		"unknown ones":               bytes.Repeat([]byte{200, 1, 0}, 600),
		"an unknown one, cut short":  {9, 200, 2, 1, 'a'},
		"a passkey that never ends":  append([]byte{2, 255, '/'}, bytes.Repeat([]byte{'k'}, 254)...),
		"a passkey of control bytes": append([]byte{2, 42, '/'}, bytes.Repeat([]byte{0x1b}, 41)...),
	} {
		answer := h.answer(append(bytes.Clone(packet), options...))
		if r, err := udpwire.ParseAnnounceResponse(answer); err != nil || r.Leechers != 4 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestUnknownActionsOfVerifiedClientsAreErrorsThatDoNotRepeatThem(t *testing.T) {
	h := newTestHandler(t)
	packet := append(fill(t, h, 3), bytes.Repeat([]byte("<script>"), 100)...)
	for _, action := range []uint32{3, 4, 255, 1 << 31, 1<<32 - 1} {
		binary.BigEndian.PutUint32(packet[8:], action)
		answer := h.answer(packet)
		r, err := udpwire.ParseErrorResponse(answer)
		if err != nil || r.Message != "malformed packet: unknown action" || len(answer) > len(packet) {
			t.Errorf("action %d: %+v, %v", action, r, err)
		}
	}
}

// BEP 15: "Up to about 74 torrents can be scraped at once."
func TestAScrapeOfTooMuchIsCut(t *testing.T) {
	h := newTestHandler(t)
	id := h.ids.issue(h.now(), source.Addr())
	for _, n := range []int{1, 74, 75, 101} {
		packet := udpwire.ScrapeRequest{ConnectionID: id, InfoHashes: make([]infohash.T, n)}.AppendTo(nil)
		answer := h.answer(packet)
		r, err := udpwire.ParseScrapeResponse(answer)
		if err != nil || len(r.Counts) != min(n, 74) || len(answer) > len(packet) {
			t.Errorf("%d torrents: %d counts in %d bytes, %v", n, len(r.Counts), len(answer), err)
		}
	}
}

// broken is a Policy in trouble.
type broken struct{ tracker.Open }

func (broken) MayAnnounce(context.Context, tracker.Request) error {
	return errors.New("the disk is gone")
}

// A log that grows with every packet is a way to fill a disk.
func TestTroubleIsLoggedOnceASecond(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	h, err := newHandler(tracker.New(memory.New(memory.Options{}), tracker.Options{Policy: broken{}}), Options{Log: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	packet := udpwire.AnnounceRequest{ConnectionID: h.ids.issue(now, source.Addr()), Port: 1}.AppendTo(nil)
	for n := range 5000 {
		at := now.Add(time.Duration(n) * time.Millisecond)
		if r, err := udpwire.ParseErrorResponse(h.handle(t.Context(), nil, request{packet, source, at})); err != nil || r.Message != "internal error" {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if logs.Len() != 5 {
		t.Errorf("%d lines in five seconds", logs.Len())
	}
}
