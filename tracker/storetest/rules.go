package storetest

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/wire"
)

func theFirstPeerIsAlone(t *testing.T, s tracker.Store) {
	swarm := announce(t, s, with(leech(1), wire.Started), 50)
	wantPeers(t, swarm)
	wantCounts(t, swarm.Counts, 0, 1, 0)
}

func theSecondPeerLearnsOfTheFirst(t *testing.T, s tracker.Store) {
	announce(t, s, with(seed(1), wire.Started), 50)
	swarm := announce(t, s, with(leech(2), wire.Started), 50)
	wantPeers(t, swarm, Addr4(1))
	wantCounts(t, swarm.Counts, 1, 1, 0)
}

func nobodyIsGivenThemselves(t *testing.T, s tracker.Store) {
	for range 3 {
		wantPeers(t, announce(t, s, leech(1), 50))
	}
	announce(t, s, leech(2), 50)
	wantPeers(t, announce(t, s, leech(1), 50), Addr4(2))
}

// A peer id is known to every peer of the swarm: it must not be enough to
// replace a peer. The same address with another id is the same peer, restarted.
func aPeerIsKnownByAddressAndPort(t *testing.T, s tracker.Store) {
	announce(t, s, leech(1), 50)
	impostor := leech(2)
	impostor.PeerID, impostor.Key = clientID(1), 1
	announce(t, s, impostor, 50)
	restarted := leech(1)
	restarted.PeerID = clientID(77)
	announce(t, s, restarted, 50)
	swarm := announce(t, s, leech(3), 50)
	wantPeers(t, swarm, Addr4(1), Addr4(2))

	otherPort := leech(1)
	otherPort.Peer = netip.AddrPortFrom(Addr4(1).Addr(), 9)
	wantCounts(t, announce(t, s, otherPort, 50).Counts, 0, 4, 0)
}

func seedsAreNotGivenSeeds(t *testing.T, s tracker.Store) {
	announce(t, s, seed(1), 50)
	announce(t, s, seed(2), 50)
	announce(t, s, leech(3), 50)
	wantPeers(t, announce(t, s, seed(1), 50), Addr4(3))
	// The same must hold for one that has just finished.
	wantPeers(t, announce(t, s, with(seed(3), wire.Completed), 50))
}

// Seeds come first, for they have everything. A quarter is for leeches all the same:
// they must learn of each other.
func aLeechIsGivenSeedsFirstAndThenLeeches(t *testing.T, s tracker.Store) {
	rng := rand.New(rand.NewPCG(1, 2))
	const firstLeech = 1000
	for torrent := range 40 {
		seeds, leeches := rng.IntN(60), rng.IntN(60)
		if torrent%4 == 0 { // a store may keep large swarms in another way
			seeds, leeches = rng.IntN(1000), rng.IntN(1000)
		}
		in := func(a tracker.Announce) tracker.Announce { a.InfoHash = Hash(torrent); return a }
		for n := range seeds {
			announce(t, s, in(seed(n)), 0)
		}
		for n := range leeches {
			announce(t, s, in(leech(firstLeech+n)), 0)
		}
		others, asker := leeches, in(leech(firstLeech))
		if leeches > 0 {
			others--
		}
		for want := range 52 {
			wantSeeds := min(seeds, want-min(others, want/4))
			wantLeeches := min(others, want-wantSeeds)
			kinds := ""
			swarm := announce(t, s, asker, want)
			for a := range swarm.Peers.All() {
				if a.Addr().Less(Addr4(firstLeech).Addr()) {
					kinds += "S"
				} else {
					kinds += "l"
				}
			}
			if kinds != strings.Repeat("S", wantSeeds)+strings.Repeat("l", wantLeeches) {
				t.Fatalf("of %d seeds and %d other leeches, %d wanted, a leech is given %s; want %d and then %d", seeds, others, want, kinds, wantSeeds, wantLeeches)
			}
			if leeches == 0 {
				announce(t, s, with(asker, wire.Stopped), 0)
			}
		}
	}
}

func everySeedIsHandedOutEquallyOften(t *testing.T, s tracker.Store) {
	const seeds, want, rounds = 97, 12, 3000 // nine of them are seeds
	for n := range seeds {
		announce(t, s, seed(n), 0)
		announce(t, s, leech(1000+n), 0)
	}
	given := make(map[netip.AddrPort]int)
	for range rounds {
		swarm := announce(t, s, leech(1000), want)
		for a := range swarm.Peers.All() {
			given[a]++
		}
	}
	// The mean is 278 with a standard deviation of about 16: six of them either way.
	mean := rounds * (want - want/4) / seeds
	for n := range seeds {
		if got := given[Addr4(n)]; got < mean-96 || got > mean+96 {
			t.Errorf("seed %d was handed out %d times, the mean is %d", n, got, mean)
		}
	}
}

