package peer_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer"
	"p2p/peer/announce"
	"p2p/peer/ext"
	"p2p/peer/identity"
	"p2p/peer/secure"
	"p2p/peer/simnet"
	"p2p/peer/wire"
	"p2p/piece"
	"p2p/piece/store"
)

func TestOneListenerTellsItsCallersApartByTheFirstByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 1<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: 10 * time.Millisecond})
		a := w.person(1)
		add(t, a.Node, s, s.dir, true)
		a.gather(t, peer.Room{Admit: admits(t, 2)})
		if got := w.greets(a.Addr(), greeting(s.meta.InfoHash, 9)); len(got) < wire.HandshakeLen {
			t.Errorf("a plain peer got %d bytes, want a handshake", len(got))
		}
		if !answered(w.calling(a.Addr(), 2, 1), greeting(lounge, 9)) {
			t.Error("a member got no handshake")
		}
		begin := time.Now()
		if got := w.greets(a.Addr(), []byte{0x55}); len(got) > 0 || time.Since(begin) > 100*time.Millisecond {
			t.Errorf("something else got %d bytes after %v, want to be sent away at once", len(got), time.Since(begin))
		}

		plain, _ := w.node(peer.Options{})
		h := w.host()
		raw, err := h.Dial(t.Context(), h.Addr(), plain.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := device(t, 2).Dial(t.Context(), raw, device(t, 1).Key()); err == nil {
			t.Error("a node without a key has finished a handshake")
		}
	})
}

// Who may not come in cannot tell a room from no room: nothing is answered either way.
func TestNeitherPlainPeersNorStrangersEnterARoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 10 * time.Millisecond})
		a := w.person(1)
		a.gather(t, peer.Room{Admit: admits(t, 2)})
		if got := w.greets(a.Addr(), greeting(lounge, 9)); len(got) > 0 {
			t.Errorf("a plain peer got %d bytes", len(got))
		}
		if answered(w.calling(a.Addr(), 3, 1), greeting(lounge, 9)) {
			t.Error("a stranger got a handshake")
		}
		if answered(w.calling(a.Addr(), 2, 1), greeting(bell, 9)) {
			t.Error("a handshake for a room that is not there")
		}
		if n := len(a.room.Stats().Guests); n != 0 {
			t.Errorf("%d are in the room", n)
		}
	})
}

// A tracker can name any address: whoever answers there must have the key of a member.
func TestARoomDoesNotSpeakToAnImpostorWhoseAddressATrackerNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 10 * time.Millisecond})
		a, impostor := w.person(1), w.person(3)
		impostor.gather(t, peer.Room{Admit: func(identity.Key) bool { return true }})
		h := w.host()
		ln, err := h.Listen(t.Context(), netip.AddrPortFrom(h.Addr(), 6881))
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		heard := make(chan byte, 100)
		go func() { // a plain peer
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				var first [1]byte
				io.ReadFull(c, first[:])
				heard <- first[0]
				c.Write(greeting(lounge, 9))
				defer c.Close()
			}
		}()
		a.gather(t, peer.Room{Admit: admits(t, 2), Peers: []netip.AddrPort{impostor.Addr(), netip.MustParseAddrPort(ln.Addr().String())}})
		time.Sleep(time.Minute)
		if first := <-heard; first != secure.Record {
			t.Errorf("a plain peer heard %d", first)
		}
		if a.with() != 0 || impostor.with() != 0 || a.calls.since(time.Time{}) < 4 {
			t.Errorf("it talks with %d, the impostor with %d, after %d dials", a.with(), impostor.with(), a.calls.since(time.Time{}))
		}
	})
}

// fakeTracker announces gatherings to each other every so often until the test ends.
type fakeTracker struct {
	mu    sync.Mutex
	rooms []*person
	extra []netip.AddrPort // that nobody has announced
}

