package peer_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer"
	"p2p/peer/simnet"
	"p2p/peer/wire"
)

// roamer is a machine that has one address after the other. Where it was, nobody answers, and nobody says so.
type roamer struct {
	net   *simnet.Net
	hosts []*simnet.Host

	mu sync.Mutex
	at int
}

func (r *roamer) here() *simnet.Host {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hosts[r.at]
}

// addrs returns where the machine can be called now, which is at two ports.
func (r *roamer) addrs() []netip.AddrPort {
	a := r.addr()
	return []netip.AddrPort{a, netip.AddrPortFrom(a.Addr(), a.Port()+1)}
}

func (r *roamer) addr() netip.AddrPort  { return netip.AddrPortFrom(r.here().Addr(), 6881) }
func (r *roamer) has(a netip.Addr) bool { return a == r.here().Addr() }

// moves has the machine at its next address, and what it has left lost for others.
func (r *roamer) moves(others ...*simnet.Host) {
	left := r.here()
	r.mu.Lock()
	r.at++
	r.mu.Unlock()
	for _, o := range others {
		r.net.Partition(left.Addr(), o.Addr())
	}
}

func (r *roamer) Dial(ctx context.Context, _ netip.Addr, to netip.AddrPort) (net.Conn, error) {
	h := r.here()
	return h.Dial(ctx, h.Addr(), to)
}

// Listen listens at all addresses, those to come too.
func (r *roamer) Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error) {
	all := &everywhere{conns: make(chan net.Conn), over: make(chan struct{})}
	for _, h := range r.hosts {
		for _, port := range []uint16{addr.Port(), addr.Port() + 1} {
			l, err := h.Listen(ctx, netip.AddrPortFrom(h.Addr(), port))
			if err != nil {
				return nil, err
			}
			all.listeners = append(all.listeners, l)
			go all.collect(l)
		}
	}
	return all, nil
}

type everywhere struct {
	listeners []net.Listener
	conns     chan net.Conn
	over      chan struct{}
}

func (e *everywhere) collect(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		select {
		case e.conns <- c:
		case <-e.over:
			c.Close()
		}
	}
}

func (e *everywhere) Accept() (net.Conn, error) {
	select {
	case c := <-e.conns:
		return c, nil
	case <-e.over:
		return nil, net.ErrClosed
	}
}

func (e *everywhere) Close() error {
	close(e.over)
	for _, l := range e.listeners {
		l.Close()
	}
	return nil
}

func (e *everywhere) Addr() net.Addr { return e.listeners[0].Addr() }

// roams returns a person whose machine has so many addresses, one after the other.
func (w *world) roams(seed byte, addrs int) (*person, *roamer) {
	r := &roamer{net: w.net}
	for range addrs {
		r.hosts = append(r.hosts, w.host())
	}
	return w.personOn(seed, r, r.addr()), r
}

// The side that has not moved has just heard something on the connection that is dead, and cannot know that it is; the one
// that has moved knows, and says so.
func TestWhoHasMovedIsBelievedAtOnce(t *testing.T) {
	for _, called := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
			a := w.person(1)
			b, at := w.roams(2, 2)
			of := peer.Room{Admit: admits(t, 1), Peers: []netip.AddrPort{a.Addr()}}
			to := peer.Room{Admit: admits(t, 2), AnswerOnly: true}
			if called { // b calls nobody before he moves
				of.Peers, to.Peers, to.AnswerOnly = nil, []netip.AddrPort{at.addr()}, false
			}
			b.gather(t, of)
			a.gather(t, to)
			time.Sleep(2 * time.Minute)
			at.moves(a.host)
			b.Moved(at.has)
			time.Sleep(time.Second)
			g := a.room.Stats().Guests
			if len(g) != 1 || !at.has(g[0].Addr.Addr()) || b.with() != 1 {
				t.Errorf("called %v: a second later one talks with %d, the other with %+v", called, b.with(), g)
			}
		})
	}
}

func TestAFileGoesOnAtOnceWhenWhoFetchesItHasMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 4<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond, Bandwidth: 512 << 10})
		a := w.person(1)
		b, at := w.roams(2, 2)
		from, dir := shareWith(t, a.Node, s, s.dir, true, admits(t, 2)), t.TempDir()
		to := shareWith(t, b.Node, s, dir, false, admits(t, 1), a.Addr())
		time.Sleep(4 * time.Second)
		at.moves(a.host)
		b.Moved(at.has)
		time.Sleep(time.Second)
		if p := from.Stats().Peers; len(p) != 1 || !at.has(p[0].Addr.Addr()) {
			t.Errorf("a second later it is sent to %+v", p)
		}
		s.download(t, to, dir, 8*time.Second)
	})
}

