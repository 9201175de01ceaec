package swarm

import (
	"fmt"
	"net/netip"
	"time"
)

// Check returns what is wrong inside c, if anything. It may be called whenever c
// has settled. deep includes what takes longer.
func (c *Core) Check(deep bool) error {
	unchoked, homes := 0, 0
	for i, m := range c.order {
		if c.peers[m.key] != m || i > 0 && c.order[i-1].key >= m.key {
			return fmt.Errorf("peer %d is out of order", m.key)
		}
		if !m.AmChoking() {
			unchoked++
		}
		if e := c.book.entries[m.home]; e != nil {
			homes++
			if !e.busy {
				return fmt.Errorf("%v is not busy, and peer %d is connected", m.home, m.key)
			}
		}
	}
	busy := homes
	if deep {
		busy = 0
		for _, e := range c.book.entries {
			if e.busy {
				busy++
			}
		}
	}
	switch {
	case len(c.order) != len(c.peers):
		return fmt.Errorf("%d peers in order, %d in all", len(c.order), len(c.peers))
	case len(c.peers) > c.cfg.MaxPeers:
		return fmt.Errorf("%d peers of at most %d", len(c.peers), c.cfg.MaxPeers)
	case unchoked > c.cfg.Slots*(crowdMax+1): // whom a rechoke has tried and whom it chose
		return fmt.Errorf("%d peers are unchoked, with %d slots", unchoked, c.cfg.Slots)
	case c.dialing < 0 || c.dialing > maxDialing:
		return fmt.Errorf("%d dials under way", c.dialing)
	case busy > homes+c.dialing || busy < homes:
		return fmt.Errorf("%d addresses are busy, with %d peers at known addresses and %d dials", busy, homes, c.dialing)
	case len(c.book.order) != len(c.book.entries) || len(c.book.order) > bookMax+16:
		return fmt.Errorf("%d addresses in order, %d in all", len(c.book.order), len(c.book.entries))
	case c.blame.blocks > blameBlocks || len(c.gone) > goneMax:
		return fmt.Errorf("%d blocks to blame and %d peers gone are remembered", c.blame.blocks, len(c.gone))
	}
	return nil
}

// Dialing returns how many dials are under way.
func (c *Core) Dialing() int { return c.dialing }

// BannedAddrs calls do for everybody who is banned.
func (c *Core) BannedAddrs(do func(netip.Addr, [20]byte)) {
	for b := range c.book.banned.set {
		do(b.addr, b.id)
	}
}

// Waiting reports whether somebody wants a slot while one is free.
func (c *Core) Waiting() bool {
	unchoked, waiting := 0, false
	for _, m := range c.order {
		if !m.AmChoking() {
			unchoked++
		}
		waiting = waiting || m.waiter() && m.AmChoking()
	}
	return waiting && unchoked < c.cfg.Slots
}

// SetLastSave says how long the last checkpoint of l may take.
func (l *Loop) SetLastSave(d time.Duration) { l.lastSave = d }