func (f *fakeTracker) add(t *testing.T, p *person, every time.Duration) {
	go func() {
		for first := true; ; first = false {
			f.mu.Lock()
			if first {
				f.rooms = append(f.rooms, p)
			}
			if r := p.room.Snapshot(); r.InfoHash != lounge || r.Left == 0 {
				t.Errorf("announced as %+v", r)
			}
			all := slices.Clone(f.extra)
			for _, o := range f.rooms {
				all = append(all, o.Addr()) // also its own
			}
			f.mu.Unlock()
			p.room.Found(t.Context(), "", announce.Response{Peers: all})
			select {
			case <-time.After(every):
			case <-t.Context().Done():
				return
			}
		}
	}()
}

func TestMembersMeetThroughATrackerAndAgainAfterACutWithoutAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		var tracker fakeTracker
		for i := range 50 { // addresses where nobody is, as trackers have them
			tracker.extra = append(tracker.extra, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 9, byte(i)}), 6881))
		}
		var all []*person
		for seed := byte(1); seed <= 5; seed++ {
			p := w.person(seed)
			p.gather(t, peer.Room{Admit: admits(t, 1, 2, 3, 4, 5)})
			tracker.add(t, p, time.Minute)
			all = append(all, p)
			time.Sleep(time.Second)
		}
		within := func(what string, limit time.Duration) {
			t.Helper()
			begin := time.Now()
			for time.Since(begin) < limit {
				if !slices.ContainsFunc(all, func(p *person) bool { return p.with() != 4 }) {
					t.Logf("%s: all have met after %v", what, time.Since(begin))
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
			for i, p := range all {
				t.Errorf("%s: %d talks with %d of 4 after %v, last %s", what, i+1, p.with(), limit, p.room.Stats().LastError)
			}
		}
		within("at first", 90*time.Second)
		time.Sleep(2 * time.Minute)
		all[0].host.Down()
		all[0].host.Up()
		within("after a cut", 40*time.Second)
		for _, p := range all[1:] {
			w.net.Partition(all[0].host.Addr(), p.host.Addr())
		}
		time.Sleep(20 * time.Second) // nobody says so, but the connections are dead
		if n := all[0].with(); n != 0 {
			t.Errorf("talks with %d behind a partition", n)
		}
		time.Sleep(3 * time.Minute)
		for _, p := range all[1:] {
			w.net.Heal(all[0].host.Addr(), p.host.Addr())
		}
		within("after a partition", 4*time.Minute)
		for i, p := range all {
			own := 0
			for _, a := range p.calls.whom {
				if a == p.Addr() {
					own++
				}
			}
			if own > 1 {
				t.Errorf("%d dialled itself %d times", i+1, own)
			}
			for at := range p.calls.times {
				if n := p.calls.since(p.calls.times[at]) - p.calls.since(p.calls.times[at].Add(time.Minute)); n > 45 {
					t.Fatalf("%d dialled %d times in a minute", i+1, n)
				}
			}
		}
	})
}

func TestWordsReachMembersAndWorkComesBackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		a, b := w.person(1), w.person(2)
		a.gather(t, peer.Room{Admit: admits(t, 2)})
		b.gather(t, peer.Room{Admit: admits(t, 1), Peers: []netip.AddrPort{a.Addr()}})
		time.Sleep(time.Second)
		if a.with() != 1 || b.with() != 1 {
			t.Fatalf("they talk with %d and %d", a.with(), b.with())
		}
		if g := a.room.Stats().Guests; len(g) != 1 || g[0].Device != device(t, 2).Key() || g[0].Dialled {
			t.Errorf("guests %+v", g)
		}
		var took time.Duration
		begin := time.Now()
		for i := range 5 {
			go a.do(func(now time.Time) { // as a database does that has committed
				took = now.Sub(begin)
				if !a.peers[device(t, 2).Key()].Send(ext.Chat, fmt.Append(nil, i)) {
					t.Error("not sent")
				}
			})
			synctest.Wait()
		}
		time.Sleep(25 * time.Millisecond)
		if got := fmt.Sprint(b.took()); got != "[0 1 2 3 4]" || took > time.Millisecond {
			t.Errorf("heard %s, done after %v", got, took)
		}
	})
}