func wantBoundsTheAnswer(t *testing.T, s tracker.Store) {
	for n := range 100 {
		announce(t, s, leech(n), 0)
	}
	for _, want := range []int{0, 1, 2, 30, 99} {
		if got := announce(t, s, leech(0), want).Peers.Len(); got != want {
			t.Errorf("%d peers, want %d", got, want)
		}
	}
	if got := announce(t, s, leech(0), 1000).Peers.Len(); got != 99 {
		t.Errorf("%d peers, want the 99 others", got)
	}
}

func everyPeerIsHandedOutEquallyOften(t *testing.T, s tracker.Store) {
	const peers, want, rounds = 97, 10, 3000
	for n := range peers {
		announce(t, s, leech(n), 0)
	}
	given := make(map[netip.AddrPort]int)
	for range rounds {
		swarm := announce(t, s, leech(peers), want)
		for a := range swarm.Peers.All() {
			given[a]++
		}
	}
	// The mean is 309 with a standard deviation of about 17: six of them either way.
	mean := rounds * want / peers
	for n := range peers {
		if got := given[Addr4(n)]; got < mean-105 || got > mean+105 {
			t.Errorf("peer %d was handed out %d times, the mean is %d", n, got, mean)
		}
	}
}

// Many clients connect to the first few of the peers that they are given. Where
// the answer holds the whole swarm, its order must not always favour the same ones.
func anyPeerMayComeFirst(t *testing.T, s tracker.Store) {
	const peers = 10
	for n := range peers {
		announce(t, s, leech(n), 0)
	}
	first := make(map[netip.AddrPort]bool)
	for range 500 {
		swarm := announce(t, s, leech(peers), 50)
		for a := range swarm.Peers.All() {
			first[a] = true
			break
		}
	}
	if len(first) != peers {
		t.Errorf("%d of %d peers ever came first", len(first), peers)
	}
}

// BEP 3: "Downloaders send an announcement using stopped when they cease
// downloading."
func stoppedRemovesThePeer(t *testing.T, s tracker.Store) {
	announce(t, s, seed(1), 50)
	announce(t, s, leech(2), 50)
	swarm := announce(t, s, with(seed(1), wire.Stopped), 0)
	wantCounts(t, swarm.Counts, 0, 1, 0)
	wantPeers(t, announce(t, s, leech(3), 50), Addr4(2))
}

func stoppedOfAStrangerChangesNothing(t *testing.T, s tracker.Store) {
	wantCounts(t, announce(t, s, with(leech(1), wire.Stopped), 0).Counts, 0, 0, 0)
	announce(t, s, leech(1), 50)
	announce(t, s, with(leech(2), wire.Stopped), 0)
	announce(t, s, with(over6(leech(1), 1), wire.Stopped), 0)
	wantCounts(t, scrape(t, s, Hash(0)), 0, 1, 0)
}

// BEP 48: "The number of peers that have ever completed downloading."
func completedIsCountedOncePerPeer(t *testing.T, s tracker.Store) {
	announce(t, s, with(leech(1), wire.Started), 50)
	for range 3 {
		wantCounts(t, announce(t, s, with(seed(1), wire.Completed), 50).Counts, 1, 0, 1)
	}
	// A recheck that found a bad piece makes it a leech again: no second count.
	announce(t, s, leech(1), 50)
	wantCounts(t, announce(t, s, with(seed(1), wire.Completed), 50).Counts, 1, 0, 1)
	// BEP 3: "No completed is sent if the file was complete when started."
	announce(t, s, with(seed(2), wire.Started), 50)
	wantCounts(t, announce(t, s, with(seed(2), wire.Completed), 50).Counts, 2, 0, 1)
	// Who says so with something left has not completed.
	wantCounts(t, announce(t, s, with(leech(3), wire.Completed), 50).Counts, 2, 1, 1)
	// A peer that the tracker did not know may come in this way.
	wantCounts(t, announce(t, s, with(seed(4), wire.Completed), 50).Counts, 3, 1, 2)
	// One client under two addresses is one peer.
	wantCounts(t, announce(t, s, with(over6(seed(4), 4), wire.Completed), 50).Counts, 3, 1, 2)
}

