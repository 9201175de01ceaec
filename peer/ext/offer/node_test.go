package offer_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer"
	"p2p/peer/ext"
	"p2p/peer/ext/offer"
	"p2p/peer/identity"
	"p2p/peer/secure"
	"p2p/peer/simnet"
	"p2p/torrentfile/infohash"
)

// Whole nodes over a network in memory, in virtual time: one has the file, one is there, one comes later.
func TestAFileIsFetchedThroughARoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := simnet.New(simnet.Options{Latency: 20 * time.Millisecond, Bandwidth: 1 << 20})
		t.Cleanup(net.Close)
		info := dictionary(3<<20, 1)
		enter := func(i byte, files func(offer.Hash) []byte) *offer.Extension {
			s, err := identity.NewSecret(rand.NewChaCha8([32]byte{i}))
			if err != nil {
				t.Fatal(err)
			}
			device, err := secure.NewDevice(s)
			if err != nil {
				t.Fatal(err)
			}
			h := net.Host(netip.AddrFrom4([4]byte{10, 0, 0, i}))
			n, err := peer.Open(peer.Options{Network: h, Listen: netip.AddrPortFrom(h.Addr(), 6881), Seed: uint64(i), Device: device})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { n.Close(context.Background()) })
			e := offer.New(offer.Options{Info: files})
			if _, err := n.Gather(peer.Room{
				InfoHash: infohash.Of([]byte("lounge")), Admit: func(identity.Key) bool { return true },
				Peers: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:6881")}, Extensions: []ext.Extension{e},
			}); err != nil {
				t.Fatal(err)
			}
			return e
		}
		e := enter(1, nil)
		begin := time.Now()
		time.AfterFunc(10*time.Second, func() {
			enter(2, func(h offer.Hash) []byte {
				if h == infohash.Of(info) {
					return info
				}
				return nil
			})
		})
		got, err := e.Fetch(t.Context(), infohash.Of(info), int64(len(info)))
		if took := time.Since(begin); err != nil || !bytes.Equal(got, info) || took > 25*time.Second {
			t.Errorf("%d bytes after %v, %v", len(got), took, err)
		}
		t.Logf("3 MiB took %v over 1 MiB/s, of which 10 s nobody had it", time.Since(begin))
	})
}
