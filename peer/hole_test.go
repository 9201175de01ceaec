package peer_test

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer"
	"p2p/peer/ext"
	"p2p/peer/punch"
	"p2p/peer/simnet"
)

// shutIn is a Network behind a router, which remembers from where it dialled, and when.
type shutIn struct {
	*simnet.Host
	shift uint16 // what the router adds to the ports of who is within

	mu    sync.Mutex
	froms []netip.AddrPort
	times []time.Time
}

func (s *shutIn) DialFrom(ctx context.Context, from, to netip.AddrPort) (net.Conn, error) {
	s.mu.Lock()
	s.froms, s.times = append(s.froms, from), append(s.times, time.Now())
	s.mu.Unlock()
	return s.Host.DialFrom(ctx, netip.AddrPortFrom(from.Addr(), from.Port()+s.shift), to)
}

// dug returns how often it was dialled from a port of one's choice since then.
func (s *shutIn) dug(since time.Time) (count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range s.times {
		if !at.Before(since) {
			count++
		}
	}
	return count
}

// forgets is how long the routers of these tests remember whom they have let out to: less than any that was measured.
const forgets = 30 * time.Second

// behindRouter returns a person whose router lets nobody in.
func (w *world) behindRouter(seed byte) (*person, *shutIn) {
	w.t.Helper()
	h := w.host()
	h.Shut(forgets)
	s := &shutIn{Host: h}
	p := &person{talk: &talk{}, host: h}
	p.Node = openNode(w.t, peer.Options{
		Network: s, Listen: netip.AddrPortFrom(h.Addr(), 6881), Seed: uint64(seed), Device: device(w.t, seed), Extensions: []ext.Extension{p.talk},
	})
	return p, s
}

// others are the rooms of two people who know where the other one is.
func others(t *testing.T, a, b *person) (ofA, ofB peer.Room) {
	return peer.Room{Admit: admits(t, 2), Peers: []netip.AddrPort{b.Addr()}}, peer.Room{Admit: admits(t, 1), Peers: []netip.AddrPort{a.Addr()}}
}

// within returns how long it takes until both talk, at most limit.
func within(limit time.Duration, a, b *person) (took time.Duration) {
	began := time.Now()
	for time.Since(began) < limit && (a.with() == 0 || b.with() == 0) {
		time.Sleep(100 * time.Millisecond)
	}
	return time.Since(began)
}

func TestTwoOfWhomEachIsBehindARouterMeet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		a, _ := w.behindRouter(1)
		b, _ := w.behindRouter(2)
		ofA, ofB := others(t, a, b)
		a.gather(t, ofA)
		b.gather(t, ofB)
		if took := within(time.Minute, a, b); took > 3*time.Second {
			t.Fatalf("they meet after %v", took)
		}
		time.Sleep(time.Hour)
		for _, p := range []*person{a, b} {
			if g := p.room.Stats().Guests; len(g) != 1 || p.met() != 1 || g[0].Dialled && g[0].Addr.Port() != 6881 {
				t.Errorf("an hour later one has %+v, and has met somebody %d times", g, p.met())
			}
		}
		if da, db := a.room.Stats().Guests[0].Dialled, b.room.Stats().Guests[0].Dialled; da == db {
			t.Errorf("one has called: %v, and so has the other: %v", da, db)
		}
	})
}

// Whoever was there first has backed off by the time the other one comes, who is announced to nobody; clocks differ, and nobody knows.
func TestTwoBehindRoutersMeetWheneverTheyBegin(t *testing.T) {
	for late := 7 * time.Second; late < 21*time.Minute; late += 47 * time.Second {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
			a, _ := w.behindRouter(1)
			b, _ := w.behindRouter(2)
			ofA, ofB := others(t, a, b)
			a.gather(t, ofA)
			time.Sleep(late)
			b.gather(t, ofB)
			if took := within(10*time.Minute, a, b); took > 135*time.Second {
				t.Errorf("who comes %v later is met after %v", late, took)
			}
		})
	}
}

// Who has called for a night does so seldom.
func TestWhoComesTheNextMorningIsMetWithinAQuarterOfAnHour(t *testing.T) {
	for late := 8 * time.Hour; late < 9*time.Hour; late += 7 * time.Minute {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
			a, _ := w.behindRouter(1)
			b, _ := w.behindRouter(2)
			ofA, ofB := others(t, a, b)
			a.gather(t, ofA)
			time.Sleep(late)
			b.gather(t, ofB)
			if took := within(time.Hour, a, b); took > 18*time.Minute {
				t.Errorf("who comes %v later is met after %v", late, took)
			}
		})
	}
}

