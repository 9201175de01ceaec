package tracker_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/memory"
	"p2p/tracker/wire"
)

var torrent = infohash.Of([]byte("torrent"))

// from returns a started announce of a leech.
func from(addr string) tracker.Request {
	return tracker.Request{
		InfoHash: torrent, Peer: netip.MustParseAddrPort(addr), Event: wire.Started, NumWant: -1,
		PeerID: [20]byte([]byte(addr + "                    ")),
	}
}

func newService(o tracker.Options) *tracker.Service {
	return tracker.New(memory.New(memory.Options{Seed: 1}), o)
}

func announce(t *testing.T, s *tracker.Service, r tracker.Request) tracker.Response {
	t.Helper()
	response, err := s.Announce(t.Context(), r)
	if err != nil {
		t.Fatalf("announce of %v: %v", r.Peer, err)
	}
	return response
}

func peersOf(r tracker.Response) []string {
	var peers []string
	for a := range r.Peers.All() {
		peers = append(peers, a.String())
	}
	slices.Sort(peers)
	return peers
}

func TestPeersAreIntroducedToEachOther(t *testing.T) {
	s := newService(tracker.Options{})
	first := announce(t, s, from("192.0.2.1:6881"))
	if first.Peers.Len() != 0 || first.Leechers != 1 {
		t.Errorf("the first is told %+v", first)
	}
	second := from("192.0.2.2:6882")
	second.Seed = true
	got := announce(t, s, second)
	if want := []string{"192.0.2.1:6881"}; !slices.Equal(peersOf(got), want) || got.Seeders != 1 || got.Leechers != 1 {
		t.Errorf("the second is told %v, %+v", peersOf(got), got.Counts)
	}
}

func TestTheIntervalIsSpreadButNeverShorter(t *testing.T) {
	s := newService(tracker.Options{Interval: 20 * time.Minute})
	for i := range 8 { // no small swarm
		announce(t, s, from(fmt.Sprintf("192.0.2.9:%d", 7000+i)))
	}
	seen := make(map[time.Duration]bool)
	for range 200 {
		r := announce(t, s, from("192.0.2.1:6881"))
		if r.Interval < 20*time.Minute || r.Interval > 22*time.Minute || r.Interval%time.Second != 0 {
			t.Fatalf("interval is %v", r.Interval)
		}
		if r.MinInterval != 10*time.Minute {
			t.Fatalf("min interval is %v", r.MinInterval)
		}
		seen[r.Interval] = true
	}
	if len(seen) < 20 {
		t.Errorf("200 answers have %d different intervals", len(seen))
	}
}

func TestWhoIsToldOfNobodyMayComeBackSoon(t *testing.T) {
	s := newService(tracker.Options{})
	if r := announce(t, s, from("192.0.2.1:6881")); r.MinInterval != tracker.AloneInterval {
		t.Errorf("alone: min interval is %v", r.MinInterval)
	}
	leaves := from("192.0.2.1:6881")
	leaves.Event = wire.Stopped
	if r := announce(t, s, leaves); r.MinInterval != 15*time.Minute {
		t.Errorf("one that wants nobody: min interval is %v", r.MinInterval)
	}
	for i := range 10 {
		r, want := announce(t, s, from(fmt.Sprintf("192.0.2.%d:6881", i+1))), 15*time.Minute
		switch {
		case i == 0:
			want = tracker.AloneInterval
		case i < 8:
			want = tracker.SmallInterval
		}
		if r.MinInterval != want {
			t.Errorf("with %d peers: min interval is %v, want %v", i, r.MinInterval, want)
		}
	}
	short := newService(tracker.Options{Interval: time.Minute, MinInterval: 20 * time.Second})
	announce(t, short, from("192.0.2.1:6881"))
	if r := announce(t, short, from("192.0.2.2:6881")); r.MinInterval != 20*time.Second {
		t.Errorf("where a tracker wants them sooner anyway: min interval is %v", r.MinInterval)
	}
}

