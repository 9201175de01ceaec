package memory

import (
	"context"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/wire"
)

// Options bounds a Store. The zero value is useful.
type Options struct {
	// MaxMemory is the most bytes that the store takes, whatever is announced;
	// 256 MiB when zero, 16 MiB at least. 256 MiB hold some twelve million IPv4
	// peers in large swarms, or nearly three million that are alone in theirs.
	// When three quarters are used, quotas hold for each /24 and /56; when little
	// is left, swarms of one peer go for others, and then peers get
	// tracker.ErrFull. Budget says how much a process of a given size may have.
	MaxMemory int64
	// MaxPorts is how many peers one IPv4 address, or one /64 of IPv6, may have in
	// one swarm; 32 when zero, 100 at most, no limit when negative. One more takes
	// the place of the one that has been silent for longest, so that whoever shares
	// the address with a liar still gets in.
	MaxPorts int
	// KeepEmpty is how long the completed count of a swarm without peers is
	// kept, unless memory runs short; 24 hours when zero.
	KeepEmpty time.Duration
	// Seed makes the choice of peers repeatable, for tests; random when zero.
	Seed uint64
}

func (o Options) withDefaults() Options {
	if o.MaxMemory <= 0 {
		o.MaxMemory = defaultMemory
	}
	o.MaxMemory = max(o.MaxMemory, leastMemory)
	if o.MaxPorts == 0 {
		o.MaxPorts = 32
	}
	o.MaxPorts = min(max(o.MaxPorts, 0), 100)
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
	opts    Options // immutable
	shards  [shards]shard
	pool    *pool    // immutable pointer
	sources *sources // immutable pointer
	// identityKey keys identities. It is in a snapshot, so that they keep their meaning.
	identityKey atomic.Uint64

	expiring sync.Mutex // held by Expire, so that two do not do the work twice

	evicted, refusedQuota, refusedFull, replaced atomic.Uint64
}

var (
	_ tracker.Store   = (*Store)(nil)
	_ tracker.Tallier = (*Store)(nil)
	_ tracker.Bounded = (*Store)(nil)
)

// New returns an empty Store.
func New(opts Options) *Store {
	s := &Store{opts: opts.withDefaults()}
	s.pool = newPool(s.opts.MaxMemory)
	s.sources = newSources(s.pool)
	s.pool.charge(int64(unsafe.Sizeof(*s)) + s.sources.size())
	s.identityKey.Store(s.opts.Seed)
	for i := range s.shards {
		sh := &s.shards[i]
		sh.pool, sh.sources, sh.rule = s.pool, s.sources, rule{ports: s.opts.MaxPorts}
		sh.index.pool, sh.swarms.pool = s.pool, s.pool
		sh.dice.state = s.opts.Seed + uint64(i)<<32
	}
	return s
}

// shard returns the shard for the hash of an info-hash.
func (s *Store) shard(key uint64) *shard { return &s.shards[key>>16%shards] }

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
		both:      a.BothFamilies,
	}
	key := hashOf(&a.InfoHash)
	sh := s.shard(key)
	p.locate(sh.rule)

	out := tracker.Swarm{Peers: a.Into}
	out.Peers.Reset()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var own view // the table that p belongs into
	at := -1
	if a.Event == wire.Stopped {
		if !sh.part(&own, key, &a.InfoHash, &p) {
			return out, nil
		}
	} else {
		var err error
		if at, err = s.arrive(sh, &own, key, &a.InfoHash, &p); err != nil {
			return tracker.Swarm{}, err
		}
	}
	out.Counts = sh.counts(own.owner)
	if want > 0 {
		sh.pick(&out.Peers, &own, &p, at, want)
	}
	return out, nil
}

// part takes p out of the swarm of h. It returns false when the swarm is not
// there any more, and else leaves its table in own.
func (sh *shard) part(own *view, key uint64, h *infohash.T, p *peer) bool {
	pos := sh.find(key, h)
	if pos < 0 {
		return false
	}
	own.open(sh, pos, p.family)
	at, _ := own.find(p)
	if at < 0 {
		return true
	}
	sh.leave(own, at)
	sh.tidy(pos, p.seen)
	if pos = sh.find(key, h); pos < 0 {
		return false
	}
	own.open(sh, pos, p.family)
	return true
}

// Scrape implements tracker.Store.
func (s *Store) Scrape(_ context.Context, hashes []infohash.T, into []tracker.Counts) ([]tracker.Counts, error) {
	into = into[:0]
	for i := range hashes {
		var counts tracker.Counts
		key := hashOf(&hashes[i])
		sh := s.shard(key)
		sh.mu.Lock()
		if pos := sh.find(key, &hashes[i]); pos >= 0 {
			counts = sh.counts(pos)
		}
		sh.mu.Unlock()
		into = append(into, counts)
	}
	return into, nil
}

// Tally implements tracker.Tallier. The shards are not read at one moment.
func (s *Store) Tally() tracker.Tally {
	var t tracker.Tally
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		t.Swarms += sh.tally.swarms
		t.Seeders += sh.tally.seeds
		t.Leechers += sh.tally.peers - sh.tally.seeds
		t.IPv6 += sh.tally.ipv6
		sh.mu.Unlock()
	}
	return t
}

// Pressure implements tracker.Bounded.
func (s *Store) Pressure() tracker.Pressure {
	return tracker.Pressure{
		Memory:       s.pool.taken.Load(),
		MaxMemory:    s.pool.max,
		Evicted:      s.evicted.Load(),
		Replaced:     s.replaced.Load(),
		RefusedQuota: s.refusedQuota.Load(),
		RefusedFull:  s.refusedFull.Load(),
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
// hash is keyed, so that a match cannot be computed from outside.
func (s *Store) identity(id [wire.PeerIDSize]byte, key uint32) uint32 {
	if id == [wire.PeerIDSize]byte{} {
		return 0
	}
	const odd = 0x9e3779b97f4a7c15
	h := s.identityKey.Load()
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
