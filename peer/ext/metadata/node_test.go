package metadata_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer"
	"p2p/peer/ext"
	"p2p/peer/ext/metadata"
	"p2p/peer/simnet"
	"p2p/peer/wire"
	"p2p/piece"
	"p2p/piece/store"
	"p2p/torrentfile"
	"p2p/torrentfile/infohash"
)

// The tests of this file run whole nodes over a network in memory, in virtual
// time.

type world struct {
	t   *testing.T
	net *simnet.Net
	n   byte
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, net: simnet.New(simnet.Options{Latency: 20 * time.Millisecond, Bandwidth: 1 << 20})}
	t.Cleanup(w.net.Close)
	return w
}

func (w *world) host() *simnet.Host {
	w.n++
	return w.net.Host(netip.AddrFrom4([4]byte{10, 0, 0, w.n}))
}

func (w *world) node() *peer.Node {
	w.t.Helper()
	h := w.host()
	n, err := peer.Open(peer.Options{
		Network: h, Listen: netip.AddrPortFrom(h.Addr(), 6881), Seed: uint64(w.n),
		Extensions: []ext.Extension{metadata.Extension{}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := n.Close(context.Background()); err != nil {
			w.t.Error(err)
		}
	})
	return n
}

// seeder opens a node that shares n bytes in pieces of 16 KiB.
func (w *world) seeder(n int) (*peer.Node, *torrentfile.Metainfo) {
	w.t.Helper()
	dir := w.t.TempDir()
	path := filepath.Join(dir, "data.bin")
	if err := os.WriteFile(path, dictionary(n, 1), 0o644); err != nil {
		w.t.Fatal(err)
	}
	meta, err := torrentfile.Create(w.t.Context(), path, torrentfile.CreateOptions{PieceLength: 16 << 10, NoDate: true})
	if err != nil {
		w.t.Fatal(err)
	}
	st, err := store.Open(dir, &meta.Info, store.Options{ReadOnly: true})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { st.Close() })
	have := piece.NewBitfield(meta.Info.Layout().Pieces())
	have.SetAll()
	node := w.node()
	if _, err := node.Add(peer.Torrent{Meta: meta, Store: st, Have: have}); err != nil {
		w.t.Fatal(err)
	}
	return node, meta
}

// fetch gets the torrent that has the same hash as want from peers.
func (w *world) fetch(want *torrentfile.Metainfo, limit time.Duration, peers ...netip.AddrPort) (peer.Fetched, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), limit)
	defer cancel()
	return w.node().Fetch(ctx, peer.Magnet{InfoHash: want.InfoHash, Peers: peers})
}

func TestATorrentIsFetchedByItsInfoHashAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, n := range []int{100 << 10, 40 << 20} { // one piece of metadata, and four
			w := newWorld(t)
			seeder, meta := w.seeder(n)
			begin := time.Now()
			f, err := w.fetch(meta, time.Minute, seeder.Addr())
			if err != nil {
				t.Fatal(err)
			}
			if f.Meta.InfoHash != meta.InfoHash || !bytes.Equal(f.Meta.InfoBytes, meta.InfoBytes) || f.Meta.Info.Name != "data.bin" {
				t.Error("another torrent")
			}
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("took %v for %d bytes", took, len(meta.InfoBytes))
			}
		}
	})
}

// The node that fetched goes on and downloads: nothing is left of the lobby.
func TestTheSameNodeCanAddWhatItFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		seeder, meta := w.seeder(1 << 20)
		n := w.node()
		f, err := n.Fetch(t.Context(), peer.Magnet{InfoHash: meta.InfoHash, Peers: []netip.AddrPort{seeder.Addr()}})
		if err != nil {
			t.Fatal(err)
		}
		st, err := store.Open(t.TempDir(), &f.Meta.Info, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		sw, err := n.Add(peer.Torrent{
			Meta: f.Meta, Store: st, Have: piece.NewBitfield(f.Meta.Info.Layout().Pieces()),
			Peers: []netip.AddrPort{seeder.Addr()}, Seen: f.Peers,
		})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-sw.Complete():
		case <-time.After(time.Minute):
			t.Error("not complete")
		}
		if _, err := n.Fetch(t.Context(), peer.Magnet{InfoHash: meta.InfoHash}); !errors.Is(err, peer.ErrAdded) {
			t.Errorf("fetched beside the torrent: %v", err)
		}
	})
}

func TestPeersWhoCallAreAskedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		_, meta := w.seeder(1 << 20)
		n := w.node()
		result := make(chan error)
		go func() {
			_, err := n.Fetch(t.Context(), peer.Magnet{InfoHash: meta.InfoHash}) // knows nobody
			result <- err
		}()
		time.Sleep(time.Second)
		go w.play(w.host(), n.Addr(), meta, func(i int) []byte { return []byte(answer(meta.InfoBytes, i)) })
		select {
		case err := <-result:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Error("not fetched")
		}
	})
}

