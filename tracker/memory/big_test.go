package memory_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"p2p/tracker"
	"p2p/tracker/memory"
	"p2p/tracker/storetest"
	"p2p/tracker/wire"
)

// One swarm grows through every form of memory that there is, and shrinks through
// them again, with peers that change their role all the time. Beside it stand small swarms whose
// memory is moved about by its growth.
func TestASwarmGrowsAndShrinksWithoutLosingAnybody(t *testing.T) {
	alone(t)
	for _, family := range []wire.Family{wire.IPv4, wire.IPv6} {
		t.Run(family.String(), func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %#x", seed)
			rng := rand.New(rand.NewPCG(seed, 0))
			s := memory.New(memory.Options{Seed: seed})
			const most, small = 6000, 3000
			for n := range small {
				try(t, s, 1+n%1000, public(wire.Family(n%2), n, 9), storetest.Start)
			}
			model := make(map[netip.AddrPort]bool)
			for _, growing := range []bool{true, false} {
				for len(model) < most && growing || len(model) > 0 && !growing {
					a := tracker.Announce{InfoHash: torrent(0), Time: storetest.Start, Seed: rng.IntN(2) == 0}
					a.Peer = public(family, rng.IntN(most*5/4), 1)
					if _, known := model[a.Peer]; known && rng.IntN(8) == 0 || !growing && rng.IntN(4) > 0 {
						a.Event = wire.Stopped
						delete(model, a.Peer)
					} else if growing || known {
						model[a.Peer] = a.Seed
					} else {
						continue
					}
					mustAnnounce(t, s, a)
					if rng.IntN(1000) == 0 {
						isTheModel(t, s, family, model)
					}
				}
				isTheModel(t, s, family, model)
			}
			for n := range 1000 {
				if got := leechers(t, s, 1+n); got != small/1000 {
					t.Fatalf("%d peers in a small swarm, want %d", got, small/1000)
				}
			}
		})
	}
}

// isTheModel compares swarm 0 with what it should hold, as a leech sees it.
func isTheModel(t *testing.T, s *memory.Store, family wire.Family, model map[netip.AddrPort]bool) {
	t.Helper()
	a := tracker.Announce{InfoHash: torrent(0), Peer: public(family, 1<<20, 3), Time: storetest.Start.Add(time.Second), Event: wire.Stopped}
	swarm, err := s.Announce(t.Context(), a, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	seeds := 0
	for addr := range swarm.Peers.All() {
		if _, known := model[addr]; !known {
			t.Fatalf("%v is not in the swarm", addr)
		}
	}
	for _, isSeed := range model {
		if isSeed {
			seeds++
		}
	}
	if got := swarm.Peers.Len(); got != len(model) || swarm.Seeders != seeds || swarm.Leechers != len(model)-seeds {
		t.Fatalf("%d peers, counts %+v, want %d with %d seeds", got, swarm.Counts, len(model), seeds)
	}
}

// A big swarm's peers are drawn in runs of neighbours: all come equally often all
// the same, and none twice.
func TestThePeersOfABigSwarmAreHandedOutEquallyOften(t *testing.T) {
	alone(t)
	s := memory.New(memory.Options{Seed: 1})
	const peers, want, rounds = 1000, 31, 20_000
	for n := range peers {
		try(t, s, 0, public(wire.IPv4, n, 1), storetest.Start)
	}
	a := tracker.Announce{InfoHash: torrent(0), Peer: public(wire.IPv4, peers/2, 1), Time: storetest.Start}
	given := make(map[netip.AddrPort]int)
	for range rounds {
		swarm, err := s.Announce(t.Context(), a, want)
		if err != nil || swarm.Peers.Len() != want {
			t.Fatalf("%d peers, %v", swarm.Peers.Len(), err)
		}
		once := make(map[netip.AddrPort]bool)
		for addr := range swarm.Peers.All() {
			if once[addr] || addr == a.Peer {
				t.Fatalf("%v is given twice, or to itself", addr)
			}
			once[addr] = true
			given[addr]++
		}
	}
	// The mean is 620 with a standard deviation of about 25: six of them either way.
	mean := rounds * want / (peers - 1)
	if len(given) != peers-1 {
		t.Errorf("%d peers were ever given", len(given))
	}
	for addr, n := range given {
		if n < mean-150 || n > mean+150 {
			t.Errorf("%v was given %d times, the mean is %d", addr, n, mean)
		}
	}
}