func TestNumWantIsClamped(t *testing.T) {
	s := newService(tracker.Options{DefaultWant: 10, MaxWant: 20})
	for n := range 50 {
		r := from("192.0.2.1:6881")
		r.Peer = netip.AddrPortFrom(r.Peer.Addr(), uint16(1000+n))
		announce(t, s, r)
	}
	for _, test := range []struct{ numWant, room, want int }{
		{-1, 0, 10}, {-1, 5, 5}, {0, 0, 0}, {7, 0, 7}, {1 << 20, 0, 20}, {1 << 20, 15, 15}, {3, 15, 3},
	} {
		r := from("192.0.2.9:1")
		r.NumWant, r.Room = test.numWant, test.room
		if got := announce(t, s, r).Peers.Len(); got != test.want {
			t.Errorf("numwant %d with room for %d gives %d peers, want %d", test.numWant, test.room, got, test.want)
		}
	}
	r := from("192.0.2.9:1")
	r.Event, r.NumWant = wire.Stopped, 20
	if got := announce(t, s, r).Peers.Len(); got != 0 {
		t.Errorf("one that leaves gets %d peers", got)
	}
}

func TestAddressesThatNobodyCanReachAreRefused(t *testing.T) {
	s := newService(tracker.Options{})
	for _, addr := range []string{"192.0.2.1:0", "0.0.0.0:1", "[::]:1", "224.0.0.1:1", "[ff02::1]:1"} {
		_, err := s.Announce(t.Context(), from(addr))
		if _, ok := errors.AsType[*tracker.Refusal](err); !ok {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if stats := s.Stats(); stats.Refused != 5 || stats.Swarms != 0 {
		t.Errorf("stats are %+v", stats)
	}
}

func TestMappedAddressesAreIPv4(t *testing.T) {
	s := newService(tracker.Options{})
	announce(t, s, from("[::ffff:192.0.2.1]:6881"))
	got := announce(t, s, from("192.0.2.2:6881"))
	if want := []string{"192.0.2.1:6881"}; !slices.Equal(peersOf(got), want) {
		t.Errorf("peers are %v", peersOf(got))
	}
}

// BEP 3 about ip: "Generally used for the origin if it's on the same machine as
// the tracker."
func TestOnlyALoopbackPeerMayStateItsAddressAndOnlyIfTrusted(t *testing.T) {
	for _, test := range []struct {
		source  string
		trusted bool
		want    string
	}{
		{"127.0.0.1:6881", false, "127.0.0.1:6881"},
		{"127.0.0.1:6881", true, "198.51.100.7:6881"},
		{"192.0.2.1:6881", true, "192.0.2.1:6881"},
	} {
		s := newService(tracker.Options{TrustLoopback: test.trusted})
		r := from(test.source)
		r.Claimed = netip.MustParseAddr("198.51.100.7")
		announce(t, s, r)
		if got := peersOf(announce(t, s, from("192.0.2.2:6881"))); !slices.Equal(got, []string{test.want}) {
			t.Errorf("%s, trusted %v: handed out as %v", test.source, test.trusted, got)
		}
	}
}

// listed is a Policy that allows one torrent.
type listed struct{ only infohash.T }

var errNotListed = &tracker.Refusal{Reason: "this torrent is not on the list", Never: true}

func (p listed) MayAnnounce(_ context.Context, r tracker.Request) error {
	if r.InfoHash != p.only {
		return errNotListed
	}
	return nil
}

func (p listed) MayScrape(_ context.Context, r tracker.ScrapeRequest) error {
	for _, h := range r.Hashes {
		if h != p.only {
			return errNotListed
		}
	}
	return nil
}

func TestThePolicyDecidesBeforeTheStoreDoes(t *testing.T) {
	s := newService(tracker.Options{Policy: listed{torrent}})
	announce(t, s, from("192.0.2.1:6881"))
	other := from("192.0.2.1:6881")
	other.InfoHash = infohash.Of(nil)
	if _, err := s.Announce(t.Context(), other); !errors.Is(err, errNotListed) {
		t.Errorf("announce: %v", err)
	}
	if _, err := s.Scrape(t.Context(), tracker.ScrapeRequest{From: other.Peer.Addr(), Hashes: []infohash.T{other.InfoHash}}); !errors.Is(err, errNotListed) {
		t.Errorf("scrape: %v", err)
	}
	if stats := s.Stats(); stats.Swarms != 1 || stats.Refused != 2 {
		t.Errorf("stats are %+v", stats)
	}
}

func TestScrapeAnswersInOrder(t *testing.T) {
	s := newService(tracker.Options{})
	announce(t, s, from("192.0.2.1:6881"))
	counts, err := s.Scrape(t.Context(), tracker.ScrapeRequest{Transport: tracker.UDP, Hashes: []infohash.T{{}, torrent}})
	if want := []tracker.Counts{{}, {Leechers: 1}}; err != nil || !slices.Equal(counts, want) {
		t.Errorf("counts are %v, %v", counts, err)
	}
}

// broken is a Store in trouble.
type broken struct{ tracker.Store }

var errBroken = errors.New("the disk is on fire")

func (broken) Announce(context.Context, tracker.Announce, int) (tracker.Swarm, error) {
	return tracker.Swarm{}, errBroken
}
func (broken) Expire(context.Context, time.Time) (int, error) { return 0, errBroken }

func TestTroubleOfTheStoreIsNoRefusal(t *testing.T) {
	s := tracker.New(broken{}, tracker.Options{})
	_, err := s.Announce(t.Context(), from("192.0.2.1:6881"))
	if _, ok := errors.AsType[*tracker.Refusal](err); ok || !errors.Is(err, errBroken) {
		t.Errorf("%v", err)
	}
	if stats := s.Stats(); stats.Failed != 1 || stats.Refused != 0 {
		t.Errorf("stats are %+v", stats)
	}
}

func TestRunExpiresPeersThatStayAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(tracker.Options{})
		stop := run(t, s, zap.NewNop())
		announce(t, s, from("192.0.2.1:6881"))
		time.Sleep(59 * time.Minute)
		if got := s.Stats().Leechers; got != 1 {
			t.Errorf("%d peers after 59 minutes", got)
		}
		time.Sleep(2*time.Minute + time.Second)
		if got := s.Stats().Leechers; got != 0 {
			t.Errorf("%d peers after 61 minutes and a second", got)
		}
		stop()
	})
}

func TestRunGoesOnWhenExpiryFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.ErrorLevel)
		stop := run(t, tracker.New(broken{}, tracker.Options{}), zap.New(core))
		time.Sleep(3*time.Minute + time.Second)
		if logs.Len() != 3 {
			t.Errorf("%d errors logged in three minutes", logs.Len())
		}
		stop()
	})
}

func TestRatesCoverTheLastMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(tracker.Options{})
		stop := run(t, s, zap.NewNop())
		defer stop()
		for range 120 {
			announce(t, s, from("192.0.2.1:6881"))
			time.Sleep(time.Second)
		}
		stats := s.Stats()
		if stats.AnnounceRate < 0.9 || stats.AnnounceRate > 1.1 || stats.AnnouncesHTTP != 120 || stats.Uptime != 2*time.Minute {
			t.Errorf("stats are %+v", stats)
		}
		time.Sleep(70 * time.Second)
		if stats := s.Stats(); stats.AnnounceRate != 0 {
			t.Errorf("rate after a silent minute is %v", stats.AnnounceRate)
		}
	})
}

// run starts s and returns what stops it and waits for its end.
func run(t *testing.T, s *tracker.Service, log *zap.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx, log) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
