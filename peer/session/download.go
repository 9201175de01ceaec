package session

import (
	"time"

	"p2p/peer/wire"
	"p2p/piece"
)

// Patience with a peer that was asked for blocks.
const (
	// A block is overdue, and asked of others too, when it takes four times as
	// long as rate and round-trip time made likely when it was asked for, but
	// not before overdueMin and not after overdueMax. A peer snubs us when it
	// sends nothing at all for four times as long as it takes between blocks,
	// within the same bounds.
	overdueMin = 2 * time.Second
	overdueMax = 30 * time.Second
	// overdueUnknown is for a peer whose rate is not known yet, and for asking
	// more others when those who were asked too have not helped.
	overdueUnknown = 10 * time.Second
	// stalledAfter is when a peer that was asked and sends nothing at all is
	// given up (libtorrent: 60 s, Transmission: 25 s a request).
	stalledAfter = 60 * time.Second
	// recallAfter is when a request is taken back that a peer lets lie while it
	// answers others: several who do that could keep a block from everybody.
	recallAfter = 2 * time.Minute
	// lateGrace is how many blocks nobody asked for are put down to messages
	// that crossed, and lateFor how long they may be under way.
	lateGrace = 16
	lateFor   = time.Minute
	// refusedPause is how long nothing is asked of a peer that refuses, twice
	// as long each time up to about a minute, and missedPause of one that has
	// just sent in vain: asking again at once would spin.
	refusedPause = time.Second
	missedPause  = 500 * time.Millisecond
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
	c.scratch = c.queue.Next(c.cfg.Key, have, c.asked.live, depth-c.asked.live, c.scratch[:0])
	if len(c.scratch) == 0 {
		return c.loseInterest(now, out)
	}
	if c.asked.live == 0 {
		c.lastBlock = now // the wait begins now
	}
	for _, b := range c.scratch {
		c.asked.push(request{
			block: b, at: now, due: now.Add(c.patience(now)),
			came: c.pipe.came, alone: c.asked.live == 0 && c.late <= 0,
		})
		out = append(out, Event{Kind: Ask, Block: b})
	}
	c.lastSent = now
	return out
}

// mayAsk returns the pieces that the peer may be asked for now, or nil.
func (c *Conn) mayAsk(now time.Time) *piece.Bitfield {
	switch {
	case !c.amInterested || now.Before(c.pause):
		return nil
	case !c.peerChoking:
		return c.peerHas
	case c.allowed == nil || c.allowed.Count() == 0:
		return nil
	}
	return c.allowed
}

// loseInterest says so when the peer has nothing more for us. BEP 3: "whenever
// a downloader doesn't have something they currently would ask a peer for in
// unchoked, they must express lack of interest, despite being choked." It is
// looked into only when the queue had nothing for the peer, and now and then:
// going through the pieces of every peer at every piece that is verified would
// cost more than the answer is worth.
func (c *Conn) loseInterest(now time.Time, out []Event) []Event {
	if !c.amInterested || c.asked.live > 0 || c.peerHas.Offers(c.queue.Have(), c.queue.Wanted()) {
		return out
	}
	c.amInterested = false
	return c.send(now, out, wire.Message{ID: wire.NotInterested})
}

// Hungry reports whether Fill would ask for more if the queue had more to give.
func (c *Conn) Hungry(now time.Time) bool {
	return c.mayAsk(now) != nil && !c.snubbed && c.asked.live < c.pipe.depth
}

// Arrived says that block b has come and lies at its place, and reports what
// that completed. The caller calls Fill after the last block of a batch.
func (c *Conn) Arrived(now time.Time, b piece.Block) piece.Progress {
	c.received(now, int(b.Length))
	c.heard(now)
	if r, ok := c.asked.take(b); ok {
		c.pipe.arrived(now, r, c.late <= 0, c.down.Rate(now))
	} else {
		c.overtaken(now)
	}
	return c.queue.Arrived(c.cfg.Key, b)
}

// Missed says that block b has come and was dropped, because somebody else was
// just delivering the same one. It is free again unless that one succeeds.
func (c *Conn) Missed(now time.Time, b piece.Block) {
	c.received(now, int(b.Length))
	c.heard(now)
	if _, ok := c.asked.take(b); !ok {
		c.overtaken(now)
		return
	}
	c.queue.Return(c.cfg.Key, b)
	if c.asked.live == 0 { // it is end game, and the same block would be asked for again
		c.pause = now.Add(missedPause)
	}
}

