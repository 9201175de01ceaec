package peer_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer"
	"p2p/peer/simnet"
	"p2p/tracker"
	"p2p/tracker/httpwire"
	"p2p/tracker/memory"
)

// ours is a tracker of this program on a host of the world: its rules and its store, behind the simplest front.
type ours struct {
	url   string
	asked atomic.Int64
}

func (w *world) ours() *ours {
	w.t.Helper()
	h := w.host()
	at := netip.AddrPortFrom(h.Addr(), 80)
	l, err := h.Listen(w.t.Context(), at)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	o, service := &ours{url: fmt.Sprintf("http://%v/announce", at)}, tracker.New(memory.New(memory.Options{}), tracker.Options{})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				q, err := httpwire.ParseAnnounceRequest(r.URL.RawQuery)
				if err != nil {
					return
				}
				from := netip.MustParseAddrPort(c.RemoteAddr().String()).Addr()
				a, err := service.Announce(r.Context(), tracker.Request{
					InfoHash: q.InfoHash, PeerID: q.PeerID, Key: q.Key, Peer: netip.AddrPortFrom(from, q.Port), Seed: q.Left == 0, Event: q.Event,
					NumWant: q.NumWant, BothFamilies: true,
				})
				if err != nil {
					return
				}
				o.asked.Add(1)
				body := httpwire.AnnounceResponse{Interval: a.Interval, MinInterval: a.MinInterval, Peers: a.Peers}.AppendTo(nil, true)
				fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			}()
		}
	}()
	return o
}

// The owner's router lets nobody in: those who ring call nobody in this test. His link is weeks old, and some of those who have
// rung went without a word, so that the tracker names them too.
func TestWhoRingsForOneBehindARouterIsCalledWithinAMinuteWhereTheTrackerAllowsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		tracker := w.ours()
		at := [][]string{{tracker.url}}
		owner := w.person(1)
		owner.gather(t, peer.Room{
			InfoHash: bell, Doorbell: true, Home: true, Trackers: at, Expecting: func() time.Duration { return 50 * time.Second },
		})
		time.Sleep(12*time.Hour + 7*time.Second)
		if n := tracker.asked.Load(); n > 12*72+10 {
			t.Errorf("he has announced himself %d times in twelve hours", n)
		}
		for seed := byte(2); seed < 6; seed++ {
			visitor := w.person(seed)
			visitor.gather(t, peer.Room{InfoHash: bell, Doorbell: true, AnswerOnly: true, Trackers: at})
			began := time.Now()
			for visitor.met() == 0 {
				if time.Since(began) > time.Minute {
					t.Fatalf("visitor %d is not called within a minute; the owner knows %d addresses", seed, owner.room.Stats().Known)
				}
				time.Sleep(time.Second)
			}
			if seed%2 == 0 {
				visitor.host.Down()
			}
			time.Sleep(time.Duration(seed) * 13 * time.Minute)
		}
	})
}

// A door to which no link leads is announced no more often than any swarm.
func TestADoorAtWhichNobodyIsExpectedIsAnnouncedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		tracker := w.ours()
		owner := w.person(1)
		owner.gather(t, peer.Room{
			InfoHash: bell, Doorbell: true, Home: true, Trackers: [][]string{{tracker.url}}, Expecting: func() time.Duration { return 0 },
		})
		time.Sleep(24 * time.Hour)
		if n := tracker.asked.Load(); n > 24*7 {
			t.Errorf("he has announced himself %d times in a day", n)
		}
	})
}
