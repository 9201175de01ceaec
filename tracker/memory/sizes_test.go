package memory

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
)

// fill puts swarms of so many peers into one shard of s, or into all.
func fill(t testing.TB, s *Store, swarms, peers int, only *shard) (hashes []infohash.T) {
	for n := uint64(0); len(hashes) < swarms; n++ {
		var h infohash.T
		binary.LittleEndian.PutUint64(h[:], n)
		if only != nil && s.shard(hashOf(&h)) != only {
			continue
		}
		hashes = append(hashes, h)
		for p := range peers {
			addr := netip.AddrFrom4([4]byte{10, byte(n >> 8), byte(n), byte(p)})
			_, err := s.Announce(t.Context(), tracker.Announce{InfoHash: h, Peer: netip.AddrPortFrom(addr, 1), Time: time.Unix(1e9, 0)}, 0)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return hashes
}

func TestASurveyHoldsALockForOneStepAtATimeAndAllocatesNothingMeanwhile(t *testing.T) {
	s := New(Options{Seed: 1})
	sh := &s.shards[7]
	const swarms = 2*surveyStep + 100
	fill(t, s, swarms, 1, sh)
	var survey tracker.Survey
	best := newRanking(3)
	total, steps := 0, 0
	for pos := maxIndexed; pos > 0; steps++ {
		from, seen := pos, 0
		allocs := testing.AllocsPerRun(1, func() { // which calls it twice
			survey, best.all = tracker.Survey{}, best.all[:0]
			pos, seen = sh.survey(from, &survey, &best)
		})
		if allocs > 0 || seen > surveyStep || survey.Sizes[0] != seen {
			t.Errorf("a step of %d swarms, of which %d are of one, with %v allocations", seen, survey.Sizes[0], allocs)
		}
		best.cut()
		total += seen
	}
	if total != swarms || steps != 3 {
		t.Errorf("%d swarms in %d steps", total, steps)
	}
}

func TestASurveyFindsTheLargestSwarmsWhereverTheyAre(t *testing.T) {
	s := New(Options{Seed: 1})
	fill(t, s, 5000, 1, nil)
	large := fill(t, s, 40, 9, &s.shards[200])
	survey, err := s.Survey(t.Context(), 40)
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[infohash.T]bool)
	for _, h := range large {
		want[h] = true
	}
	for _, h := range survey.Largest {
		if !want[h] {
			t.Errorf("%v is no swarm of nine", h)
		}
	}
	if len(survey.Largest) != 40 || survey.Sizes[tracker.SizeClass(9)] != 40 {
		t.Errorf("%d swarms are named; sizes are %v", len(survey.Largest), survey.Sizes)
	}
}

func TestASurveyEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(Options{}).Survey(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("a survey without a visitor ends with %v", err)
	}
}

func BenchmarkSurvey(b *testing.B) {
	s := New(Options{Seed: 1})
	fill(b, s, 200_000, 1, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Survey(b.Context(), 10); err != nil {
			b.Fatal(err)
		}
	}
}
