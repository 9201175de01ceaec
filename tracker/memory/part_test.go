package memory_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/memory"
	"p2p/tracker/storetest"
)

// fillParts announces n peers over two swarms and both families, one per second.
func fillParts(t *testing.T, n int) *memory.Store {
	t.Helper()
	s := memory.New(memory.Options{Seed: 1})
	for i := range n {
		a := tracker.Announce{InfoHash: storetest.Hash(i % 2), Peer: storetest.Addr4(i), Seed: i%3 == 0, Time: storetest.Start.Add(time.Duration(i) * time.Second)}
		if i%5 == 0 {
			a.Peer = storetest.Addr6(i)
		}
		if _, err := s.Announce(t.Context(), a, 0); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestThePartsTogetherAreEveryPeerSeenSince(t *testing.T) {
	const n, from = 9000, 1000
	s := fillParts(t, n)
	type place struct {
		hash infohash.T
		addr netip.AddrPort
	}
	got := make(map[place]memory.Peer)
	for i := range memory.Parts {
		err := s.Part(i, storetest.Start.Add(from*time.Second), func(peers []memory.Peer) error {
			for _, p := range peers {
				if _, twice := got[place{p.Swarm, p.Addr}]; twice {
					t.Errorf("%v is told twice", p.Addr)
				}
				got[place{p.Swarm, p.Addr}] = p
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != n-from {
		t.Errorf("%d peers, want %d", len(got), n-from)
	}
	for i := from; i < n; i++ {
		addr := storetest.Addr4(i)
		if i%5 == 0 {
			addr = storetest.Addr6(i)
		}
		p := got[place{storetest.Hash(i % 2), addr}]
		if p.Seed != (i%3 == 0) || !p.Seen.Equal(storetest.Start.Add(time.Duration(i)*time.Second)) {
			t.Errorf("peer %d is told as %+v", i, p)
		}
	}
}

func TestAPartEndsWithTheErrorOfWhoIsTold(t *testing.T) {
	s, stop, calls := fillParts(t, 9000), errors.New("stop"), 0
	for i := range memory.Parts {
		err := s.Part(i, time.Time{}, func([]memory.Peer) error { calls++; return stop })
		if err != nil && !errors.Is(err, stop) {
			t.Fatal(err)
		}
	}
	if calls > 2 { // one for the part of each swarm
		t.Errorf("told %d times after an error", calls-2)
	}
}
