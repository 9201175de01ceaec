package peer

import (
	"context"
	"sync"
	"time"

	"p2p/peer/announce"
	"p2p/peer/swarm"
)

// awake is a Sleeper that has woken up.
type awake struct {
	since time.Time
	loop  *swarm.Loop // nil while it is being opened
	stop  context.CancelFunc
}

const (
	// lazyAfter is for how long a torrent has sent nothing whose place may be taken
	// by another, although peers are connected.
	lazyAfter = time.Minute
	// emptyAfter is the same for one without peers.
	emptyAfter = 5 * time.Second
)

// awaken makes room for s among those that are awake: if there is none, the
// one that has sent nothing for longest is put to sleep. So nobody can shut the
// others out by waking many torrents and asking them for nothing.
func (n *Node) awaken(s *Sleeper) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return ErrClosed
	}
	now := time.Now()
	if len(n.awake) >= n.opt.MaxAwake && !n.makeRoom(now) {
		return ErrCrowded
	}
	n.awake[s] = &awake{since: now}
	return nil
}

// makeRoom puts the laziest torrent to sleep, if there is one that is lazy.
func (n *Node) makeRoom(now time.Time) bool {
	var laziest *Sleeper
	var since time.Time
	for s, a := range n.awake {
		if a.loop == nil {
			continue
		}
		st := a.loop.Stats()
		grace, moved := lazyAfter, st.Moved
		if st.Connected == 0 {
			grace = emptyAfter
		}
		if moved.Before(a.since) {
			moved = a.since
		}
		if now.Sub(moved) > grace && (laziest == nil || moved.Before(since)) {
			laziest, since = s, moved
		}
	}
	if laziest == nil {
		return false
	}
	a := n.awake[laziest]
	delete(n.awake, laziest)
	n.sent += a.loop.Stats().Uploaded
	a.stop()
	return true
}

// works notes who does the work of s, which is awake.
func (n *Node) works(s *Sleeper, loop *swarm.Loop, stop context.CancelFunc) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := n.awake[s]
	a.loop, a.stop = loop, stop
}

// asleep notes that s sleeps again, and what it has sent meanwhile.
func (n *Node) asleep(s *Sleeper, sent int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.awake[s] != nil { // it may have been put to sleep
		delete(n.awake, s)
		n.sent += sent
	}
}

// seed draws the seed of a loop.
func (n *Node) seed() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rng.Uint64()
}

// forget takes s out of the list of torrents.
func (n *Node) forget(s *Sleeper) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sleepers[s.hash] == s {
		delete(n.sleepers, s.hash)
	}
}

// Totals is a Node at one moment, all its torrents together.
type Totals struct {
	Torrents  int
	Awake     int   // torrents at work; the others sleep
	Active    int   // torrents that somebody is connected to
	Connected int   // peers
	Receiving int   // peers that we send to
	UpRate    int64 // bytes/s
	Uploaded  int64 // payload since Open
}

// Totals returns the newest numbers. It costs time in proportion to the torrents
// that are awake.
func (n *Node) Totals() Totals {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := Totals{Torrents: len(n.sleepers) + len(n.swarms), Awake: len(n.swarms), Uploaded: n.sent}
	for _, a := range n.awake {
		t.Awake++
		if a.loop != nil {
			t.add(a.loop.Stats())
		}
	}
	for _, s := range n.swarms {
		t.add(s.loop.Stats())
	}
	return t
}

func (t *Totals) add(st swarm.Stats) {
	if st.Connected > 0 {
		t.Active++
	}
	t.Connected += st.Connected
	t.Receiving += st.Receiving
	t.UpRate += st.UpRate
	t.Uploaded += st.Uploaded
}

// TrackersDown returns the tracker hosts that do not answer.
func (n *Node) TrackersDown() []announce.Down { return n.trackers.Down() }

// farewells is how many trackers are told at the same time that we leave.
const farewells = 64

// closeSleepers ends them all, and tells the trackers as long as ctx allows.
func closeSleepers(ctx context.Context, all []*Sleeper) {
	var lasts []<-chan struct{}
	for _, s := range all {
		if last := s.end(); last != nil {
			lasts = append(lasts, last)
		}
	}
	for _, last := range lasts {
		<-last
	}
	ctx, cancel := atLeast(ctx, leastFarewell)
	defer cancel()
	left := make(chan *Sleeper)
	var wg sync.WaitGroup
	for range min(farewells, len(all)) {
		wg.Go(func() {
			for s := range left {
				s.farewell(ctx)
			}
		})
	}
	for _, s := range all {
		left <- s
	}
	close(left)
	wg.Wait()
}
