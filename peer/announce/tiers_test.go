package announce_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/announce"
	"p2p/tracker/httpwire"
)

// order makes trackers log their names in the order in which they are asked.
func order(n *fakeNet, log *[]string, names ...string) map[string]*fakeTracker {
	trackers := make(map[string]*fakeTracker)
	for _, name := range names {
		trackers[name] = n.tracker(name, func(httpwire.AnnounceRequest) string {
			n.mu.Lock()
			defer n.mu.Unlock()
			*log = append(*log, name)
			return onePeer(1800)
		})
	}
	return trackers
}

// tries returns the hosts that were dialled since the last call.
func (n *fakeNet) tries() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var names []string
	for _, dialed := range n.dialed {
		for host, addrs := range n.hosts {
			if strings.HasPrefix(dialed, "tcp "+addrs[0].String()+":") {
				names = append(names, host)
			}
		}
	}
	n.dialed = nil
	return strings.Join(names, " ")
}

// BEP 12: "On each announce, first try tracker1, then if that cannot be reached,
// try backup1 and backup2 respectively. On the next announce, repeat in the same
// order."
func TestBackupsAreTriedInTurnOnEachAnnounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		var log []string
		trackers := order(n, &log, "tracker1", "backup1", "backup2")
		trackers["tracker1"].down()
		trackers["backup1"].down()
		urls := [][]string{{trackers["tracker1"].url}, {trackers["backup1"].url}, {trackers["backup2"].url}}
		run(t, n.client(announce.Options{}).NewAnnouncer(urls, &fakeTorrent{left: 1}))

		for _, want := range []string{"tracker1 backup1 backup2", "tracker1 backup1 backup2"} {
			time.Sleep(time.Second)
			synctest.Wait()
			if got := n.tries(); got != want {
				t.Errorf("tried %q, want %q", got, want)
			}
			time.Sleep(1800*time.Second - time.Second)
		}
		trackers["tracker1"].up()
		time.Sleep(1801 * time.Second)
		n.tries()
		time.Sleep(1800 * time.Second)
		if got, want := n.tries(), "tracker1"; got != want {
			t.Errorf("with tracker1 back, tried %q, want %q", got, want)
		}
	})
}

// BEP 12: "First, shuffle the list. (For argument's sake, we'll say the list has
// already been shuffled.) Then, if tracker1 cannot be reached, try tracker2. If
// tracker2 can be reached, the list is now: tracker2,tracker1,tracker3. From then
// on, this will be the order the client tries. If later neither tracker2 nor
// tracker1 can be reached, but tracker3 responds, then the list will be changed
// to: tracker3,tracker2,tracker1, and will be tried in that order in the future."
func TestTrackerThatRespondsMovesToTheFrontOfItsTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		var log []string
		trackers := order(n, &log, "a", "b", "c")
		all := []string{trackers["a"].url, trackers["b"].url, trackers["c"].url}
		announcer := n.client(announce.Options{}).NewAnnouncer([][]string{all}, &fakeTorrent{left: 1})
		names := func() string {
			var names []string
			for _, s := range announcer.Status() {
				names = append(names, s.URL[len("http://"):len("http://")+1])
			}
			return strings.Join(names, "")
		}
		list := names() // as shuffled: tracker1, tracker2, tracker3
		one, two, three := list[:1], list[1:2], list[2:]
		trackers[one].down()
		run(t, announcer)
		time.Sleep(time.Second)
		synctest.Wait()
		if got, want := names(), two+one+three; got != want {
			t.Errorf("after tracker2 answered, the order is %s, want %s", got, want)
		}
		trackers[two].down()
		time.Sleep(1801 * time.Second)
		synctest.Wait()
		if got, want := names(), three+two+one; got != want {
			t.Errorf("after tracker3 answered, the order is %s, want %s", got, want)
		}
		n.tries()
		trackers[three].down()
		time.Sleep(1800 * time.Second)
		if got, want := n.tries(), three+" "+two+" "+one; !strings.HasPrefix(got, want) {
			t.Errorf("tried %q, want %q", got, want)
		}
	})
}

