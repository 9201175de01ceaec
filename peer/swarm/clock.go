package swarm

import (
	"errors"
	"slices"
	"time"

	"p2p/peer/session"
	"p2p/piece"
)

// TickEvery is how often the Loop calls Tick.
const TickEvery = 500 * time.Millisecond

// Tick lets time pass: overdue requests, keep-alives, choking, dials.
func (c *Core) Tick(now time.Time) {
	for _, m := range slices.Clone(c.order) {
		events, err := m.Tick(now, c.events[:0])
		c.do(m, events)
		if err != nil {
			c.drop(now, m, err)
			continue
		}
		c.judge(now, m)
	}
	if now.Sub(c.rechoke) >= rechokeEvery {
		c.Rechoke(now)
	}
	c.stirred = true // blocks may have become overdue
	c.Settle(now)
	c.dial(now)
}

// judge ends connections that lead nowhere: between two who have everything at
// once, and idle ones when nearly all places are taken.
func (c *Core) judge(now time.Time, m *member) {
	if m.AmInterested() || m.PeerInterested() || m.Wants() {
		m.useful = now
		return
	}
	if c.queue.Done() && m.PeerHas().Full() && now.Sub(m.since) > 5*time.Second {
		c.drop(now, m, ErrUseless)
		return
	}
	if len(c.peers) > c.cfg.MaxPeers*9/10 && now.Sub(m.useful) > 2*time.Minute {
		c.drop(now, m, ErrIdle)
	}
}

// dial asks for connections while there is room.
func (c *Core) dial(now time.Time) {
	for c.dialing < maxDialing && len(c.peers)+c.dialing < c.cfg.MaxPeers {
		addr, ok := c.book.pick(now)
		if !ok {
			return
		}
		c.dialing++
		c.effects = append(c.effects, Effect{Kind: Dial, Addr: addr})
	}
}

// welcome unchokes a peer that has just become interested, if a slot is free:
// waiting for the next round would cost a small download more than it takes.
func (c *Core) welcome(now time.Time, m *member) {
	taken := 0
	for _, o := range c.order {
		if !o.AmChoking() && o.PeerInterested() {
			taken++
		}
	}
	if m.AmChoking() && taken < c.cfg.Slots {
		c.unchoke(now, m, true)
	}
}

func (c *Core) unchoke(now time.Time, m *member, yes bool) {
	if yes && m.AmChoking() {
		m.turn, m.turnFrom = now, m.Up().Total()
	}
	c.do(m, m.SetChoking(now, !yes, c.events[:0]))
}

// Rechoke decides anew who may ask us for blocks.
func (c *Core) Rechoke(now time.Time) {
	c.rechoke = now
	all := make([]candidate, 0, len(c.order))
	for _, m := range c.order {
		all = append(all, candidate{
			key: m.key, interested: m.PeerInterested() && !m.PeerHas().Full(), unchoked: !m.AmChoking(),
			downRate: m.Down().Rate(now), snubbed: m.Snubbed(),
			since: m.since, turn: m.turn, turnSent: m.Up().Total() - m.turnFrom,
		})
	}
	chosen := c.choke.choose(now, all, c.queue.Done())
	for _, m := range c.order {
		c.unchoke(now, m, slices.Contains(chosen, m.key))
	}
}

// Shutdown ends all connections.
func (c *Core) Shutdown(now time.Time) {
	for _, m := range slices.Clone(c.order) {
		c.drop(now, m, ErrEnded)
	}
}

// Member is a snapshot of one connected peer.
type Member struct {
	Key  piece.PeerKey
	Conn *session.Conn
	Peer Candidate
}

// Members calls do for every connected peer, in the order of their keys.
func (c *Core) Members(do func(Member)) {
	for _, m := range c.order {
		do(Member{Key: m.key, Conn: m.Conn, Peer: Candidate{Addr: m.addr, ID: m.id, Dialled: m.dialled}})
	}
}

// Known returns how many addresses are in the book.
func (c *Core) Known() int { return len(c.book.entries) }

// IsBan reports whether err closed a connection for wrong data.
func IsBan(err error) bool { return errors.Is(err, ErrBanned) }