func completedOutlivesThePeers(t *testing.T, s tracker.Store) {
	announce(t, s, leech(1), 50)
	announce(t, s, with(seed(1), wire.Completed), 50)
	announce(t, s, with(seed(1), wire.Stopped), 0)
	wantCounts(t, scrape(t, s, Hash(0)), 0, 0, 1)
	if _, err := s.Expire(t.Context(), Start.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, announce(t, s, leech(2), 50).Counts, 0, 1, 1)
}

// BEP 15: "Which format is used is determined by the address family of the
// underlying UDP packet."
func familiesAreKeptApart(t *testing.T, s tracker.Store) {
	announce(t, s, leech(1), 50)
	announce(t, s, over6(leech(2), 2), 50)
	wantPeers(t, announce(t, s, leech(3), 50), Addr4(1))
	wantPeers(t, announce(t, s, over6(leech(4), 4), 50), Addr6(2))
	wantCounts(t, scrape(t, s, Hash(0)), 0, 4, 0)
}

func bothFamiliesAreGivenToWhoAsks(t *testing.T, s tracker.Store) {
	announce(t, s, leech(1), 50)
	announce(t, s, over6(leech(2), 2), 50)
	asker := leech(3)
	asker.BothFamilies = true
	wantPeers(t, announce(t, s, asker, 50), Addr4(1), Addr6(2))
	asker = over6(asker, 3)
	wantPeers(t, announce(t, s, asker, 50), Addr4(1), Addr6(2)) // and not itself over IPv4

	for n := range 60 {
		announce(t, s, leech(100+n), 0)
		announce(t, s, over6(leech(200+n), 200+n), 0)
	}
	stranger := leech(4)
	stranger.BothFamilies = true
	swarm := announce(t, s, stranger, 20)
	if swarm.Peers.Len() != 20 || len(swarm.Peers.V4) == 0 || len(swarm.Peers.V6) == 0 {
		t.Errorf("%d bytes of IPv4 and %d bytes of IPv6 peers, want 20 peers of both families",
			len(swarm.Peers.V4), len(swarm.Peers.V6))
	}
}

// BEP 15: "Clients that resolve hostnames to v4 and v6 and then announce to both
// should use the same key for both so that trackers that care about accurate
// statistics-keeping can match the two announces."
func aClientUnderBothFamiliesCountsOnce(t *testing.T, s tracker.Store) {
	announce(t, s, leech(1), 50)
	wantCounts(t, announce(t, s, over6(leech(1), 1), 50).Counts, 0, 1, 0)
	// The same peer id with another key is somebody else.
	stranger := over6(leech(1), 9)
	stranger.Key = 99
	wantCounts(t, announce(t, s, stranger, 50).Counts, 0, 2, 0)
	// A peer id of zeros names nobody.
	nobody := leech(5)
	nobody.PeerID = [wire.PeerIDSize]byte{}
	announce(t, s, nobody, 50)
	wantCounts(t, announce(t, s, over6(nobody, 5), 50).Counts, 0, 4, 0)
	// It leaves under one address and is still there under the other.
	wantCounts(t, announce(t, s, with(leech(1), wire.Stopped), 0).Counts, 0, 4, 0)
}

// Behind one address of a provider there may be many customers.
func peersBehindOneAddressAreToldApart(t *testing.T, s tracker.Store) {
	const peers = 16
	behind := func(n int) tracker.Announce {
		a := leech(n)
		a.Peer = netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), uint16(20000+n))
		return a
	}
	for n := range peers {
		announce(t, s, behind(n), 0)
	}
	swarm := announce(t, s, behind(0), 50)
	wantCounts(t, swarm.Counts, 0, peers, 0)
	if got := swarm.Peers.Len(); got != peers-1 {
		t.Errorf("%d peers, want the %d others", got, peers-1)
	}
	wantCounts(t, announce(t, s, with(behind(3), wire.Stopped), 0).Counts, 0, peers-1, 0)
}

