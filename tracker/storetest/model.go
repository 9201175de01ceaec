package storetest

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/wire"
)

// model is a Store without any thought for speed.
type model map[infohash.T]*modelSwarm

type modelSwarm struct {
	peers     map[netip.AddrPort]modelPeer
	completed int
}

type modelPeer struct {
	client  client
	seed    bool
	counted bool
	seen    time.Time
}

type client struct {
	id  [wire.PeerIDSize]byte
	key uint32
}

// announce applies a and returns the peers that the asker may be given.
func (m model) announce(a tracker.Announce) (eligible map[netip.AddrPort]bool, twin bool) {
	sw := m[a.InfoHash]
	if sw == nil {
		sw = &modelSwarm{peers: make(map[netip.AddrPort]modelPeer)}
		m[a.InfoHash] = sw
	}
	me := client{a.PeerID, a.Key}
	if a.Event == wire.Stopped {
		delete(sw.peers, a.Peer)
	} else {
		old, known := sw.peers[a.Peer]
		next := modelPeer{client: me, seed: a.Seed, counted: old.counted, seen: a.Time}
		if a.Event == wire.Completed && a.Seed && !(known && old.seed) && !old.counted {
			next.counted = true
			if !sw.twinCounted(a.Peer, me) {
				sw.completed++
			}
		}
		sw.peers[a.Peer] = next
	}
	eligible = make(map[netip.AddrPort]bool)
	for addr, p := range sw.peers {
		family := wire.FamilyOf(addr.Addr()) != wire.FamilyOf(a.Peer.Addr())
		isTwin := family && p.client == me
		switch {
		case addr == a.Peer, a.Seed && p.seed, family && !a.BothFamilies:
		case isTwin:
			twin = true
		default:
			eligible[addr] = true
		}
	}
	return eligible, twin
}

func (sw *modelSwarm) twinCounted(addr netip.AddrPort, c client) bool {
	for other, p := range sw.peers {
		if p.client == c && p.counted && wire.FamilyOf(other.Addr()) != wire.FamilyOf(addr.Addr()) {
			return true
		}
	}
	return false
}

// counts counts a client that is known under both families where its IPv4
// address puts it.
func (m model) counts(h infohash.T) (c tracker.Counts) {
	sw := m[h]
	if sw == nil {
		return c
	}
	over4 := make(map[client]bool)
	for addr, p := range sw.peers {
		if addr.Addr().Is4() {
			over4[p.client] = true
		}
	}
	for addr, p := range sw.peers {
		switch {
		case addr.Addr().Is6() && over4[p.client]:
		case p.seed:
			c.Seeders++
		default:
			c.Leechers++
		}
	}
	c.Completed = sw.completed
	return c
}

func (m model) expire(before time.Time) (removed int) {
	for _, sw := range m {
		for addr, p := range sw.peers {
			if p.seen.Before(before) {
				delete(sw.peers, addr)
				removed++
			}
		}
	}
	return removed
}

// history says what the random announces of a run look like.
type history struct {
	torrents, clients int
	steps             int
	mixed             bool // both families
}

// Swarms of up to 24 addresses: clients are matched across families.
func randomMixedHistories(t *testing.T, s tracker.Store) {
	play(t, s, history{torrents: 5, clients: 12, steps: 6000, mixed: true})
}

// Swarms of hundreds of addresses, which a store may keep in another way.
func randomLargeHistories(t *testing.T, s tracker.Store) {
	play(t, s, history{torrents: 1, clients: 400, steps: 6000})
}

// play runs a random history against the store and the model.
func play(t *testing.T, s tracker.Store, h history) {
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	m := make(model)
	now := Start
	for step := range h.steps {
		now = now.Add(time.Duration(rng.IntN(3)) * time.Second)
		if rng.IntN(200) == 0 {
			before := now.Add(-time.Duration(rng.IntN(h.clients*6)) * time.Second)
			removed, err := s.Expire(t.Context(), before)
			if want := m.expire(before); err != nil || removed != want {
				t.Fatalf("step %d: Expire removed %d, %v; want %d", step, removed, err, want)
			}
			continue
		}
		a, want := h.announce(rng, now), rng.IntN(20)
		got := announce(t, s, a, want)
		eligible, twin := m.announce(a)
		check(t, step, a, got, eligible, want, twin)
		if counts := m.counts(a.InfoHash); got.Counts != counts {
			t.Fatalf("step %d: counts are %+v, want %+v", step, got.Counts, counts)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	checkSurvey(t, s, m)
}

func (h history) announce(rng *rand.Rand, now time.Time) tracker.Announce {
	n := rng.IntN(h.clients)
	a := leech(n)
	a.InfoHash, a.Time, a.Seed = Hash(rng.IntN(h.torrents)), now, rng.IntN(2) == 0
	if h.mixed {
		a.BothFamilies = rng.IntN(2) == 0
		if rng.IntN(2) == 0 {
			a = over6(a, n)
		}
	}
	switch rng.IntN(8) {
	case 0:
		a.Event = wire.Stopped
	case 1:
		a.Event = wire.Completed
	case 2:
		a.Event = wire.Started
	}
	return a
}

// check compares an answer with the peers that were eligible.
func check(t *testing.T, step int, a tracker.Announce, got tracker.Swarm, eligible map[netip.AddrPort]bool, want int, twin bool) {
	t.Helper()
	given := make(map[netip.AddrPort]bool)
	for addr := range got.Peers.All() {
		if !eligible[addr] {
			t.Errorf("step %d: %v is given %v, which it must not be", step, a.Peer, addr)
		}
		if given[addr] {
			t.Errorf("step %d: %v is given %v twice", step, a.Peer, addr)
		}
		given[addr] = true
	}
	// A store may have chosen the caller under its other address before it
	// noticed: then one place stays empty.
	least := min(want, len(eligible))
	if twin {
		least--
	}
	if len(given) > want || len(given) < least {
		t.Errorf("step %d: %v is given %d peers, want %d of %d", step, a.Peer, len(given), want, len(eligible))
	}
}
