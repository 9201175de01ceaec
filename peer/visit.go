package peer

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

// A seeder calls downloaders as well as they call it: who is behind a NAT cannot be
// called. A torrent that sleeps is woken by that only when somebody answers.
const (
	// maxVisits is how many peers are dialled at the same time for torrents that
	// sleep: a part of maxGreeting, so that downloads come first.
	maxVisits = 16
	// maxWaiting bounds the visits that wait for that. What is more than that is
	// forgotten: the trackers name them again with the next announce.
	maxWaiting = 1024
	// visitsEach is how many peers of an answer are dialled for one torrent.
	visitsEach = 10
	// visitAgain is how long an address is left alone, whatever came of it: if it
	// was a downloader, it knows us from then on.
	visitAgain = time.Hour
)

// visit is a dial for a torrent that sleeps.
type visit struct {
	addr netip.AddrPort
	at   time.Time
	to   *Sleeper
}

// visit has peers dialled that s, which sleeps, was told of. The caller holds
// s.mu.
func (s *Sleeper) visit(peers []netip.AddrPort, now time.Time) {
	s.called = slices.DeleteFunc(s.called, func(v visit) bool { return now.Sub(v.at) >= visitAgain })
	left := visitsEach
	for _, p := range peers {
		p = netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
		known := slices.ContainsFunc(s.called, func(v visit) bool { return v.addr == p })
		if left == 0 || known || s.node.others([]netip.AddrPort{p}) == 0 {
			continue
		}
		v := visit{addr: p, at: now, to: s}
		if !s.node.queueVisit(v) {
			return
		}
		s.called = append(s.called, v)
		left--
	}
	if len(s.called) == 0 {
		s.called = nil // most have none
	}
}

// queueVisit has v made soon. False means that too many wait.
func (n *Node) queueVisit(v visit) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || len(n.visits) >= maxWaiting {
		return false
	}
	n.visits = append(n.visits, v)
	if n.visiting < maxVisits {
		n.visiting++
		n.wg.Go(n.visitor)
	}
	return true
}

// makeVisits dials until nobody is left to dial.
func (n *Node) makeVisits(ctx context.Context) {
	for {
		n.mu.Lock()
		if n.closed || len(n.visits) == 0 {
			n.visiting--
			n.mu.Unlock()
			return
		}
		v := n.visits[0]
		n.visits = slices.Delete(n.visits, 0, 1)
		n.mu.Unlock()
		v.make(ctx, n)
	}
}

// make dials, and wakes the torrent for who answers.
func (v visit) make(ctx context.Context, n *Node) {
	conn, theirs, err := n.reach(ctx, v.to.hash, v.addr)
	if err != nil {
		return
	}
	loop, err := v.to.enter(ctx)
	if err != nil {
		conn.Close()
		return
	}
	defer v.to.leave()
	loop.Called(conn, candidate(conn, theirs, true))
}
