package chat_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer"
	"p2p/peer/ext"
	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
	"p2p/peer/secure"
	"p2p/peer/simnet"
	"p2p/torrentfile/infohash"
)

// station is a device with a Node: the whole of what p2p is made of, without a program around it.
type station struct {
	*device
	node   *peer.Node
	host   *simnet.Host // nil on a real network
	lounge *peer.Gathering
}

// station opens the Node of a new person; on the host, or on loopback.
func (w *world) station(name string, host *simnet.Host) *station {
	s := &station{device: w.person(name), host: host}
	key, err := secure.NewDevice(s.secret)
	w.must(err)
	o := peer.Options{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Device: key, Seed: uint64(len(w.devices))}
	if host != nil {
		o.Network, o.Listen = host, netip.AddrPortFrom(host.Addr(), 6881)
	}
	s.node, err = peer.Open(o)
	w.must(err)
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		w.must(s.node.Close(ctx))
	})
	return s
}

// enter has a station meet the others in the room that it has open.
func (s *station) enter(peers ...*station) {
	s.w.t.Helper()
	id := s.talk.ID()
	hash := sha256.Sum256(id[:])
	r := peer.Room{
		InfoHash: infohash.T(hash[:infohash.Size]), Extensions: []ext.Extension{s.talk.Extension()},
		Admit: func(d identity.Key) bool {
			_, member := s.talk.Knows(d)
			return member || s.talk.Role(s.options().Owner(d)) != room.Nobody || !s.talk.Known()
		},
	}
	for _, p := range peers {
		r.Peers = append(r.Peers, p.node.Addr())
	}
	var err error
	s.lounge, err = s.node.Gather(r)
	s.w.must(err)
}

// until waits, in real or virtual time.
func until(t testing.TB, what string, limit time.Duration, ok func() bool) {
	t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > limit {
			t.Fatalf("%s: not after %v", what, limit)
		}
	}
}

// company is n stations in one room, of which the first made it, all connected.
func (w *world) company(n int, host func() *simnet.Host) []*station {
	w.t.Helper()
	ctx := context.Background()
	var all []*station
	for i := range n {
		all = append(all, w.station(fmt.Sprint("p", i), host()))
	}
	first := all[0]
	id := first.create(room.Options{Name: "room", History: -1})
	for _, s := range all[1:] {
		_, err := first.talk.Change(ctx, room.Change{Op: room.Add, Account: s.account.Key(), Role: room.Member})
		w.must(err)
		s.open(id)
	}
	for i, s := range all {
		s.enter(slices.Concat(all[:i], all[i+1:])...)
	}
	for _, s := range all[1:] {
		until(w.t, s.name+" knows that he is a member", time.Minute, func() bool { return s.talk.Role(s.account.Key()) != room.Nobody })
		w.must(s.talk.Join(ctx, s.certificate()))
	}
	for _, s := range all {
		until(w.t, s.name+" is connected to all", 2*time.Minute, func() bool { return len(s.talk.Peers()) == n-1 })
		until(w.t, s.name+" knows all", time.Minute, func() bool {
			for _, o := range all {
				if len(s.talk.Devices(o.account.Key())) == 0 {
					return false
				}
			}
			return true
		})
	}
	return all
}

func TestMembersTalkOverNodesThroughCutsAndRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		net := simnet.New(simnet.Options{Latency: 20 * time.Millisecond})
		t.Cleanup(net.Close)
		n := byte(0)
		all := w.company(4, func() *simnet.Host {
			n++
			return net.Host(netip.AddrFrom4([4]byte{10, 0, 0, n}))
		})
		for i, s := range all {
			s.say("%d", i)
		}
		same := func(what string, lines int) {
			t.Helper()
			until(t, what, 5*time.Minute, func() bool {
				for _, s := range all {
					if s.lines() != all[0].lines() || len(s.lines()) < lines {
						return false
					}
				}
				return true
			})
		}
		same("the first lines", 7)
		for _, s := range all[1:] {
			net.Partition(all[0].host.Addr(), s.host.Addr())
		}
		all[0].say("alone")
		all[1].say("without him")
		time.Sleep(time.Minute)
		for _, s := range all[1:] {
			net.Heal(all[0].host.Addr(), s.host.Addr())
		}
		same("after a partition", 20)
		all[2].host.Down()
		all[1].say("while one is away")
		all[2].host.Up()
		same("after one was off the network", 30)

		id := all[3].talk.ID()
		all[3].lounge.Close(context.Background())
		all[3].close()
		all[3].openArchive()
		all[3].open(id)
		all[3].enter(all[:3]...)
		all[0].say("after a restart")
		same("after one was restarted", 50)

		_, err := all[0].talk.Change(context.Background(), room.Change{Op: room.Remove, Account: all[3].account.Key()})
		w.must(err)
		until(t, "he knows that he was removed", time.Minute, func() bool { return all[3].talk.Removed(all[3].account.Key()) })
		for _, s := range all {
			s.lounge.Review()
		}
		until(t, "he is sent away", time.Minute, func() bool { return len(all[3].talk.Peers()) == 0 })
		if _, err := all[3].trySay("still here"); !errors.Is(err, chat.ErrNotAllowed) {
			t.Errorf("and still writes: %v", err)
		}
	})
}

// real opens stations on loopback.
func real() *simnet.Host { return nil }

// BenchmarkSentToShown is from Write until the others' Tell: signing, TLS, and a commit on both sides.
func BenchmarkSentToShown(b *testing.B) {
	for _, n := range []int{2, 10} {
		b.Run(fmt.Sprintf("room of %d", n), func(b *testing.B) {
			w := newWorld(b, 1)
			all := w.company(n, real)
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				text := body.Text{Text: fmt.Sprint("message ", i)}
				for _, s := range all {
					s.took()
				}
				begin := time.Now()
				e, err := all[i%n].talk.Write(b.Context(), body.KindText, text.AppendTo(nil))
				w.must(err)
				for j, s := range all {
					for j != i%n && !s.was(e.ID) {
						time.Sleep(100 * time.Microsecond)
					}
				}
				took = append(took, time.Since(begin))
				time.Sleep(2 * time.Millisecond)
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// was reports whether Tell was told of an event.
func (d *device) was(id room.ID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.told, func(c chat.Change) bool {
		return slices.ContainsFunc(c.Added, func(e history.Entry) bool { return e.Event.ID == id })
	})
}

// BenchmarkCatchUp has one who comes back take 10,000 messages from another.
func BenchmarkCatchUp(b *testing.B) {
	const messages = 10_000
	w := newWorld(b, 1)
	ann := w.station("ann", nil)
	id := ann.create(room.Options{Name: "room", History: -1})
	for i := range messages {
		if i%100 == 0 {
			ann.took()
		}
		ann.say("message %d of a person who has much to say", i)
	}
	ann.enter()
	for b.Loop() {
		bob := w.station("bob", nil)
		_, err := ann.talk.Change(context.Background(), room.Change{Op: room.Add, Account: bob.account.Key(), Role: room.Member})
		w.must(err)
		bob.open(id)
		bob.enter(ann)
		seen := 0
		until(b, "he has all", time.Minute, func() bool {
			seen += len(bob.took().Added)
			return seen > messages
		})
		bob.lounge.Close(context.Background())
		bob.close()
	}
}
