package session_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"p2p/peer/session"
	"p2p/peer/wire"
	"p2p/piece"
)

// line is a path to a peer that sends what it is asked for, in order, in
// virtual time.
type line struct {
	rate  float64       // bytes/s that the path carries or the peer sends
	rtt   time.Duration // without queues
	burst time.Duration // the peer sends this long's worth at once, and then nothing; 0 = evenly
	reqq  int           // 0 = not said
	later *line         // what it is from half time on
}

// lab is a connection over a line.
type lab struct {
	line
	t     *testing.T
	conn  *session.Conn
	queue *piece.Queue
	start time.Time
	now   time.Time
	err   error

	way      []flight  // blocks on their way, in the order in which they arrive
	free     time.Time // when the sender can send the next
	credit   float64   // bytes left of the burst
	stall    time.Time // the sender sends nothing from then on; zero = never
	forget   map[piece.Block]bool
	received int64
	depthMax int
	history  []sample
}

type flight struct {
	block piece.Block
	at    time.Time
}

// sample is one tick.
type sample struct {
	received int64
	depth    int
}

func newLine(t *testing.T, l line) *lab {
	t.Helper()
	layout, err := piece.NewLayout(1<<34, 4<<20)
	if err != nil {
		t.Fatal(err)
	}
	have, wanted := piece.NewBitfield(layout.Pieces()), piece.NewBitfield(layout.Pieces())
	wanted.SetAll()
	start := time.Unix(1e9, 0)
	b := &lab{line: l, t: t, start: start, now: start, free: start, forget: make(map[piece.Block]bool)}
	b.queue = piece.NewQueue(layout, have, wanted, nil, rand.New(rand.NewPCG(1, 1)))
	b.conn = session.New(session.Config{Key: key, Fast: true, Extended: true}, b.queue, b.now)
	if l.reqq > 0 {
		b.hears(wire.Message{ID: wire.Extended, Payload: fmt.Appendf(nil, "d4:reqqi%dee", l.reqq)})
	}
	b.hears(wire.Message{ID: wire.HaveAll})
	b.hears(wire.Message{ID: wire.Unchoke})
	return b
}

func (b *lab) hears(m wire.Message) {
	events, err := b.conn.Handle(b.now, m, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	b.carry(events)
}

// carry sends requests to the peer, which answers in order.
func (b *lab) carry(events []session.Event) {
	for _, e := range events {
		switch e.Kind {
		case session.Ask:
			delete(b.forget, e.Block)
			b.answer(e.Block)
		case session.Forget:
			b.forget[e.Block] = true
		}
	}
	b.depthMax = max(b.depthMax, b.conn.Depth())
}

// answer works out when a block will come that is asked for now.
func (b *lab) answer(block piece.Block) {
	asked := b.now.Add(b.rtt / 2)
	if asked.After(b.free) {
		b.free = asked
	}
	rate := b.rate
	if b.burst > 0 {
		if rate = 50 * b.rate; b.credit < float64(block.Length) { // wait for the next burst
			b.free = b.free.Truncate(b.burst).Add(b.burst)
			b.credit = b.rate * b.burst.Seconds()
		}
		b.credit -= float64(block.Length)
	}
	b.free = b.free.Add(time.Duration(float64(block.Length) / rate * float64(time.Second)))
	at := b.free.Add(b.rtt / 2)
	if n := len(b.way); n > 0 && at.Before(b.way[n-1].at) {
		at = b.way[n-1].at // one stream: nothing overtakes
	}
	b.way = append(b.way, flight{block, at})
}

// run lets d pass. Blocks that come within the same tenth of a millisecond are
// one batch, as they are for a reader that wakes up.
func (b *lab) run(d time.Duration) {
	end := b.now.Add(d)
	middle := b.now.Add(d / 2)
	for b.err == nil {
		tick := b.now.Truncate(500 * time.Millisecond).Add(500 * time.Millisecond)
		if b.later != nil && b.now.After(middle) {
			b.line = *b.later
		}
		next := tick
		if len(b.way) > 0 && b.way[0].at.Before(tick) && (b.stall.IsZero() || b.way[0].at.Before(b.stall)) {
			next = b.way[0].at
		}
		if next.After(end) {
			b.now = end
			return
		}
		b.now = next
		if next == tick {
			b.tick()
			continue
		}
		b.receive()
	}
}

func (b *lab) tick() {
	events, err := b.conn.Tick(b.now, nil)
	b.err = err
	b.carry(events)
	b.history = append(b.history, sample{b.received, b.conn.Depth()})
}

func (b *lab) receive() {
	until := b.now.Add(100 * time.Microsecond)
	for len(b.way) > 0 && !b.way[0].at.After(until) {
		block := b.way[0].block
		b.way = b.way[1:]
		b.received += int64(block.Length)
		if b.forget[block] {
			delete(b.forget, block)
			if err := b.conn.Unasked(b.now, int(block.Length)); err != nil {
				b.t.Fatal(err)
			}
			continue
		}
		if p := b.conn.Arrived(b.now, block); p.Piece {
			b.queue.Verified(block.Piece, true, nil)
		}
	}
	b.carry(b.conn.Fill(b.now, nil))
}

// at returns the sample of the tick that ends at d.
func (b *lab) at(d time.Duration) sample {
	if d < 500*time.Millisecond {
		return sample{}
	}
	return b.history[int(d/(500*time.Millisecond))-1]
}

// used returns which share of what the line carries came between from and to.
func (b *lab) used(from, to time.Duration) float64 {
	return float64(b.at(to).received-b.at(from).received) / (b.rate * (to - from).Seconds())
}

// product returns the bandwidth-delay product in blocks.
func (l line) product() float64 { return l.rate * l.rtt.Seconds() / piece.BlockSize }
