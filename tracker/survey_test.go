package tracker_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/memory"
)

// surveyed is a Store whose surveys are counted, take a second and can fail.
type surveyed struct {
	*memory.Store
	surveys int
	err     error
}

func (s *surveyed) Survey(ctx context.Context, top int) (tracker.Survey, error) {
	s.surveys++
	time.Sleep(time.Second)
	if s.err != nil {
		return tracker.Survey{}, s.err
	}
	return s.Store.Survey(ctx, top)
}

func newSurveyed(top int) (*surveyed, *tracker.Service) {
	store := &surveyed{Store: memory.New(memory.Options{Seed: 1})}
	return store, tracker.New(store, tracker.Options{TopSwarms: top})
}

func TestASurveyThatTakesLongIsMadeWhenSomebodyLooksAndOnceAMinuteAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, s := newSurveyed(0)
		stop := run(t, s, zap.NewNop())
		defer stop()
		time.Sleep(time.Hour)
		if store.surveys != 0 {
			t.Errorf("%d surveys while nobody looked", store.surveys)
		}
		for range 300 { // ten minutes
			if got, err := s.Survey(t.Context()); err != nil || time.Since(got.At) > 62*time.Second {
				t.Fatalf("a survey of %v, %v", got.At, err)
			}
			time.Sleep(2 * time.Second)
		}
		if store.surveys < 9 || store.surveys > 10 {
			t.Errorf("%d surveys in ten minutes", store.surveys)
		}
	})
}

func TestASurveyOfASmallStoreIsNeverOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(tracker.Options{})
		if got, err := s.Survey(t.Context()); err != nil || got.Sizes[0] != 0 {
			t.Fatalf("%+v, %v", got, err)
		}
		announce(t, s, from("192.0.2.1:6881"))
		for wait, want := range []int{0, 1} {
			if got, err := s.Survey(t.Context()); err != nil || got.Sizes[0] != want {
				t.Errorf("after %d waits: %+v, %v", wait, got, err)
			}
			time.Sleep(10 * time.Second)
		}
	})
}

func TestWhoLooksDuringASurveyGetsTheLastOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, s := newSurveyed(0)
		first, err := s.Survey(t.Context())
		if err != nil || first.At.IsZero() {
			t.Fatalf("%+v, %v", first, err)
		}
		time.Sleep(2 * time.Minute)
		var maker sync.WaitGroup
		maker.Go(func() { _, _ = s.Survey(t.Context()) })
		synctest.Wait()
		began := time.Now()
		if got, err := s.Survey(t.Context()); err != nil || !got.At.Equal(first.At) || time.Since(began) > 0 {
			t.Errorf("after %v: %v, %v", time.Since(began), got.At, err)
		}
		maker.Wait()
		if got, _ := s.Survey(t.Context()); got.At.Equal(first.At) || store.surveys != 2 {
			t.Errorf("after %d surveys the last one is of %v", store.surveys, got.At)
		}
	})
}

func TestASurveyThatFailedIsMadeAgainButNotAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, s := newSurveyed(0)
		store.err = errors.New("the visitor has left")
		if got, err := s.Survey(t.Context()); !errors.Is(err, store.err) || !got.At.IsZero() {
			t.Errorf("%+v, %v", got, err)
		}
		store.err = nil
		if got, err := s.Survey(t.Context()); err != nil || !got.At.IsZero() || store.surveys != 1 {
			t.Errorf("at once: %+v, %v", got, err)
		}
		time.Sleep(10 * time.Second)
		if got, err := s.Survey(t.Context()); err != nil || got.At.IsZero() {
			t.Errorf("later: %+v, %v", got, err)
		}
	})
}

func TestTheLargestSwarmsAreNamedWithTheirCountsWhenTheOperatorWantsIt(t *testing.T) {
	for _, top := range []int{0, 2, 1000} {
		synctest.Test(t, func(t *testing.T) {
			_, s := newSurveyed(top)
			for n := range 3 {
				for p := range n + 1 {
					r := from([]string{"192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"}[p])
					r.InfoHash, r.Seed = infohash.T{byte(n)}, p == 0
					announce(t, s, r)
				}
			}
			got, err := s.Survey(t.Context())
			if err != nil || len(got.Top) != min(top, 3) || s.NamesSwarms() != (top > 0) {
				t.Fatalf("top %d: %+v, %v", top, got.Top, err)
			}
			if want := (tracker.TopSwarm{InfoHash: infohash.T{2}, Counts: tracker.Counts{Seeders: 1, Leechers: 2}}); top > 0 && got.Top[0] != want {
				t.Errorf("the largest is %+v, want %+v", got.Top[0], want)
			}
			if got.Sizes[0] != 1 || got.Sizes[1] != 1 || got.Sizes[2] != 1 {
				t.Errorf("sizes are %v", got.Sizes)
			}
		})
	}
}

