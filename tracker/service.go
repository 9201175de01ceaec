package tracker

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker/wire"
)

// Options are the rules of a Service. The zero value is a good public tracker.
type Options struct {
	// Interval is how long clients of a small swarm wait between regular
	// announces; 30 minutes when zero, one minute at least. It grows with the
	// swarm to half as much again; see Stretch. Each answer adds up to a tenth at
	// random, so that clients that came together do not return together.
	Interval time.Duration
	// MinInterval is how long clients wait in any case; half of Interval when
	// zero, never more than it. In a small swarm they may come back sooner, after
	// SmallInterval; who is told of nobody, after AloneInterval.
	MinInterval time.Duration
	// PeerTTL is how long a peer is handed out after its last announce; twice
	// Interval when zero. It is longer than the longest interval handed out.
	PeerTTL time.Duration
	// DefaultWant is the number of peers returned to who asks for no number; 50
	// when zero.
	DefaultWant int
	// MaxWant is the most peers that anybody gets; 200 when zero.
	MaxWant int
	// TrustLoopback lets a request from a loopback address state the peer's
	// address. See the package comment.
	TrustLoopback bool
	// TopSwarms is how many of the largest swarms a Survey names, MaxTopSwarms at
	// most; none when zero. Who sees the survey learns info-hashes from it.
	TopSwarms int
	// Policy says who may use the tracker; everybody when nil.
	Policy Policy
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.Interval <= 0 {
		o.Interval = 30 * time.Minute
	}
	o.Interval = max(o.Interval, time.Minute)
	if o.MinInterval <= 0 {
		o.MinInterval = o.Interval / 2
	}
	o.MinInterval = min(o.MinInterval, o.Interval)
	if o.PeerTTL <= 0 {
		o.PeerTTL = 2 * o.Interval
	}
	// Who comes back when it was told to, and a lost packet later, is still known.
	o.PeerTTL = max(o.PeerTTL, o.longest()+time.Minute)
	if o.DefaultWant <= 0 {
		o.DefaultWant = 50
	}
	if o.MaxWant <= 0 {
		o.MaxWant = 200
	}
	o.TopSwarms = min(max(o.TopSwarms, 0), MaxTopSwarms)
	if o.Policy == nil {
		o.Policy = Open{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// longest returns the longest interval that is handed out.
func (o Options) longest() time.Duration {
	return time.Duration(maxStretch * float64(o.Interval) * (1 + jitter))
}

// Transport is the protocol that a request came over.
type Transport uint8

// The transports.
const (
	HTTP Transport = iota
	UDP
)

// Request is an announce as a front received it.
type Request struct {
	Transport Transport
	// Passkey is the one that the announce URL had, zero for none.
	Passkey  Passkey
	InfoHash infohash.T
	PeerID   [wire.PeerIDSize]byte
	Key      uint32
	// Peer is the source address of the request and the port that the client
	// says it listens on.
	Peer netip.AddrPort
	// Claimed is the address that the client says it has, if any; see
	// Options.TrustLoopback.
	Claimed netip.Addr
	Seed    bool // nothing left to download
	// Uploaded and Downloaded are the bytes that the client says it has sent
	// and received since it started.
	Uploaded, Downloaded int64
	Event                wire.Event
	// NumWant is the number of peers wanted, negative for the default.
	NumWant int
	// Room is the most peers that fit into the answer; 0 for no limit.
	Room int
	// BothFamilies says that the answer can carry peers of both.
	BothFamilies bool
	// Into is memory for the peers of the answer; see Announce.
	Into wire.Peers
	// Time is when the request came; now when zero. A front that reads many
	// at a time looks at the clock once.
	Time time.Time
	// Counters is where the request is counted; Service.Counters when nil.
	Counters *Counters
}

// ScrapeRequest is a scrape as a front received it.
type ScrapeRequest struct {
	Transport Transport
	Passkey   Passkey    // as in Request
	From      netip.Addr // who asks
	Hashes    []infohash.T
	// Into is memory for the answer; see Store.Scrape.
	Into     []Counts
	Counters *Counters // as in Request
}

// Response answers a Request.
type Response struct {
	Interval    time.Duration
	MinInterval time.Duration
	Swarm
}

// Service is a tracker without its sockets. All methods may be called by any
// goroutine.
type Service struct {
	store    Store
	opts     Options // immutable
	counters Counters
	history  history
	surveys  surveys
	expiry   expiry

	moreMu sync.Mutex
	more   []*Counters
}

// New returns a Service over store. Its owner calls Run, or Expire from time to
// time.
func New(store Store, opts Options) *Service {
	s := &Service{store: store, opts: opts.withDefaults()}
	s.history.start(s.opts.Now())
	return s
}

// Announce handles one announce. The error is a *Refusal when the client may
// know the reason. The peers of the response are in r.Into's memory.
func (s *Service) Announce(ctx context.Context, r Request) (Response, error) {
	counters := s.countersOf(r.Counters)
	response, err := s.announce(ctx, r)
	counters.count(&counters.Announces[r.Transport], err)
	if err != nil {
		return Response{}, err
	}
	return response, nil
}

func (s *Service) announce(ctx context.Context, r Request) (Response, error) {
	if r.Time.IsZero() {
		r.Time = s.opts.Now()
	}
	r.Peer = s.address(r)
	if !wire.Connectable(r.Peer) {
		return Response{}, errAddress
	}
	if err := s.opts.Policy.MayAnnounce(ctx, r); err != nil {
		return Response{}, err
	}
	want := s.want(r)
	swarm, err := s.store.Announce(ctx, Announce{
		InfoHash:     r.InfoHash,
		Peer:         r.Peer,
		PeerID:       r.PeerID,
		Key:          r.Key,
		Seed:         r.Seed,
		Event:        r.Event,
		Time:         r.Time,
		BothFamilies: r.BothFamilies,
		Into:         r.Into,
	}, want)
	if err != nil {
		if isRefusal(err) {
			return Response{}, err // ErrFull is as frequent as a flood that fills the store
		}
		return Response{}, fmt.Errorf("announce: %w", err)
	}
	return Response{Interval: s.interval(swarm.Counts), MinInterval: s.minInterval(want, swarm), Swarm: swarm}, nil
}

// AloneInterval is the min interval of an answer without peers. Who waits for
// the first seeder of a swarm that has just begun would otherwise wait for half
// an hour beside it.
const AloneInterval = 15 * time.Second

// SmallInterval is the min interval of a swarm of up to smallSwarm peers. Two who look for each other, of whom one cannot be
// called, meet when that one asks; beside them the swarm may have those who went without a word. Clients that wait for nobody keep
// the interval, and load a tracker no more for it.
const (
	SmallInterval = 30 * time.Second
	smallSwarm    = 8
)

func (s *Service) minInterval(want int, swarm Swarm) time.Duration {
	if want > 0 && swarm.Peers.Len() == 0 {
		return min(AloneInterval, s.opts.MinInterval)
	}
	if want > 0 && swarm.Seeders+swarm.Leechers <= smallSwarm {
		return min(SmallInterval, s.opts.MinInterval)
	}
	return s.opts.MinInterval
}

// address returns where the peer of r is to be reached.
func (s *Service) address(r Request) netip.AddrPort {
	addr := r.Peer.Addr().Unmap().WithZone("")
	if s.opts.TrustLoopback && addr.IsLoopback() && r.Claimed.IsValid() {
		addr = r.Claimed.Unmap().WithZone("")
	}
	return netip.AddrPortFrom(addr, r.Peer.Port())
}

// want returns how many peers r gets at most. One that leaves needs none.
func (s *Service) want(r Request) int {
	want := r.NumWant
	switch {
	case r.Event == wire.Stopped:
		return 0
	case want < 0:
		want = s.opts.DefaultWant
	}
	if r.Room > 0 {
		want = min(want, r.Room)
	}
	return min(want, s.opts.MaxWant)
}

// jitter is the most that is added to an interval, as a part of it.
const jitter = 0.1

// The interval grows with a swarm from swarmOfBase peers on, and has grown to
// maxStretch times itself where the swarm has doubled doublings times. Below, a
// peer needs the tracker to meet everybody. Above, an answer is a sample
// of the swarm, which peers widen among themselves, and the swarms of thousands are
// what a busy tracker spends its time on: the longest interval saves it a third
// of them. It is not longer because a peer that vanished without a word is handed
// out until PeerTTL, which has to outlast the longest interval in small swarms too.
const (
	swarmOfBase = 50
	maxStretch  = 1.5
	doublings   = 7
)

// Stretch returns by how much the interval of a swarm of so many peers is longer
// than Options.Interval: 1 up to 50 peers, 1.5 from 6400 on, and between them in
// proportion to the logarithm.
func Stretch(peers int) float64 {
	if peers <= swarmOfBase {
		return 1
	}
	return min(maxStretch, 1+math.Log2(float64(peers)/swarmOfBase)*(maxStretch-1)/doublings)
}

// interval returns the time until the next regular announce in a swarm of n, in
// whole seconds.
func (s *Service) interval(n Counts) time.Duration {
	spread := 1 + jitter*rand.Float64()
	return time.Duration(float64(s.opts.Interval) * Stretch(n.Seeders+n.Leechers) * spread).Truncate(time.Second)
}

// Scrape returns the counts of r.Hashes, in their order and in r.Into's memory.
// The error is a *Refusal when the client may know the reason.
func (s *Service) Scrape(ctx context.Context, r ScrapeRequest) ([]Counts, error) {
	err := s.opts.Policy.MayScrape(ctx, r)
	var counts []Counts
	if err == nil {
		counts, err = s.store.Scrape(ctx, r.Hashes, r.Into)
	}
	counters := s.countersOf(r.Counters)
	counters.count(&counters.Scrapes[r.Transport], err)
	if err != nil {
		if isRefusal(err) {
			return nil, err
		}
		return nil, fmt.Errorf("scrape: %w", err)
	}
	return counts, nil
}

// PeerTTL returns how long a peer is known after its last announce.
func (s *Service) PeerTTL() time.Duration { return s.opts.PeerTTL }

// Expire forgets the peers whose time is over and returns how many they were.
func (s *Service) Expire(ctx context.Context) (removed int, err error) {
	removed, err = s.store.Expire(ctx, s.opts.Now().Add(-s.opts.PeerTTL))
	if err != nil {
		return removed, fmt.Errorf("expire: %w", err)
	}
	return removed, nil
}
