package session

import (
	"fmt"
	"time"

	"p2p/peer/wire"
	"p2p/piece"
)

// Handle takes a message of the peer, any but Piece, and appends what follows
// from it. An Extended message is only looked at when it is the handshake; the
// others belong to the extensions. The error is a *Violation; the connection is
// to be closed then. The message's Payload is not kept.
func (c *Conn) Handle(now time.Time, m wire.Message, out []Event) ([]Event, error) {
	c.lastRecv = now
	first := !c.began
	c.began = c.began || m.ID != wire.KeepAlive && m.ID != wire.Extended
	if m.ID >= wire.Suggest && m.ID <= wire.AllowedFast && !c.cfg.Fast {
		return out, &Violation{Rule: fmt.Sprintf("%v message without the fast extension (BEP 6)", m.ID)}
	}
	switch m.ID {
	case wire.Choke:
		return c.onChoke(now, out), nil
	case wire.Unchoke:
		return c.onUnchoke(now, out), nil
	case wire.Interested:
		c.peerInterested = true
	case wire.NotInterested:
		c.peerInterested = false
	case wire.Have:
		return c.onHave(now, m, out)
	case wire.Bitfield, wire.HaveAll, wire.HaveNone:
		// aria2 sends a bitfield, or have all, in place of many haves, at any
		// time. Have none would let five bytes make us walk through all pieces,
		// again and again.
		if !first && m.ID == wire.HaveNone {
			return out, &Violation{Rule: "have none is only ever sent as the first message (BEP 6)"}
		}
		return c.onBitfield(now, m, out)
	case wire.Request:
		return c.onRequest(now, m, out)
	case wire.Cancel:
		return c.onCancel(now, m, out), nil
	case wire.Reject:
		return c.onReject(now, m, out), nil
	case wire.AllowedFast:
		return c.onAllowedFast(now, m, out)
	case wire.Extended:
		return c.onExtended(m, out)
	}
	return out, nil // keep-alive, port, suggest, hashes: nothing to do
}

// onChoke: without BEP 6 a choke drops all requests; with it the peer rejects
// each one that it will not answer ("Choke no longer implicitly rejects all
// pending requests").
func (c *Conn) onChoke(now time.Time, out []Event) []Event {
	if !c.peerChoking && now.Sub(c.unchoked) < refusedPause {
		c.pause = now.Add(refusedPause) // each turn of a peer that flutters costs us a pipeline of requests
	}
	c.peerChoking = true
	if c.cfg.Fast {
		return out
	}
	c.asked.each(func(r *request) {
		c.queue.Return(c.cfg.Key, r.block)
		out = c.takeBack(now, r.block, out)
	})
	c.asked.clear()
	return out
}

func (c *Conn) onUnchoke(now time.Time, out []Event) []Event {
	if c.peerChoking {
		c.unchoked = now
	}
	c.peerChoking = false
	return c.Fill(now, out)
}

func (c *Conn) onHave(now time.Time, m wire.Message, out []Event) ([]Event, error) {
	i, ok := c.queue.Layout().Index(m.Index)
	if !ok {
		return out, &Violation{Rule: fmt.Sprintf("have message for piece %d of a torrent of %d", m.Index, c.queue.Layout().Pieces())}
	}
	if !c.queue.GainedOne(c.peerHas, i) {
		return out, nil
	}
	if c.fast != nil && c.fast.Has(i) {
		c.allowed.Set(i)
	}
	if c.queue.Needs(i) {
		out = c.interested(now, out)
		if c.asked.live < c.pipe.depth {
			out = c.Fill(now, out)
		}
	}
	return out, nil
}

// onBitfield takes what the peer says it has in place of what it said before.
func (c *Conn) onBitfield(now time.Time, m wire.Message, out []Event) ([]Event, error) {
	if m.ID == wire.HaveAll && c.peerHas.Full() {
		return out, nil // said before, and too cheaply for us to look through all pieces each time
	}
	has := piece.NewBitfield(c.queue.Layout().Pieces())
	switch m.ID {
	case wire.HaveNone:
	case wire.HaveAll:
		has.SetAll()
	default:
		var err error
		if has, err = piece.ParseBitfield(m.Payload, has.Len()); err != nil {
			return out, &Violation{Rule: err.Error()}
		}
	}
	if err := c.nowHas(has); err != nil {
		return out, err
	}
	if c.peerHas.Offers(c.queue.Have(), c.queue.Wanted()) {
		out = c.interested(now, out)
		if c.asked.live < c.pipe.depth {
			out = c.Fill(now, out)
		}
	}
	return out, nil
}