// play calls addr from h and answers requests for metadata.
func (w *world) play(h *simnet.Host, addr netip.AddrPort, meta *torrentfile.Metainfo, reply func(piece int) []byte) {
	c, err := h.Dial(w.t.Context(), h.Addr(), addr)
	if err != nil {
		w.t.Error(err)
		return
	}
	defer c.Close()
	c.Write(wire.Handshake{Reserved: wire.Reserved(), InfoHash: meta.InfoHash, PeerID: [20]byte{h.Addr().As4()[3]}}.Append(nil))
	if _, err := io.ReadFull(c, make([]byte, wire.HandshakeLen)); err != nil {
		w.t.Error(err)
		return
	}
	hello := wire.AppendExtHandshake(nil, wire.ExtHandshake{
		M: map[string]uint8{"ut_metadata": 7}, MetadataSize: int64(len(meta.InfoBytes)),
	})
	// Before the fetcher can read it, a seeder says what it has.
	all := piece.NewBitfield(meta.Info.Layout().Pieces())
	all.SetAll()
	c.Write(wire.Append(nil, wire.Message{ID: wire.Bitfield, Payload: all.AppendTo(nil)}))
	c.Write(wire.Append(nil, wire.Message{ID: wire.Extended, Payload: hello}))
	id := uint8(0)
	for {
		m, err := readMessage(c)
		if err != nil {
			return
		}
		if m.ID != wire.Extended {
			continue
		}
		if m.ExtID == 0 {
			theirs, err := wire.ParseExtHandshake(m.Payload)
			if err != nil {
				w.t.Error(err)
			}
			id = theirs.M["ut_metadata"]
			continue
		}
		if m.ExtID != 7 {
			w.t.Errorf("message with id %d, ours is 7", m.ExtID)
		}
		if b := reply(read(w.t, string(m.Payload)).Piece); b != nil {
			c.Write(wire.Append(nil, wire.Message{ID: wire.Extended, ExtID: id, Payload: b}))
		}
	}
}

func readMessage(c io.Reader) (wire.Message, error) {
	var head [4]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return wire.Message{}, err
	}
	frame := make([]byte, int(head[1])<<16|int(head[2])<<8|int(head[3]))
	if _, err := io.ReadFull(c, frame); err != nil {
		return wire.Message{}, err
	}
	return wire.Decode(frame)
}

func TestALiarAndASilentPeerDoNotPreventIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		_, meta := w.seeder(40 << 20)
		n := w.node()
		lie := dictionary(len(meta.InfoBytes), 9)
		lies, begin := 0, time.Now()
		for i, reply := range []func(i int) []byte{
			func(i int) []byte { lies++; return []byte(answer(lie, i)) },
			func(i int) []byte { return nil },
			func(i int) []byte { return fmt.Appendf(nil, "d8:msg_typei2e5:piecei%dee", i) },
			func(i int) []byte { return []byte(answer(meta.InfoBytes, i)) },
		} {
			h := w.host()
			go func() {
				time.Sleep(time.Duration(i+1) * 100 * time.Millisecond)
				w.play(h, n.Addr(), meta, reply)
			}()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		f, err := n.Fetch(ctx, peer.Magnet{InfoHash: meta.InfoHash})
		if err != nil || !bytes.Equal(f.Meta.InfoBytes, meta.InfoBytes) {
			t.Errorf("not fetched: %v", err)
		}
		if lies == 0 {
			t.Error("the liar was not asked")
		}
		t.Logf("fetched after %v beside %d lies", time.Since(begin), lies)
	})
}

func TestAFetchEndsWithItsContextAndWithItsNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		_, meta := w.seeder(1 << 20)
		if _, err := w.fetch(meta, 10*time.Second, netip.MustParseAddrPort("10.0.0.99:1")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended with %v", err)
		}
		n := w.node()
		go func() {
			time.Sleep(5 * time.Second)
			n.Close(t.Context())
		}()
		watched := 0
		_, err := n.Fetch(t.Context(), peer.Magnet{InfoHash: meta.InfoHash, Watch: func(peer.FetchStats) { watched++ }})
		if !errors.Is(err, peer.ErrClosed) {
			t.Errorf("ended with %v", err)
		}
		if watched < 3 || watched > 5 {
			t.Errorf("watched %d times in 5 s", watched)
		}
	})
}

// What has the right hash and is no torrent is not asked for again.
func TestADictionaryThatIsNoTorrentIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		_, meta := w.seeder(1 << 20)
		evil, err := torrentfile.ParseInfo(bytes.Clone(meta.InfoBytes))
		if err != nil {
			t.Fatal(err)
		}
		evil.InfoBytes = []byte("d4:name1:x12:piece lengthi-1ee")
		evil.InfoHash = infohash.Of(evil.InfoBytes)
		n, h := w.node(), w.host()
		go func() {
			time.Sleep(100 * time.Millisecond)
			w.play(h, n.Addr(), evil, func(i int) []byte { return []byte(answer(evil.InfoBytes, i)) })
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = n.Fetch(ctx, peer.Magnet{InfoHash: evil.InfoHash})
		if _, ok := errors.AsType[*torrentfile.InvalidError](err); !ok {
			t.Errorf("ended with %v", err)
		}
	})
}
