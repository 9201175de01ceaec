package peer_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer"
	"p2p/peer/simnet"
	"p2p/peer/wire"
)

// Whole nodes, two dozen of them, with everything that goes wrong at once. What
// thousands of seeds show about the rules alone is in package swarm; this shows
// that goroutines, sockets, disk and rules go together.
func TestACrowdCompletesWhateverSomeOfItDoes(t *testing.T) {
	seeds := uint64(6)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { crowd(t, seed) })
		})
	}
}

// crowd runs one seeder, honest and slow downloaders of which some are cut off
// for a while, a liar, one that stalls and one that sends garbage.
func crowd(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	s := newSource(t, 2<<20, 32<<10)
	w := newWorld(t, simnet.Options{
		Seed: seed, Latency: time.Duration(1+rng.IntN(60)) * time.Millisecond,
		Jitter: 5 * time.Millisecond, Bandwidth: 1 << 20,
	})
	seeder, _ := w.node(peer.Options{UploadSlots: 4})
	add(t, seeder, s, s.dir, true)
	addrs := []netip.AddrPort{seeder.Addr()}
	var lies, served atomic.Int64
	enough := int64(10 + rng.IntN(20))
	addrs = append(addrs, w.listenFake(s, 1, func(f *fake) {
		f.seed(func(m wire.Message) []byte {
			b := bytes.Clone(s.honest(m))
			if n := lies.Add(1); n%3 == 0 {
				b[int(n)%len(b)] ^= 1
			}
			return b
		})
	}))
	addrs = append(addrs, w.listenFake(s, 2, func(f *fake) {
		f.seed(func(m wire.Message) []byte {
			if served.Add(1) > enough {
				return nil
			}
			return s.honest(m)
		})
	}))
	addrs = append(addrs, w.listenFake(s, 3, func(f *fake) {
		f.send(wire.Message{ID: wire.HaveAll}, wire.Message{ID: wire.Unchoke}, wire.Message{ID: wire.Have, Index: 1 << 20})
	}))
	var swarms []*peer.Swarm
	var dirs []string
	for i := range 20 {
		n, h := w.node(peer.Options{})
		if i%5 == 0 {
			h.SetBandwidth(100<<10, 100<<10)
		}
		dir := t.TempDir()
		swarms = append(swarms, add(t, n, s, dir, false, addrs...))
		dirs = append(dirs, dir)
		if i%4 == 1 {
			leaves, stays := time.Duration(1+rng.IntN(8))*time.Second, time.Duration(1+rng.IntN(10))*time.Second
			time.AfterFunc(leaves, h.Down)
			time.AfterFunc(leaves+stays, h.Up)
		}
		if i < 6 {
			addrs = append(addrs, n.Addr())
		}
	}
	begin := time.Now()
	for i, sw := range swarms {
		s.download(t, sw, dirs[i], 10*time.Minute)
	}
	t.Logf("20 copies after %v; %d lies told", time.Since(begin).Round(time.Second), lies.Load()/3)
}
