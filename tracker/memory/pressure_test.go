package memory_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/memory"
	"p2p/tracker/storetest"
	"p2p/tracker/wire"
)

// public returns a peer of the n-th /24, or /56, that a stranger could have.
func public(family wire.Family, network, host int) netip.AddrPort {
	if family == wire.IPv4 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(20 + network>>16), byte(network >> 8), byte(network), byte(host)}), uint16(1000+host>>8))
	}
	ip := [16]byte{0x20, 0x01, 3: 0x20, 4: byte(network >> 16), 5: byte(network >> 8), 6: byte(network), 7: byte(host), 14: byte(host >> 16), 15: byte(host >> 8)}
	return netip.AddrPortFrom(netip.AddrFrom16(ip), 6881)
}

// try announces a peer to the n-th torrent.
func try(t testing.TB, s *memory.Store, n int, addr netip.AddrPort, at time.Time) error {
	t.Helper()
	a := tracker.Announce{InfoHash: torrent(n), Peer: addr, Time: at}
	_, err := s.Announce(t.Context(), a, 0)
	if p := s.Pressure(); p.Memory > p.MaxMemory {
		t.Fatalf("%d bytes are taken, the budget is %d", p.Memory, p.MaxMemory)
	}
	if err != nil && !errors.Is(err, tracker.ErrFull) && !errors.Is(err, tracker.ErrQuota) {
		t.Fatal(err)
	}
	return err
}

// torrent returns the n-th info-hash, at less cost than storetest.Hash.
func torrent(n int) (h infohash.T) {
	binary.LittleEndian.PutUint64(h[:], uint64(n)+1)
	return h
}

