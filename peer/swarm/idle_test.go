package swarm_test

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"time"

	"p2p/peer/session"
	"p2p/peer/swarm"
	"p2p/peer/wire"
	"p2p/piece"
)

// A booth is a seed with a line of its own, and peers that are interested, some
// of which never ask for anything.
type booth struct {
	*desk
	guests map[piece.PeerKey]*guest
	order  []*guest
	turns  []turn // that are over
	line   int    // bytes in a step, of those who have sockets
	blind  bool   // the system does not tell what sockets take
	began  time.Time
	first  int // in turn, who is served first
}

// turn is one that is over.
type turn struct {
	of   *guest
	took time.Duration
}

type guest struct {
	key      piece.PeerKey
	rtt      time.Duration
	asks     bool
	most     int       // requests in a turn; 0 = as many as it takes
	deaf     bool      // it never reads
	room     int       // blocks that its socket still takes then
	moved    time.Time // when it took something last, or had nothing to take
	socket   *socket   // what is sent to it goes through; nil = straight to it
	turn     int       // requests in this turn
	open     time.Time // when requests of its turn begin to arrive; zero = it is choked
	asked    int       // requests without an answer
	writing  int       // blocks with the writer
	got      int       // blocks
	choked   int       // times
	unserved int       // turns that ended without a block
	before   int       // blocks got before this turn
}

const (
	boothStep = 100 * time.Millisecond
	boothLine = 60 // blocks per step: 9.8 MB/s
)

func newBooth(t *testing.T) *booth {
	const pieces = 16
	all := make([]int, pieces)
	for n := range all {
		all[n] = n
	}
	d := newDeskOf(t, swarm.Config{PeerID: [20]byte{1}, MaxPeers: 300}, pieces, all...)
	return &booth{desk: d, guests: map[piece.PeerKey]*guest{}, began: d.now}
}

// enter lets n peers come.
func (b *booth) enter(n int, asks bool, rtt time.Duration) []*guest {
	b.t.Helper()
	var came []*guest
	for range n {
		key, err := b.join(peer(byte(len(b.order)+2), false))
		if err != nil {
			b.t.Fatal(err)
		}
		g := &guest{key: key, asks: asks, rtt: rtt}
		b.guests[key] = g
		b.order = append(b.order, g)
		came = append(came, g)
		b.does(func(now time.Time) {
			b.Handle(now, key, wire.Message{ID: wire.HaveNone})
			b.Handle(now, key, wire.Message{ID: wire.Interested})
		})
	}
	return came
}

// does is a step that tells the guests what came of it.
func (b *booth) does(do func(now time.Time)) {
	b.t.Helper()
	b.step(do)
	for _, e := range b.effects {
		g := b.guests[e.Peer]
		switch {
		case e.Kind == swarm.Close:
			b.t.Fatalf("peer %d is closed: %v", e.Peer, e.Err)
		case e.Kind != swarm.Do:
		case e.Event.Kind == session.Serve:
			g.writing++
		case e.Event.Kind == session.Send && e.Event.Msg.ID == wire.Unchoke:
			g.open, g.before, g.turn = b.now.Add(g.rtt), g.got, 0
		case e.Event.Kind == session.Send && e.Event.Msg.ID == wire.Choke:
			b.turns = append(b.turns, turn{g, b.now.Sub(g.open) + g.rtt})
			g.open, g.asked = time.Time{}, g.writing
			g.choked++
			if g.got == g.before {
				g.unserved++
			}
		}
	}
}

// runs lets time pass: the guests ask, and the line goes round among those who do.
func (b *booth) runs(d time.Duration) {
	b.t.Helper()
	for end := b.now.Add(d); b.now.Before(end); {
		b.now = b.now.Add(boothStep)
		b.does(b.askAll)
		b.drip()
		for left := boothLine; left > 0; {
			before := left
			b.does(func(now time.Time) { left = b.serveAll(now, left) })
			if left == before {
				break
			}
		}
		if b.now.Sub(b.began)%swarm.TickEvery == 0 {
			b.feel()
			b.does(b.Tick)
		}
	}
}

// askAll hands the Core what has come from the guests.
func (b *booth) askAll(now time.Time) {
	for _, g := range b.order {
		if now.Sub(b.began)%time.Minute == 0 {
			b.Handle(now, g.key, wire.Message{ID: wire.KeepAlive})
		}
		for g.asks && !g.open.IsZero() && !now.Before(g.open) && g.asked < 2*boothLine && (g.most == 0 || g.turn < g.most) {
			g.asked++
			g.turn++
			b.Handle(now, g.key, wire.Message{ID: wire.Request, Length: piece.BlockSize})
		}
	}
}

// serveAll sends what is with the writers, the same to each, and returns how much
// of the line is left.
func (b *booth) serveAll(now time.Time, left int) int {
	var busy []*guest
	for _, g := range b.order {
		if g.writing > 0 && g.socket == nil && (!g.deaf || g.room > 0) {
			busy = append(busy, g)
		}
	}
	b.first++
	for i := range busy {
		g := busy[(b.first+i)%len(busy)]
		n := min(g.writing, 4, left)
		if g.deaf {
			n = min(n, g.room)
			g.room -= n
		}
		g.moved = now
		left -= n
		g.writing -= n
		g.asked -= n
		g.got += n
		b.Sent(now, g.key, n, n*piece.BlockSize)
	}
	return left
}

