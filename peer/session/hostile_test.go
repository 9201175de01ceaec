package session_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"p2p/peer/session"
	"p2p/peer/wire"
	"p2p/piece"
)

// The tests of this file are about peers that keep to the letter of the
// protocol and still do harm.

// A peer that answers all requests but one keeps that block from everybody, and
// the memory of its span with it.
func TestARequestThatIsLeftToLieIsAskedOfOthers(t *testing.T) {
	r := connect(t, options{pieces: 40, blocks: 1})
	r.hears("bitfield ffffffffff", "interested")
	r.events("unchoke")
	hostage := r.asked[0]
	r.drip(10*time.Second, hostage)
	got := r.queue.Next(8, r.conn.PeerHas(), 0, 40, nil)
	if !slices.Contains(got, hostage) {
		t.Fatalf("another peer is not asked for the block: %v", got)
	}
	if r.conn.Snubbed() {
		t.Fatal("a peer that sends something every second is taken to snub us")
	}
}

// Three who do that could keep it from a fourth.
func TestARequestThatIsLeftToLieForLongIsTakenBack(t *testing.T) {
	r := connect(t, options{pieces: 300, blocks: 1, fast: true})
	r.hears("have-all", "interested")
	r.events("unchoke")
	hostage := r.asked[0]
	r.drip(119*time.Second, hostage)
	if len(r.taken) > 0 {
		t.Fatalf("%v were taken back early", r.taken)
	}
	r.drip(2*time.Second, hostage)
	if !slices.Contains(r.taken, hostage) {
		t.Fatal("the request is still out after two minutes")
	}
}

// drip lets the peer answer one request a second, but never that for hostage.
func (r *rig) drip(d time.Duration, hostage piece.Block) {
	r.t.Helper()
	for end := r.now.Add(d); r.now.Before(end); {
		for range 2 {
			r.now = r.now.Add(500 * time.Millisecond)
			events, err := r.conn.Tick(r.now, nil)
			if err != nil {
				r.t.Fatal(err)
			}
			r.note(events)
		}
		at := slices.IndexFunc(r.asked, func(b piece.Block) bool { return b != hostage })
		if at < 0 {
			r.t.Fatal("nothing is asked for")
		}
		r.arrives(r.asked[at])
		r.note(r.conn.Fill(r.now, nil))
	}
}

// A fluttering peer makes us ask for a pipeline of blocks each time, for ten
// bytes of its own.
func TestAPeerThatFluttersIsAskedOnceASecond(t *testing.T) {
	for _, fast := range []bool{false, true} {
		r := connect(t, options{pieces: 64, blocks: 4, fast: fast})
		r.events("bitfield ffffffffffffffff")
		asked := 0
		for range 1000 {
			r.now = r.now.Add(10 * time.Millisecond)
			for _, e := range r.events("unchoke") {
				if e.Kind == session.Ask {
					asked++
				}
			}
			r.events("choke")
			for len(r.asked) > 0 {
				r.events("reject " + r.short(r.asked[0]))
			}
		}
		if asked > 11*16 {
			t.Errorf("%d requests in ten seconds", asked)
		}
	}
}