func TestWhoIsExpectedBehindARouterIsMetAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		a, _ := w.behindRouter(1)
		b, _ := w.behindRouter(2)
		ofA, ofB := others(t, a, b)
		a.gather(t, ofA)
		time.Sleep(20 * time.Minute)
		b.gather(t, ofB)
		a.room.Expect([]netip.AddrPort{b.Addr()})
		if took := within(time.Minute, a, b); took > 12*time.Second { // the dial that is under way may be an old one
			t.Errorf("they meet after %v", took)
		}
	})
}

func TestWhoAnswersIsNotCalledFromAPortOfTheSwarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		a, from := w.behindRouter(1)
		b := w.person(2)
		ofA, ofB := others(t, a, b)
		a.gather(t, ofA)
		b.gather(t, ofB)
		time.Sleep(10 * time.Minute)
		if a.with() != 1 || from.dug(time.Time{}) != 0 {
			t.Errorf("one talks with %d and has called %d times as who is not answered", a.with(), from.dug(time.Time{}))
		}
	})
}

func TestNobodyCallsPlainPeersFromAPortOfTheSwarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		s := newSource(t, 1<<20, 64<<10)
		a, from := w.behindRouter(1)
		b, _ := w.behindRouter(2)
		add(t, a.Node, s, t.TempDir(), false, b.Addr())
		time.Sleep(10 * time.Minute)
		if from.dug(time.Time{}) != 0 {
			t.Errorf("a peer that does not answer is called %d times", from.dug(time.Time{}))
		}
	})
}

// There is nothing to be done against a router that gives each connection another port, and nobody is to suffer from that.
func TestBehindARouterThatChangesPortsNobodyIsMetAndCallsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		a, from := w.behindRouter(1)
		b, _ := w.behindRouter(2)
		from.shift = 7
		ofA, ofB := others(t, a, b)
		a.gather(t, ofA)
		b.gather(t, ofB)
		time.Sleep(time.Hour)
		began := time.Now()
		time.Sleep(time.Hour)
		if count := from.dug(began); a.with() != 0 || count == 0 || count > 32 {
			t.Errorf("one talks with %d and has called %d times in an hour", a.with(), count)
		}
	})
}

// Each swarm of the two is on a connection of its own: a conversation, a room, a file.
func TestSwarmsOfTwoBehindRoutersAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 1<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond, Bandwidth: 1 << 20})
		a, _ := w.behindRouter(1)
		b, _ := w.behindRouter(2)
		ofA, ofB := others(t, a, b)
		a.gather(t, ofA)
		b.gather(t, ofB)
		dir := t.TempDir()
		shareWith(t, a.Node, s, s.dir, true, admits(t, 2), b.Addr())
		to := shareWith(t, b.Node, s, dir, false, admits(t, 1), a.Addr())
		s.download(t, to, dir, 10*time.Second)
		if a.with() != 1 || b.with() != 1 {
			t.Errorf("in the room one talks with %d, the other with %d", a.with(), b.with())
		}
	})
}

// Who has something to give has called long before somebody wants it.
func TestWhoWantsAFileIsMetAtOnceWhenHeIsExpected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 1<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond, Bandwidth: 1 << 20})
		a, _ := w.behindRouter(1)
		b, _ := w.behindRouter(2)
		from, dir := shareWith(t, a.Node, s, s.dir, true, admits(t, 2), b.Addr()), t.TempDir()
		time.Sleep(time.Hour)
		to := shareWith(t, b.Node, s, dir, false, admits(t, 1), a.Addr())
		from.Expect([]netip.AddrPort{b.Addr()})
		s.download(t, to, dir, 10*time.Second)
	})
}

// Others than who was meant may be there, or nobody who speaks as we do.
func TestWhoIsMetHasToProveWhoHeIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		a, _ := w.behindRouter(1)
		b, from := w.behindRouter(3)
		ofA, ofB := others(t, a, b)
		a.gather(t, ofA)
		b.gather(t, ofB)
		time.Sleep(5 * time.Minute)
		if a.with() != 0 || b.with() != 0 || from.dug(time.Time{}) == 0 {
			t.Errorf("a stranger has called %d times and is let in: %d, %d", from.dug(time.Time{}), a.with(), b.with())
		}
	})
}

func TestHoleOfANodeThatEndsIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		a, from := w.behindRouter(1)
		b, _ := w.behindRouter(2)
		ofA, _ := others(t, a, b)
		a.gather(t, ofA)
		time.Sleep(punch.After + time.Second)
		if from.dug(time.Time{}) != 1 {
			t.Fatal("it has not begun")
		}
		began := time.Now()
		a.room.Close(t.Context())
		if err := a.Close(t.Context()); err != nil || time.Since(began) > 0 {
			t.Errorf("it takes %v to end: %v", time.Since(began), err)
		}
	})
}
