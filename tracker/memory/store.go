package memory

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/wire"
)

// shards is the number of locks. It is far above the number of cores, so that
// two requests rarely wait for each other.
const shards = 256

// Options bounds a Store. The zero value is useful.
type Options struct {
	// MaxPeers is the most addresses that the store holds, in all swarms
	// together; 4 million when zero, which is about 100 MB. A peer that comes
	// when it is full gets tracker.ErrFull.
	MaxPeers int
	// MaxSwarms is the same for swarms, empty ones included; 1 million when
	// zero, which is about 130 MB.
	MaxSwarms int
	// KeepEmpty is how long the completed count of a swarm without peers is
	// kept; 24 hours when zero.
	KeepEmpty time.Duration
	// Seed makes the choice of peers repeatable, for tests; random when zero.
	Seed uint64
}

func (o Options) withDefaults() Options {
	if o.MaxPeers <= 0 {
		o.MaxPeers = 4_000_000
	}
	if o.MaxSwarms <= 0 {
		o.MaxSwarms = 1_000_000
	}
	if o.KeepEmpty <= 0 {
		o.KeepEmpty = 24 * time.Hour
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	return o
}

// Store is a tracker.Store in memory. It starts no goroutine.
type Store struct {
	opts   Options // immutable
	shards [shards]shard

	// Sums over all shards, changed under the lock of one.
	peers, seeds, ipv6 atomic.Int64 // addresses
	swarms             atomic.Int64 // with at least one peer
	entries            atomic.Int64 // swarms, empty ones included
}

type shard struct {
	mu     sync.Mutex
	swarms map[infohash.T]*swarm
	rng    *rand.Rand
	_      [40]byte // keeps the locks of neighbours on different cache lines
}

var (
	_ tracker.Store   = (*Store)(nil)
	_ tracker.Tallier = (*Store)(nil)
)

// New returns an empty Store.
func New(opts Options) *Store {
	s := &Store{opts: opts.withDefaults()}
	for i := range s.shards {
		s.shards[i].swarms = make(map[infohash.T]*swarm)
		s.shards[i].rng = rand.New(rand.NewPCG(s.opts.Seed, uint64(i)))
	}
	return s
}

// shard returns the shard of h. Clients choose info-hashes, so the choice is keyed.
func (s *Store) shard(h infohash.T) *shard {
	return &s.shards[maphash.Bytes(hashSeed, h[:])%shards]
}

// Announce implements tracker.Store.
func (s *Store) Announce(_ context.Context, a tracker.Announce, want int) (tracker.Swarm, error) {
	var compact [18]byte
	p := peer{
		family:    wire.FamilyOf(a.Peer.Addr()),
		key:       wire.AppendPeer(compact[:0], a.Peer),
		identity:  s.identity(a.PeerID, a.Key),
		seen:      stamp(a.Time),
		seed:      a.Seed,
		completed: a.Event == wire.Completed,
	}
	sh := s.shard(a.InfoHash)
	sh.mu.Lock()
	defer sh.mu.Unlock()

	out := tracker.Swarm{Peers: a.Into}
	out.Peers.Reset()
	sw, pos := sh.swarms[a.InfoHash], -1
	if a.Event == wire.Stopped {
		if sw == nil {
			return out, nil
		}
		s.leave(sh, a.InfoHash, sw, p)
	} else {
		var err error
		if sw, pos, err = s.join(sh, a.InfoHash, sw, p); err != nil {
			return tracker.Swarm{}, err
		}
	}
	out.Counts = sw.counts()
	sw.pick(&out.Peers, p, pos, want, a.BothFamilies, sh.rng)
	return out, nil
}

// join puts p into the swarm sw of h, which is made if it is nil.
func (s *Store) join(sh *shard, h infohash.T, sw *swarm, p peer) (*swarm, int, error) {
	if s.peers.Load() >= int64(s.opts.MaxPeers) && !sw.knows(p) {
		return nil, 0, tracker.ErrFull
	}
	if sw == nil {
		if s.entries.Load() >= int64(s.opts.MaxSwarms) {
			return nil, 0, tracker.ErrFull
		}
		sw = &swarm{}
		sh.swarms[h] = sw
		s.entries.Add(1)
	}
	before := measure(sw)
	pos := sw.apply(p)
	s.account(before, measure(sw))
	return sw, pos, nil
}

// leave takes p out of sw.
func (s *Store) leave(sh *shard, h infohash.T, sw *swarm, p peer) {
	if !sw.knows(p) {
		return
	}
	before := measure(sw)
	t := sw.table(p.family)
	t.remove(t.find(p.key))
	s.account(before, measure(sw))
	s.tidy(sh, h, sw, p.seen)
}

// tidy gives back what sw does not need any more after peers have left it, and
// forgets it when nothing is worth keeping.
func (s *Store) tidy(sh *shard, h infohash.T, sw *swarm, now uint32) {
	sw.v4.trim()
	if sw.v6 != nil {
		sw.v6.trim()
		if sw.v6.len() == 0 {
			sw.v6 = nil
		}
	}
	if sw.len() > 0 {
		return
	}
	sw.v4 = table{}
	sw.emptied = now
	if sw.completed == 0 {
		s.forget(sh, h)
	}
}

func (s *Store) forget(sh *shard, h infohash.T) {
	delete(sh.swarms, h)
	s.entries.Add(-1)
}

// extent is a swarm's part in the sums of the store.
type extent struct{ peers, seeds, ipv6 int }

func measure(sw *swarm) extent {
	e := extent{peers: sw.len(), seeds: sw.v4.seeds()}
	if sw.v6 != nil {
		e.ipv6 = sw.v6.len()
		e.seeds += sw.v6.seeds()
	}
	return e
}

// account brings the sums up to date after a swarm changed.
func (s *Store) account(before, after extent) {
	if before == after {
		return // the common case, a renewal, writes no shared memory
	}
	s.peers.Add(int64(after.peers - before.peers))
	s.seeds.Add(int64(after.seeds - before.seeds))
	s.ipv6.Add(int64(after.ipv6 - before.ipv6))
	switch {
	case before.peers == 0 && after.peers > 0:
		s.swarms.Add(1)
	case before.peers > 0 && after.peers == 0:
		s.swarms.Add(-1)
	}
}

// Scrape implements tracker.Store.
func (s *Store) Scrape(_ context.Context, hashes []infohash.T, into []tracker.Counts) ([]tracker.Counts, error) {
	into = into[:0]
	for _, h := range hashes {
		var counts tracker.Counts
		sh := s.shard(h)
		sh.mu.Lock()
		if sw := sh.swarms[h]; sw != nil {
			counts = sw.counts()
		}
		sh.mu.Unlock()
		into = append(into, counts)
	}
	return into, nil
}

// Tally implements tracker.Tallier.
func (s *Store) Tally() tracker.Tally {
	peers, seeds := int(s.peers.Load()), int(s.seeds.Load())
	return tracker.Tally{
		Swarms:   int(s.swarms.Load()),
		Seeders:  seeds,
		Leechers: max(0, peers-seeds), // the two are not read at one moment
		IPv6:     int(s.ipv6.Load()),
	}
}

// epoch is where the time stamps of records start: 31 bits of seconds last until
// 2067. It lies before the year 2000, at which the clock of testing/synctest starts.
var epoch = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

// stamp returns t in seconds since epoch, cut to 31 bits and never 0.
func stamp(t time.Time) uint32 {
	return uint32(min(max(t.Unix()-epoch, 1), counted-1))
}

// identity condenses who a client says it is into 32 bits, 0 for nobody's. The
// hash is keyed, so that a match cannot be computed from outside, and depends on
// Options.Seed alone, so that tests are repeatable.
func (s *Store) identity(id [wire.PeerIDSize]byte, key uint32) uint32 {
	if id == [wire.PeerIDSize]byte{} {
		return 0
	}
	const odd = 0x9e3779b97f4a7c15
	h := s.opts.Seed
	for _, word := range [...]uint64{
		binary.LittleEndian.Uint64(id[0:]),
		binary.LittleEndian.Uint64(id[8:]),
		uint64(binary.LittleEndian.Uint32(id[16:]))<<32 | uint64(key),
	} {
		high, low := bits.Mul64(h^word^odd, odd|1<<63)
		h = high ^ low
	}
	return max(uint32(h), 1)
}
