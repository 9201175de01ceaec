package announce_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/announce"
	"p2p/tracker/httpwire"
)

// alone runs a torrent with one tracker that says body for d and returns when
// the tracker was asked.
func alone(t *testing.T, left int64, body string, d time.Duration) []time.Duration {
	var times []time.Duration
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		tracker := n.tracker("t", says(body))
		run(t, n.client(announce.Options{}).NewAnnouncer([][]string{{tracker.url}}, &fakeTorrent{left: left}))
		time.Sleep(d)
		times = tracker.times()
	})
	return times
}

// BEP 3: "interval, which maps to the number of seconds the downloader should
// wait between regular rerequests"
func TestIntervalIsKeptWithinBounds(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       time.Duration
	}{
		{"as told", onePeer(900), 15 * time.Minute},
		{"zero must not hammer", onePeer(0), 30 * time.Minute},
		{"negative", onePeer(-5), 30 * time.Minute},
		{"missing", "d5:peers6:\xc6\x33\x64\x07\x1a\xe1e", 30 * time.Minute},
		{"not a number", "d8:interval3:30s5:peers6:\xc6\x33\x64\x07\x1a\xe1e", 30 * time.Minute},
		{"a second", onePeer(1), time.Minute},
		{"a year", onePeer(365 * 24 * 3600), 2 * time.Hour},
		{"nearly 64 bits", "d8:intervali4611686018427387904e5:peers6:\xc6\x33\x64\x07\x1a\xe1e", 2 * time.Hour},
		{"min interval above it", "d8:intervali60e12:min intervali600e5:peers6:\xc6\x33\x64\x07\x1a\xe1e", 10 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := alone(t, 1, c.body, 2*c.want+time.Second)
			if want := []time.Duration{0, c.want, 2 * c.want}; !slices.Equal(got, want) {
				t.Errorf("asked at %v, want %v", got, want)
			}
		})
	}
}

func TestDownloaderWithoutPeersAsksAgainSoonAFewTimes(t *testing.T) {
	s := time.Second
	early := []time.Duration{0, 15 * s, 45 * s, 105 * s, 225 * s, 465 * s}
	for _, c := range []struct {
		name, body string
		left       int64
		want       []time.Duration
	}{
		{"a downloader", nobody(1800), 1, append(early, 2265*s)},
		{"a seeder", nobody(1800), 0, []time.Duration{0, 1800 * s}},
		{"min interval", "d8:intervali1800e12:min intervali300e5:peers0:e", 1,
			[]time.Duration{0, 300 * s, 600 * s, 900 * s, 1200 * s, 1500 * s}},
		{"interval is sooner", nobody(60), 1, []time.Duration{0, 15 * s, 45 * s, 105 * s, 165 * s, 225 * s}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := alone(t, c.left, c.body, 2266*s)
			if got = got[:min(len(got), len(c.want))]; !slices.Equal(got, c.want) {
				t.Errorf("asked at %v, want %v", got, c.want)
			}
		})
	}
}

func TestStatusOfADownloaderThatIsAloneHeedsTheMinInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		tracker := n.tracker("t", says("d8:intervali1800e12:min intervali300e5:peers0:e"))
		a := n.client(announce.Options{}).NewAnnouncer([][]string{{tracker.url}}, &fakeTorrent{left: 1})
		run(t, a)
		time.Sleep(time.Second)
		if got := time.Until(a.Status()[0].Next); got != 299*time.Second {
			t.Errorf("next announce in %v, want 299s", got)
		}
	})
}

func TestOwnAddressIsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		tracker := n.tracker("t", says(onePeer(1800)))
		torrent := &fakeTorrent{left: 1, self: addrPort("198.51.100.7:6881")}
		run(t, n.client(announce.Options{}).NewAnnouncer([][]string{{tracker.url}}, torrent))
		time.Sleep(16 * time.Second)
		if got := len(tracker.times()); got != 2 {
			t.Errorf("asked %d times in 16 s, want 2: the only peer in the answer was ourselves", got)
		}
	})
}

