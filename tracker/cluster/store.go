package cluster

import (
	"context"
	"encoding/binary"
	"math/bits"
	"sync"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/memory"
	"p2p/tracker/wire"
)

// Store is the registry of a Node: the one in memory that it is made of, whose
// methods it has, kept equal with those of the other nodes. It never waits for them.
type Store struct {
	*memory.Store
	key      uint64 // of identities; the same at all nodes
	shared   bool   // there can be other nodes
	now      func() time.Time
	renew    time.Duration
	recent   *recent
	outbox   *outbox
	left     departures
	counters *Counters

	completing  [64]sync.Mutex // by info-hash, for the announces that are counted
	completions *completions   // nil without a ledger
}

var (
	_ tracker.Store   = (*Store)(nil)
	_ tracker.Tallier = (*Store)(nil)
)

// renewals is how many times in its life a peer that only renews itself is
// passed on. A client may skip one announce and come back after its longest interval; the
// others must still know it.
const renewals = 8

// Announce implements tracker.Store.
func (s *Store) Announce(ctx context.Context, a tracker.Announce, want int) (tracker.Swarm, error) {
	// What crosses the network is 32 bits of who the client is. So that peers
	// from here and from there compare, the registry gets no more.
	identity := condense(s.key, a.PeerID, a.Key)
	a.PeerID, a.Key = expand(identity), 0
	var swarm tracker.Swarm
	var completion uint32
	var err error
	if a.Event == wire.Completed && a.Seed && s.completions != nil {
		swarm, completion, err = s.complete(ctx, a, want)
	} else {
		swarm, err = s.Store.Announce(ctx, a, want)
	}
	if err != nil {
		return swarm, err
	}
	if s.shared {
		s.pass(a, identity, completion)
	}
	if s.completions != nil {
		swarm.Completed = max(swarm.Completed, s.completions.count(a.InfoHash))
	}
	return swarm, nil
}

// Scrape implements tracker.Store.
func (s *Store) Scrape(ctx context.Context, hashes []infohash.T, into []tracker.Counts) ([]tracker.Counts, error) {
	counts, err := s.Store.Scrape(ctx, hashes, into)
	if err != nil || s.completions == nil {
		return counts, err
	}
	for i, h := range hashes {
		counts[i].Completed = max(counts[i].Completed, s.completions.count(h))
	}
	return counts, nil
}

// complete applies an announce that says that its peer has finished, and numbers
// the completion if it is the first that is heard of it.
func (s *Store) complete(ctx context.Context, a tracker.Announce, want int) (tracker.Swarm, uint32, error) {
	lock := &s.completing[a.InfoHash[1]%64]
	lock.Lock()
	defer lock.Unlock()
	before := s.counted(ctx, a.InfoHash)
	swarm, err := s.Store.Announce(ctx, a, want)
	if err != nil || swarm.Completed <= before {
		return swarm, 0, err
	}
	return swarm, s.completions.add(finisher{a.InfoHash, a.Peer}, a.Time), nil
}

// counted is how many completions the registry has counted itself.
func (s *Store) counted(ctx context.Context, h infohash.T) int {
	hashes, counts := [1]infohash.T{h}, [1]tracker.Counts{}
	if _, err := s.Store.Scrape(ctx, hashes[:], counts[:0]); err != nil {
		return 0
	}
	return counts[0].Completed
}

// pass tells the other nodes of an announce, if there is news in it.
func (s *Store) pass(a tracker.Announce, identity uint32, completion uint32) {
	w := word{at: a.Time, seed: a.Seed, gone: a.Event == wire.Stopped}
	if !s.recent.local(s.recent.fingerprint(a.InfoHash, a.Peer), w, s.renew) && completion == 0 {
		return
	}
	d := delta{
		hash: a.InfoHash, peer: a.Peer, identity: identity, age: ageOf(a.Time, s.now()),
		seed: a.Seed, stopped: w.gone, completion: completion,
	}
	if w.gone {
		s.left.add(d, a.Time)
	}
	s.counters.DeltasMade.Add(1)
	s.outbox.add(d)
}

