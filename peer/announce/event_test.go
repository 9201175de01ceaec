package announce_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/announce"
	"p2p/tracker/httpwire"
	"p2p/tracker/wire"
)

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// BEP 3: "An announcement using started is sent when a download first begins,
// and one using completed is sent when the download is complete. [...] Downloaders
// send an announcement using stopped when they cease downloading."
func TestEventsAreToldInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		tracker := n.tracker("t", says(onePeer(1800)))
		torrent := &fakeTorrent{left: 1}
		a := n.client(announce.Options{}).NewAnnouncer([][]string{{tracker.url}}, torrent)
		stop := run(t, a)
		time.Sleep(1801 * time.Second)
		torrent.setLeft(0)
		a.Completed()
		time.Sleep(time.Second)
		if got, want := tracker.events(), "started - completed "; got != want {
			t.Errorf("a second after completion: %q, want %q", got, want)
		}
		a.Completed() // a second time
		time.Sleep(2 * time.Hour)
		stop()
		if err := a.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if got, want := tracker.events(), "started - completed - - - - stopped "; got != want {
			t.Errorf("events are %q, want %q", got, want)
		}
		for _, asked := range tracker.asked {
			want := httpwire.AnnounceRequest{
				InfoHash: torrent.Snapshot().InfoHash, PeerID: torrent.Snapshot().PeerID, Port: 6881,
				Uploaded: 7, Downloaded: 8, Left: asked.request.Left, Event: asked.request.Event, Key: 9, NumWant: 50,
			}
			if asked.request.Event == wire.Stopped {
				want.NumWant = 0
			}
			if asked.request != want {
				t.Errorf("asked %+v, want %+v", asked.request, want)
			}
		}
	})
}

// BEP 3: "No completed is sent if the file was complete when started."
func TestCompletedIsNotToldWhenItBeganComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		tracker := n.tracker("t", says(onePeer(1800)))
		a := n.client(announce.Options{}).NewAnnouncer([][]string{{tracker.url}}, &fakeTorrent{})
		run(t, a)
		time.Sleep(time.Second)
		a.Completed()
		time.Sleep(1801 * time.Second)
		if got, want := tracker.events(), "started - "; got != want {
			t.Errorf("events are %q, want %q", got, want)
		}
	})
}

func TestCompletedIsToldEvenBeforeTheMinInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		tracker := n.tracker("t", says("d8:intervali1800e12:min intervali1800e5:peers0:e"))
		torrent := &fakeTorrent{left: 1}
		fallback := n.tracker("fallback", says(onePeer(1800)))
		a := n.client(announce.Options{}).NewAnnouncer([][]string{{tracker.url}, {fallback.url}}, torrent)
		run(t, a)
		time.Sleep(time.Second)
		a.Completed()
		time.Sleep(time.Second)
		if got, want := tracker.events()+fallback.events(), "started completed "; got != want {
			t.Errorf("events are %q, want %q", got, want)
		}
	})
}

func TestCompletedIsToldEvenInBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		tracker := n.tracker("t", says(onePeer(1800)))
		torrent := &fakeTorrent{left: 1}
		a := n.client(announce.Options{}).NewAnnouncer([][]string{{tracker.url}}, torrent)
		run(t, a)
		time.Sleep(time.Second)
		tracker.down()
		time.Sleep(4 * time.Hour)
		tracker.up()
		if wait := time.Until(a.Status()[0].Next); wait < 2*time.Second {
			t.Fatalf("next announce in %v, want a long back-off", wait)
		}
		a.Completed()
		time.Sleep(time.Second)
		if got, want := tracker.events(), "started completed "; got != want {
			t.Errorf("events are %q, want %q", got, want)
		}
	})
}

func TestCompletedIsOwedUntilATrackerHeardIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		first := n.tracker("first", says(onePeer(1800)))
		second := n.tracker("second", says(onePeer(1800)))
		second.down()
		torrent := &fakeTorrent{left: 1}
		a := n.client(announce.Options{}).NewAnnouncer([][]string{{first.url}, {second.url}}, torrent)
		run(t, a)
		time.Sleep(time.Second)
		first.down()
		torrent.setLeft(0)
		a.Completed()
		time.Sleep(time.Hour) // nobody answers
		second.up()
		time.Sleep(time.Hour)
		if got, want := second.events(), "started completed - "; !strings.HasPrefix(got, want) {
			t.Errorf("events are %q, want %q: every tracker hears started first", got, want)
		}
		if got, want := first.events(), "started "; got != want {
			t.Errorf("first tracker heard %q, want %q", got, want)
		}
	})
}

// Most downloads end with the program that asked for them.
func TestCompletedIsToldBeforeStoppedWhenBothComeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		first := n.tracker("first", says(onePeer(1800)))
		second := n.tracker("second", says(onePeer(1800)))
		torrent := &fakeTorrent{left: 1}
		a := n.client(announce.Options{}).NewAnnouncer([][]string{{first.url}, {second.url}}, torrent)
		stop := run(t, a)
		time.Sleep(time.Second)
		torrent.setLeft(0)
		stop()
		a.Completed()
		if err := a.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if got, want := first.events()+"| "+second.events(), "started completed stopped | "; got != want {
			t.Errorf("events are %q, want %q", got, want)
		}
	})
}

func TestStoppedGoesToAllThatHeardStartedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		first := n.tracker("first", says(onePeer(1800)))
		second := n.tracker("second", says(onePeer(1800)))
		third := n.tracker("third", says(onePeer(1800)))
		a := n.client(announce.Options{}).NewAnnouncer([][]string{{first.url}, {second.url}, {third.url}}, &fakeTorrent{left: 1})
		stop := run(t, a)
		time.Sleep(time.Second)
		first.down()
		time.Sleep(1800 * time.Second)
		first.up()
		slow := func(httpwire.AnnounceRequest) string { time.Sleep(2 * time.Second); return nobody(60) }
		first.answer(slow)
		second.answer(slow)
		stop()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil || time.Since(began) != 2*time.Second {
			t.Errorf("stop took %v: %v", time.Since(began), err)
		}
		if got := first.events() + second.events() + third.events(); got != "started stopped started stopped " {
			t.Errorf("events of all three are %q", got)
		}
		if err := a.Stop(ctx); err != nil || strings.Count(first.events(), "stopped") != 1 {
			t.Errorf("a second stop tells them again: %v", err)
		}
	})
}

func TestStopTakesNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		tracker := n.tracker("t", says(onePeer(1800)))
		a := n.client(announce.Options{}).NewAnnouncer([][]string{{tracker.url}}, &fakeTorrent{left: 1})
		if err := a.Stop(t.Context()); err != nil {
			t.Errorf("stop of what never ran: %v", err)
		}
		stop := run(t, a)
		time.Sleep(time.Second)
		tracker.answer(says(""))
		stop()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := a.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("stop with a silent tracker took %v: %v", time.Since(began), err)
		}
	})
}

func TestStopEndsTheAnnouncingWhileRunGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		tracker := n.tracker("t", says(onePeer(1800)))
		a := n.client(announce.Options{}).NewAnnouncer([][]string{{tracker.url}}, &fakeTorrent{left: 1})
		run(t, a)
		time.Sleep(time.Second)
		tracker.answer(says("")) // the round that is under way is broken off
		time.Sleep(1800 * time.Second)
		tracker.answer(says(onePeer(1800)))
		if err := a.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Hour)
		if got, want := tracker.events(), "started - stopped "; got != want {
			t.Errorf("events are %q, want %q", got, want)
		}
	})
}

func TestCancelEndsAnAnnounceUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		silent := n.tracker("silent", says(""))
		n.hosts["hole"] = []netip.Addr{netip.MustParseAddr("192.0.2.1")} // takes no connection
		a := n.client(announce.Options{}).NewAnnouncer(
			[][]string{{silent.url}, {"http://hole/announce"}, {"udp://hole:1"}}, &fakeTorrent{left: 1})
		stop := run(t, a)
		time.Sleep(11 * time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v", took)
		}
		if err := a.Stop(t.Context()); err != nil {
			t.Errorf("nobody answered, and stop tells them: %v", err)
		}
		if got, want := silent.events(), "started "; got != want {
			t.Errorf("events are %q, want %q", got, want)
		}
	})
}

func TestTrackerIDIsSentBackToItsTracker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		var queries []string
		tracker := n.tracker("t", says("d8:intervali60e5:peers0:10:tracker id3:a&be"))
		n.spy(tracker.address, &queries)
		a := n.client(announce.Options{}).NewAnnouncer([][]string{{tracker.url}}, &fakeTorrent{})
		stop := run(t, a)
		time.Sleep(61 * time.Second)
		stop()
		_ = a.Stop(t.Context())
		if len(queries) != 3 || strings.Contains(queries[0], "trackerid") ||
			!strings.Contains(queries[1], "&trackerid=a%26b") || !strings.Contains(queries[2], "&trackerid=a%26b") {
			t.Errorf("queries are %q", queries)
		}
	})
}

func TestAnnouncesUnderWayAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		under, most := 0, 0
		tracker := n.tracker("t", nil)
		tracker.answer(func(httpwire.AnnounceRequest) string {
			n.mu.Lock()
			under++
			most = max(most, under)
			n.mu.Unlock()
			time.Sleep(time.Second)
			n.mu.Lock()
			under--
			n.mu.Unlock()
			return onePeer(1800)
		})
		c := n.client(announce.Options{MaxConcurrent: 3})
		for range 12 {
			run(t, c.NewAnnouncer([][]string{{tracker.url}}, &fakeTorrent{left: 1}))
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if most != 3 || len(tracker.times()) != 12 {
			t.Errorf("%d announces at once, %d in all, want 3 and 12", most, len(tracker.times()))
		}
	})
}
