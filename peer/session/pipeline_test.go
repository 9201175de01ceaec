package session_test

import (
	"testing"
	"time"

	"p2p/peer/wire"
	"p2p/piece"
)

const (
	kb = 1e3
	mb = 1e6
	ms = time.Millisecond
)

// lines are paths that there are, with the time within which they must be full.
// A window that starts at 16 blocks and doubles with every round trip, as TCP's
// own does, cannot be faster than log2(product/16) round trips.
var lines = []struct {
	name string
	line line
	ramp time.Duration
}{
	{"a modem", line{rate: 20 * kb, rtt: 300 * ms}, 1 * time.Second},
	{"a phone", line{rate: 200 * kb, rtt: 600 * ms}, 2 * time.Second},
	{"a home line", line{rate: 1 * mb, rtt: 100 * ms}, 1 * time.Second},
	{"a good home line", line{rate: 12 * mb, rtt: 30 * ms}, 1 * time.Second},
	{"the next town", line{rate: 100 * mb, rtt: 5 * ms}, 500 * ms},
	{"the same room", line{rate: 100 * mb, rtt: 1 * ms}, 500 * ms},
	{"the same machine", line{rate: 200 * mb, rtt: 100 * time.Microsecond}, 500 * ms},
	{"another continent, fast", line{rate: 300 * mb, rtt: 100 * ms, reqq: 10000}, 1500 * ms},
	{"a satellite", line{rate: 10 * mb, rtt: 650 * ms, reqq: 2000}, 5 * time.Second},
	{"a limiter that lets through once a second", line{rate: 1 * mb, rtt: 50 * ms, burst: time.Second}, 6 * time.Second},
	{"a slow limiter", line{rate: 50 * kb, rtt: 50 * ms, burst: time.Second}, 6 * time.Second},
	{"a fast limiter", line{rate: 4 * mb, rtt: 20 * ms, burst: time.Second, reqq: 2000}, 10 * time.Second},
	{"a limiter of half seconds", line{rate: 5 * mb, rtt: 10 * ms, burst: 500 * ms, reqq: 2000}, 6 * time.Second},
}

func TestThePipelineKeepsALineFull(t *testing.T) {
	const whole = 14 * time.Second
	for _, c := range lines {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLine(t, c.line)
			l.run(whole)
			if l.err != nil {
				t.Fatal(l.err)
			}
			t.Logf("product %.1f blocks, depth %d at the end, %d at most; used %.3f, of the start %.3f", c.line.product(), l.conn.Depth(), l.depthMax, l.used(c.ramp, whole), l.used(0, c.ramp))
			for from := c.ramp; from+5*time.Second <= whole; from += time.Second {
				if used := l.used(from, from+5*time.Second); used < 0.95 {
					t.Errorf("from %v on %.1f %% of the line are used", from, 100*used)
				}
			}
			if l.conn.Snubbed() {
				t.Error("the peer is taken to snub us")
			}
		})
	}
}

// More in flight than the path holds ties up memory, and blocks that others
// could send sooner.
func TestThePipelineDoesNotRunAway(t *testing.T) {
	for _, c := range lines {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLine(t, c.line)
			l.run(14 * time.Second)
			step := max(c.line.rtt, c.line.burst+c.line.rtt)
			held := c.line.rate * step.Seconds() / piece.BlockSize
			slack := min(c.line.rate, 4<<20) / piece.BlockSize
			if c.line.burst > 0 {
				slack *= 1.7 // the rate is read when a burst has just come
			}
			if limit := max(20, int(2.1*held+1.1*slack)+4); l.depthMax > limit {
				t.Errorf("depth %d, for %.0f blocks that the path holds and %.0f of slack", l.depthMax, held, slack)
			}
		})
	}
}

func TestAPathThatBecomesWiderIsFilledAgain(t *testing.T) {
	for _, later := range []line{
		{rate: 50 * mb, rtt: 50 * ms},  // wider
		{rate: 5 * mb, rtt: 400 * ms},  // longer, within the slack
		{rate: 50 * mb, rtt: 2 * ms},   // wider and shorter
		{rate: 100 * kb, rtt: 50 * ms}, // narrower
	} {
		l := newLine(t, line{rate: 5 * mb, rtt: 50 * ms, reqq: 2000, later: &later})
		l.run(40 * time.Second)
		if used := l.used(25*time.Second, 40*time.Second); used < 0.95 {
			t.Errorf("%.1f %% of %+v are used", 100*used, later)
		}
	}
	l := newLine(t, line{rate: 50 * mb, rtt: 50 * ms, reqq: 2000, later: &line{rate: 100 * kb, rtt: 50 * ms}})
	l.run(60 * time.Second)
	if d := l.conn.Depth(); d > 16 {
		t.Errorf("depth %d for a peer that has become slow", d)
	}
}

func TestThePipelineDoublesWithEachRoundTrip(t *testing.T) {
	l := newLine(t, line{rate: 1000 * mb, rtt: 100 * ms, reqq: 16384})
	l.run(1200 * ms)
	if d, want := l.conn.Depth(), int(l.product()); d < want {
		t.Errorf("depth %d after twelve round trips, the path holds %d", d, want)
	}
}

