package peer_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer"
	"p2p/peer/identity"
	"p2p/peer/simnet"
	"p2p/torrentfile/infohash"
	"p2p/tracker/httpwire"
)

// forgetful is a tracker on a host of the world, where all rooms are one to it, that may forget who is there, and be away.
type forgetful struct {
	url string

	mu    sync.Mutex
	peers map[netip.AddrPort]bool
	asked []question
	away  bool
}

// question is that it was asked for a room.
type question struct {
	room infohash.T
	at   time.Time
}

func (w *world) forgetful() *forgetful {
	w.t.Helper()
	h := w.host()
	at := netip.AddrPortFrom(h.Addr(), 80)
	l, err := h.Listen(w.t.Context(), at)
	if err != nil {
		w.t.Fatal(err)
	}
	f := &forgetful{url: fmt.Sprintf("http://%v/announce", at), peers: map[netip.AddrPort]bool{}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go f.serve(c)
		}
	}()
	w.t.Cleanup(func() { l.Close() })
	return f
}

func (f *forgetful) serve(c net.Conn) {
	defer c.Close()
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	a, err := httpwire.ParseAnnounceRequest(r.URL.RawQuery)
	if err != nil {
		return
	}
	body, here := f.announce(a.InfoHash, netip.AddrPortFrom(c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr(), a.Port))
	if !here {
		return
	}
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// announce returns the others, as an answer that is to be good for half an hour.
func (f *forgetful) announce(room infohash.T, who netip.AddrPort) (answer string, here bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		return "", false
	}
	f.asked = append(f.asked, question{room, time.Now()})
	var others []byte
	for p := range f.peers {
		if p != who {
			others = append(append(others, p.Addr().AsSlice()...), byte(p.Port()>>8), byte(p.Port()))
		}
	}
	f.peers[who] = true
	return fmt.Sprintf("d8:intervali1800e5:peers%d:%se", len(others), others), true
}

// leave has nobody answered until it comes back.
func (f *forgetful) leave(away bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = away
}

func (f *forgetful) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.peers)
}

// since returns how often it was asked for each room since then.
func (f *forgetful) since(then time.Time) map[infohash.T]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := map[infohash.T]int{}
	for _, q := range f.asked {
		if !q.at.Before(then) {
			n[q.room]++
		}
	}
	return n
}

// Three are in a room when its tracker forgets them. A fourth comes, who knows none of them, and the one that could have told him
// goes. The tracker's interval is half an hour, and who waits for it is not found before.
func TestAfterATrackerHasForgottenMembersMeetWithoutTheirCommonOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		tracker := w.forgetful()
		enter := func(seed byte) *person {
			p := w.person(seed)
			p.gather(t, peer.Room{
				Trackers: [][]string{{tracker.url}}, Admit: admits(t, 1, 2, 3, 4),
				Missing: func(here []identity.Key) int { return 3 - len(here) },
			})
			return p
		}
		a, b, c := enter(1), enter(2), enter(3)
		time.Sleep(16 * time.Minute)
		if a.with() != 2 || b.with() != 2 || c.with() != 2 {
			t.Fatalf("they talk with %d, %d and %d of 2", a.with(), b.with(), c.with())
		}
		tracker.forget()
		d := enter(4)
		time.Sleep(30 * time.Second)
		if d.with() != 0 {
			t.Fatal("the newcomer has met somebody of whom nobody has told him")
		}
		c.Close(t.Context())
		began := time.Now()
		for a.with() != 2 || b.with() != 2 || d.with() != 2 {
			if time.Since(began) > 3*time.Minute {
				t.Fatalf("they talk with %d, %d and %d of 2", a.with(), b.with(), d.with())
			}
			time.Sleep(time.Second)
		}
		time.Sleep(20 * time.Minute)
		if n := tracker.since(began)[lounge]; n > 3*7 {
			t.Errorf("three have announced themselves %d times in 20 minutes", n)
		}
	})
}

// A tracker that was away may have begun anew. The room whose time has come finds that it is back, and the others, whose time has not,
// are announced with it.
func TestOneRoomFindsATrackerBackForAllThatAreAnnouncedThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		tracker, other := w.forgetful(), w.forgetful()
		attic, cellar := infohash.T{8}, infohash.T{9}
		a, b := w.person(1), w.person(2)
		enter := func(room infohash.T, at *forgetful) {
			for _, p := range []*person{a, b} {
				p.gather(t, peer.Room{InfoHash: room, Trackers: [][]string{{at.url}}, Admit: admits(t, 1, 2)})
			}
		}
		enter(lounge, tracker)
		time.Sleep(15 * time.Minute)
		enter(attic, tracker)
		enter(cellar, other)
		time.Sleep(14 * time.Minute)
		tracker.leave(true)
		time.Sleep(2 * time.Minute)
		tracker.leave(false)
		back := time.Now()
		for tracker.since(back)[lounge] < 2 {
			time.Sleep(time.Second)
			if time.Since(back) > 5*time.Minute {
				t.Fatal("it is not found that the tracker is back")
			}
		}
		time.Sleep(time.Minute + time.Second)
		if n := tracker.since(back)[attic]; n != 2 {
			t.Errorf("of two who are in the other room %d have said so", n)
		}
		if n := other.since(back)[cellar]; n > 0 {
			t.Errorf("a tracker that was never away was asked %d times", n)
		}
	})
}

// Whoever has just been let into a room comes soon, and may come by an address that nobody there knows. That somebody is missed, long after
// the room was entered, has no tracker asked.
func TestARoomThatExpectsSomebodyIsAnnouncedAgainWithinAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		tracker := w.forgetful()
		var expected atomic.Int32
		a, b := w.person(1), w.person(2)
		for _, p := range []*person{a, b} {
			p.gather(t, peer.Room{Trackers: [][]string{{tracker.url}}, Admit: admits(t, 1, 2, 3), Missing: func([]identity.Key) int { return int(expected.Load()) }})
		}
		time.Sleep(20 * time.Minute)
		expected.Store(1)
		added := time.Now()
		time.Sleep(2 * time.Minute)
		if n := tracker.since(added)[lounge]; n > 0 {
			t.Fatalf("the tracker is asked %d times without a word", n)
		}
		a.room.Again()
		time.Sleep(time.Minute + time.Second)
		if n := tracker.since(added)[lounge]; n != 1 {
			t.Errorf("it is asked %d times", n)
		}
	})
}
