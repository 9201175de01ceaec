package swarm

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"p2p/peer/session"
	"p2p/piece"
)

const (
	// duelTime is how much older than the second connection to the same peer
	// the first may be for both to be dialled at the same moment. A dial and
	// its handshake take at most 20 s.
	duelTime = time.Minute
	// goneMax bounds who is remembered after having left.
	goneMax = 4096
)

// member is one connected peer.
type member struct {
	*session.Conn
	key      piece.PeerKey
	id       [20]byte
	addr     netip.AddrPort // as the socket has it
	home     netip.AddrPort // where it can be dialled, busy in the book for as long as it is connected; zero = not known
	told     bool           // it has told its port
	dialled  bool
	since    time.Time
	relieved time.Time // when it last had the chance to take requests over from others
	moved    time.Time // when a block last went either way
	total    int64     // bytes of blocks both ways until then
	turn     time.Time // when it was last unchoked
	took     time.Time // when a block last went to it, or it was last unchoked
	rest     time.Time // when it was last choked, or connected
	turnFrom int64     // bytes sent to it before turn
	given    int64     // bytes that it sent in the last rounds of the choker, older ones counting less
	counted  int64     // bytes that it sent until the last round
}

func (m *member) culprit() culprit { return culpritOf(m.addr.Addr(), m.id) }

// Candidate is a connection whose handshakes are done.
type Candidate struct {
	Addr    netip.AddrPort
	ID      [20]byte
	Dialled bool // we called them
	Fast    bool // both sides have BEP 6
	Ext     bool // both sides have BEP 10
}

// Join takes in a connection, or says why not; then the caller closes it.
func (c *Core) Join(now time.Time, p Candidate) (piece.PeerKey, error) {
	if p.Dialled {
		c.dialing--
	}
	home, err := c.admit(now, p)
	if err != nil {
		return 0, err
	}
	c.lastKey++
	m := &member{key: c.lastKey, id: p.ID, addr: p.Addr, home: home, dialled: p.Dialled, since: now, rest: now, moved: now}
	cfg := session.Config{
		Key: m.key, Fast: p.Fast, Extended: p.Ext, Addr: p.Addr.Addr(), InfoHash: c.cfg.InfoHash, Spread: c.spread,
	}
	if p.Ext && c.cfg.ExtHandshake != nil {
		cfg.ExtHandshake = c.cfg.ExtHandshake(p.Addr.Addr())
	}
	m.Conn = session.New(cfg, c.queue, now)
	c.peers[m.key] = m
	c.order = append(c.order, m)
	c.do(m, m.Open(now, c.events[:0]))
	return m.key, nil
}

// admit decides whether a connection is taken in, and returns where its peer can
// be dialled, if that is known.
func (c *Core) admit(now time.Time, p Candidate) (home netip.AddrPort, err error) {
	if p.Dialled {
		home = unmapped(p.Addr)
	}
	if p.ID == c.cfg.PeerID {
		if p.Dialled {
			c.book.isSelf(home)
		}
		return home, ErrSelf
	}
	if pause, err := c.refusal(now, p); err != nil {
		c.book.rest(now, home, pause)
		return home, err
	}
	if old := c.sameID(p.ID); old != nil {
		if home, err = c.duel(now, p, old); err != nil {
			return home, err
		}
	}
	if len(c.peers) >= c.cfg.MaxPeers && !c.makeRoom(now) {
		c.book.rest(now, home, time.Minute)
		return home, ErrFull
	}
	return home, nil
}

// refusal says why p is not wanted, whoever else is connected, and for how long.
func (c *Core) refusal(now time.Time, p Candidate) (pause time.Duration, err error) {
	who := culpritOf(p.Addr.Addr(), p.ID)
	until := c.book.resents(who)
	switch {
	case c.closed:
		return retryMax, ErrEnded
	case c.book.banned.has(who):
		return retryMax, ErrBanned
	case now.Before(until):
		return until.Sub(now), ErrAgain
	}
	return 0, nil
}