// A peer that unchokes us and rejects everything would take blocks out of the
// queue for a round trip each time.
func TestAPeerThatRejectsEverythingIsAskedLessAndLess(t *testing.T) {
	r := connect(t, options{pieces: 4, fast: true})
	r.hears("have-all", "interested")
	r.events("unchoke")
	asked := 0
	for range 2 * 600 {
		for len(r.asked) > 0 {
			asked++
			r.events("reject " + r.short(r.asked[0]))
		}
		r.now = r.now.Add(500 * time.Millisecond)
		if r.now.Unix()%60 == 0 {
			r.events("keep-alive")
		}
		events, err := r.conn.Tick(r.now, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.note(events)
	}
	if rounds := asked / 8; rounds > 17 {
		t.Errorf("asked %d times in ten minutes", rounds)
	}
}

// On a slow line the answers to what was cancelled come in for a long time: the
// peer is not stalled.
func TestAnswersToWhatWasTakenBackAreSignsOfLife(t *testing.T) {
	r := connect(t, options{pieces: 4, fast: true})
	r.hears("have-all", "interested")
	r.events("unchoke")
	first := r.asked[0]
	for range 7 {
		r.note(r.conn.Cancel(r.now, r.asked[1], nil))
	}
	for range 5 {
		r.passes(20 * time.Second)
		if err := r.conn.Unasked(r.now, 1<<14); err != nil || r.err != nil {
			t.Fatal(err, r.err)
		}
	}
	if r.asked[0] != first {
		t.Fatal("the last request is not out any more")
	}
}

// A block that was taken back while it was coming in, and asked for again, has
// two answers; its place is good for one.
func TestASecondAnswerIsForgotten(t *testing.T) {
	r := connect(t, options{pieces: 1})
	r.hears("bitfield 80", "interested")
	r.hears("unchoke", "request 0/0", "request 0/1")
	r.now = r.now.Add(2 * time.Second)
	r.hears("choke", "forget 0/0", "forget 0/1")
	r.hears("unchoke", "request 0/0", "request 0/1")
	r.arrives(r.block("0/0"))
	r.does("it may come again", r.conn.Again(r.block("0/0"), nil), "forget 0/0")
	r.passes(50 * time.Second)
	r.arrives(r.block("0/1")) // however slowly it comes
	r.does("it may come again", r.conn.Again(r.block("0/1"), nil), "forget 0/1")
	if err := r.conn.Unasked(r.now, 1<<14); err != nil {
		t.Fatal(err)
	}
}

// Unchoke messages do not reset the clock of a peer that was asked and sends
// nothing.
func TestUnchokesDoNotKeepAStallingPeerAlive(t *testing.T) {
	r := connect(t, options{pieces: 1, fast: true})
	r.hears("have-all", "interested")
	r.hears("unchoke", "request 0/0", "request 0/1")
	for range 61 {
		r.passes(time.Second)
		if r.err == nil {
			r.hears("choke")
			r.hears("unchoke")
		}
	}
	r.closed("sent none for a minute")
}

// In end game two peers are asked for the same block. When the one that came
// second was dropped because the first was just coming in, it must not be asked
// for again and again while that one comes in slowly.
func TestABlockThatWasMissedIsNotAskedForAgainAtOnce(t *testing.T) {
	r := connect(t, options{pieces: 1, blocks: 1})
	r.hears("bitfield 80", "interested")
	slow := r.queue.Next(8, r.conn.PeerHas(), 0, 1, nil)
	if len(slow) != 1 {
		t.Fatal("the slow peer was asked for nothing")
	}
	r.hears("unchoke", "request 0/0")
	r.conn.Missed(r.now, r.block("0/0"))
	r.does("fill", r.conn.Fill(r.now, nil))
	if r.conn.Outstanding() != 0 || r.conn.Hungry(r.now) {
		t.Fatal("it would be asked for again")
	}
	r.passes(500*time.Millisecond, "request 0/0") // but it is not given up
}

// A peer that never answers its oldest request and all others must not make the
// list of requests grow, nor each answer cost more than the last.
func TestAnsweringOutOfOrderCostsNoMore(t *testing.T) {
	l := newLine(t, line{rate: 1 * mb, rtt: 10 * ms})
	thousand := func() time.Duration {
		begin := time.Now()
		for range 1000 {
			l.now = l.now.Add(10 * time.Microsecond)
			l.conn.Arrived(l.now, l.way[1].block)
			l.way = slices.Delete(l.way, 1, 2)
			l.carry(l.conn.Fill(l.now, nil))
		}
		return time.Since(begin)
	}
	least := func() time.Duration { // other programs make some take longer
		least := thousand()
		for range 4 {
			least = min(least, thousand())
		}
		return least
	}
	first := least()
	for range 40 {
		thousand()
	}
	if last := least(); last > 10*first {
		t.Errorf("at first a thousand blocks take %v, later %v", first, last)
	}
}

// Each bitfield in place of another makes us count pieces anew.
func TestAPeerMayNotChangeItsMindForEver(t *testing.T) {
	r := connect(t, options{pieces: 8})
	r.events("bitfield ff")
	for range 4 {
		r.hears("bitfield f0")
		if r.err != nil {
			break
		}
		r.events("bitfield ff")
	}
	r.closed("takes back again and again")

	r = connect(t, options{pieces: 64, blocks: 1}) // one that only adds may go on
	bits := make([]byte, 8)
	for n := range 64 {
		bits[n/8] |= 0x80 >> (n % 8)
		r.events(fmt.Sprintf("bitfield %x", bits))
		if r.err != nil || r.conn.PeerHas().Count() != n+1 {
			t.Fatalf("%v, %d pieces after %d bitfields", r.err, r.conn.PeerHas().Count(), n+1)
		}
	}
	if r.queue.Seeds() != 1 || r.queue.Unavailable() != 0 {
		t.Fatalf("%d seeds, %d unavailable", r.queue.Seeds(), r.queue.Unavailable())
	}
	r.conn.Close()
	if r.queue.Seeds() != 0 || r.queue.Unavailable() != 64 {
		t.Fatalf("after it has gone: %d seeds, %d unavailable", r.queue.Seeds(), r.queue.Unavailable())
	}
}

// What a peer makes us remember is bounded, whatever it sends.
func TestRequestsThatWaitAreBounded(t *testing.T) {
	r := connect(t, options{pieces: 1, have: []int{0}, fast: true})
	r.conn.SetChoking(r.now, false, nil)
	rejected := 0
	for range 2300 {
		for _, e := range r.events("request 0/0") {
			if e.Kind == session.Send && e.Msg.ID == wire.Reject {
				rejected++
			}
		}
	}
	if want := 2300 - session.OurReqQ - 2; rejected != want {
		t.Fatalf("%d of 2300 requests were rejected, want %d", rejected, want)
	}
}

// FuzzConn feeds a connection with messages, blocks and time as a stranger might
// choose them. It must not panic, each input must lead to a bounded number of
// events, and once it is closed the queue must be as if it had never been.
func FuzzConn(f *testing.F) {
	f.Add(uint64(1), []byte{0xf0, 0, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Add(uint64(2), []byte("\x05\x01\x06\x07\x02\x07\x10\x11\x0e\x0f\x14\x04\x09"))
	f.Add(uint64(3), []byte("\x0e\x01\x20\x20\x20\x21\x22\x00\x01\x23\x24\x25"))
	f.Fuzz(func(t *testing.T, seed uint64, script []byte) {
		if len(script) > 2000 {
			return
		}
		r := connect(t, options{pieces: 5, blocks: 3, have: []int{1}, fast: seed&1 == 0, extended: seed&2 == 0})
		rng := rand.New(rand.NewPCG(seed, 0))
		r.note(r.conn.Open(r.now, nil))
		for _, op := range script {
			if r.err != nil {
				break
			}
			if n := len(r.step(op, rng)); n > 300 {
				t.Fatalf("%d events from one input", n)
			}
			if r.conn.Outstanding() != len(r.asked) {
				t.Fatalf("%d requests are out, %d were sent", r.conn.Outstanding(), len(r.asked))
			}
			if d := r.conn.Depth(); d < 1 || d > 16384 {
				t.Fatalf("depth %d", d)
			}
		}
		r.conn.Close()
		everything := piece.NewBitfield(5)
		everything.SetAll()
		free := r.queue.Next(99, everything, 0, 100, nil)
		for _, b := range free {
			r.queue.Arrived(99, b)
		}
		for i := range everything.All() {
			if r.queue.Needs(i) { // panics unless every block was free or had arrived
				r.queue.Verified(i, true, nil)
			}
		}
		if !r.queue.Done() {
			t.Fatal("the queue cannot be finished")
		}
	})
}

// step does one thing that a peer, or we, may do.
func (r *rig) step(op byte, rng *rand.Rand) []session.Event {
	any32 := func() uint32 {
		return []uint32{0, 1, 2, 4, 5, 16384, 16385, 32768, 1 << 31, 1<<32 - 1, rng.Uint32()}[rng.IntN(11)]
	}
	var events []session.Event
	switch {
	case op < 0x18:
		m := wire.Message{ID: wire.ID(op), Index: any32(), Begin: any32(), Length: any32()}
		switch m.ID {
		case wire.Piece:
			m.ID = wire.KeepAlive
		case wire.Bitfield:
			m.Payload = [][]byte{{0xf8}, {0x50}, {0x01}, {}, {0, 0}}[rng.IntN(5)]
		case wire.Extended:
			m.ExtID = uint8(rng.IntN(2))
			m.Payload = [][]byte{[]byte("d4:reqqi1ee"), []byte("de"), []byte("x"), []byte("d4:reqqi99999999ee")}[rng.IntN(4)]
		}
		events, r.err = r.conn.Handle(r.now, m, nil)
	case op < 0x40 && len(r.asked) > 0:
		b := r.asked[rng.IntN(len(r.asked))]
		r.drop(b)
		if op&1 == 0 {
			if p := r.conn.Arrived(r.now, b); p.Piece {
				r.queue.Verified(b.Piece, op&2 == 0, nil)
			}
		} else {
			r.conn.Missed(r.now, b)
		}
		events = r.conn.Fill(r.now, nil)
	case op < 0x50:
		r.err = r.conn.Unasked(r.now, 1<<14)
	case op < 0x60:
		events = r.conn.SetChoking(r.now, op&1 == 0, nil)
	case op < 0x70 && len(r.asked) > 0:
		events = r.conn.Cancel(r.now, r.asked[0], nil)
		r.queue.Return(key, r.asked[0])
	default:
		r.now = r.now.Add(time.Duration(op) * time.Duration(op) * time.Millisecond)
		events, r.err = r.conn.Tick(r.now, nil)
	}
	r.note(events)
	return events
}

// The queue must not be left with anything of a peer that has gone, however it
// went.
func TestACloseTakesEverythingBack(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		script := make([]byte, 200)
		for i := range script {
			script[i] = byte(rng.Uint32())
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := connect(t, options{pieces: 9, blocks: 2, have: []int{1}, fast: seed&1 == 0, extended: seed&2 == 0})
			for _, op := range script {
				if r.err == nil {
					r.step(op, rng)
				}
			}
			r.conn.Close()
			if n := r.queue.Unavailable(); n != r.queue.Left() || r.queue.Seeds() != 0 {
				t.Fatalf("%d of %d pieces are unavailable and %d seeds are there, with nobody connected", n, r.queue.Left(), r.queue.Seeds())
			}
		})
	}
}
