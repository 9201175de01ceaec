package memory

import (
	"testing"
	"time"

	"p2p/tracker"
	"p2p/tracker/storetest"
)

// While a step is under way, the announces of its shard wait. However many peers
// have gone silent, it takes out a few and leaves the others to the next one.
func TestExpiryHoldsALockForAFewPeersAtATime(t *testing.T) {
	const peers, most = 10_000, stepWork/removalWork + 1
	s := New(Options{})
	for n := range peers {
		a := tracker.Announce{InfoHash: storetest.Hash(0), Peer: storetest.Addr4(n), Time: storetest.Start}
		if _, err := s.Announce(t.Context(), a, 0); err != nil {
			t.Fatal(err)
		}
	}
	removed, steps := 0, 0
	for i := range s.shards {
		for w := (sweep{swarm: maxIndexed}); w.swarm >= 0; steps++ {
			gone, _ := s.step(&s.shards[i], &w, storetest.Start.Add(time.Second))
			if gone > most {
				t.Fatalf("one step takes out %d peers, more than %d", gone, most)
			}
			removed += gone
		}
	}
	if removed != peers {
		t.Errorf("%d of %d silent peers were taken out in %d steps", removed, peers, steps)
	}
}
