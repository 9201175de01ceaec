package session_test

import (
	"testing"
	"time"

	"p2p/peer/session"
	"p2p/peer/wire"
	"p2p/piece"
)

// another returns one more connection to the same queue.
func (r *rig) another(k piece.PeerKey, fast bool, spread *session.Spread) *session.Conn {
	return session.New(session.Config{Key: k, Fast: fast, Spread: spread}, r.queue, r.now)
}

// pair is two peers that have everything: the one of the rig, which was asked for
// much, and another that was asked for nothing, when nothing is left to ask for.
type pair struct {
	*rig
	other *session.Conn
	flow  []flow
}

// flow is a peer that sends so many blocks a second.
type flow struct {
	conn *session.Conn
	rate int
}

// newPair returns a pair that lately sent at these rates, in blocks a second.
func newPair(t *testing.T, rate, otherRate int) *pair {
	p := &pair{rig: connect(t, options{pieces: 20, blocks: 3})}
	p.events("bitfield fffff0")
	p.events("unchoke")
	p.flows(p.conn, rate)
	for range 4 { // from then on it is trusted with as much as it sends in a second
		p.arrives(p.asked[0])
		p.note(p.conn.Fill(p.now, nil))
	}
	p.other = p.seed(8, otherRate)
	if busy, other := p.conn.Outstanding(), p.other.Outstanding(); busy != 56 || other != 0 {
		t.Fatalf("%d and %d requests are out", busy, other)
	}
	return p
}

// seed returns one more peer that has everything and lets us ask.
func (p *pair) seed(k piece.PeerKey, rate int) *session.Conn {
	c := p.another(k, false, nil)
	c.Handle(p.now, wire.Message{ID: wire.Bitfield, Payload: []byte{0xff, 0xff, 0xf0}}, nil)
	c.Handle(p.now, wire.Message{ID: wire.Unchoke}, nil)
	p.flows(c, rate)
	return c
}

// flows lets five seconds pass in which blocks come of c, and of the others, at
// their rates.
func (p *pair) flows(c *session.Conn, rate int) {
	p.flow = append(p.flow, flow{c, rate})
	for range 50 {
		p.now = p.now.Add(100 * time.Millisecond)
		for _, l := range p.flow {
			l.conn.Down().Add(p.now, l.rate*piece.BlockSize/10)
		}
	}
}

// yields returns how many requests busy yields to other.
func (p *pair) yields() int {
	p.t.Helper()
	before := p.conn.Outstanding()
	events := p.conn.Yield(p.now, p.other, nil)
	n := 0
	for _, e := range events {
		if e.Kind == session.Send && e.Msg.ID == wire.Cancel {
			n++
		}
	}
	if got := p.conn.Outstanding(); got != before-n {
		p.t.Fatalf("%d of %d requests are out after %d cancels", got, before, n)
	}
	return n
}

func TestAPeerWithNothingToDoTakesRequestsOver(t *testing.T) {
	p := newPair(t, 40, 40)
	n := p.yields()
	if n != 16 {
		t.Errorf("%d of 56 requests were yielded, want as many as a pipeline begins with", n)
	}
	if drawn := len(p.other.Fill(p.now, nil)); drawn != n {
		t.Errorf("%d blocks were drawn of the %d that were yielded", drawn, n)
	}
	if n := p.yields(); n != 0 {
		t.Errorf("%d more were yielded to a peer that has enough to do", n)
	}
}

func TestASlowPeerTakesNextToNothingOver(t *testing.T) {
	p := newPair(t, 40, 1)
	if n := p.yields(); n > 2 {
		t.Errorf("%d requests were yielded to a peer that is forty times as slow", n)
	}
}

func TestAPeerThatHasSentNothingTakesFewOver(t *testing.T) {
	p := newPair(t, 40, 0)
	if n := p.yields(); n == 0 || n > 4 {
		t.Errorf("%d requests were yielded to a peer that has sent nothing yet", n)
	}
}

// What has probably been sent already would come twice: what a peer sends in three
// quarters of a second, and 32 blocks at the least.
func TestWhatIsAboutToComeIsNotYielded(t *testing.T) {
	for _, c := range []struct{ rate, left int }{{40, 32}, {50, 37}, {60, 45}} {
		p := newPair(t, c.rate, 3000)
		oldest := p.asked[0]
		for k := range piece.PeerKey(20) {
			p.yields()
			p.other = p.seed(100+k, 3000)
		}
		if left := p.conn.Outstanding(); left != c.left {
			t.Errorf("%d requests are left with a peer that sends %d blocks a second, want %d", left, c.rate, c.left)
		}
		if p.asked[0] != oldest {
			t.Errorf("not the newest were yielded: %v are left", p.asked)
		}
	}
}

func TestAPeerThatChokesUsTakesNothingOver(t *testing.T) {
	p := newPair(t, 40, 40)
	p.other.Handle(p.now, wire.Message{ID: wire.Choke}, nil)
	if n := p.yields(); n != 0 {
		t.Errorf("%d requests were yielded", n)
	}
}
