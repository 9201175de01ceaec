package cluster

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"p2p/tracker/storetest"
)

// randomDelta is one that a node could send.
func randomDelta(rng *rand.Rand) delta {
	d := delta{
		hash: storetest.Hash(rng.IntN(100)), peer: storetest.Addr4(rng.IntN(1000)), identity: rng.Uint32(),
		age: uint16(rng.Uint32()), seed: rng.IntN(2) == 0,
	}
	if rng.IntN(2) == 0 {
		d.peer = storetest.Addr6(rng.IntN(1000))
	}
	switch rng.IntN(4) {
	case 0:
		d.stopped = true
	case 1:
		d.completion = rng.Uint32() | 1
	}
	return d
}

func TestDeltasAreReadAsTheyWereWritten(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var all []delta
	var b []byte
	for range 500 {
		d := randomDelta(rng)
		all, b = append(all, d), d.append(b)
	}
	for i, want := range all {
		d, rest, ok := parseDelta(b)
		if !ok || d != want {
			t.Fatalf("delta %d is read as %+v, %v; want %+v", i, d, ok, want)
		}
		b = rest
	}
	if len(b) != 0 {
		t.Errorf("%d bytes are left over", len(b))
	}
}

// randomRetold is one that a node could send.
func randomRetold(rng *rand.Rand) retold {
	r := retold{
		completion{incarnation(rng.Uint64()), rng.Uint32() | 1},
		finisher{storetest.Hash(rng.IntN(100)), storetest.Addr4(rng.IntN(1000))}, rng.IntN(2) == 0,
	}
	if rng.IntN(2) == 0 {
		r.peer = storetest.Addr6(rng.IntN(1000))
	}
	return r
}

func TestRetoldsAreReadAsTheyWereWritten(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 500 {
		want := randomRetold(rng)
		b := want.append(nil)
		r, rest, ok := parseRetold(append(b, 'x'))
		if !ok || r != want || string(rest) != "x" || len(b) > maxRetold {
			t.Fatalf("%d bytes are read as %+v, %q, %v; want %+v", len(b), r, rest, ok, want)
		}
		if _, _, ok := parseRetold(b[:rng.IntN(len(b))]); ok {
			t.Fatal("a part of one is read")
		}
		if d, _, ok := parseDelta(b); ok { // by a node that does not know them yet
			t.Fatalf("it is read as %+v", d)
		}
		if clear(b[len(b)-4:]); func() bool { _, _, ok := parseRetold(b); return ok }() {
			t.Fatal("one without a number is read")
		}
	}
}

func TestADeltaIsSmall(t *testing.T) {
	for _, test := range []struct {
		d    delta
		size int
	}{
		{delta{peer: storetest.Addr4(1)}, 33},
		{delta{peer: storetest.Addr6(1)}, 45},
		{delta{peer: storetest.Addr6(1), completion: 1}, maxDelta},
	} {
		if got := len(test.d.append(nil)); got != test.size {
			t.Errorf("%+v takes %d bytes, want %d", test.d, got, test.size)
		}
	}
}

func TestDeltasThatNoNodeSendsAreRefused(t *testing.T) {
	good := delta{hash: storetest.Hash(1), peer: storetest.Addr4(1), completion: 7}
	change := func(edit func([]byte)) []byte {
		b := good.append(nil)
		edit(b)
		return b
	}
	long := good.append(nil)
	for name, b := range map[string][]byte{
		"nothing":                 nil,
		"an unknown flag":         change(func(b []byte) { b[0] |= flagsEnd }),
		"port 0":                  change(func(b []byte) { b[25], b[26] = 0, 0 }),
		"no address":              change(func(b []byte) { copy(b[21:], "\x00\x00\x00\x00") }),
		"a multicast address":     change(func(b []byte) { b[21] = 224 }),
		"a completion without id": change(func(b []byte) { clear(b[len(b)-4:]) }),
		"left and completed":      change(func(b []byte) { b[0] |= flagStopped }),
		"cut short":               long[:len(long)-1],
		"an address in disguise":  delta{peer: netip.AddrPortFrom(netip.AddrFrom16(netip.MustParseAddr("::ffff:10.0.0.1").As16()), 1)}.mapped(),
	} {
		if d, _, ok := parseDelta(b); ok {
			t.Errorf("%s is read as %+v", name, d)
		}
	}
}