func leechers(t testing.TB, s *memory.Store, n int) int {
	t.Helper()
	counts, err := s.Scrape(t.Context(), []infohash.T{torrent(n)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return counts[0].Leechers
}

func TestTheBudgetHoldsWhateverIsAnnounced(t *testing.T) {
	alone(t)
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	for _, test := range []struct {
		name    string
		peers   int
		torrent func(rng *rand.Rand, n int) int
	}{
		{"new swarms only", 220_000, func(_ *rand.Rand, n int) int { return n }},
		{"one swarm", 700_000, func(*rand.Rand, int) int { return 0 }},
		{"swarms of all sizes", 400_000, func(rng *rand.Rand, n int) int {
			return int(float64(n) * rng.Float64() * rng.Float64() * rng.Float64())
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if testing.Short() && test.peers > 300_000 {
				t.Skip("takes seconds; new swarms show most of it")
			}
			rng := rand.New(rand.NewPCG(seed, 0))
			const budget = 16 << 20
			before := heap()
			s := memory.New(memory.Options{MaxMemory: budget, Seed: seed})
			for n := range test.peers {
				try(t, s, test.torrent(rng, n), public(wire.Family(rng.IntN(2)), rng.IntN(1<<20), rng.IntN(256)), storetest.Start)
			}
			taken := int64(heap() - before)
			p := s.Pressure()
			t.Logf("%d KiB of %d KiB are charged, the heap has grown by %d KiB: %+v, %+v", p.Memory>>10, budget>>10, taken>>10, s.Tally(), p)
			if p.Memory < budget*9/10 {
				t.Error("the flood has not filled the store: it proves nothing")
			}
			if taken > budget {
				t.Errorf("the heap has grown by %d bytes", taken)
			}
			runtime.KeepAlive(s)
		})
	}
}

func TestMemoryIsGivenBackWhenPeersGo(t *testing.T) {
	alone(t)
	s := memory.New(memory.Options{})
	empty := s.Pressure().Memory
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 60_000 {
		torrent := n
		if n%2 == 0 {
			torrent = rng.IntN(20)
		}
		try(t, s, torrent, public(wire.Family(n%3/2), n, n), storetest.Start)
	}
	full := s.Pressure().Memory
	if removed := expire(t, s, storetest.Start.Add(time.Hour)); removed != 60_000 {
		t.Errorf("%d peers expired", removed)
	}
	if left := s.Pressure().Memory - empty; left > 512<<10 {
		t.Errorf("%d of %d bytes are still taken", left, full-empty)
	}
}

// A flood of new info-hashes from everywhere: old torrents with one seed stay, and
// those in which two have found each other do all the more.
func TestAFloodOfNewSwarmsDrivesOutItself(t *testing.T) {
	alone(t)
	s := memory.New(memory.Options{MaxMemory: 16 << 20, Seed: 1})
	const old, flood = 20_000, 200_000
	for n := range old {
		try(t, s, n, public(wire.IPv4, n, 1), storetest.Start)
		if n%5 == 0 {
			try(t, s, n, public(wire.IPv4, n, 2), storetest.Start)
		}
	}
	later := storetest.Start.Add(10 * time.Minute)
	refused := 0
	for n := range flood {
		if try(t, s, old+n, public(wire.IPv4, rand.IntN(1<<20), 3), later.Add(time.Duration(n)*time.Millisecond)) != nil {
			refused++
		}
	}
	alone, lost, pairs := 0, 0, 0
	for n := range old {
		switch got := leechers(t, s, n); {
		case n%5 == 0:
			pairs += 2 - got
		case got == 0:
			lost++
			alone++
		default:
			alone++
		}
	}
	if pairs > 0 {
		t.Errorf("%d peers of swarms of two are gone", pairs)
	}
	if lost > alone/20 {
		t.Errorf("%d of %d old swarms are gone", lost, alone)
	}
	if p := s.Pressure(); p.Evicted == 0 || refused > flood/100 {
		t.Errorf("%d of the flood were refused; %+v", refused, p)
	}
}

func TestOneNetworkCannotFillTheStore(t *testing.T) {
	alone(t)
	for _, family := range []wire.Family{wire.IPv4, wire.IPv6} {
		t.Run(family.String(), func(t *testing.T) {
			s := memory.New(memory.Options{MaxMemory: 16 << 20, Seed: 1})
			for n := range 200_000 {
				err := try(t, s, n, public(family, 77, n), storetest.Start)
				if p := s.Pressure(); err != nil && p.Memory < p.MaxMemory*3/4 {
					t.Fatalf("peer %d is refused while there is room: %v", n, err)
				}
			}
			p := s.Pressure()
			if p.RefusedQuota == 0 || p.Memory > p.MaxMemory*8/10 {
				t.Errorf("one network has filled the store: %+v", p)
			}
			// Its own peers are served still, and so is everybody else.
			if err := try(t, s, 0, public(family, 77, 0), storetest.Start); err != nil {
				t.Errorf("a peer that is in the store: %v", err)
			}
			refused := 0
			for n := range 3000 {
				if try(t, s, 1_000_000+n, public(family, 1000+n, 1), storetest.Start) != nil {
					refused++
				}
			}
			if refused > 30 {
				t.Errorf("%d of 3000 strangers are refused", refused)
			}
		})
	}
}

// A scrape and a farewell cost a stranger one packet each: what they name must not
// cost memory.
func TestWhoAsksAndWhoLeavesLeaveNothingBehind(t *testing.T) {
	alone(t)
	s := memory.New(memory.Options{MaxMemory: 16 << 20, Seed: 1})
	try(t, s, 0, public(wire.IPv4, 1, 1), storetest.Start)
	before, tally := s.Pressure().Memory, s.Tally()
	for n := range 100_000 {
		if _, err := s.Scrape(t.Context(), []infohash.T{torrent(n)}, nil); err != nil {
			t.Fatal(err)
		}
		gone := tracker.Announce{InfoHash: torrent(n), Peer: public(wire.Family(n%2), n, 2), Event: wire.Stopped, Time: storetest.Start}
		if _, err := s.Announce(t.Context(), gone, 50); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Pressure().Memory; got != before || s.Tally() != tally {
		t.Errorf("%d bytes are taken, %d were before; %+v", got, before, s.Tally())
	}
}

// The one that has been silent for longest goes, so that whoever shares an
// address with a liar gets in.
func TestAnAddressHasOnlySoManyPeersInASwarm(t *testing.T) {
	for _, test := range []struct {
		name   string
		addr   func(n int) netip.AddrPort
		others int // that are in the swarm before
		want   int
	}{
		{"IPv4", func(n int) netip.AddrPort {
			return netip.AddrPortFrom(netip.MustParseAddr("198.51.100.7"), uint16(1000+n))
		}, 0, 10},
		{"IPv4 in a big swarm", func(n int) netip.AddrPort {
			return netip.AddrPortFrom(netip.MustParseAddr("198.51.100.7"), uint16(1000+n))
		}, 3000, 10},
		{"IPv6 of one /64", func(n int) netip.AddrPort {
			ip := netip.MustParseAddr("2001:db8:1:2::").As16()
			ip[15] = byte(n)
			return netip.AddrPortFrom(netip.AddrFrom16(ip), 6881)
		}, 0, 10},
		{"this machine", func(n int) netip.AddrPort {
			return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(1000+n))
		}, 2000, 100},
		{"this machine over IPv6", func(n int) netip.AddrPort {
			return netip.AddrPortFrom(netip.IPv6Loopback(), uint16(1000+n))
		}, 0, 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := memory.New(memory.Options{MaxPorts: 10, Seed: 1})
			for n := range test.others {
				try(t, s, 0, public(wire.IPv4, n, 1), storetest.Start)
			}
			for n := range 100 {
				try(t, s, 0, test.addr(n), storetest.Start.Add(time.Duration(n)*time.Second))
			}
			if got := leechers(t, s, 0) - test.others; got != test.want {
				t.Errorf("%d peers of 100, want %d", got, test.want)
			}
			if got := s.Pressure().Replaced; got != uint64(100-test.want) {
				t.Errorf("%d peers were replaced", got)
			}
			// Of those with a limit the last ones are there.
			if removed := expire(t, s, storetest.Start.Add(90*time.Second)); removed != test.others+max(test.want-10, 0) {
				t.Errorf("%d peers are older than the last ten", removed)
			}
		})
	}
}

func TestTheLimitsLeaveRoomForTheRestOfTheProcess(t *testing.T) {
	for _, whole := range []int64{64 << 20, 1 << 30} {
		store, collector := memory.Budget(whole), memory.CollectorLimit(whole)
		if store < whole/4 || store > whole*3/4 || collector <= store || collector >= whole {
			t.Errorf("of %d bytes %d are for the store, %d for the collector", whole, store, collector)
		}
	}
	if store, collector := memory.Budget(0), memory.CollectorLimit(0); store <= 0 || collector <= 0 {
		t.Errorf("%d and %d of nothing", store, collector)
	}
}