// BEP 3: "downloaders may rerequest on nonscheduled times if an event happens or
// they need more peers."
func TestNeedForPeersComesAsSoonAsTheTrackerAllows(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       []time.Duration
	}{
		{"no min interval", onePeer(1800), []time.Duration{0, 1 * time.Minute, 3 * time.Minute, 7 * time.Minute, 15 * time.Minute, 31 * time.Minute,
			61 * time.Minute, 62 * time.Minute, 64 * time.Minute}},
		{"min interval", "d8:intervali1800e12:min intervali900e5:peers6:\xc6\x33\x64\x07\x1a\xe1e",
			[]time.Duration{0, 15 * time.Minute, 30 * time.Minute, 45 * time.Minute, 60 * time.Minute}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newFakeNet()
				tracker := n.tracker("t", says(c.body))
				a := n.client(announce.Options{}).NewAnnouncer([][]string{{tracker.url}}, &fakeTorrent{left: 1})
				run(t, a)
				for i := range 65 * 60 {
					time.Sleep(time.Second)
					a.NeedPeers() // all the time
					synctest.Wait()
					if asked, next := len(tracker.times()), a.Status()[0].Next; i > 0 && asked < len(c.want) &&
						next.Sub(tracker.began).Truncate(time.Second) != c.want[asked] {
						t.Fatalf("at %v the user is told %v, want %v", time.Since(tracker.began), next.Sub(tracker.began), c.want[asked])
					}
				}
				if got := tracker.times(); !slices.Equal(got, c.want) {
					t.Errorf("asked at %v, want %v", got, c.want)
				}
			})
		})
	}
}

func TestNeedForPeersDoesNotPostponeAnEarlierAnnounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		tracker := n.tracker("t", says(nobody(1800)))
		a := n.client(announce.Options{}).NewAnnouncer([][]string{{tracker.url}}, &fakeTorrent{left: 1})
		run(t, a)
		for range 50 {
			time.Sleep(time.Second)
			a.NeedPeers()
		}
		if got, want := tracker.times(), []time.Duration{0, 15 * time.Second, 45 * time.Second}; !slices.Equal(got, want) {
			t.Errorf("asked at %v, want %v", got, want)
		}
	})
}

func TestBackOffDoublesWithChanceAndEndsAtHalfAnHour(t *testing.T) {
	firsts := make(map[time.Duration]bool)
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			n := newFakeNet()
			tracker := n.tracker("t", says("d14:failure reason4:busye"))
			c := n.client(announce.Options{Seed: seed + 1})
			run(t, c.NewAnnouncer([][]string{{tracker.url}}, &fakeTorrent{left: 1}))
			time.Sleep(12 * time.Hour)
			times := tracker.times()
			base := 10 * time.Second
			for i := 1; i < len(times); i++ {
				waited := times[i] - times[i-1]
				least, most := base/2-time.Second, min(base*3/2, 30*time.Minute)+time.Second
				if waited < least || waited > most {
					t.Errorf("seed %d: wait %d is %v, want %v to %v", seed+1, i, waited, least, most)
				}
				base = min(2*base, 30*time.Minute)
			}
			if len(times) < 24 || len(times) > 60 {
				t.Errorf("seed %d: asked %d times in 12 hours", seed+1, len(times))
			}
			firsts[times[1]] = true
		})
	}
	if len(firsts) < 3 {
		t.Errorf("first retries come at %v only: no chance in it", firsts)
	}
}

func TestNeedForPeersDoesNotShortenTheBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		tracker := n.tracker("t", says("d14:failure reason4:busye"))
		a := n.client(announce.Options{}).NewAnnouncer([][]string{{tracker.url}}, &fakeTorrent{left: 1})
		run(t, a)
		for range 600 {
			time.Sleep(time.Second)
			a.NeedPeers()
		}
		if got := len(tracker.times()); got > 8 {
			t.Errorf("asked %d times in 10 minutes: %v", got, tracker.times())
		}
	})
}