func TestSizeClassesDoubleFromOneToTheNext(t *testing.T) {
	for n, want := range map[int]int{1: 0, 2: 1, 3: 2, 4: 2, 5: 3, 8: 3, 9: 4, 1024: 10, 1025: 11, 1 << 25: 25, 1 << 30: 25, 0: 0} {
		if got := tracker.SizeClass(n); got != want {
			t.Errorf("%d peers are of class %d, want %d", n, got, want)
		}
	}
}

func TestHistoryIsTheLastHalfHourInPointsOfTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(tracker.Options{})
		stop := run(t, s, zap.NewNop())
		defer stop()
		time.Sleep(1500 * time.Millisecond) // not at the moment of a sample
		if got := s.History(); len(got) != 0 {
			t.Errorf("a history of %d points at the start", len(got))
		}
		for range 45 * 60 {
			announce(t, s, from("192.0.2.1:6881"))
			time.Sleep(time.Second)
		}
		before := s.History()
		if len(before) < 179 || len(before) > 180 {
			t.Fatalf("%d points", len(before))
		}
		for i, p := range before {
			if p.AnnounceRate != 1 || p.ScrapeRate != 0 || p.Peers != 1 || i > 0 && p.At.Sub(before[i-1].At) != tracker.PointEvery {
				t.Fatalf("point %d is %+v", i, p)
			}
		}
		if age := time.Since(before[0].At); age < 29*time.Minute || age > 30*time.Minute {
			t.Errorf("the first point is %v old", age)
		}
		// A page that looks again finds the same points, further left.
		time.Sleep(5 * time.Second)
		after := s.History()
		if last := before[len(before)-1]; after[len(after)-1] != last && after[len(after)-2] != last {
			t.Errorf("the points have changed from %+v to %+v", last, after[len(after)-2:])
		}
	})
}

func TestRatesCoverFiveMinutesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(tracker.Options{})
		stop := run(t, s, zap.NewNop())
		defer stop()
		for range 300 {
			announce(t, s, from("192.0.2.1:6881"))
			time.Sleep(time.Second)
		}
		time.Sleep(2*time.Minute + 30*time.Second)
		if got := s.Stats(); got.AnnounceRate != 0 || got.AnnounceRate5 < 0.45 || got.AnnounceRate5 > 0.55 {
			t.Errorf("rates are %v and %v", got.AnnounceRate, got.AnnounceRate5)
		}
		time.Sleep(5 * time.Minute)
		if got := s.Stats(); got.AnnounceRate5 != 0 {
			t.Errorf("the rate of five silent minutes is %v", got.AnnounceRate5)
		}
	})
}

func TestStatsTellWhatExpiryAndTheStoreCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(tracker.Options{})
		stop := run(t, s, zap.NewNop())
		defer stop()
		announce(t, s, from("192.0.2.1:6881"))
		time.Sleep(s.PeerTTL() + 2*time.Minute)
		got := s.Stats()
		if want := uint64((s.PeerTTL() + 2*time.Minute) / time.Minute); got.Expiry.Removed != 1 || got.Expiry.Runs < want-1 || got.Expiry.Runs > want {
			t.Errorf("expiry is %+v", got.Expiry)
		}
		if got.Pressure == nil || got.Pressure.Memory <= 0 || got.Pressure.MaxMemory < got.Pressure.Memory {
			t.Errorf("pressure is %+v", got.Pressure)
		}
	})
}

func TestRequestsAreCountedByWhatBecameOfThem(t *testing.T) {
	s := newService(tracker.Options{})
	announce(t, s, from("192.0.2.1:6881"))
	bad := from("192.0.2.1:0")
	bad.Transport = tracker.UDP
	if _, err := s.Announce(t.Context(), bad); err == nil {
		t.Error("a peer without a port was taken")
	}
	if _, err := s.Scrape(t.Context(), tracker.ScrapeRequest{Transport: tracker.UDP}); err != nil {
		t.Error(err)
	}
	got := s.Stats()
	if want := [2]tracker.ResultTotals{tracker.HTTP: {Answered: 1}, tracker.UDP: {Refused: 1}}; got.Announces != want {
		t.Errorf("announces are %+v, want %+v", got.Announces, want)
	}
	if want := [2]tracker.ResultTotals{tracker.UDP: {Answered: 1}}; got.Scrapes != want {
		t.Errorf("scrapes are %+v, want %+v", got.Scrapes, want)
	}
	if got.AnnouncesHTTP != 1 || got.AnnouncesUDP != 1 || got.ScrapesUDP != 1 || got.Refused != 1 {
		t.Errorf("totals are %+v", got.Totals)
	}
}