// BEP 12: "URLs within each tier will be processed in a randomly chosen order"
func TestEveryOrderWithinATierComesUp(t *testing.T) {
	seen := make(map[string]int)
	for seed := range uint64(200) {
		c := announce.New(announce.Options{Seed: seed + 1})
		a := c.NewAnnouncer([][]string{{"http://a/", "http://b/", "http://c/"}, {"http://d/"}}, nil)
		var urls []string
		for _, s := range a.Status() {
			urls = append(urls, s.URL)
		}
		if urls[3] != "http://d/" {
			t.Fatalf("seed %d: the second tier comes before the first is through: %v", seed, urls)
		}
		seen[strings.Join(urls, " ")]++
	}
	if len(seen) != 6 {
		t.Errorf("%d orders of 3 trackers came up, want all 6: %v", len(seen), seen)
	}
	for order, times := range seen {
		if times < 15 {
			t.Errorf("order %s came up %d times of 200", order, times)
		}
	}
}

func TestListOfTrackersIsBoundedAndWithoutDoubles(t *testing.T) {
	var many []string
	for i := range 100_000 {
		many = append(many, fmt.Sprintf("http://tracker%d/announce", i))
	}
	c := announce.New(announce.Options{})
	if got := len(c.NewAnnouncer([][]string{many[:3], many}, nil).Status()); got != 100 {
		t.Errorf("%d trackers are kept of 100,000, want 100", got)
	}
	a := c.NewAnnouncer([][]string{{"http://a/", " http://a/ "}, {""}, {"http://a/", "http://b/"}}, nil)
	var urls []string
	for _, s := range a.Status() {
		urls = append(urls, fmt.Sprint(s.URL, s.Tier))
	}
	if want := []string{"http://a/0", "http://b/1"}; !slices.Equal(urls, want) {
		t.Errorf("trackers are %v, want %v", urls, want)
	}
}

func TestSilentTrackerHoldsUpTheNextForFiveSecondsAndMayStillWin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		slow := n.tracker("slow", nil)
		slow.answer(func(httpwire.AnnounceRequest) string {
			time.Sleep(7 * time.Second)
			return onePeer(1800)
		})
		dead := n.tracker("dead", says(""))
		last := n.tracker("last", says(onePeer(1800)))
		urls := [][]string{{slow.url}, {dead.url}, {last.url}}
		a := n.client(announce.Options{}).NewAnnouncer(urls, &fakeTorrent{left: 1})
		run(t, a)
		time.Sleep(20 * time.Second)
		if got, want := dead.times(), []time.Duration{5 * time.Second}; !slices.Equal(got, want) {
			t.Errorf("second tracker asked at %v, want %v", got, want)
		}
		if got := last.times(); len(got) != 0 {
			t.Errorf("third tracker asked at %v, although the first answered after 7 s", got)
		}
		if s := a.Status(); s[0].Peers != 1 || s[1].Err != "" {
			t.Errorf("status is %+v: the silent one was cancelled, which is not its fault", s)
		}
	})
}

func TestDownloaderThatIsAloneAsksOnWhenTold(t *testing.T) {
	for _, askOn := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := newFakeNet()
			empty := n.tracker("empty", says(nobody(1800)))
			full := n.tracker("full", says(onePeer(1800)))
			torrent := &fakeTorrent{left: 1}
			c := n.client(announce.Options{AskOnWhenAlone: askOn})
			run(t, c.NewAnnouncer([][]string{{empty.url}, {full.url}}, torrent))
			time.Sleep(time.Second)
			if got := len(full.times()) == 1; got != askOn {
				t.Errorf("AskOnWhenAlone %v: second tracker asked: %v", askOn, got)
			}
		})
	}
}

func TestTrackerInBackOffIsLeftOutOfTheRounds(t *testing.T) {
	for _, dead := range []string{"refuses", "is silent"} {
		synctest.Test(t, func(t *testing.T) {
			n := newFakeNet()
			first := n.tracker("first", says(""))
			if dead == "refuses" {
				first.answer(says("d14:failure reason2:noe"))
			}
			second := n.tracker("second", says(onePeer(60)))
			a := n.client(announce.Options{}).NewAnnouncer([][]string{{first.url}, {second.url}}, &fakeTorrent{left: 1})
			run(t, a)
			time.Sleep(2 * time.Hour)
			if asked, rounds := len(first.times()), len(second.times()); asked > 15 || asked < 8 || rounds < 105 {
				t.Errorf("a tracker that %s was asked %d times in %d rounds", dead, asked, rounds)
			}
			if s := a.Status()[0]; s.Err == "" || s.Failures != len(first.times()) {
				t.Errorf("a tracker that %s: status is %+v", dead, s)
			}
			time.Sleep(15 * time.Second) // for the last announce to end
		})
	}
}