// Again appends what follows when b, which has just come, may have been asked
// for twice: taken back while it was coming in, and asked for once more. Then
// it was the first answer that came, and the second is still to come. It must
// not be put to the place of b, which soon belongs to somebody else: whoever
// sends it could spoil the pieces of others, and have them blamed.
func (c *Conn) Again(b piece.Block, out []Event) []Event {
	if c.owed == 0 {
		return out
	}
	return append(out, Event{Kind: Forget, Block: b})
}

// Unasked says that n bytes of a block came that nobody expected. A few are our
// own doing: they crossed with a cancel. BEP 6: "if a peer receives a piece
// that was never requested, the peer MUST close the connection."
func (c *Conn) Unasked(now time.Time, n int) error {
	c.received(now, n)
	if c.late > 0 {
		c.lastBlock = now // the answer to something that was taken back: it is not stalled
	}
	c.overtaken(now)
	if c.late < -lateGrace {
		return &Violation{Rule: "sends blocks that were not asked for (BEP 6)"}
	}
	return nil
}

// heard notes that the peer has answered a request.
func (c *Conn) heard(now time.Time) {
	c.gap += (now.Sub(c.lastBlock) - c.gap) / 8
	c.lastBlock = now
	c.snubbed = false
	c.refusals = 0
}

// received notes n bytes of a block, wanted or not.
func (c *Conn) received(now time.Time, n int) {
	c.lastRecv = now
	c.down.Add(now, n)
}

// takeBack removes b from what the peer was asked for. It may still come.
func (c *Conn) takeBack(now time.Time, b piece.Block, out []Event) []Event {
	c.late = max(c.late, 0) + 1
	c.lateAt = now
	c.owed++
	return append(out, Event{Kind: Forget, Block: b})
}

// overtaken notes that something has come which was taken back before.
func (c *Conn) overtaken(now time.Time) {
	c.late--
	c.lateAt = now
	c.owed = max(c.owed-1, 0)
}

// Cancel takes back that the peer was asked for b, because it came from
// somebody else.
func (c *Conn) Cancel(now time.Time, b piece.Block, out []Event) []Event {
	if _, ok := c.asked.take(b); !ok {
		return out
	}
	out = c.takeBack(now, b, out)
	return c.send(now, out, wire.Message{
		ID: wire.Cancel, Index: b.Piece.Uint32(), Begin: b.Begin, Length: b.Length,
	})
}

// patience returns how long the next request may take before others are asked
// too.
func (c *Conn) patience(now time.Time) time.Duration {
	rate := c.down.Rate(now)
	if rate == 0 {
		return overdueUnknown
	}
	ahead := float64((c.asked.live+1)*piece.BlockSize) / rate
	likely := c.pipe.rtt + time.Duration(min(ahead, overdueMax.Seconds())*float64(time.Second))
	return clamp(4 * likely)
}

func clamp(d time.Duration) time.Duration { return min(max(d, overdueMin), overdueMax) }

// doubt marks the requests that are overdue, so that others are asked too: all
// of them, when the peer snubs us.
func (c *Conn) doubt(now time.Time) {
	if c.asked.live == 0 {
		return
	}
	quiet := overdueUnknown
	if c.pipe.came > 0 {
		quiet = clamp(4 * (c.gap + c.pipe.rtt))
	}
	snubs := now.Sub(c.lastBlock) >= quiet
	first := snubs && !c.snubbed
	c.snubbed = c.snubbed || snubs
	c.asked.each(func(r *request) {
		if first || !now.Before(r.due) {
			c.queue.Doubt(c.cfg.Key, r.block)
			r.due = now.Add(overdueUnknown) // should those who are asked then not help either
		}
	})
}

// recall takes back what the peer has let lie for too long.
func (c *Conn) recall(now time.Time, out []Event) []Event {
	for {
		oldest := c.asked.oldest()
		if oldest == nil || now.Sub(oldest.at) < recallAfter {
			return out
		}
		b := oldest.block
		c.queue.Return(c.cfg.Key, b)
		out = c.Cancel(now, b, out)
	}
}

// Holds reports whether the peer was asked for b and has let it lie.
func (c *Conn) Holds(b piece.Block) bool {
	return c.snubbed && c.asked.has(b)
}
