package swarm

import (
	"slices"
	"time"

	"p2p/peer/session"
	"p2p/piece"
)

// TickEvery is how often the Loop calls Tick.
const TickEvery = 500 * time.Millisecond

// strayTime is how long an incomplete span may hold memory that others wait for:
// long enough for the choker of another peer to change its mind.
const strayTime = 2 * rechokeEvery

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
	c.passOn(now)
	if now.Sub(c.rechoke) >= rechokeEvery {
		c.Rechoke(now)
	}
	c.stirred = true // blocks may have become overdue
	c.Settle(now)
	c.reclaim(now)
	c.dial(now)
}

// reclaim takes memory back from spans that have been left incomplete, when it
// is short: the peers that had their pieces may be gone for good, and the
// download would stand still although there is more to be had. What has come of
// such a span is lost, so it is given some time first: whoever has the piece
// draws it before anything else, and a peer that chokes us may think again.
func (c *Core) reclaim(now time.Time) {
	if c.cfg.Release == nil || !c.queue.Starved() {
		clear(c.strays)
		return
	}
	c.stray = c.queue.Stranded(c.stray[:0])
	before := c.strays
	c.strays = make(map[piece.Span]time.Time, len(c.stray))
	for _, s := range c.stray {
		since, known := before[s]
		switch {
		case !known:
			c.strays[s] = now
		case now.Sub(since) < strayTime || !c.cfg.Release(s):
			c.strays[s] = since
		default:
			c.Wasted += int64(c.queue.Forsake(s))
			c.stirred = true
		}
	}
}

// judge ends connections that lead nowhere: between two who have everything at
// once, and those of which nothing has come for long when nearly all places are
// taken.
func (c *Core) judge(now time.Time, m *member) {
	if total := m.Down().Total() + m.Up().Total(); total != m.total {
		m.total, m.moved = total, now
	}
	switch {
	case c.queue.Done() && m.PeerHas().Full() && !m.Wants() && now.Sub(m.since) > 5*time.Second:
		c.drop(now, m, ErrUseless)
	case len(c.peers) > c.cfg.MaxPeers*9/10 && m.idle(now, 2*time.Minute):
		c.drop(now, m, ErrIdle)
	}
}

// idle reports whether no block has gone either way for the time of grace, or
// five times that when one side waits to be unchoked by the other.
func (m *member) idle(now time.Time, grace time.Duration) bool {
	if m.AmInterested() || m.PeerInterested() {
		grace *= 5
	}
	return now.Sub(m.moved) > grace
}

// before sorts the more useless first.
func (m *member) before(o *member) bool {
	waits, oWaits := m.AmInterested() || m.PeerInterested(), o.AmInterested() || o.PeerInterested()
	if waits != oWaits {
		return oWaits
	}
	return m.moved.Before(o.moved)
}

// dial asks for connections while there is room.
func (c *Core) dial(now time.Time) {
	for !c.closed && c.dialing < maxDialing && len(c.peers)+c.dialing < c.cfg.MaxPeers {
		addr, ok := c.book.pick(now)
		if !ok {
			return
		}
		c.dialing++
		c.effects = append(c.effects, Effect{Kind: Dial, Addr: addr})
	}
}

// waiter reports whether m wants a slot and could make use of it. A peer that has yet to take
// what was sent to it in its last turn could not.
func (m *member) waiter() bool {
	return m.PeerInterested() && !m.PeerHas().Full() && !(m.AmChoking() && m.drain.blocked)
}

// candidates returns those who want a slot and that choose accepts.
func (c *Core) candidates(now time.Time, choose func(*member) bool) []candidate {
	var all []candidate
	for _, m := range c.order {
		if m.waiter() && choose(m) {
			all = append(all, candidate{
				key: m.key, unchoked: !m.AmChoking(), given: m.given, snubbed: m.Snubbed(),
				since: m.since, turn: m.turn, rest: m.rest, turnSent: m.Up().Total() - m.turnFrom,
				spent: m.spent(now), wasted: m.wasted, wasting: m.wasting(now),
			})
		}
	}
	return all
}

// giveAway gives free slots to those who wait. It takes none from anybody who
// wants it: that happens only in Rechoke. To wait for that would cost a small
// download more time than it takes.
func (c *Core) giveAway(now time.Time) {
	waiting := c.candidates(now, func(m *member) bool { return m.AmChoking() })
	if len(waiting) == 0 {
		return
	}
	free := c.cfg.Slots
	for _, m := range c.order {
		switch {
		case m.AmChoking():
		case m.waiter():
			free--
		default: // somebody else wants it more
			c.unchoke(now, m, false)
		}
	}
	c.choke.rank(now, waiting, c.queue.Done())
	for _, w := range waiting[:min(max(free, 0), len(waiting))] {
		c.unchoke(now, c.peers[w.key], true)
	}
}

