package presence_test

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer"
	"p2p/peer/ext"
	"p2p/peer/ext/presence"
	"p2p/peer/identity"
	"p2p/peer/secure"
	"p2p/peer/simnet"
	"p2p/torrentfile/infohash"
)

// Whole nodes over a network in memory, in virtual time.
func TestTwoInARoomSeeEachOtherAndWhenOneIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := simnet.New(simnet.Options{Latency: 20 * time.Millisecond})
		t.Cleanup(net.Close)
		var hosts []*simnet.Host
		var all []*presence.Extension
		var away atomic.Bool
		for i := range byte(2) {
			device, err := secure.NewDevice(secret(t, 100+i))
			if err != nil {
				t.Fatal(err)
			}
			h := net.Host(netip.AddrFrom4([4]byte{10, 0, 0, i + 1}))
			n, err := peer.Open(peer.Options{Network: h, Listen: netip.AddrPortFrom(h.Addr(), 6881), Seed: uint64(i), Device: device})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { n.Close(context.Background()) })
			e := presence.New(presence.Options{Self: func() presence.State {
				return presence.State{Name: "A", Away: away.Load(), Certificates: []identity.Certificate{certify(t, 1+i, 100+i, time.Hour, false)}}
			}})
			if _, err := n.Gather(peer.Room{
				InfoHash: infohash.Of([]byte("lounge")), Admit: func(identity.Key) bool { return true },
				Peers:      []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:6881")},
				Extensions: []ext.Extension{e},
			}); err != nil {
				t.Fatal(err)
			}
			hosts, all = append(hosts, h), append(all, e)
		}
		time.Sleep(3 * time.Second)
		for i, e := range all {
			seen := e.Present()
			if len(seen) != 1 || seen[0].Account != secret(t, byte(2-i)).Key() || seen[0].State.Away {
				t.Fatalf("%d sees %+v", i, seen)
			}
			if rtt := seen[0].RTT; rtt < 40*time.Millisecond || rtt > 45*time.Millisecond {
				t.Errorf("%d measures %v", i, rtt)
			}
		}
		away.Store(true)
		all[0].Changed()
		time.Sleep(25 * time.Millisecond)
		if seen := all[1].Present(); !seen[0].State.Away {
			t.Error("a change is not there after one way")
		}
		net.Partition(hosts[0].Addr(), hosts[1].Addr())
		time.Sleep(16 * time.Second)
		if seen := all[1].Present(); len(seen) > 0 {
			t.Errorf("%d are there 16 s after they were cut off", len(seen))
		}
	})
}
