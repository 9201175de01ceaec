package pex_test

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer"
	"p2p/peer/ext"
	"p2p/peer/ext/pex"
	"p2p/peer/simnet"
	"p2p/peer/swarm"
	"p2p/peer/wire"
	"p2p/piece"
	"p2p/piece/store"
	"p2p/torrentfile"
)

// The tests of this file run whole nodes over a network in memory, in virtual
// time.

// world is a network of nodes 10.0.0.1, 10.0.0.2 ... that share one torrent.
type world struct {
	t    *testing.T
	net  *simnet.Net
	dir  string
	meta *torrentfile.Metainfo
	n    byte
}

func newWorld(t *testing.T, private bool) *world {
	w := &world{t: t, net: simnet.New(simnet.Options{Latency: 20 * time.Millisecond, Bandwidth: 64 << 10}), dir: t.TempDir()}
	t.Cleanup(w.net.Close)
	data := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{1}).Read(data)
	path := filepath.Join(w.dir, "data.bin")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	var err error
	w.meta, err = torrentfile.Create(t.Context(), path, torrentfile.CreateOptions{PieceLength: 32 << 10, NoDate: true, Private: private})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// node opens a node that knows the addresses of peers, and has the file or not.
func (w *world) node(full bool, peers ...netip.AddrPort) (netip.AddrPort, *peer.Swarm) {
	w.t.Helper()
	w.n++
	h := w.net.Host(netip.AddrFrom4([4]byte{10, 0, 0, w.n}))
	n, err := peer.Open(peer.Options{
		Network: h, Listen: netip.AddrPortFrom(h.Addr(), 6881), Seed: uint64(w.n),
		Extensions: []ext.Extension{pex.Extension{}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	dir := w.dir
	have := piece.NewBitfield(w.meta.Info.Layout().Pieces())
	if full {
		have.SetAll()
	} else {
		dir = w.t.TempDir()
	}
	st, err := store.Open(dir, &w.meta.Info, store.Options{ReadOnly: full})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := n.Close(context.Background()); err != nil {
			w.t.Error(err)
		}
		st.Close()
	})
	sw, err := n.Add(peer.Torrent{Meta: w.meta, Store: st, Have: have, Peers: peers})
	if err != nil {
		w.t.Fatal(err)
	}
	return n.Addr(), sw
}

// meets reports whether sw is ever connected to addr within limit.
func meets(sw *peer.Swarm, addr netip.AddrPort, limit time.Duration) bool {
	for range limit / (100 * time.Millisecond) {
		time.Sleep(100 * time.Millisecond)
		if slices.ContainsFunc(sw.Stats().Peers, func(p swarm.PeerStatus) bool { return p.Addr.Addr() == addr.Addr() }) {
			return true
		}
	}
	return false
}

func TestANodeFindsTheSeederThroughAPeerThatDialledIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, false)
		a, _ := w.node(true)
		b, _ := w.node(false, a)
		_, c := w.node(false, b)
		if !meets(c, a, 30*time.Second) {
			t.Error("C does not find A")
		}
	})
}

func TestANodeFindsTheSeederThroughAPeerThatWasDialled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, false)
		b, _ := w.node(false)
		a, _ := w.node(true, b) // B learns from the handshake where A listens
		_, c := w.node(false, b)
		if !meets(c, a, 30*time.Second) {
			t.Error("C does not find A")
		}
	})
}

func TestASwarmOfTwentyFindsTogetherFromOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, false)
		first, _ := w.node(false)
		var swarms []*peer.Swarm
		for range 19 {
			_, sw := w.node(false, first)
			swarms = append(swarms, sw)
		}
		time.Sleep(3 * time.Minute)
		for i, sw := range swarms {
			if n := sw.Stats().Connected; n < 15 {
				t.Errorf("node %d is connected to %d of the 19 others", i, n)
			}
		}
	})
}

// What an extension calls an error ends the connection, as any broken rule does.
func TestAPeerThatBreaksARuleIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, false)
		a, sw := w.node(true)
		h := w.net.Host(netip.MustParseAddr("10.0.0.99"))
		c, err := h.Dial(t.Context(), h.Addr(), a)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		b := wire.Handshake{Reserved: wire.Reserved(), InfoHash: w.meta.InfoHash, PeerID: [20]byte{9}}.Append(nil)
		b = wire.Append(b, wire.Message{ID: wire.Extended, Payload: []byte("d1:md6:ut_pexi1eee")})
		c.Write(b)
		time.Sleep(time.Second)
		if n := sw.Stats().Connected; n != 1 {
			t.Fatalf("%d connected", n)
		}
		c.Write(wire.Append(nil, wire.Message{ID: wire.Extended, ExtID: 1, Payload: []byte("nonsense")}))
		time.Sleep(time.Second)
		if st := sw.Stats(); st.Connected != 0 || !strings.Contains(st.LastError, "ut_pex") {
			t.Errorf("%d connected, last error %q", st.Connected, st.LastError)
		}
	})
}

func TestAPrivateTorrentNeverLeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, true)
		a, _ := w.node(true)
		b, _ := w.node(false, a)
		_, c := w.node(false, b)
		if meets(c, a, 10*time.Minute) {
			t.Error("C was told of A")
		}
		if n := c.Stats().Known; n != 1 {
			t.Errorf("C knows %d addresses", n)
		}
	})
}