// A client that rechecks, or selects more files, is a leech again.
func aPeerMayChangeItsRoleAtAnyTime(t *testing.T, s tracker.Store) {
	for n := range 20 {
		announce(t, s, leech(n), 0)
	}
	for range 3 {
		for n := range 20 {
			swarm := announce(t, s, seed(n), 50)
			wantCounts(t, swarm.Counts, n+1, 19-n, 0)
			if got := swarm.Peers.Len(); got != 19-n {
				t.Errorf("a seed is given %d peers, want the %d leeches", got, 19-n)
			}
		}
		for n := range 20 {
			swarm := announce(t, s, leech(n), 50)
			wantCounts(t, swarm.Counts, 19-n, n+1, 0)
			if got := swarm.Peers.Len(); got != 19 {
				t.Errorf("a leech is given %d peers, want all others", got)
			}
		}
	}
}

func torrentsDoNotMix(t *testing.T, s tracker.Store) {
	announce(t, s, leech(1), 50)
	other := leech(2)
	other.InfoHash = Hash(1)
	swarm := announce(t, s, other, 50)
	wantPeers(t, swarm)
	wantCounts(t, swarm.Counts, 0, 1, 0)
}

func scrapeAnswersInOrder(t *testing.T, s tracker.Store) {
	announce(t, s, leech(1), 50)
	other := seed(2)
	other.InfoHash = Hash(1)
	announce(t, s, other, 50)
	counts, err := s.Scrape(t.Context(), []infohash.T{Hash(1), Hash(7), Hash(0), Hash(1)}, nil)
	if err != nil || len(counts) != 4 {
		t.Fatalf("Scrape: %v, %v", counts, err)
	}
	wantCounts(t, counts[0], 1, 0, 0)
	wantCounts(t, counts[1], 0, 0, 0)
	wantCounts(t, counts[2], 0, 1, 0)
	wantCounts(t, counts[3], 1, 0, 0)
}

func expireForgetsTheSilent(t *testing.T, s tracker.Store) {
	for n := range 100 {
		announce(t, s, leech(n), 0)
		announce(t, s, over6(seed(200+n), n), 0)
	}
	for n := range 10 {
		renewed := leech(n)
		renewed.Time = Start.Add(30 * time.Minute)
		announce(t, s, renewed, 0)
	}
	expire := func(before time.Time, want int) {
		t.Helper()
		removed, err := s.Expire(t.Context(), before)
		if err != nil || removed != want {
			t.Errorf("Expire removed %d, %v; want %d", removed, err, want)
		}
	}
	expire(Start, 0) // "before" does not include that second
	expire(Start.Add(time.Second), 190)
	wantCounts(t, scrape(t, s, Hash(0)), 0, 10, 0)
	expire(Start.Add(30*time.Minute), 0)
	expire(Start.Add(31*time.Minute), 10)
	wantCounts(t, scrape(t, s, Hash(0)), 0, 0, 0)
}

func theAnswerUsesTheMemoryThatItWasGiven(t *testing.T, s tracker.Store) {
	announce(t, s, leech(1), 50)
	announce(t, s, leech(2), 50)
	asker := leech(3)
	asker.Into = wire.Peers{V4: append(make([]byte, 0, 600), "left over from before"...)}
	swarm := announce(t, s, asker, 50)
	wantPeers(t, swarm, Addr4(1), Addr4(2))
	if &swarm.Peers.V4[0] != &asker.Into.V4[0] {
		t.Error("the peers are not in the memory that the caller gave")
	}
	clear(swarm.Peers.V4)
	wantPeers(t, announce(t, s, leech(3), 50), Addr4(1), Addr4(2))
}

// Of any two peers that announce at the same moment, the later one is told of
// the earlier one and only the later one: anything else means that an announce
// is not one atomic step.
func peersThatArriveTogetherFindEachOther(t *testing.T, s tracker.Store) {
	const peers = 40
	var seen [peers]map[netip.AddrPort]bool
	var group sync.WaitGroup
	for n := range peers {
		group.Go(func() {
			swarm, err := s.Announce(t.Context(), with(leech(n), wire.Started), peers)
			if err != nil {
				t.Error(err)
			}
			seen[n] = make(map[netip.AddrPort]bool)
			for a := range swarm.Peers.All() {
				seen[n][a] = true
			}
			if swarm.Leechers != len(seen[n])+1 {
				t.Errorf("%d leechers counted, %d others returned", swarm.Leechers, len(seen[n]))
			}
		})
	}
	group.Wait()
	for a := range peers {
		for b := range a {
			if seen[a][Addr4(b)] == seen[b][Addr4(a)] {
				t.Errorf("peers %d and %d: both know the other is %v", a, b, seen[a][Addr4(b)])
			}
		}
	}
}
