package cluster

import (
	"testing"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker/memory"
	"p2p/tracker/storetest"
)

// A peer leaves in the second in which it has announced, and a node that does not know that yet is asked what it knows. Its
// answer is on its way while a second ends.
func TestWhoHasLeftIsNotBroughtBackByTheRegistryOfAnother(t *testing.T) {
	for _, transit := range []time.Duration{0, 2 * time.Millisecond, time.Second, 3 * time.Second} {
		s := &Store{Store: memory.New(memory.Options{}), recent: newRecent(), outbox: newOutbox(), counters: &Counters{}}
		left := delta{hash: storetest.Hash(0), peer: storetest.Addr4(1), stopped: true}
		s.apply(t.Context(), left, 1, after(100).Add(900*time.Millisecond), told{})

		asked := after(105).Add(999 * time.Millisecond)
		seen := after(100).Add(-time.Second) // as an answer says it: see answering.addPart
		was := delta{hash: left.hash, peer: left.peer, age: ageOf(seen, asked)}
		s.apply(t.Context(), was, 1, asked.Add(transit), told{asked})
		if counts, err := s.Scrape(t.Context(), []infohash.T{left.hash}, nil); err != nil || counts[0].Leechers != 0 {
			t.Errorf("after %v: %+v, %v", transit, counts, err)
		}

		was.age = ageOf(after(102), asked) // it has come back
		s.apply(t.Context(), was, 1, asked.Add(transit), told{asked})
		if counts, err := s.Scrape(t.Context(), []infohash.T{left.hash}, nil); err != nil || counts[0].Leechers != 1 {
			t.Errorf("after %v, back again: %+v, %v", transit, counts, err)
		}
	}
}