// A device is told the truth, and a plain peer nothing: what he may claim is of no use, and the bit would tell who we are.
func TestWhoHasNoOtherConnectionSaysSoToDevicesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 1<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: 10 * time.Millisecond})
		a := w.person(1)
		add(t, a.Node, s, s.dir, true)
		a.gather(t, peer.Room{Admit: admits(t, 2)})
		sole := func(c io.ReadWriter, g []byte) bool {
			c.Write(g)
			b := make([]byte, wire.HandshakeLen)
			io.ReadFull(c, b)
			h, err := wire.ParseHandshake(b)
			if err != nil {
				t.Fatal(err)
			}
			return h.Sole()
		}
		if !sole(w.calling(a.Addr(), 2, 1), greeting(lounge, 9)) {
			t.Error("a device that has no connection is told of one")
		}
		if sole(w.calling(a.Addr(), 2, 1), greeting(lounge, 9)) {
			t.Error("a device that has a connection is told of none")
		}
		h := w.host()
		plain, err := h.Dial(t.Context(), h.Addr(), a.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer plain.Close()
		if sole(plain, greeting(s.meta.InfoHash, 9)) {
			t.Error("a plain peer is told something")
		}
	})
}

// Both dial each other at once, at first and whenever one of them, or both, have moved; trackers name old addresses and new ones,
// sooner or later. Whatever crosses on the way, they have one connection soon after, the same one, and keep it.
func TestTwoWhoDialEachOtherAtOnceDoNotDriveEachOtherOut(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) { roam(t, seed) })
	}
}

func roam(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 7))
	upTo := func(d time.Duration) time.Duration { return time.Duration(rng.Int64N(int64(d))) }
	w := newWorld(t, simnet.Options{Seed: seed, Latency: upTo(100 * time.Millisecond), Jitter: upTo(50 * time.Millisecond)})
	const moves = 4
	a, atA := w.roams(1, moves+1)
	b, atB := w.roams(2, moves+1)
	a.gather(t, peer.Room{Admit: admits(t, 2), Peers: atB.addrs()})
	b.gather(t, peer.Room{Admit: admits(t, 1), Peers: atA.addrs()})
	var group sync.WaitGroup
	after := func(d time.Duration, do func()) {
		group.Go(func() {
			time.Sleep(d)
			do()
		})
	}
	for range moves {
		time.Sleep(upTo(40 * time.Second))
		who := rng.IntN(3) // one, the other, or both
		if who != 0 {
			atA.moves(atB.hosts...)
			after(upTo(100*time.Millisecond), func() { a.Moved(atA.has) })
		}
		if who != 1 {
			atB.moves(atA.hosts...)
			after(upTo(100*time.Millisecond), func() { b.Moved(atB.has) })
		}
		after(upTo(200*time.Millisecond), func() { a.room.AddPeers(atB.addrs(), false) })
		after(upTo(200*time.Millisecond), func() { b.room.AddPeers(atA.addrs(), false) })
	}
	group.Wait()
	began := time.Now()
	for a.with() != 1 || b.with() != 1 {
		if time.Since(began) > time.Minute {
			t.Fatalf("seed %d: a minute after the last move they talk with %d and %d", seed, a.with(), b.with())
		}
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(30 * time.Second)
	first, second := a.room.Stats().Guests, b.room.Stats().Guests
	time.Sleep(10 * time.Minute)
	if len(first) != 1 || len(second) != 1 || !slices.Equal(a.room.Stats().Guests, first) || !slices.Equal(b.room.Stats().Guests, second) {
		t.Errorf("seed %d: they do not stay connected: %+v and %+v, then %+v and %+v", seed, first, second, a.room.Stats().Guests, b.room.Stats().Guests)
	}
	for name, p := range map[string]*person{"a": a, "b": b} {
		if n := p.met(); n > 3*(moves+1) {
			t.Errorf("seed %d: %s has met the other %d times in %d moves", seed, name, n, moves)
		}
	}
}
