package peer_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer"
	"p2p/peer/identity"
	"p2p/peer/simnet"
	"p2p/tracker/httpwire"
)

// forgetful is a tracker on a host of the world that knows one room, and may forget it.
type forgetful struct {
	url string

	mu    sync.Mutex
	peers map[netip.AddrPort]bool
	asked []time.Time
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
	body := f.announce(netip.AddrPortFrom(c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr(), a.Port))
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// announce returns the others, as an answer that is to be good for half an hour.
func (f *forgetful) announce(who netip.AddrPort) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, time.Now())
	var others []byte
	for p := range f.peers {
		if p != who {
			others = append(append(others, p.Addr().AsSlice()...), byte(p.Port()>>8), byte(p.Port()))
		}
	}
	f.peers[who] = true
	return fmt.Sprintf("d8:intervali1800e5:peers%d:%se", len(others), others)
}

func (f *forgetful) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.peers)
}

// since returns how often it was asked since then.
func (f *forgetful) since(then time.Time) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, at := range f.asked {
		if !at.Before(then) {
			n++
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
		if n := tracker.since(began); n > 3*7 {
			t.Errorf("three have announced themselves %d times in 20 minutes", n)
		}
	})
}
