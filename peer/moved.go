package peer

import (
	"net/netip"

	"p2p/peer/announce"
)

// Moved says that this machine may be on another network than before, or that it has slept. Connections from addresses
// that it does not have any more, for which has reports false, are ended: nothing will come on them, and nobody would
// say so. Whoever could not be reached is dialled again at once, and trackers are told. has is called on other
// goroutines, and must not block.
func (n *Node) Moved(has func(netip.Addr) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	tell := func(l interface{ Moved(func(netip.Addr) bool) }, a *announce.Announcer) {
		l.Moved(has)
		if a != nil {
			a.NetworkChanged()
		}
	}
	for _, g := range n.gatherings {
		tell(g.lobby, g.announcer)
	}
	for _, s := range n.swarms {
		tell(s.loop, s.announcer)
	}
	for _, a := range n.awake {
		if a.loop != nil {
			tell(a.loop, nil)
		}
	}
}
