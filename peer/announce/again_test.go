package announce_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/announce"
)

// Somebody says all the time that the tracker may have forgotten: it is told within a minute, and then less and less often.
func TestATrackerThatMayHaveForgottenIsToldSoonAndNotByAllAtOnce(t *testing.T) {
	firsts := map[time.Duration]bool{}
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			n := newFakeNet()
			tracker := n.tracker("t", says(onePeer(1800)))
			a := n.client(announce.Options{Seed: seed + 1}).NewAnnouncer([][]string{{tracker.url}}, &fakeTorrent{left: 1})
			run(t, a)
			time.Sleep(2 * time.Minute)
			begin := time.Since(tracker.began)
			for range 28 * 60 {
				a.Again()
				time.Sleep(time.Second)
			}
			times := tracker.times()
			if len(times) != 4 {
				t.Fatalf("asked at %v, want 4 times", times)
			}
			firsts[times[1]] = true
			for i, least := range []time.Duration{begin, times[1] + 5*time.Minute, times[2] + 10*time.Minute} {
				if at := times[i+1]; at < least || at > least+time.Minute+time.Second {
					t.Errorf("asked at %v, want at %v and a minute at most", at, least)
				}
			}
		})
	}
	if len(firsts) < 5 {
		t.Errorf("ten come at %d moments", len(firsts))
	}
}

func TestThoseThatNeedPeersAreHeardAfterItAsAfterTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		tracker := n.tracker("t", says(onePeer(1800)))
		a := n.client(announce.Options{}).NewAnnouncer([][]string{{tracker.url}}, &fakeTorrent{left: 1})
		run(t, a)
		for i := range 25 * 60 {
			if i == 20*60 {
				a.Again()
			}
			a.NeedPeers()
			time.Sleep(time.Second)
		}
		times := tracker.times()
		var gaps []time.Duration
		for i := 6; i < len(times); i++ {
			gaps = append(gaps, (times[i] - times[i-1]).Round(time.Minute))
		}
		if want := []time.Duration{time.Minute, 2 * time.Minute}; len(times) != 8 || times[5] < 20*time.Minute || !slices.Equal(gaps, want) {
			t.Errorf("asked at %v", times)
		}
	})
}

func TestWhoeverFindsATrackerBackTellsOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		tracker := n.tracker("t", says(onePeer(1800)))
		var back []string
		c := n.client(announce.Options{Back: func(host string) { back = append(back, host) }})
		a := c.NewAnnouncer([][]string{{tracker.url}}, &fakeTorrent{left: 1})
		run(t, a)
		time.Sleep(29 * time.Minute)
		if synctest.Wait(); len(back) > 0 {
			t.Errorf("%v is back, and was not away", back)
		}
		tracker.down()
		time.Sleep(2 * time.Minute)
		a.Again() // it is not asked more often for it
		tracker.up()
		time.Sleep(5 * time.Minute)
		if synctest.Wait(); !slices.Equal(back, []string{"t"}) {
			t.Errorf("back are %v", back)
		}
		asked := tracker.times()
		if time.Sleep(20 * time.Minute); len(tracker.times()) != len(asked) {
			t.Errorf("asked at %v, which is once more than to find out", tracker.times())
		}
		if !a.Asks("t") || a.Asks("u") {
			t.Error("it does not know which trackers it asks")
		}
	})
}
