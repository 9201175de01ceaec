// Package storetest is the conformance suite of tracker.Store: what every
// registry of peers does, whether it lives in memory or on several machines.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) tracker.Store { return memory.New(memory.Options{}) })
//	}
//
// Besides single rules it holds a model that is too simple to be wrong; long
// random histories are played to it and to the store, and every answer is compared.
package storetest

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/wire"
)

// Start is the time at which the histories of the suite begin.
var Start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Run checks the stores that make returns. Each call of make must give an empty
// store; make cleans up with t.Cleanup.
func Run(t *testing.T, make func(t *testing.T) tracker.Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, tracker.Store)
	}{
		{"TheFirstPeerIsAlone", theFirstPeerIsAlone},
		{"TheSecondPeerLearnsOfTheFirst", theSecondPeerLearnsOfTheFirst},
		{"NobodyIsGivenThemselves", nobodyIsGivenThemselves},
		{"APeerIsKnownByAddressAndPort", aPeerIsKnownByAddressAndPort},
		{"SeedsAreNotGivenSeeds", seedsAreNotGivenSeeds},
		{"ALeechIsGivenSeedsFirstAndThenLeeches", aLeechIsGivenSeedsFirstAndThenLeeches},
		{"WantBoundsTheAnswer", wantBoundsTheAnswer},
		{"EveryPeerIsHandedOutEquallyOften", everyPeerIsHandedOutEquallyOften},
		{"EverySeedIsHandedOutEquallyOften", everySeedIsHandedOutEquallyOften},
		{"AnyPeerMayComeFirst", anyPeerMayComeFirst},
		{"StoppedRemovesThePeer", stoppedRemovesThePeer},
		{"StoppedOfAStrangerChangesNothing", stoppedOfAStrangerChangesNothing},
		{"CompletedIsCountedOncePerPeer", completedIsCountedOncePerPeer},
		{"CompletedOutlivesThePeers", completedOutlivesThePeers},
		{"FamiliesAreKeptApart", familiesAreKeptApart},
		{"BothFamiliesAreGivenToWhoAsks", bothFamiliesAreGivenToWhoAsks},
		{"AClientUnderBothFamiliesCountsOnce", aClientUnderBothFamiliesCountsOnce},
		{"PeersBehindOneAddressAreToldApart", peersBehindOneAddressAreToldApart},
		{"APeerMayChangeItsRoleAtAnyTime", aPeerMayChangeItsRoleAtAnyTime},
		{"TorrentsDoNotMix", torrentsDoNotMix},
		{"ScrapeAnswersInOrder", scrapeAnswersInOrder},
		{"ExpireForgetsTheSilent", expireForgetsTheSilent},
		{"TheAnswerUsesTheMemoryThatItWasGiven", theAnswerUsesTheMemoryThatItWasGiven},
		{"PeersThatArriveTogetherFindEachOther", peersThatArriveTogetherFindEachOther},
		{"RandomHistoriesOfSmallMixedSwarms", randomMixedHistories},
		{"RandomHistoriesOfOneLargeSwarm", randomLargeHistories},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, make(t)) })
	}
}

// Hash returns the n-th info-hash of the suite.
func Hash(n int) infohash.T { return infohash.Of(fmt.Appendf(nil, "torrent %d", n)) }

// Addr4 returns the n-th IPv4 peer of the suite, Addr6 the n-th IPv6 peer.
func Addr4(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), uint16(6881+n%7))
}

// Addr6 returns the n-th IPv6 peer of the suite. Each has a network of its own: a
// store may take the addresses of one network for those of one machine.
func Addr6(n int) netip.AddrPort {
	ip := [16]byte{0x20, 0x01, 0x0d, 0xb8, 0, byte(n >> 16), byte(n >> 8), byte(n), 15: 1}
	return netip.AddrPortFrom(netip.AddrFrom16(ip), uint16(6881+n%7))
}

// clientID returns the peer id of the n-th client.
func clientID(n int) (id [wire.PeerIDSize]byte) {
	copy(id[:], fmt.Sprintf("-P20001-%012d", n))
	return id
}

// leech and seed return an announce of the n-th client over IPv4.
func leech(n int) tracker.Announce {
	return tracker.Announce{InfoHash: Hash(0), Peer: Addr4(n), PeerID: clientID(n), Key: uint32(n), Time: Start}
}

func seed(n int) tracker.Announce {
	a := leech(n)
	a.Seed = true
	return a
}

// over6 returns a as the same client sends it over IPv6.
func over6(a tracker.Announce, n int) tracker.Announce {
	a.Peer = Addr6(n)
	return a
}

// with returns a with an event.
func with(a tracker.Announce, e wire.Event) tracker.Announce {
	a.Event = e
	return a
}

// announce is Store.Announce for what must not fail.
func announce(t *testing.T, s tracker.Store, a tracker.Announce, want int) tracker.Swarm {
	t.Helper()
	swarm, err := s.Announce(t.Context(), a, want)
	if err != nil {
		t.Fatalf("Announce(%v): %v", a.Peer, err)
	}
	return swarm
}

// scrape is Store.Scrape of one torrent for what must not fail.
func scrape(t *testing.T, s tracker.Store, h infohash.T) tracker.Counts {
	t.Helper()
	counts, err := s.Scrape(t.Context(), []infohash.T{h}, nil)
	if err != nil || len(counts) != 1 {
		t.Fatalf("Scrape: %v, %v", counts, err)
	}
	return counts[0]
}

// sorted returns the peers of a swarm in a fixed order.
func sorted(swarm tracker.Swarm) []netip.AddrPort {
	peers := slices.Collect(swarm.Peers.All())
	slices.SortFunc(peers, netip.AddrPort.Compare)
	return peers
}

func wantCounts(t *testing.T, got tracker.Counts, seeders, leechers, completed int) {
	t.Helper()
	if want := (tracker.Counts{Seeders: seeders, Leechers: leechers, Completed: completed}); got != want {
		t.Errorf("counts are %+v, want %+v", got, want)
	}
}

func wantPeers(t *testing.T, swarm tracker.Swarm, want ...netip.AddrPort) {
	t.Helper()
	slices.SortFunc(want, netip.AddrPort.Compare)
	if got := sorted(swarm); !slices.Equal(got, want) {
		t.Errorf("peers are %v, want %v", got, want)
	}
}
