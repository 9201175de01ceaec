package tracker_test

import (
	"context"
	"testing"
	"time"

	"p2p/tracker"
)

// sized is a Store with one swarm of a given size.
type sized struct {
	tracker.Store
	counts tracker.Counts
}

func (s sized) Announce(context.Context, tracker.Announce, int) (tracker.Swarm, error) {
	return tracker.Swarm{Counts: s.counts}, nil
}

func TestTheIntervalGrowsWithTheSwarmAndPeersAreKnownForLonger(t *testing.T) {
	const base = 20 * time.Minute
	last := 0.0
	for _, n := range []int{0, 1, 50, 51, 100, 400, 1000, 6399, 6400, 6401, 1_000_000, 1 << 30} {
		stretch := tracker.Stretch(n)
		if stretch < last || stretch < 1 || stretch > 1.5 || n <= 50 && stretch != 1 || n >= 6400 && stretch != 1.5 {
			t.Errorf("with %d peers the interval is %v times as long, after %v times", n, stretch, last)
		}
		last = stretch
		s := tracker.New(sized{counts: tracker.Counts{Seeders: n / 3, Leechers: n - n/3}}, tracker.Options{Interval: base})
		low := time.Duration(float64(base) * stretch).Truncate(time.Second)
		for range 50 {
			r := announce(t, s, from("192.0.2.1:6881"))
			if r.Interval < low || r.Interval > low+low/10+time.Second {
				t.Fatalf("%d peers: interval is %v, want %v and up to a tenth more", n, r.Interval, low)
			}
			if r.Interval >= s.PeerTTL() {
				t.Fatalf("%d peers: one that comes back in time, after %v, has been forgotten after %v", n, r.Interval, s.PeerTTL())
			}
		}
	}
	if s := tracker.New(sized{}, tracker.Options{Interval: base, PeerTTL: time.Second}); s.PeerTTL() <= 33*time.Minute {
		t.Errorf("a short PeerTTL became %v, which is less than the longest interval", s.PeerTTL())
	}
}

// refusing is a Policy that refuses everything.
type refusing struct{ why *tracker.Refusal }

func (r refusing) MayAnnounce(context.Context, tracker.Request) error     { return r.why }
func (r refusing) MayScrape(context.Context, tracker.ScrapeRequest) error { return r.why }

func TestARefusalIsCountedByCauseAndAllocatesNothing(t *testing.T) {
	s := newService(tracker.Options{Policy: refusing{&tracker.Refusal{Cause: tracker.CauseRate, Reason: "too many requests"}}})
	r, ctx := from("192.0.2.1:6881"), t.Context()
	if n := testing.AllocsPerRun(100, func() {
		_, _ = s.Announce(ctx, r)
		_, _ = s.Scrape(ctx, tracker.ScrapeRequest{})
	}); n != 0 {
		t.Errorf("an announce and a scrape that are refused allocate %v times", n)
	}
	if got := s.Stats(); got.RefusedFor[tracker.CauseRate] != 202 || got.Refused != 202 {
		t.Errorf("%d refused, by cause %v; want 202", got.Refused, got.RefusedFor)
	}
	for c := range tracker.Causes {
		if c.String() == "" {
			t.Errorf("cause %d has no name", c)
		}
	}
}