// nowHas puts has in the place of what the peer had. To count its pieces anew
// costs a step for each, which a peer could make us do all day by changing its
// mind; so what it takes back is bounded, and what it only adds costs no more
// than the same number of haves.
func (c *Conn) nowHas(has *piece.Bitfield) error {
	before := c.dropped
	for range c.peerHas.AndNot(has) {
		c.dropped++
	}
	switch {
	case c.dropped > has.Len():
		return &Violation{Rule: "takes back again and again that it has pieces"}
	case c.dropped == before && c.peerHas.Count() > 0:
		for i := range has.AndNot(c.peerHas) {
			c.queue.GainedOne(c.peerHas, i)
		}
	default:
		c.queue.Lost(c.peerHas)
		c.peerHas = has
		c.queue.Gained(c.peerHas)
	}
	if c.fast != nil {
		c.allowed = piece.NewBitfield(has.Len())
		for i := range c.fast.And(c.peerHas) {
			c.allowed.Set(i)
		}
	}
	return nil
}

func (c *Conn) interested(now time.Time, out []Event) []Event {
	if c.amInterested {
		return out
	}
	c.amInterested = true
	return c.send(now, out, wire.Message{ID: wire.Interested})
}

// onReject takes a request back that the peer will not answer. When it chokes
// us, it also takes back that the piece is allowed fast: BEP 6 lets it "reject
// requests for already Allowed Fast pieces", and asking again would spin.
func (c *Conn) onReject(now time.Time, m wire.Message, out []Event) []Event {
	b, ok := c.queue.Layout().Parse(m.Index, m.Begin, m.Length)
	if !ok {
		return out
	}
	if _, ok := c.asked.take(b); !ok { // the answer to our cancel
		if c.late > 0 {
			c.overtaken(now)
		}
		return out
	}
	c.queue.Return(c.cfg.Key, b)
	switch {
	case !c.peerChoking && !now.Before(c.pause): // it said yes and means no
		c.pause = now.Add(refusedPause << min(c.refusals, 6))
		c.refusals++
	case !c.peerChoking:
	case c.fast != nil:
		c.fast.Clear(b.Piece)
		c.allowed.Clear(b.Piece)
	}
	return append(out, Event{Kind: Forget, Block: b})
}

// onAllowedFast notes a piece that the peer lets us ask for while it chokes us.
// BEP 6: "The receiver MUST NOT interpret an Allowed Fast message as meaning
// that the message sender has the piece."
func (c *Conn) onAllowedFast(now time.Time, m wire.Message, out []Event) ([]Event, error) {
	pieces := c.queue.Layout().Pieces()
	i, ok := c.queue.Layout().Index(m.Index)
	if !ok {
		return out, &Violation{Rule: fmt.Sprintf("allowed fast message for piece %d, which is not in the torrent (BEP 6)", m.Index)}
	}
	if c.fast == nil {
		c.fast, c.allowed = piece.NewBitfield(pieces), piece.NewBitfield(pieces)
	}
	if c.fast.Count() >= fastGranted || !c.fast.Set(i) || !c.peerHas.Has(i) {
		return out, nil
	}
	c.allowed.Set(i)
	return c.Fill(now, out), nil
}

// onExtended looks at the extension handshake, which may come more than once;
// BEP 10: "the m dictionary is additive".
func (c *Conn) onExtended(m wire.Message, out []Event) ([]Event, error) {
	if !c.cfg.Extended {
		return out, &Violation{Rule: "extended message without the extension bit (BEP 10)"}
	}
	if m.ExtID != wire.ExtHandshakeID {
		return out, nil
	}
	ext, err := wire.ParseExtHandshake(m.Payload)
	if err != nil {
		return out, &Violation{Rule: err.Error()}
	}
	c.ext = c.ext.Merge(ext)
	if ext.ReqQ > 0 {
		c.pipe.ceiling = ext.ReqQ
		c.pipe.set(c.pipe.depth)
	}
	return out, nil
}