// mapped writes the address of d as IPv6 even where it is IPv4 in disguise.
func (d delta) mapped() []byte {
	b := append([]byte{flagIPv6}, d.hash[:]...)
	ip := d.peer.Addr().As16()
	b = append(append(b, ip[:]...), 0, 1)
	return append(b, make([]byte, 6)...)
}

func TestMessagesAreReadAsTheyWereWritten(t *testing.T) {
	h := header{kindHello, 7, 8, 9}
	m := hello{uptime: 1, peers: 2, swarms: 3, synced: true, label: "tracker.example:6969"}
	got, rest, ok := parseHeader(m.append(h.append(nil)))
	if !ok || got != h {
		t.Errorf("the header is read as %+v, %v", got, ok)
	}
	if got, ok := parseHello(rest); !ok || got != m {
		t.Errorf("the hello is read as %+v, %v", got, ok)
	}
	r := syncRequest{10, 11}
	if got, ok := parseSyncRequest(r.append(nil)); !ok || got != r {
		t.Errorf("the request is read as %+v, %v", got, ok)
	}
	p := syncPart{part: 1, parts: 2, piece: 3, last: true}
	if got, deltas, ok := parseSyncPart(append(p.append(nil), 'x')); !ok || got != p || string(deltas) != "x" {
		t.Errorf("the part is read as %+v, %q, %v", got, deltas, ok)
	}
}

func TestMessagesOfAnotherVersionAreNotRead(t *testing.T) {
	b := header{kindHello, 7, 8, 9}.append(nil)
	b[0]++
	if h, _, ok := parseHeader(b); ok {
		t.Errorf("read as %+v", h)
	}
}

func TestALabelIsPrintable(t *testing.T) {
	for _, label := range []string{"with blank", "line\nbreak", "\x1b[31m", strings.Repeat("x", maxLabel+1), "é"} {
		if m, ok := parseHello(hello{label: label}.append(nil)); ok {
			t.Errorf("%q is read as %+v", label, m)
		}
	}
}

// FuzzMessages reads what comes from the network as each kind of message.
// Whatever is accepted is written again as it was.
func FuzzMessages(f *testing.F) {
	h := header{kindDeltas, 7, 8, 9}
	rng := rand.New(rand.NewPCG(1, 1))
	f.Add(randomDelta(rng).append(randomDelta(rng).append(h.append(nil))))
	f.Add(hello{1, 2, 3, true, "label"}.append(h.append(nil)))
	f.Add(syncRequest{1, 2}.append(h.append(nil)))
	f.Add(randomDelta(rng).append(syncPart{1, 2, 3, true}.append(h.append(nil))))
	f.Add(randomRetold(rng).append(randomDelta(rng).append(syncPart{1, 2, 3, true}.append(h.append(nil)))))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, rest, ok := parseHeader(b)
		if !ok {
			return
		}
		if !bytes.HasPrefix(b, h.append(nil)) {
			t.Errorf("the header is read as %+v", h)
		}
		if m, ok := parseHello(rest); ok && !bytes.Equal(m.append(nil), rest) {
			t.Errorf("the hello is read as %+v", m)
		}
		if m, ok := parseSyncRequest(rest); ok && !bytes.Equal(m.append(nil), rest) {
			t.Errorf("the request is read as %+v", m)
		}
		deltas := rest
		if m, more, ok := parseSyncPart(rest); ok {
			if deltas = more; !bytes.Equal(append(m.append(nil), more...), rest) {
				t.Errorf("the part is read as %+v", m)
			}
		}
		for len(deltas) > 0 {
			if r, more, ok := parseRetold(deltas); ok {
				if !bytes.Equal(r.append(nil), deltas[:len(deltas)-len(more)]) {
					t.Errorf("the completion is read as %+v", r)
				}
				deltas = more
				continue
			}
			d, more, ok := parseDelta(deltas)
			if !ok {
				return
			}
			if !bytes.Equal(d.append(nil), deltas[:len(deltas)-len(more)]) {
				t.Errorf("the delta is read as %+v", d)
			}
			deltas = more
		}
	})
}