func TestWhatIsPostedIsBoundedAndDroppedAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{})
		a := w.person(1)
		a.gather(t, peer.Room{Admit: admits(t, 2)})
		block, done := make(chan bool), 0
		a.do(func(time.Time) { <-block })
		synctest.Wait()
		posted := 0
		for range 2 * ext.MaxPosted {
			if a.do(func(time.Time) { done++ }) {
				posted++
			}
		}
		close(block)
		synctest.Wait()
		if posted != ext.MaxPosted || done != posted {
			t.Errorf("%d posted and %d done, want %d", posted, done, ext.MaxPosted)
		}
		a.room.Close(t.Context())
		if a.do(func(time.Time) { t.Error("done after the end") }) {
			t.Error("posted after the end")
		}
		if _, err := a.Gather(peer.Room{InfoHash: lounge, Admit: admits(t, 2)}); err != nil {
			t.Errorf("it cannot come back: %v", err)
		}
	})
}

func TestWhoIsRemovedIsSentAwayAndDoesNotComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		a, b := w.person(1), w.person(2)
		var mu sync.Mutex
		members := admits(t, 2)
		a.gather(t, peer.Room{Admit: func(k identity.Key) bool {
			mu.Lock()
			defer mu.Unlock()
			return members(k)
		}})
		b.gather(t, peer.Room{Admit: admits(t, 1), Peers: []netip.AddrPort{a.Addr()}})
		time.Sleep(time.Second)
		mu.Lock()
		members = admits(t)
		mu.Unlock()
		a.room.Review()
		time.Sleep(time.Second)
		if a.with() != 0 || b.with() != 0 {
			t.Errorf("they talk with %d and %d after the removal", a.with(), b.with())
		}
		begin := time.Now()
		time.Sleep(10 * time.Minute)
		if n := b.calls.since(begin); a.with() != 0 || n > 10 || n == 0 {
			t.Errorf("it talks with %d; the other has dialled %d times in 10 minutes", a.with(), n)
		}
	})
}

// A laptop that wakes up on another network calls again while its old connection still
// stands; nobody but itself can call with its key.
func TestADeviceThatCallsAgainReplacesItsDeadConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		a := w.person(1)
		a.gather(t, peer.Room{Admit: admits(t, 2)})
		first := w.calling(a.Addr(), 2, 1)
		if !answered(first, greeting(lounge, 9)) {
			t.Fatal("not let in")
		}
		if second := w.calling(a.Addr(), 2, 1); answered(second, greeting(lounge, 9)) {
			time.Sleep(time.Second)
			if g := a.room.Stats().Guests; len(g) != 1 || g[0].Addr.String() != first.LocalAddr().String() {
				t.Errorf("a second connection won against one that is alive: %+v", g)
			}
		}
		time.Sleep(11 * time.Second)
		third := w.calling(a.Addr(), 2, 1)
		answered(third, greeting(lounge, 8))
		time.Sleep(time.Second)
		if g := a.room.Stats().Guests; len(g) != 1 || g[0].Addr.String() != third.LocalAddr().String() {
			t.Errorf("the dead connection stays: %+v", g)
		}
	})
}

func TestStrangersRingAtADoorbellAndNobodyHoldsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		a := w.person(1)
		a.gather(t, peer.Room{InfoHash: bell, Doorbell: true, AnswerOnly: true, Peers: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.99:1")}})
		for seed := byte(100); seed < 140; seed++ { // more than there is room for
			answered(w.calling(a.Addr(), seed, 1), greeting(bell, seed))
		}
		time.Sleep(5 * time.Second)
		b := w.person(2)
		b.gather(t, peer.Room{InfoHash: bell, Admit: admits(t, 1), Peers: []netip.AddrPort{a.Addr()}})
		time.Sleep(time.Second)
		if a.with() != 1 || b.with() != 1 {
			t.Fatalf("a stranger who rings talks with %d", b.with())
		}
		if n := a.calls.since(time.Time{}); n != 0 {
			t.Errorf("it dialled %d times", n)
		}
		time.Sleep(65 * time.Second)
		if n := len(a.room.Stats().Guests); n > 1 {
			t.Errorf("%d strangers are there after more than a minute", n)
		}
	})
}