// passOn gives the slots of those who take nothing to those who wait, and ends
// the turns that were wasted or spent. Peers that are interested and never ask, or
// ask and never read, by the hundred, would otherwise keep a seed from serving
// anybody.
func (c *Core) passOn(now time.Time) {
	waiters := 0
	for _, m := range c.order {
		if m.AmChoking() && m.waiter() {
			waiters++
		}
	}
	free, room, ended := c.cfg.Slots, crowdMax*c.cfg.Slots, 0
	for _, m := range c.order {
		switch {
		case m.AmChoking():
			continue
		case (m.wasting(now) || m.spent(now)) && m.given == 0 && ended < waiters: // a partner has earned its slot
			c.unchoke(now, m, false)
			ended++
			continue
		case !m.silent(now):
			free--
		}
		room--
	}
	next := min(free, room, waiters)
	if next <= 0 {
		return
	}
	waiting := c.candidates(now, func(m *member) bool { return m.AmChoking() && m.rest.Before(now) })
	c.choke.rank(now, waiting, c.queue.Done())
	for _, w := range waiting[:min(next, len(waiting))] {
		c.unchoke(now, c.peers[w.key], true)
	}
}

// unused reports whether a peer that is unchoked has asked for nothing yet.
func (m *member) unused() bool { return !m.Wants() && m.Up().Total() == m.turnFrom }

// wasting reports whether m has had the time to ask, and has not.
func (m *member) wasting(now time.Time) bool {
	return !m.AmChoking() && m.unused() && now.Sub(m.turn) >= turnUnused
}

// silent reports whether a peer that is unchoked takes nothing just now, and it is not us who are slow.
func (m *member) silent(now time.Time) bool {
	return m.drain.blocked || !m.Wants() && now.Sub(m.took) >= silentAfter
}

// takers returns how many peers have asked for more than they have, and take it.
func (c *Core) takers() (n int) {
	for _, m := range c.order {
		if !m.AmChoking() && m.waiter() && m.Wants() && !m.drain.blocked {
			n++
		}
	}
	return n
}

// spent reports whether a peer that is unchoked has been silent for so long that its turn is over.
func (m *member) spent(now time.Time) bool {
	return !m.AmChoking() && (m.drain.spent || !m.Wants() && now.Sub(m.took) >= turnIdle)
}

// tried reports whether m was unchoked a moment ago and may still make use of it.
func (m *member) tried(now time.Time) bool {
	return !m.AmChoking() && m.waiter() && m.unused() && now.Sub(m.turn) < turnUnused
}

func (c *Core) unchoke(now time.Time, m *member, yes bool) {
	switch {
	case yes == !m.AmChoking():
		return
	case yes:
		m.turn, m.turnFrom, m.took = now, m.Up().Total(), now
		m.drain.begin(now)
	default:
		m.rest = now
		switch {
		case m.wasting(now), m.drain.spent:
			m.wasted++
		case !m.unused():
			m.wasted = 0
		}
	}
	c.do(m, m.SetChoking(now, !yes, c.events[:0]))
}

// Rechoke decides anew who may ask us for blocks. Those who have just been
// unchoked are let be: until they ask they take nothing from anybody. So are, where
// turns decide, those who take, while they are fewer than the slots: those who wait
// are let in besides by passOn, and if they took anything the slots would be full.
func (c *Core) Rechoke(now time.Time) {
	c.rechoke = now
	for _, m := range c.order {
		total := m.Down().Total()
		m.given, m.counted = m.given/2+total-m.counted, total
	}
	all := c.candidates(now, func(m *member) bool { return !m.tried(now) })
	chosen := c.choke.choose(now, all, c.queue.Done())
	room := c.choke.turns(c.queue.Done()) && c.takers() < c.cfg.Slots
	for _, m := range c.order {
		if !slices.Contains(chosen, m.key) && !m.tried(now) && !(room && m.waiter() && !m.silent(now)) {
			c.unchoke(now, m, false)
		}
	}
	for _, m := range c.order {
		if slices.Contains(chosen, m.key) {
			c.unchoke(now, m, true)
		}
	}
}

// Shutdown ends all connections. None is taken in or dialled afterwards.
func (c *Core) Shutdown(now time.Time) {
	c.closed = true
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
