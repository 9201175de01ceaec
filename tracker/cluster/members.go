package cluster

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// maxMembers bounds the nodes that are known; more are not listened to.
const maxMembers = 64

// overlap is by how much more is asked for than was missed.
const overlap = 5 * time.Second

// members is what is known of the other nodes. All methods may be called by any
// goroutine.
type members struct {
	mu      sync.Mutex
	all     map[nodeID]*member
	twinAt  time.Time // when another node with this one's id was last seen
	started time.Time
}

// member is another node.
type member struct {
	id      nodeID
	boot    uint64
	next    uint64    // number of the batch that is expected
	heard   time.Time // when it last said something
	hello   hello
	greeted bool // it has said hello since its last start
	// missing is since when its peers are not all known here; zero when they
	// are. It is by this node's clock.
	missing time.Time
	gaps    uint64    // how often missing was set
	tried   time.Time // when it was last asked in vain
	bytes   uint64    // that it has sent
	batches uint64
}

// of returns the member of that id, nil when there are too many.
func (ms *members) of(id nodeID) *member {
	m := ms.all[id]
	if m == nil && len(ms.all) < maxMembers {
		if ms.all == nil {
			ms.all = make(map[nodeID]*member)
		}
		m = &member{id: id}
		ms.all[id] = m
	}
	return m
}

// batch notes that a batch of deltas has come. It is not fresh when it, or a
// later one, was here before; missed says that others are missing.
func (ms *members) batch(h header, size int, now time.Time) (fresh, missed bool) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	m := ms.of(h.node)
	if m == nil {
		return false, false
	}
	if m.boot != h.boot {
		// Its hello will say what to ask for.
		m.boot, m.next, m.greeted = h.boot, h.seq, false
	}
	if h.seq < m.next {
		return false, false
	}
	if missed = h.seq > m.next; missed {
		m.miss(m.heard.Add(-overlap))
	}
	m.next, m.heard = h.seq+1, now
	m.bytes += uint64(size)
	m.batches++
	return true, missed
}

func (m *member) miss(since time.Time) {
	m.gaps++
	if m.missing.IsZero() || since.Before(m.missing) {
		m.missing = since
	}
}

// meeting is what a hello has brought to light.
type meeting struct {
	joined bool // the node is new, or has started anew
	missed bool // batches of it are missing
	stale  bool // it is to be asked
}

// hello notes what a node says about itself.
func (ms *members) hello(h header, said hello, now time.Time, ttl time.Duration) (met meeting) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	m := ms.of(h.node)
	if m == nil {
		return meeting{}
	}
	if m.boot != h.boot || !m.greeted {
		// Everything that it heard since it started may be news here, but for
		// what it passed on when this node listened already.
		start := now.Add(-min(ttl, time.Duration(said.uptime)*time.Second) - overlap)
		if m.boot != h.boot {
			m.next = h.seq + 1
		}
		m.boot, m.greeted, met.joined = h.boot, true, true
		m.miss(start)
	}
	if h.seq >= m.next {
		met.missed = true
		m.miss(m.heard.Add(-overlap))
		m.next = h.seq + 1
	}
	m.hello, m.heard = said, now
	met.stale = !m.missing.IsZero()
	return met
}

// job is a node to ask, and for how long ago.
type job struct {
	node    nodeID
	boot    uint64
	gaps    uint64 // at its beginning
	missing time.Time
}

// retrySync is the time between two tries to ask a node.
const retrySync = time.Second

// job returns what to do next to know all peers: of the nodes that are there
// and have something that is missing here, the one with the most peers.
func (ms *members) job(now time.Time) (j job, ok bool) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	var best *member
	for _, m := range ms.all {
		if m.missing.IsZero() || !m.greeted || now.Sub(m.heard) > goneAfter || now.Sub(m.tried) < retrySync {
			continue
		}
		if best == nil || m.hello.peers > best.hello.peers {
			best = m
		}
	}
	if best == nil {
		return job{}, false
	}
	return job{best.id, best.boot, best.gaps, best.missing}, true
}

// done notes the outcome of a job that began at a time. When it was the first,
// everything from before is known now, whoever heard of it: of the others only
// what they heard since this node is there is missing.
func (ms *members) done(j job, began, now time.Time, err error, first bool) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	m := ms.all[j.node]
	switch {
	case m == nil:
		return
	case err != nil:
		m.tried = now
		return
	case m.boot == j.boot && m.gaps == j.gaps:
		m.missing = time.Time{}
	}
	for _, m := range ms.all {
		if first && !m.missing.IsZero() && m.missing.Before(ms.started) {
			m.missing = ms.started.Add(-overlap)
		}
	}
}

// twinSeen notes a node with this one's id, and reports whether it is time to
// speak of it.
func (ms *members) twinSeen(now time.Time) bool {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	speak := now.Sub(ms.twinAt) > time.Minute
	if speak {
		ms.twinAt = now
	}
	return speak
}

// Member is what a Node knows of another, for people.
type Member struct {
	ID     string
	Label  string
	Peers  int           // addresses in its registry
	Swarms int           // in its registry
	Uptime time.Duration // when it last said so
	Lag    time.Duration // since it last said anything
	Alive  bool          // that is not long ago
	// Synced says that it has caught up with the others; Missing, that this node
	// does not know all of its peers yet.
	Synced, Missing bool
	// BytesIn is what it has sent to this node in batches, and BatchesIn how many.
	BytesIn, BatchesIn uint64
}

// Nodes returns what is known of the other nodes, ordered by label.
func (n *Node) Nodes() []Member { return n.members.list(time.Now()) }

func (ms *members) list(now time.Time) (all []Member) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for _, m := range ms.all {
		lag := now.Sub(m.heard)
		all = append(all, Member{
			ID: m.id.String(), Label: m.hello.label, Peers: int(m.hello.peers), Swarms: int(m.hello.swarms),
			Uptime: time.Duration(m.hello.uptime) * time.Second, Lag: lag, Alive: lag < goneAfter,
			Synced: m.hello.synced, Missing: !m.missing.IsZero(), BytesIn: m.bytes, BatchesIn: m.batches,
		})
	}
	slices.SortFunc(all, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.Label, b.Label), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// alive returns how many other nodes are there.
func (ms *members) alive(now time.Time) (count int) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for _, m := range ms.all {
		if now.Sub(m.heard) < goneAfter {
			count++
		}
	}
	return count
}
