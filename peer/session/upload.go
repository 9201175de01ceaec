package session

import (
	"fmt"
	"slices"
	"time"

	"p2p/peer/wire"
	"p2p/piece"
)

// Limits of serving.
const (
	// refusedMax is how many requests that we cannot answer a peer may send
	// (libtorrent: 300). Those that come within crossing of our choke do not
	// count; BEP 6: "consider that it can take several seconds for buffers to
	// drain and messages to propagate once a peer is choked."
	refusedMax = 300
	crossing   = 5 * time.Second
	// fastRepeat is how often each block of an allowed-fast piece is served
	// while the peer is choked (libtorrent: 3 times).
	fastRepeat = 3
	// The writer holds the blocks of the next writeAhead, so that a cancel or
	// a choke still finds the others here.
	writeAhead    = 100 * time.Millisecond
	writeAheadMin = 2   // blocks
	writeAheadMax = 256 // blocks
)

// onRequest takes a request into the queue of uploads, or refuses it.
func (c *Conn) onRequest(now time.Time, m wire.Message, out []Event) ([]Event, error) {
	b, ok := c.queue.Layout().Parse(m.Index, m.Begin, m.Length)
	if !ok || m.Length > piece.BlockSize {
		return out, &Violation{Rule: fmt.Sprintf("request for %d bytes at %d of piece %d, which cannot be", m.Length, m.Begin, m.Index)}
	}
	switch {
	case !c.queue.Have().Has(b.Piece), c.amChoking && !c.mayFast(b), len(c.uploads) >= OurReqQ:
		return c.refuse(now, m, out)
	}
	c.uploads = append(c.uploads, b)
	return c.serve(now, out), nil
}

// mayFast reports whether b may be served although the peer is choked, and
// counts it.
func (c *Conn) mayFast(b piece.Block) bool {
	served, ok := c.granted[b.Piece]
	if !ok || served >= fastRepeat*c.queue.Layout().Blocks(b.Piece) {
		return false
	}
	c.granted[b.Piece] = served + 1
	return true
}

// refuse rejects a request where BEP 6 has a message for it, and otherwise lets
// it lie, as BEP 3 does.
func (c *Conn) refuse(now time.Time, m wire.Message, out []Event) ([]Event, error) {
	if !c.amChoking || now.Sub(c.choked) > crossing {
		c.refused++
	}
	if c.refused > refusedMax {
		return out, &Violation{Rule: fmt.Sprintf("more than %d requests that could not be answered", refusedMax)}
	}
	if c.cfg.Fast {
		m.ID = wire.Reject
		out = c.send(now, out, m)
	}
	return out, nil
}

// onCancel drops a request that is not with the writer yet. BEP 6: the answer
// to a cancel is the piece or a reject.
func (c *Conn) onCancel(now time.Time, m wire.Message, out []Event) []Event {
	b, ok := c.queue.Layout().Parse(m.Index, m.Begin, m.Length)
	if !ok {
		return out
	}
	at := slices.Index(c.uploads, b)
	if at < 0 {
		return out
	}
	c.uploads = slices.Delete(c.uploads, at, at+1)
	return c.reject(now, b, out)
}

func (c *Conn) reject(now time.Time, b piece.Block, out []Event) []Event {
	if !c.cfg.Fast {
		return out
	}
	return c.send(now, out, wire.Message{
		ID: wire.Reject, Index: b.Piece.Uint32(), Begin: b.Begin, Length: b.Length,
	})
}

// serve hands blocks to the writer, as many as it will send soon.
func (c *Conn) serve(now time.Time, out []Event) []Event {
	ahead := int(c.up.Rate(now) * writeAhead.Seconds() / piece.BlockSize)
	ahead = min(max(ahead, writeAheadMin), writeAheadMax)
	n := min(ahead-c.writing, len(c.uploads))
	if n <= 0 {
		return out
	}
	c.freshFirst(n)
	for _, b := range c.uploads[:n] {
		out = append(out, Event{Kind: Serve, Block: b})
	}
	c.uploads = c.uploads[:copy(c.uploads, c.uploads[n:])]
	c.writing += n
	c.lastSent = now
	return out
}

// Sent says that the writer has sent blocks of n bytes in all.
func (c *Conn) Sent(now time.Time, blocks, n int, out []Event) []Event {
	c.writing -= blocks
	c.up.Add(now, n)
	c.lastSent = now
	return c.serve(now, out)
}

// SetChoking chokes or unchokes the peer. A choke refuses what is queued; BEP 6:
// "it MUST reject all requests from the peer to whom the choke was sent except
// it SHOULD NOT reject requests for pieces that are in the allowed fast set. A
// peer SHOULD choke first and then reject requests".
func (c *Conn) SetChoking(now time.Time, choke bool, out []Event) []Event {
	if choke == c.amChoking {
		return out
	}
	c.amChoking = choke
	if !choke {
		c.refused = 0
		return c.send(now, out, wire.Message{ID: wire.Unchoke})
	}
	c.choked = now
	out = c.send(now, out, wire.Message{ID: wire.Choke})
	stay := c.uploads[:0]
	for _, b := range c.uploads {
		if c.mayFast(b) {
			stay = append(stay, b)
		} else {
			out = c.reject(now, b, out)
		}
	}
	c.uploads = stay
	return out
}

// Wants reports whether the peer has asked for blocks that are not sent yet.
func (c *Conn) Wants() bool { return len(c.uploads)+c.writing > 0 }
