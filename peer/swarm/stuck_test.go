package swarm_test

import (
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/session"
	"p2p/piece"
)

// deafen lets n peers come that ask, as often in each turn as most says, and
// never read: their sockets take a quarter of a MiB.
func (b *booth) deafen(n, most int) {
	b.t.Helper()
	for _, g := range b.enter(n, true, 0) {
		g.most, g.deaf, g.room = most, true, 16
	}
}

// A slot is for who takes what it gets. Peers that ask and never read once held the
// slots of a seed in turn for 5 to 15 s each.
func TestPeersThatAskAndNeverReadTakeNothingFromOneThatDoes(t *testing.T) {
	for _, c := range []struct {
		name          string
		most          int // requests in each turn; 0 = as many as it may have
		first, later  int // deaf ones before and after it
		ahead, within time.Duration
		share         float64
		blind         bool // the system does not tell what a socket takes
	}{
		{"50 have been there, and ask for all", 0, 50, 0, time.Minute, time.Second, 0.98, false},
		{"50 came just before it", 0, 50, 0, 0, 15 * time.Second, 0.98, false},
		{"195 came just before it", 0, 195, 0, 0, time.Minute, 0.98, false},
		{"50 came just before it, and nobody tells", 0, 50, 0, 0, 40 * time.Second, 0.9, true},
		{"50 come after it", 0, 0, 50, 0, time.Second, 0.9, false},
		{"50 came just before it, and ask once in a turn", 1, 50, 0, 0, 8 * time.Second, 0.98, false},
		{"50 have been there, and ask once in a turn", 1, 50, 0, 20 * time.Minute, time.Second, 0.98, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBooth(t)
			b.blind = c.blind
			b.deafen(c.first, c.most)
			b.runs(c.ahead)
			g := b.enter(1, true, 50*time.Millisecond)[0]
			b.deafen(c.later, c.most)
			b.runs(c.within)
			if g.got == 0 {
				t.Fatalf("after %v it has nothing", c.within)
			}
			for minute := range 3 {
				s := b.share(time.Minute, g)
				t.Logf("%.3f", s)
				if s < c.share {
					t.Errorf("in minute %d it gets %.2f of the line", minute, s)
				}
			}
		})
	}
}

// Who reads slowly, and then again, is served again: it is no enemy.
func TestAPeerThatReadsAgainGetsAnotherTurn(t *testing.T) {
	b := newBooth(t)
	b.deafen(50, 0)
	b.enter(1, true, 50*time.Millisecond)
	b.runs(time.Minute)
	late := b.order[17]
	before := late.got
	late.deaf = false
	b.runs(10 * time.Second)
	if late.got-before < 1000 {
		t.Errorf("it got %d blocks", late.got-before)
	}
}

// A peer that waits for our own line, and not for its own, keeps its slot.
func TestAPeerWhomWeAreSlowToServeKeepsItsTurn(t *testing.T) {
	b := newBooth(t)
	all := b.enter(20, true, 0)
	b.runs(time.Second)
	for range 18 { // nothing is sent
		b.now = b.now.Add(500 * time.Millisecond)
		b.does(b.Tick)
	}
	for _, g := range all {
		if g.choked > 0 {
			t.Errorf("peer %d was choked", g.key)
		}
	}
}

// With their sockets, in virtual time.
func TestFiftyPeersThatNeverReadHoldUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := newTorrent(t, 32<<20, piece.SpanSize), newLAN(t, 4<<20)
		seeder := s.open(t, 1, siteOptions{dir: s.dir, full: true})
		for n := range byte(50) {
			conn := l.stranger(seeder, 100+n)
			go conn.Write(append(hello(), s.requests(0, session.OurReqQ)...))
		}
		other := s.open(t, 2, siteOptions{})
		l.join(other, seeder)
		begin := time.Now()
		if !until(t, time.Minute, func() bool { return other.Stats().BytesLeft == 0 }) {
			t.Fatalf("%d of 128 pieces after a minute", other.has())
		}
		// 8 s for its 32 MiB, 3 for what the sockets of the others took.
		took := time.Since(begin)
		t.Log(took)
		if took > 15*time.Second {
			t.Errorf("served after %v", took)
		}
	})
}