func TestWhomATrackerNamesAtOnesOwnDoorIsCalledSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		a := w.person(1)
		var named []netip.AddrPort
		for i := range byte(200) {
			named = append(named, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, 0, i}), 80))
		}
		began := time.Now()
		a.gather(t, peer.Room{InfoHash: bell, Doorbell: true, Home: true})
		a.room.AddPeers(named, false)
		time.Sleep(10 * time.Minute)
		if n := a.calls.since(began); n < 50 || n > 110 {
			t.Errorf("%d calls in ten minutes", n)
		}
	})
}

func TestWhoIsNotKnownYetTakesNoPlaceOfWhoIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
		a := w.person(1)
		anybody := func(identity.Key) bool { return true }
		a.gather(t, peer.Room{Admit: anybody, Known: admits(t, 2)})
		for seed := byte(100); seed < 180; seed++ { // more than there is room for
			if !answered(w.calling(a.Addr(), seed, 1), greeting(lounge, seed)) {
				t.Fatalf("stranger %d has no chance to become known", seed)
			}
		}
		b := w.person(2)
		b.gather(t, peer.Room{Admit: admits(t, 1), Peers: []netip.AddrPort{a.Addr()}})
		time.Sleep(time.Second)
		if a.with() != 1 || b.with() != 1 {
			t.Fatalf("who is known talks with %d", b.with())
		}
		if n := len(a.room.Stats().Guests); n > 17 {
			t.Errorf("%d are in the room, of whom one is known", n)
		}
	})
}

func TestAnExtensionForDevicesIsNeverOfferedToAPlainPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 1<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: 10 * time.Millisecond})
		a := w.person(1)
		add(t, a.Node, s, s.dir, true)
		h := w.host()
		plain, err := h.Dial(t.Context(), h.Addr(), a.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer plain.Close()
		if got := w.hello(plain, s.meta.InfoHash, 77); got.M["p2_talk"] != 0 || a.with() != 0 {
			t.Errorf("a plain peer was offered %v, and %d talk", got.M, a.with())
		}
		c := w.calling(a.Addr(), 2, 1)
		if got := w.hello(c, s.meta.InfoHash, 78); got.M["p2_talk"] == 0 {
			t.Errorf("a device was offered %v", got.M)
		}
	})
}

func TestATorrentAmongDevicesIsSharedInsideTLSAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 1<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: 10 * time.Millisecond, Bandwidth: 4 << 20})
		a, b := w.person(1), w.person(2)
		shareWith(t, a.Node, s, s.dir, true, admits(t, 2))
		dir := t.TempDir()
		sw := shareWith(t, b.Node, s, dir, false, admits(t, 1), a.Addr())
		s.download(t, sw, dir, time.Minute)
		begin, took := time.Now(), time.Duration(-1)
		a.do(func(now time.Time) { took = now.Sub(begin) })
		if synctest.Wait(); took != 0 {
			t.Errorf("what was posted to a torrent was done after %v", took)
		}
		if got := w.greets(a.Addr(), greeting(s.meta.InfoHash, 9)); len(got) > 0 {
			t.Errorf("a plain peer got %d bytes", len(got))
		}
		if answered(w.calling(a.Addr(), 3, 1), greeting(s.meta.InfoHash, 9)) {
			t.Error("a stranger got a handshake")
		}
	})
}