// feel tells the Core whose sockets are full, as the Loop does.
func (b *booth) feel() {
	for _, g := range b.order {
		since, taken := g.moved, int64(g.got*piece.BlockSize)
		switch {
		case g.socket != nil:
			since, taken = g.socket.since, int64(g.socket.taken)
		case g.writing == 0:
			g.moved, since = b.now, time.Time{}
		}
		if b.blind {
			taken = -1
		}
		b.Feel(b.now, g.key, since, taken)
	}
}

// share returns what part of the line the guests get for a while.
func (b *booth) share(d time.Duration, guests ...*guest) float64 {
	b.t.Helper()
	before := 0
	for _, g := range guests {
		before += g.got
	}
	b.runs(d)
	for _, g := range guests {
		before -= g.got
	}
	return float64(-before) / (boothLine * float64(d/boothStep))
}

// Peers that say that they are interested and ask for nothing once shared the
// slots of a seed in turn with the one that did ask: with 195 of them it got next
// to nothing.
func TestPeersThatNeverAskTakeNothingFromOneThatDoes(t *testing.T) {
	long(t)
	for _, c := range []struct {
		name          string
		first         int           // idle ones that come before it
		ahead, within time.Duration // by how much; when it must be served
		rtt           time.Duration
	}{
		{"it comes to a crowd that has been there", 195, time.Minute, time.Second, 0},
		{"it comes to a crowd, from far away", 195, time.Minute, 2 * time.Second, time.Second},
		{"it comes last of a crowd", 195, 0, 15 * time.Second, 0},
		{"it comes last of a crowd, from far away", 195, 0, 15 * time.Second, time.Second},
		{"it comes amid a crowd", 97, 0, 8 * time.Second, 100 * time.Millisecond},
		{"it comes first", 0, 0, time.Second, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBooth(t)
			b.enter(c.first, false, 0)
			b.runs(c.ahead)
			g := b.enter(1, true, c.rtt)[0]
			b.enter(195-c.first, false, 0)
			b.runs(c.within)
			if g.got == 0 || g.choked > 0 {
				t.Fatalf("after %v it has %d blocks and was choked %d times", c.within, g.got, g.choked)
			}
			for minute := range 3 {
				if s := b.share(time.Minute, g); s < 0.9 {
					t.Errorf("in minute %d it gets %.2f of the line", minute, s)
				}
			}
		})
	}
}

// Whoever asks has its first request answered, however far away it is.
func TestAFirstRequestGetsThroughAlthoughOthersWait(t *testing.T) {
	long(t)
	b := newBooth(t)
	b.enter(100, false, 0)
	far := b.enter(60, true, time.Second)
	b.runs(20 * time.Minute)
	for _, g := range far {
		if g.got == 0 || g.unserved > 0 {
			t.Errorf("peer %d has %d blocks, and %d of its %d turns ended without one", g.key, g.got, g.unserved, g.choked)
		}
	}
}

// Those who ask share the line evenly, and lose nothing of it to those who do
// not.
func TestThoseWhoAskAreServedEvenlyAmongThoseWhoDoNot(t *testing.T) {
	long(t)
	b := newBooth(t)
	b.enter(90, false, 0)
	real := b.enter(20, true, 50*time.Millisecond)
	b.enter(85, false, 0)
	b.runs(time.Minute)
	before := make(map[*guest]int)
	for _, g := range real {
		before[g] = g.got
	}
	if s := b.share(30*time.Minute, real...); s < 0.95 {
		t.Errorf("%.2f of the line is used", s)
	}
	mean := boothLine * float64(30*time.Minute/boothStep) / float64(len(real))
	for _, g := range real {
		if off := float64(g.got-before[g])/mean - 1; math.Abs(off) > 0.2 {
			t.Errorf("peer %d got %+.2f of what the mean did", g.key, off)
		}
	}
}

// A peer cannot say that it would ask now. One that has wasted its turns gets
// another, late, although all slots are in use and others wait.
func TestAPeerThatBeginsToAskIsServedInTheEnd(t *testing.T) {
	long(t)
	b := newBooth(t)
	idle := b.enter(40, false, 0)
	b.runs(5 * time.Minute)
	b.enter(10, true, 50*time.Millisecond)
	b.runs(time.Minute)
	late := idle[7]
	late.asks = true
	b.runs(40 * time.Minute)
	if late.got == 0 {
		t.Error("it is never served")
	}
}

// One who gives us what we want has earned its slot, even while it has nothing
// to ask for.
func TestAPartnerThatAsksForNothingKeepsItsSlot(t *testing.T) {
	d := newDeskOf(t, swarm.Config{PeerID: [20]byte{1}, Slots: 2}, 200, 0)
	partner := d.mustJoin(peer(2, false))
	d.hear(partner, wire.Message{ID: wire.Bitfield, Payload: append(bytes.Repeat([]byte{0xff}, 24), 0xfe)})
	d.hear(partner, wire.Message{ID: wire.Unchoke})
	d.hear(partner, wire.Message{ID: wire.Interested})
	for n := range byte(5) {
		d.mustJoin(peer(10+n, false), wire.HaveNone, wire.Interested)
	}
	d.give(partner, 100)
	d.pass(10 * time.Second)
	for range 8 {
		d.give(partner, 2)
		if all := sent(d.pass(5*time.Second), wire.Choke); len(all) == 0 || slices.Contains(all, partner) {
			t.Fatalf("choked are %v, the partner is %d", all, partner)
		}
	}
}

// long skips a test that plays minutes of a crowd through, unless there is time: it is the Core alone, in which nothing can race.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("minutes of a crowd")
	}
}
