package announce_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/announce"
)

// allows is the answer of a tracker that names somebody, and a min interval.
func allows(seconds string) string {
	return "d8:intervali1800e12:min intervali" + seconds + "e5:peers6:\xc6\x33\x64\x07\x1a\xe1e"
}

// gaps returns how long after each other a tracker was asked.
func (f *fakeTracker) gaps() (all []time.Duration) {
	times := f.times()
	for i := 1; i < len(times); i++ {
		all = append(all, times[i]-times[i-1])
	}
	return all
}

func TestATrackerIsWatchedAsOftenAsItAllows(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       time.Duration
	}{
		{"that allows more", allows("15"), 50 * time.Second},
		{"that allows it seldom", allows("900"), 15 * time.Minute},
		{"that has not said so", onePeer(1800), 30 * time.Minute},
		{"that has said nothing in so many words", allows("0"), 30 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newFakeNet()
				tracker := n.tracker("t", says(c.body))
				a := n.client(announce.Options{}).NewAnnouncer([][]string{{tracker.url}}, &fakeTorrent{left: 1})
				run(t, a)
				for range 61 * 60 {
					a.Watch(50 * time.Second)
					time.Sleep(time.Second)
				}
				if all := tracker.gaps(); len(all) != int(61*time.Minute/c.want) || slices.Min(all) != c.want || slices.Max(all) != c.want {
					t.Errorf("asked after %v, want %v", all, c.want)
				}
				if got := a.Status()[0].Least; c.want > time.Minute && got != c.want {
					t.Errorf("it is asked after %v at least, want %v", got, c.want)
				}
			})
		})
	}
}

func TestWhoIsWatchedForFromNowOnIsLookedForAtOnceAndNoMoreWhenThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		tracker := n.tracker("t", says(allows("15")))
		a := n.client(announce.Options{}).NewAnnouncer([][]string{{tracker.url}}, &fakeTorrent{left: 1})
		run(t, a)
		time.Sleep(10*time.Minute + time.Second/2)
		a.Watch(20 * time.Second)
		time.Sleep(time.Minute + time.Second)
		if got, want := tracker.times()[1:], 10*time.Minute; len(got) != 4 || got[0] != want || got[3] != want+time.Minute {
			t.Errorf("asked at %v, want at %v and every 20 s from then on", got, want)
		}
		a.Watch(0)
		time.Sleep(25 * time.Minute)
		if got := len(tracker.times()); got > 6 {
			t.Errorf("asked %d times more when nobody is expected any more", got-5)
		}
	})
}

func TestTrackersThatDoNotAllowItAreLeftAloneBesideOneThatDoes(t *testing.T) {
	for _, order := range [][2]int{{0, 1}, {1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			n := newFakeNet()
			urls := make([][]string, 2)
			ours, public := n.tracker("ours", says("d8:intervali1800e12:min intervali15e5:peers0:e")), n.tracker("public", says(nobody(1800)))
			urls[order[0]], urls[order[1]] = []string{ours.url}, []string{public.url}
			a := n.client(announce.Options{AskOnWhenAlone: true}).NewAnnouncer(urls, &fakeTorrent{left: 1})
			a.Watch(50 * time.Second)
			run(t, a)
			time.Sleep(61 * time.Minute)
			if got := len(ours.times()); got < 70 {
				t.Errorf("the one that allows it is asked %d times in an hour", got)
			}
			if got := len(public.times()); got < 3 || got > 4 {
				t.Errorf("the one that does not is asked %d times in an hour, want 3", got)
			}
		})
	}
}
