package session

import (
	"time"

	"p2p/peer/wire"
	"p2p/piece"
)

// Patience with a peer that was asked for blocks.
const (
	// overdueMin and overdueMax bound how long a block may take before it is
	// asked of others too; between them it is four times what the rate and the
	// round-trip time make likely.
	overdueMin = 2 * time.Second
	overdueMax = 30 * time.Second
	// stalledAfter is when a peer that was asked and sends nothing at all is
	// given up (libtorrent: 60 s, Transmission: 25 s a request).
	stalledAfter = 60 * time.Second
	// lateGrace is how many blocks nobody asked for are put down to messages
	// that crossed.
	lateGrace = 16
)

// Fill draws requests from the queue until the pipeline is full. It is called
// after a batch of blocks, and whenever the queue may have got something to
// give.
func (c *Conn) Fill(now time.Time, out []Event) []Event {
	have := c.mayAsk(now)
	if have == nil {
		return out
	}
	depth := c.pipe.depth
	if c.snubbed {
		depth = snubbedDepth
	}
	if c.asked.live >= depth {
		return out
	}
	if c.asked.live == 0 {
		c.lastBlock = now // the wait begins now
	}
	c.scratch = c.queue.Next(c.cfg.Key, have, c.asked.live, depth-c.asked.live, c.scratch[:0])
	for _, b := range c.scratch {
		c.asked.push(b, now)
		out = append(out, Event{Kind: Ask, Block: b})
	}
	if len(c.scratch) > 0 {
		c.lastSent = now
		return out
	}
	return c.loseInterest(now, out)
}

// mayAsk returns the pieces that the peer may be asked for now, or nil.
func (c *Conn) mayAsk(now time.Time) *piece.Bitfield {
	switch {
	case !c.amInterested || now.Before(c.pause):
		return nil
	case !c.peerChoking:
		return c.peerHas
	case c.fast == nil:
		return nil
	}
	allowed := piece.NewBitfield(c.fast.Len())
	for i := range c.fast.And(c.peerHas) {
		allowed.Set(i)
	}
	return allowed
}

// loseInterest says so when the peer has nothing more for us. It is asked only
// when the queue had nothing for an idle peer: going through the pieces of
// every peer at every piece that is verified would cost more than the answer is
// worth.
func (c *Conn) loseInterest(now time.Time, out []Event) []Event {
	if c.asked.live > 0 || c.peerHas.Offers(c.queue.Have(), c.queue.Wanted()) {
		return out
	}
	c.amInterested = false
	return c.send(now, out, wire.Message{ID: wire.NotInterested})
}

// Hungry reports whether Fill would ask for more if the queue had more to give.
func (c *Conn) Hungry(now time.Time) bool {
	return c.amInterested && !c.snubbed && c.asked.live < c.pipe.depth &&
		(!c.peerChoking || c.fast != nil) && !now.Before(c.pause)
}

// Arrived says that block b has come and lies at its place, and reports what
// that completed. The caller calls Fill after the last block of a batch.
func (c *Conn) Arrived(now time.Time, b piece.Block) piece.Progress {
	c.lastRecv, c.lastBlock = now, now
	c.down.Add(now, int(b.Length))
	c.snubbed = false
	if at, ok := c.asked.take(b); ok {
		c.pipe.arrived(now, now.Sub(at), &c.down)
	} else {
		c.late--
	}
	return c.queue.Arrived(c.cfg.Key, b)
}

// Missed says that block b has come and was dropped, because somebody else was
// just delivering the same one. It is free again unless that one succeeds.
func (c *Conn) Missed(now time.Time, b piece.Block) {
	c.lastRecv, c.lastBlock = now, now
	c.down.Add(now, int(b.Length))
	if _, ok := c.asked.take(b); ok {
		c.queue.Return(c.cfg.Key, b)
	}
}

// Unasked says that n bytes of a block came that nobody expected. A few are our
// own doing: they crossed with a cancel. A peer that goes on wastes our line.
func (c *Conn) Unasked(now time.Time, n int) error {
	c.lastRecv = now
	c.down.Add(now, n)
	c.late--
	if c.late < -lateGrace {
		return &Violation{Rule: "sends blocks that were not asked for"}
	}
	return nil
}

// Cancel takes back that the peer was asked for b, because it came from
// somebody else.
func (c *Conn) Cancel(now time.Time, b piece.Block, out []Event) []Event {
	if _, ok := c.asked.take(b); !ok {
		return out
	}
	c.late++
	out = append(out, Event{Kind: Forget, Block: b})
	return c.send(now, out, wire.Message{
		ID: wire.Cancel, Index: b.Piece.Uint32(), Begin: b.Begin, Length: b.Length,
	})
}

// patience returns how long a block may take before others are asked too.
func (c *Conn) patience(now time.Time) time.Duration {
	likely := 4 * c.pipe.rtt
	if rate := c.down.Rate(now); rate > 0 {
		likely += time.Duration(4 * float64(c.asked.live*piece.BlockSize) / rate * float64(time.Second))
	} else if c.pipe.rtt == 0 {
		likely = overdueMax / 3 // nothing is known about it yet
	}
	return min(max(likely, overdueMin), overdueMax)
}

// doubt marks the requests that are overdue, so that others are asked too.
func (c *Conn) doubt(now time.Time) {
	oldest := c.asked.oldest()
	if oldest == nil {
		return
	}
	patience := c.patience(now)
	if now.Sub(oldest.at) < patience || now.Sub(c.lastBlock) < overdueMin {
		return
	}
	c.snubbed = true
	c.asked.each(func(r *request) {
		if !r.doubted {
			r.doubted = true
			c.queue.Doubt(c.cfg.Key, r.block)
		}
	})
}
