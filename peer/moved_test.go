package peer_test

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer"
	"p2p/peer/ext"
	"p2p/peer/simnet"
)

// meeting is two who have been in a room for a while; b dialled.
func meeting(t *testing.T) (w *world, a, b *person) {
	t.Helper()
	w = newWorld(t, simnet.Options{Latency: 20 * time.Millisecond})
	a, b = w.person(1), w.person(2)
	a.gather(t, peer.Room{Admit: admits(t, 2), AnswerOnly: true})
	b.gather(t, peer.Room{Admit: admits(t, 1), Peers: []netip.AddrPort{a.Addr()}})
	time.Sleep(2 * time.Minute)
	return w, a, b
}

func TestWhoHasMovedCallsAtOnceWhomHeCouldNotReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := meeting(t)
		w.net.Partition(a.host.Addr(), b.host.Addr())
		time.Sleep(10 * time.Minute)
		w.net.Heal(a.host.Addr(), b.host.Addr())
		b.Moved(func(netip.Addr) bool { return true })
		time.Sleep(time.Second)
		if a.with() != 1 || b.with() != 1 {
			t.Errorf("a second later they talk with %d and %d", a.with(), b.with())
		}
	})
}

// Whoever is sent away because he has no place yet is held nothing against, and is called again as soon as somebody says that he
// has one; who has broken a rule has to wait.
func TestWhoHadNoPlaceYetComesInAsSoonAsHeHasOne(t *testing.T) {
	for why, want := range map[error]int{ext.Unwelcome("not yet"): 1, errors.New("a broken rule"): 0} {
		synctest.Test(t, func(t *testing.T) {
			_, a, b := meeting(t)
			a.do(func(time.Time) {
				for _, p := range a.peers {
					p.Close(why)
				}
			})
			time.Sleep(time.Second)
			if a.with() != 0 || b.with() != 0 {
				t.Fatalf("sent away, they talk with %d and %d", a.with(), b.with())
			}
			b.room.AddPeers([]netip.AddrPort{a.Addr()}, false) // a tracker says so, for what that is worth
			time.Sleep(time.Second)
			if a.with() != 0 {
				t.Error("he has called again within 2 s")
			}
			b.room.Expect([]netip.AddrPort{a.Addr()})
			time.Sleep(time.Second)
			if a.with() != want || b.with() != want {
				t.Errorf("%v: a second later they talk with %d and %d", why, a.with(), b.with())
			}
		})
	}
}

// Nothing comes any more to an address that a machine has left, and nobody says so: to wait for
// that would take 15 s, and as long again.
func TestAConnectionFromAnAddressThatIsGoneIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, b := meeting(t)
		first := b.room.Stats().Guests
		b.Moved(func(netip.Addr) bool { return true })
		time.Sleep(time.Second)
		if now := b.room.Stats().Guests; len(first) != 1 || len(now) != 1 || now[0].Since != first[0].Since {
			t.Fatalf("a connection from an address that is still there: %+v, before %+v", now, first)
		}
		b.Moved(func(netip.Addr) bool { return false })
		time.Sleep(time.Second)
		if now := b.room.Stats().Guests; len(now) != 1 || now[0].Since == first[0].Since {
			t.Errorf("a second later %+v, before %+v", now, first)
		}
	})
}

func TestADownloadGoesOnFromAnotherAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 4<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond, Bandwidth: 1 << 20})
		seeder, _ := w.node(peer.Options{})
		add(t, seeder, s, s.dir, true)
		leecher, h := w.node(peer.Options{})
		dir := t.TempDir()
		sw := add(t, leecher, s, dir, false, seeder.Addr())
		time.Sleep(2 * time.Second)
		leecher.Moved(func(netip.Addr) bool { return false })
		time.Sleep(time.Second)
		if n := sw.Stats().Connected; n != 1 {
			t.Errorf("a second after it has moved it is connected with %d", n)
		}
		w.net.Partition(h.Addr(), seeder.Addr().Addr()) // what the old connection is worth
		time.Sleep(5 * time.Second)
		if n := sw.Stats().Connected; n != 1 {
			t.Fatalf("connected with %d: it is known that the connection is dead", n)
		}
		leecher.Moved(func(netip.Addr) bool { return false })
		time.Sleep(time.Second)
		if n := sw.Stats().Connected; n != 0 {
			t.Errorf("connected with %d from an address that is gone", n)
		}
		w.net.Heal(h.Addr(), seeder.Addr().Addr())
		s.download(t, sw, dir, 15*time.Second)
	})
}