// A path that becomes much longer, by more than the slack covers, is seen to be
// so once the pipeline has been empty: before, its answers are just late.
func TestALongerPathIsFilledAfterAPause(t *testing.T) {
	l := newLine(t, line{rate: 50 * mb, rtt: 5 * ms, reqq: 4000})
	l.run(5 * time.Second)
	l.rtt = 400 * ms
	l.hears(wire.Message{ID: wire.Choke})
	l.run(2 * time.Second) // what is under way comes in
	l.hears(wire.Message{ID: wire.Unchoke})
	l.run(20 * time.Second)
	if used := l.used(15*time.Second, 27*time.Second); used < 0.95 {
		t.Errorf("%.1f %% of the line are used", 100*used)
	}
}

// The shortest round trip must not be poisoned: the answer to a request that was
// taken back comes right after the block is asked for again, and looks as if it
// had taken no time.
func TestAnAnswerToAnEarlierRequestDoesNotPoisonTheRoundTrip(t *testing.T) {
	l := newLine(t, line{rate: 100 * mb, rtt: 100 * ms, reqq: 4000})
	l.run(3 * time.Second)
	// Everything is cancelled and asked for again; the answers to the first time
	// are just coming in.
	for _, f := range l.way {
		l.conn.Cancel(l.now, f.block, nil)
		l.queue.Return(key, f.block)
	}
	first := l.way
	l.carry(l.conn.Fill(l.now, nil))
	for _, f := range first[:64] {
		l.now = l.now.Add(10 * time.Microsecond)
		l.received += int64(f.block.Length)
		l.conn.Arrived(l.now, f.block)
	}
	l.way = l.way[64:]
	l.run(20 * time.Second)
	if used := l.used(10*time.Second, 20*time.Second); used < 0.95 {
		t.Errorf("%.1f %% of the line are used afterwards", 100*used)
	}
}

func TestAPeerThatPausesIsDoubtedThenSnubbedAndThenForgiven(t *testing.T) {
	l := newLine(t, line{rate: 1 * mb, rtt: 100 * ms})
	l.run(5 * time.Second)
	blocks := l.conn.Outstanding()
	l.stall = l.now
	l.run(1500 * ms)
	if l.conn.Snubbed() {
		t.Fatal("snubbed after a second and a half")
	}
	l.run(10 * time.Second)
	if !l.conn.Snubbed() {
		t.Fatal("not snubbed twelve seconds after the last block")
	}
	if l.conn.Outstanding() != blocks {
		t.Fatalf("%d requests are out, %d before", l.conn.Outstanding(), blocks)
	}
	other := piece.NewBitfield(l.queue.Layout().Pieces()) // of somebody who has just the pieces in question
	seen := map[piece.Block]bool{}
	for _, f := range l.way {
		seen[f.block] = true
		other.Set(f.block.Piece)
	}
	again := 0
	for _, b := range l.queue.Next(8, other, 0, 1<<17, nil) {
		if seen[b] {
			again++
		}
	}
	if again != blocks {
		t.Fatalf("%d of %d overdue blocks may be asked of another peer", again, blocks)
	}
	l.stall = time.Time{}
	l.way[0].at = l.now.Add(ms)
	l.run(100 * ms)
	if l.conn.Snubbed() {
		t.Fatal("still snubbed after it has sent a block")
	}
}

// What was asked of a fast peer is asked of others sooner than what was asked of
// a slow one.
func TestPatienceIsInProportionToTheRate(t *testing.T) {
	for _, c := range []struct {
		line        line
		least, most time.Duration
	}{
		{line{rate: 100 * mb, rtt: ms}, 2 * time.Second, 3 * time.Second},
		{line{rate: 1 * mb, rtt: 100 * ms}, 2 * time.Second, 9 * time.Second},
		{line{rate: 10 * kb, rtt: 100 * ms}, 6 * time.Second, 31 * time.Second},
	} {
		l := newLine(t, c.line)
		l.run(20 * time.Second)
		l.stall = l.now
		for !l.conn.Snubbed() && l.err == nil {
			l.run(500 * ms)
		}
		if after := l.now.Sub(l.stall); after < c.least || after > c.most {
			t.Errorf("snubbed %v after a stall at %.0f bytes/s, want %v to %v", after, c.line.rate, c.least, c.most)
		}
	}
}

func TestAPeerThatStallsForAMinuteIsGivenUp(t *testing.T) {
	l := newLine(t, line{rate: 1 * mb, rtt: 100 * ms})
	l.run(5 * time.Second)
	l.stall = l.now
	l.run(59 * time.Second)
	if l.err != nil {
		t.Fatal(l.err)
	}
	l.run(3 * time.Second)
	if l.err == nil {
		t.Fatal("a peer that sends nothing for 62 s is kept")
	}
}

// A slow peer is not one that snubs.
func TestASlowPeerIsNotSnubbed(t *testing.T) {
	for _, rate := range []float64{2 * kb, 5 * kb, 20 * kb} {
		l := newLine(t, line{rate: rate, rtt: 300 * ms})
		for range 600 {
			l.run(500 * ms)
			if l.conn.Snubbed() || l.err != nil {
				t.Fatalf("%.0f bytes/s: snubbed %v, %v after %v", rate, l.conn.Snubbed(), l.err, l.now.Sub(l.start))
			}
		}
	}
}