func (c *Core) sameID(id [20]byte) *member {
	for _, m := range c.order {
		if m.id == id {
			return m
		}
	}
	return nil
}

// duel decides between two connections to the same peer. When both sides dialled
// at the same moment, both must keep the same one, or both are lost: the one
// that the smaller peer id dialled. A second connection in the same direction
// never wins, and none does against one that has stood for long: peer ids are no
// secret, and a stranger who claims one must not end the connection of its owner.
//
// Whichever stays, home is where the peer can be dialled.
func (c *Core) duel(now time.Time, p Candidate, old *member) (home netip.AddrPort, err error) {
	if p.Dialled {
		home = unmapped(p.Addr)
	}
	smaller := slices.Compare(c.cfg.PeerID[:], p.ID[:]) < 0
	if p.Dialled == old.dialled || p.Dialled != smaller || now.Sub(old.since) > duelTime {
		switch {
		case !home.IsValid(): // they called
		case !old.home.IsValid():
			old.home = home // it stays busy
		case old.home != home: // another address of the same peer
			c.book.rest(now, home, retryMax)
		}
		return home, ErrDuplicate
	}
	if !home.IsValid() {
		home, old.home = old.home, netip.AddrPort{} // it stays busy
	}
	c.drop(now, old, ErrDuplicate)
	return home, nil
}

// makeRoom ends the most useless connection for a new one.
func (c *Core) makeRoom(now time.Time) bool {
	var worst *member
	for _, m := range c.order {
		if m.idle(now, time.Minute) && (worst == nil || m.before(worst)) {
			worst = m
		}
	}
	if worst == nil {
		return false
	}
	c.drop(now, worst, ErrIdle)
	return true
}

// DialFailed says that a Dial came to nothing.
func (c *Core) DialFailed(now time.Time, addr netip.AddrPort) {
	c.dialing--
	c.book.failed(now, addr)
}

// Leave says that the connection of a peer is over.
func (c *Core) Leave(now time.Time, key piece.PeerKey) {
	if m := c.peers[key]; m != nil {
		c.remove(now, m, nil)
	}
}

// drop ends the connection of m.
func (c *Core) drop(now time.Time, m *member, why error) {
	c.effects = append(c.effects, Effect{Kind: Close, Peer: m.key, Err: why})
	c.remove(now, m, why)
}

// remove forgets m. why is nil when the peer ended the connection.
func (c *Core) remove(now time.Time, m *member, why error) {
	if m.Down().Total() > 0 || m.Outstanding() > 0 {
		if len(c.gone) >= goneMax { // who left long ago has hardly a block in an unverified piece
			clear(c.gone)
		}
		c.gone[m.key] = m.culprit()
	}
	c.shelve(now, m, why)
	m.Conn.Close()
	if m.Up().Total() > 0 {
		c.spread.Left(m.key)
	}
	delete(c.peers, m.key)
	c.order = slices.DeleteFunc(c.order, func(o *member) bool { return o == m })
	c.stirred = true
	c.vacant = true
}

// shelve notes in the book when m is to be dialled again.
func (c *Core) shelve(now time.Time, m *member, why error) {
	switch {
	case c.queue.Done() && m.PeerHas().Full(), errors.Is(why, ErrDuplicate):
		c.book.rest(now, m.home, retryMax)
	case errors.Is(why, ErrIdle):
		c.book.rest(now, m.home, 5*time.Minute)
	case why == nil && (m.Down().Total()+m.Up().Total() > 0 || now.Sub(m.since) > time.Minute):
		c.book.left(now, m.home)
	default: // it broke a rule, or hung up at once and would do so again
		c.book.failed(now, m.home)
	}
	if rule := (*session.Violation)(nil); errors.As(why, &rule) || errors.Is(why, ErrStalled) {
		c.book.resent(now, m.culprit())
	}
}
