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
		return c.onChoke(out), nil
	case wire.Unchoke:
		c.peerChoking = false
		c.lastBlock = now
		return c.Fill(now, out), nil
	case wire.Interested:
		c.peerInterested = true
	case wire.NotInterested:
		c.peerInterested = false
	case wire.Have:
		return c.onHave(now, m, out)
	case wire.Bitfield, wire.HaveAll, wire.HaveNone:
		if !first {
			return out, &Violation{Rule: fmt.Sprintf("%v is only ever sent as the first message (BEP 3, BEP 6)", m.ID)}
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
func (c *Conn) onChoke(out []Event) []Event {
	c.peerChoking = true
	if !c.cfg.Fast {
		out = c.returnAll(out)
	}
	return out
}

// returnAll gives everything that was asked for back to the queue.
func (c *Conn) returnAll(out []Event) []Event {
	c.asked.each(func(r *request) {
		c.queue.Return(c.cfg.Key, r.block)
		out = append(out, Event{Kind: Forget, Block: r.block})
		c.late++
	})
	c.asked.clear()
	return out
}

func (c *Conn) onHave(now time.Time, m wire.Message, out []Event) ([]Event, error) {
	i, ok := c.queue.Layout().Index(m.Index)
	if !ok {
		return out, &Violation{Rule: fmt.Sprintf("have message for piece %d of a torrent of %d", m.Index, c.queue.Layout().Pieces())}
	}
	if !c.queue.GainedOne(c.peerHas, i) {
		return out, nil
	}
	if c.queue.Needs(i) {
		out = c.interested(now, out)
		if c.asked.live < c.pipe.depth {
			out = c.Fill(now, out)
		}
	}
	return out, nil
}

func (c *Conn) onBitfield(now time.Time, m wire.Message, out []Event) ([]Event, error) {
	switch m.ID {
	case wire.HaveNone:
		return out, nil
	case wire.HaveAll:
		c.peerHas.SetAll()
	default:
		has, err := piece.ParseBitfield(m.Payload, c.queue.Layout().Pieces())
		if err != nil {
			return out, &Violation{Rule: err.Error()}
		}
		c.peerHas = has
	}
	c.queue.Gained(c.peerHas)
	if c.peerHas.Offers(c.queue.Have(), c.queue.Wanted()) {
		out = c.interested(now, out)
	}
	return out, nil
}

func (c *Conn) interested(now time.Time, out []Event) []Event {
	if c.amInterested {
		return out
	}
	c.amInterested = true
	return c.send(now, out, wire.Message{ID: wire.Interested})
}

func (c *Conn) onReject(now time.Time, m wire.Message, out []Event) []Event {
	b, ok := c.queue.Layout().Parse(m.Index, m.Begin, m.Length)
	if !ok {
		return out
	}
	if _, ok := c.asked.take(b); !ok {
		return out // crossed with our cancel
	}
	c.queue.Return(c.cfg.Key, b)
	if !c.peerChoking {
		c.pause = now.Add(time.Second) // it said yes and means no: asking again at once would spin
	}
	return append(out, Event{Kind: Forget, Block: b})
}

func (c *Conn) onAllowedFast(now time.Time, m wire.Message, out []Event) ([]Event, error) {
	i, ok := c.queue.Layout().Index(m.Index)
	if !ok {
		return out, &Violation{Rule: fmt.Sprintf("allowed fast message for piece %d, which is not in the torrent (BEP 6)", m.Index)}
	}
	if c.fast == nil {
		c.fast = piece.NewBitfield(c.queue.Layout().Pieces())
	}
	if c.fast.Count() < fastGranted {
		c.fast.Set(i)
	}
	return c.Fill(now, out), nil
}

func (c *Conn) onExtended(m wire.Message, out []Event) ([]Event, error) {
	if m.ExtID != 0 {
		return out, nil
	}
	if !c.cfg.Extended {
		return out, &Violation{Rule: "extension handshake without the extension bit (BEP 10)"}
	}
	ext, err := wire.ParseExtHandshake(m.Payload)
	if err != nil {
		return out, &Violation{Rule: err.Error()}
	}
	c.ext = ext
	if ext.ReqQ > 0 {
		c.pipe.ceiling = ext.ReqQ
		c.pipe.set(c.pipe.depth)
	}
	return out, nil
}
