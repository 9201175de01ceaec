package swarm

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"p2p/peer/identity"
	"p2p/peer/session"
	"p2p/piece"
)

// goneMax bounds who is remembered after having left.
const goneMax = 4096

// member is one connected peer.
type member struct {
	*session.Conn
	party
	key      piece.PeerKey
	relieved time.Time // when it last had the chance to take requests over from others
	moved    time.Time // when a block last went either way
	total    int64     // bytes of blocks both ways until then
	turn     time.Time // when it was last unchoked
	took     time.Time // when a block last went to it, or it was last unchoked
	drain    drain     // how its socket empties
	rest     time.Time // when it was last choked, or connected
	turnFrom int64     // bytes sent to it before turn
	wasted   int       // turns that it made nothing of, one after the other
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
	// Device is the key that the other end has proven to have; zero = it is a
	// plain peer.
	Device identity.Key
	// Sole is that the device has said, after Began, that it has no other connection to us.
	Sole  bool
	Began time.Time
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
	m := &member{key: c.lastKey, party: p.party(now, home), rest: now, moved: now}
	cfg := session.Config{
		Key: m.key, Fast: p.Fast, Extended: p.Ext, Addr: p.Addr.Addr(), InfoHash: c.cfg.InfoHash, Spread: c.spread,
	}
	if p.Ext && c.cfg.ExtHandshake != nil {
		cfg.ExtHandshake = c.cfg.ExtHandshake(p)
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
	if old := c.same(p); old != nil {
		if home, err = c.book.succeed(now, c.cfg.PeerID, p, &old.party, old.LastRecv()); err != nil {
			return home, err
		}
		c.drop(now, old, ErrDuplicate)
	}
	if len(c.peers) >= c.cfg.MaxPeers && !c.makeRoom(now) {
		c.book.rest(now, home, time.Minute)
		return home, ErrFull
	}
	return home, nil
}

// refusal says why p is not wanted, whoever else is connected, and for how long.
func (c *Core) refusal(now time.Time, p Candidate) (pause time.Duration, err error) {
	if c.closed {
		return retryMax, ErrEnded
	}
	return c.book.refusal(now, culpritOf(p.Addr.Addr(), p.ID))
}

// same returns who is connected and is p too.
func (c *Core) same(p Candidate) *member {
	for _, m := range c.order {
		if m.is(p) {
			return m
		}
	}
	return nil
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
	case errors.Is(why, errMoved):
		c.book.lost(now, &m.party)
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