// told is how a delta was come by: as it happened, or out of another node's registry.
type told struct {
	asked time.Time // when that node was asked for it; zero: as it happened
}

// lookedUp reports whether d has no order among what was told: it says that a peer was there when
// the registry was asked. That a peer has left has one.
func (how told) lookedUp(d delta) bool { return !how.asked.IsZero() && !d.stopped }

// at returns when d happened, by the clock of this node. An age was counted before it was on its way, which makes what
// it says younger: a peer that left in the second in which it had announced would be there again.
func (how told) at(d delta, now time.Time) time.Time {
	if how.lookedUp(d) {
		now = how.asked
	}
	return now.Add(-time.Duration(d.age) * time.Second)
}

// slack returns by how many seconds newer that which is known must be to be kept, and -1 says that it is kept too when
// it is as old. Ages are whole seconds: what happened within one counts in the order in which it
// is told. What is looked up in a registry has no order.
func (how told) slack(d delta) int64 {
	if how.lookedUp(d) {
		return -1
	}
	return 1
}

// apply applies what another node says.
func (s *Store) apply(ctx context.Context, d delta, from incarnation, now time.Time, how told) {
	at := how.at(d, now)
	print := s.recent.fingerprint(d.hash, d.peer)
	if d.completion != 0 && s.completions != nil {
		s.completions.hear(retold{completion{from, d.completion}, finisher{d.hash, d.peer}, false}, now)
		lock := &s.completing[d.hash[1]%64]
		lock.Lock()
		defer lock.Unlock()
	}
	if !s.recent.foreign(print, word{at: at, seed: d.seed, gone: d.stopped}, how.slack(d)) {
		s.counters.DeltasStale.Add(1)
		return
	}
	a := tracker.Announce{
		InfoHash: d.hash, Peer: d.peer, PeerID: expand(d.identity), Seed: d.seed, Time: at,
	}
	switch {
	case d.stopped:
		a.Event = wire.Stopped
		s.left.add(d, at)
	case d.completion != 0:
		a.Event = wire.Completed
	}
	if _, err := s.Store.Announce(ctx, a, 0); err != nil {
		s.counters.Full.Add(1) // as a client would be told
		return
	}
	s.counters.DeltasApplied.Add(1)
}

// condense makes 32 bits of who a client says it is, 0 for nobody.
func condense(key uint64, id [wire.PeerIDSize]byte, clientKey uint32) uint32 {
	if id == [wire.PeerIDSize]byte{} {
		return 0
	}
	const odd = 0x9e3779b97f4a7c15
	h := key
	for _, word := range [...]uint64{
		binary.LittleEndian.Uint64(id[0:]),
		binary.LittleEndian.Uint64(id[8:]),
		uint64(binary.LittleEndian.Uint32(id[16:]))<<32 | uint64(clientKey),
	} {
		high, low := bits.Mul64(h^word^odd, odd|1<<63)
		h = high ^ low
	}
	return max(uint32(h), 1)
}

// expand makes a peer id of what condense returned.
func expand(identity uint32) (id [wire.PeerIDSize]byte) {
	binary.BigEndian.PutUint32(id[:], identity)
	return id
}

// departures remembers the last peers that left, for nodes that missed it.
type departures struct {
	mu   sync.Mutex
	ring []departure
	next int // where the next goes: the oldest once the ring is full
}

type departure struct {
	delta
	at time.Time
}

// maxDepartures bounds a departures; it then takes 2 MiB.
const maxDepartures = 1 << 14

func (l *departures) add(d delta, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ring) < maxDepartures {
		l.ring = append(l.ring, departure{d, at})
		return
	}
	l.ring[l.next] = departure{d, at}
	l.next = (l.next + 1) % maxDepartures
}

// since returns the departures since a point in time, with their ages.
func (l *departures) since(t, now time.Time) (all []delta) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.ring {
		if !d.at.Before(t) {
			d.age = ageOf(d.at, now)
			d.completion = 0
			all = append(all, d.delta)
		}
	}
	return all
}

// ageOf returns the seconds from at to now as they travel.
func ageOf(at, now time.Time) uint16 {
	return uint16(min(max(now.Sub(at)/time.Second, 0), 1<<16-1))
}