// qBittorrent#23196: trackers stayed "not working" until a restart after the
// network had changed.
func TestNetworkChangeEndsEveryBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		tracker := n.tracker("t", says(onePeer(1800)))
		tracker.down()
		a := n.client(announce.Options{}).NewAnnouncer([][]string{{tracker.url}}, &fakeTorrent{left: 1})
		run(t, a)
		time.Sleep(4 * time.Hour)
		if s := a.Status()[0]; s.Failures < 10 || time.Until(s.Next) < 6*time.Second {
			t.Fatalf("status is %+v, want a long back-off", s)
		}
		tracker.up()
		a.NetworkChanged()
		time.Sleep(6 * time.Second)
		if s := a.Status()[0]; s.Answered.IsZero() || s.Err != "" || s.Failures != 0 {
			t.Errorf("status after the change is %+v, want an answer", s)
		}
		before := len(tracker.times())
		for range 600 { // a bad WLAN
			a.NetworkChanged()
			time.Sleep(time.Second / 10)
		}
		if got := len(tracker.times()) - before; got < 10 || got > 13 {
			t.Errorf("asked %d times in a minute of changes, want one per 5 s", got)
		}
	})
}

// BEP 31: a tracker says when to ask again, or "never".
func TestRetryInIsHeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		later := n.tracker("later", says("d14:failure reason4:busy8:retry in2:40e"))
		never := n.tracker("never", says("d14:failure reason4:gone8:retry in5:nevere"))
		a := n.client(announce.Options{}).NewAnnouncer([][]string{{later.url}, {never.url}}, &fakeTorrent{left: 1})
		run(t, a)
		time.Sleep(2*time.Hour + time.Second)
		m := time.Minute
		if got, want := later.times(), []time.Duration{0, 40 * m, 80 * m, 120 * m}; !slices.Equal(got, want) {
			t.Errorf("asked at %v, want %v", got, want)
		}
		if got := never.times(); len(got) != 1 {
			t.Errorf("the one that said never was asked at %v", got)
		}
		for _, s := range a.Status() {
			if s.URL == never.url && (!s.Next.IsZero() || s.Err != "tracker refused: gone") {
				t.Errorf("its status is %+v", s)
			}
		}
	})
}

func TestTrackersThatCannotBeUsedCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		a := n.client(announce.Options{}).NewAnnouncer(
			[][]string{{"wss://tracker.example/"}, {"http://"}, {"udp://tracker.example"}}, &fakeTorrent{left: 1})
		run(t, a)
		a.NeedPeers()
		time.Sleep(time.Hour)
		a.NetworkChanged()
		time.Sleep(time.Hour)
		if got := n.tries(); got != "" {
			t.Errorf("dialled %s", got)
		}
		for i, want := range []string{`"wss" addresses are not supported`, "is not a URL", "needs a port"} {
			if s := a.Status()[i]; !strings.Contains(s.Err, want) || !s.Next.IsZero() {
				t.Errorf("status is %+v, want %q", s, want)
			}
		}
	})
}

func TestStatusShowsWhatTheUserNeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		broken := n.tracker("broken", says("d14:failure reason13:go\x1b[31m away!e"))
		good := n.tracker("good", says("d8:completei3e10:incompletei4e8:intervali600e5:peers6:\xc6\x33\x64\x07\x1a\xe115:warning message4:slowe"))
		spare := n.tracker("spare", says(""))
		a := n.client(announce.Options{}).NewAnnouncer([][]string{{broken.url}, {good.url}, {spare.url}}, &fakeTorrent{left: 1})
		run(t, a)
		time.Sleep(time.Second)
		synctest.Wait()
		s := a.Status()
		if s[0].Err != "tracker refused: go [31m away!" || s[0].Failures != 1 || s[0].Next.IsZero() {
			t.Errorf("broken: %+v", s[0])
		}
		if s := s[1]; s.Err != "" || s.Peers != 1 || s.Seeders != 3 || s.Leechers != 4 || s.Warning != "slow" ||
			time.Until(s.Next) != 599*time.Second || time.Since(s.Answered) != time.Second {
			t.Errorf("good: %+v", s)
		}
		if s := s[2]; !s.Next.IsZero() || !s.Answered.IsZero() || s.Seeders != -1 || s.Leechers != -1 {
			t.Errorf("spare: %+v", s)
		}
		good.answer(func(httpwire.AnnounceRequest) string { time.Sleep(time.Second); return nobody(600) })
		time.Sleep(599*time.Second + time.Second/2)
		synctest.Wait()
		if s := a.Status()[1]; !s.Asking {
			t.Errorf("while it is asked: %+v", s)
		}
		time.Sleep(time.Second) // for the tracker to end
	})
}