func TestManyWhoNeverFinishTLSDoNotShutOutOneWhoDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: 10 * time.Millisecond})
		a := w.person(1)
		a.gather(t, peer.Room{Admit: admits(t, 2)})
		slow := w.host()
		var conns []net.Conn
		for i := range 200 {
			conn, err := slow.Dial(t.Context(), slow.Addr(), a.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.Write([]byte{secure.Record, 3, 1, 2, 0, 1}[:1+i%6]) // the head of a record of 512 bytes
			conns = append(conns, conn)
		}
		begin := time.Now()
		b := w.person(2)
		b.gather(t, peer.Room{Admit: admits(t, 1), Peers: []netip.AddrPort{a.Addr()}})
		for b.with() == 0 && time.Since(begin) < time.Minute {
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("a member who comes beside 200 of them is in after %v", took)
		}
		time.Sleep(11 * time.Second)
		for _, c := range conns {
			c.SetReadDeadline(time.Now().Add(time.Second))
			if _, err := io.Copy(io.Discard, c); err != nil && !bytes.Contains([]byte(err.Error()), []byte("reset")) && !bytes.Contains([]byte(err.Error()), []byte("broken pipe")) {
				t.Fatalf("one is still open: %v", err)
			}
		}
	})
}

func TestARoomNeedsADeviceAndSomebodyToAdmit(t *testing.T) {
	plain := openNode(t, peer.Options{})
	if _, err := plain.Gather(peer.Room{InfoHash: lounge, Admit: admits(t, 1)}); !errors.Is(err, peer.ErrNoDevice) {
		t.Errorf("without a device: %v", err)
	}
	n := openNode(t, peer.Options{Device: device(t, 1)})
	if _, err := n.Gather(peer.Room{InfoHash: lounge}); err == nil {
		t.Error("a room that admits nobody was entered")
	}
	g, err := n.Gather(peer.Room{InfoHash: lounge, Admit: admits(t, 2)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Gather(peer.Room{InfoHash: lounge, Admit: admits(t, 2)}); !errors.Is(err, peer.ErrAdded) {
		t.Errorf("entered twice: %v", err)
	}
	g.Close(t.Context())
	g.Close(t.Context())
}

func TestAPersonAmongPlainPeersIsDialledInsideTLSAndNobodyElseThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			name     string
			answers  byte
			expected int
		}{{"the person", 1, 1}, {"somebody else", 3, 0}} {
			s := newSource(t, 8<<20, 64<<10)
			w := newWorld(t, simnet.Options{Latency: 10 * time.Millisecond, Bandwidth: 1 << 20})
			a, b := w.person(test.answers), w.person(2)
			add(t, a.Node, s, s.dir, true)
			st, err := store.Open(t.TempDir(), &s.meta.Info, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { st.Close() })
			sw, err := b.Add(peer.Torrent{
				Meta: s.meta, Store: st, Have: piece.NewBitfield(s.meta.Info.Layout().Pieces()),
				People: map[netip.AddrPort]identity.Key{a.Addr(): device(t, 1).Key()},
			})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			if b.with() != test.expected || sw.Stats().Connected != test.expected {
				t.Errorf("%s: %d connected, of which %d talk, want %d", test.name, sw.Stats().Connected, b.with(), test.expected)
			}
		}
	})
}

// Who is removed from a room loses its files too.
func TestATorrentAmongDevicesIsReviewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 16<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: 10 * time.Millisecond, Bandwidth: 1 << 20})
		a, b := w.person(1), w.person(2)
		var removed atomic.Bool
		sw := shareWith(t, a.Node, s, s.dir, true, func(identity.Key) bool { return !removed.Load() })
		shareWith(t, b.Node, s, t.TempDir(), false, admits(t, 1), a.Addr())
		time.Sleep(2 * time.Second)
		if n := sw.Stats().Connected; n != 1 {
			t.Fatalf("%d connected", n)
		}
		removed.Store(true)
		sw.Review()
		time.Sleep(time.Minute)
		if n := sw.Stats().Connected; n != 0 {
			t.Errorf("%d connected after the removal", n)
		}
	})
}
