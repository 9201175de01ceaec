package memory_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/memory"
	"p2p/tracker/storetest"
	"p2p/tracker/wire"
)

// peer returns an announce of the n-th peer of the torrent-th torrent.
func peer(torrent, n int) tracker.Announce {
	return tracker.Announce{
		InfoHash: storetest.Hash(torrent), Peer: storetest.Addr4(n), Key: uint32(n), Time: storetest.Start,
		PeerID: [wire.PeerIDSize]byte{1, byte(n >> 16), byte(n >> 8), byte(n)},
	}
}

func mustAnnounce(t testing.TB, s *memory.Store, a tracker.Announce) tracker.Swarm {
	t.Helper()
	swarm, err := s.Announce(context.Background(), a, 50)
	if err != nil {
		t.Fatal(err)
	}
	return swarm
}

func TestTheCompletedCountOfAnEmptySwarmIsForgottenInTheEnd(t *testing.T) {
	s := memory.New(memory.Options{KeepEmpty: time.Hour})
	finished := peer(0, 1)
	finished.Seed, finished.Event = true, wire.Completed
	completed := func() int {
		counts, err := s.Scrape(t.Context(), []infohash.T{finished.InfoHash}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return counts[0].Completed
	}
	for _, leave := range []string{"stopped", "expired"} {
		mustAnnounce(t, s, finished)
		if leave == "stopped" {
			stopped := finished
			stopped.Event = wire.Stopped
			mustAnnounce(t, s, stopped)
		}
		expire(t, s, storetest.Start.Add(time.Minute))
		expire(t, s, storetest.Start.Add(time.Hour))
		if got := completed(); got != 1 {
			t.Errorf("%s: completed is %d within the hour", leave, got)
		}
		expire(t, s, storetest.Start.Add(62*time.Minute))
		if got := completed(); got != 0 {
			t.Errorf("%s: completed is %d after the hour", leave, got)
		}
	}
}

// A swarm that comes back to life starts a new time of grace when it dies again.
func TestARevivedSwarmKeepsItsCompletedCount(t *testing.T) {
	s := memory.New(memory.Options{KeepEmpty: time.Hour})
	finished := peer(0, 1)
	finished.Seed, finished.Event = true, wire.Completed
	mustAnnounce(t, s, finished)
	expire(t, s, storetest.Start.Add(time.Minute))
	finished.Event, finished.Time = wire.None, storetest.Start.Add(50*time.Minute)
	mustAnnounce(t, s, finished)
	expire(t, s, storetest.Start.Add(80*time.Minute))
	counts, err := s.Scrape(t.Context(), []infohash.T{finished.InfoHash}, nil)
	if want := (tracker.Counts{Completed: 1}); err != nil || counts[0] != want {
		t.Errorf("counts are %+v, %v", counts, err)
	}
}

// alone skips a test in which one goroutine does everything with a hundred thousand peers, where it is run in short for the race
// detector: that takes minutes to find nothing that could race. TestAllMethodsMayBeCalledAtOnce and
// TestASnapshotIsTakenBesideAnnounces are for it.
func alone(t *testing.T) {
	t.Helper()
	if raceDetector && testing.Short() {
		t.Skip("one goroutine has nothing to race with")
	}
}

func expire(t *testing.T, s *memory.Store, before time.Time) int {
	t.Helper()
	removed, err := s.Expire(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	return removed
}

func TestExpireStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := memory.New(memory.Options{}).Expire(ctx, storetest.Start); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestTheTallyIsTheSumOfAllSwarms(t *testing.T) {
	s := memory.New(memory.Options{})
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	type key struct {
		torrent int
		peer    netip.AddrPort
	}
	model := make(map[key]bool) // whether it is a seed
	for range 5000 {
		torrent, n := rng.IntN(20), rng.IntN(60)
		a := peer(torrent, n)
		if rng.IntN(3) == 0 {
			a.Peer = storetest.Addr6(n)
		}
		a.Seed = rng.IntN(2) == 0
		model[key{torrent, a.Peer}] = a.Seed
		if rng.IntN(3) == 0 {
			a.Event = wire.Stopped
			delete(model, key{torrent, a.Peer})
		}
		mustAnnounce(t, s, a)
	}
	var want tracker.Tally
	torrents := make(map[int]bool)
	for k, isSeed := range model {
		torrents[k.torrent] = true
		if isSeed {
			want.Seeders++
		} else {
			want.Leechers++
		}
		if k.peer.Addr().Is6() {
			want.IPv6++
		}
	}
	want.Swarms = len(torrents)
	if got := s.Tally(); got != want {
		t.Errorf("tally is %+v, want %+v", got, want)
	}
	if removed := expire(t, s, storetest.Start.Add(time.Hour)); removed != len(model) {
		t.Errorf("%d peers expired, want %d", removed, len(model))
	}
	if got := s.Tally(); got != (tracker.Tally{}) {
		t.Errorf("tally of the empty store is %+v", got)
	}
}

// For the race detector: every method at once, expiry going through swarms that
// change under it.
func TestAllMethodsMayBeCalledAtOnce(t *testing.T) {
	s := memory.New(memory.Options{})
	hashes := []infohash.T{storetest.Hash(0), storetest.Hash(1), storetest.Hash(2)}
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(worker), 0))
			for range 3000 {
				a := peer(rng.IntN(3), rng.IntN(2000))
				a.Time = storetest.Start.Add(time.Duration(rng.IntN(100)) * time.Second)
				a.Seed, a.BothFamilies = rng.IntN(2) == 0, true
				if rng.IntN(4) == 0 {
					a.Peer = storetest.Addr6(rng.IntN(50))
				}
				if rng.IntN(3) == 0 {
					a.Event = wire.Stopped
				}
				if _, err := s.Announce(t.Context(), a, 30); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Go(func() {
		for i := range 200 {
			if _, err := s.Expire(t.Context(), storetest.Start.Add(time.Duration(i%100)*time.Second)); err != nil {
				t.Error(err)
			}
			if _, err := s.Scrape(t.Context(), hashes, nil); err != nil {
				t.Error(err)
			}
			s.Tally()
		}
	})
	group.Wait()
	expire(t, s, storetest.Start.Add(time.Hour))
	if got := s.Tally(); got != (tracker.Tally{}) {
		t.Errorf("tally of the empty store is %+v", got)
	}
}

func TestARenewalDoesNotAllocate(t *testing.T) {
	s := memory.New(memory.Options{})
	for n := range 1000 {
		mustAnnounce(t, s, peer(0, n))
	}
	a := peer(0, 5)
	a.Into = wire.Peers{V4: make([]byte, 0, 6*50)}
	if allocs := testing.AllocsPerRun(100, func() { mustAnnounce(t, s, a) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// The bounds that a tracker of the largest size needs: 24 bytes per IPv4 peer and
// 40 per IPv6 peer in large swarms. A torrent with one peer costs most.
func TestMemoryPerPeer(t *testing.T) {
	if testing.Short() {
		t.Skip("fills 20 MB")
	}
	// Swarms of 5000 to 30000 peers: the memory that indexes keep for growth
	// depends on the size, so one size would prove nothing.
	large := func(n int) int {
		for torrent, size := 0, 5000; ; torrent, size = torrent+1, size+1257 {
			if n -= size; n < 0 {
				return torrent
			}
		}
	}
	for _, test := range []struct {
		name    string
		torrent func(n int) int
		addr    func(int) netip.AddrPort
		limit   float64
	}{
		{"IPv4 in large swarms", large, storetest.Addr4, 24},
		{"IPv6 in large swarms", large, storetest.Addr6, 40},
		{"one peer per torrent", func(n int) int { return n }, storetest.Addr4, 120},
	} {
		t.Run(test.name, func(t *testing.T) {
			const peers = 300_000
			s := memory.New(memory.Options{})
			before := heap() // what does not depend on the number of peers apart
			for n := range peers {
				a := peer(test.torrent(n), n)
				a.Peer = test.addr(n)
				a.Into = wire.Peers{}
				if _, err := s.Announce(t.Context(), a, 0); err != nil {
					t.Fatal(err)
				}
			}
			perPeer := float64(heap()-before) / peers
			t.Logf("%.1f bytes per peer", perPeer)
			if perPeer > test.limit {
				t.Errorf("%.1f bytes per peer, the limit is %.0f", perPeer, test.limit)
			}
			runtime.KeepAlive(s)
		})
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkAnnounce(b *testing.B) {
	for _, test := range []struct {
		name            string
		torrents, peers int
		want            int
	}{
		{"1 swarm of 2", 1, 2, 50},
		{"1 swarm of 50", 1, 50, 50},
		{"1 swarm of 100000", 1, 100_000, 50},
		{"10000 swarms of 10", 10_000, 100_000, 30},
	} {
		b.Run(test.name, func(b *testing.B) {
			s := memory.New(memory.Options{Seed: 1})
			announces := make([]tracker.Announce, test.peers)
			for n := range announces {
				announces[n] = peer(n%test.torrents, n)
				announces[n].Seed = n/test.torrents%2 == 0
				mustAnnounce(b, s, announces[n])
			}
			into := wire.Peers{V4: make([]byte, 0, 6*50)}
			rng := rand.New(rand.NewPCG(1, 1))
			b.ReportAllocs()
			for b.Loop() {
				a := announces[rng.IntN(len(announces))]
				a.Into = into
				if _, err := s.Announce(context.Background(), a, test.want); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAnnounceParallel(b *testing.B) {
	s := memory.New(memory.Options{Seed: 1})
	const torrents, peers = 10_000, 100_000
	announces := make([]tracker.Announce, peers)
	for n := range announces {
		announces[n] = peer(n%torrents, n)
		mustAnnounce(b, s, announces[n])
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		into := wire.Peers{V4: make([]byte, 0, 6*50)}
		rng := rand.New(rand.NewPCG(rand.Uint64(), 1))
		for pb.Next() {
			a := announces[rng.IntN(len(announces))]
			a.Into = into
			if _, err := s.Announce(context.Background(), a, 30); err != nil {
				b.Error(err)
			}
		}
	})
}
