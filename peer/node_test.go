package peer_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"p2p/peer"
	"p2p/peer/identity"
	"p2p/piece"
	"p2p/piece/store"
	"p2p/torrentfile"
)

// source is a file to share and its torrent.
type source struct {
	dir  string
	data []byte
	meta *torrentfile.Metainfo
}

func newSource(t testing.TB, size int, pieceLen int64) source {
	t.Helper()
	s := source{dir: t.TempDir(), data: make([]byte, size)}
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(s.data)
	path := filepath.Join(s.dir, "data.bin")
	if err := os.WriteFile(path, s.data, 0o644); err != nil {
		t.Fatal(err)
	}
	meta, err := torrentfile.Create(t.Context(), path, torrentfile.CreateOptions{PieceLength: pieceLen, NoDate: true})
	if err != nil {
		t.Fatal(err)
	}
	s.meta = meta
	return s
}

func openNode(t testing.TB, o peer.Options) *peer.Node {
	t.Helper()
	if !o.Listen.IsValid() {
		o.Listen = netip.MustParseAddrPort("127.0.0.1:0")
	}
	n, err := peer.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := n.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return n
}

// add shares s from dir; have is nil for nothing.
func add(t testing.TB, n *peer.Node, s source, dir string, full bool, peers ...netip.AddrPort) *peer.Swarm {
	t.Helper()
	return shareWith(t, n, s, dir, full, nil, peers...)
}

// shareWith is add for a torrent among devices, unless admit is nil.
func shareWith(t testing.TB, n *peer.Node, s source, dir string, full bool, admit func(identity.Key) bool, peers ...netip.AddrPort) *peer.Swarm {
	t.Helper()
	st, err := store.Open(dir, &s.meta.Info, store.Options{ReadOnly: full})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	have := piece.NewBitfield(s.meta.Info.Layout().Pieces())
	if full {
		have.SetAll()
	}
	sw, err := n.Add(peer.Torrent{Meta: s.meta, Store: st, Have: have, Peers: peers, Admit: admit})
	if err != nil {
		t.Fatal(err)
	}
	return sw
}

func TestADownloadFromOneSeederOverTCPIsIdentical(t *testing.T) {
	s := newSource(t, 5<<20+12345, 256<<10)
	seeder := openNode(t, peer.Options{Client: "seeder"})
	add(t, seeder, s, s.dir, true)
	leecher := openNode(t, peer.Options{Client: "leecher"})
	out := t.TempDir()
	sw := add(t, leecher, s, out, false, seeder.Addr())
	select {
	case <-sw.Complete():
	case <-sw.Failed():
		t.Fatal(sw.Err())
	case <-time.After(time.Minute):
		t.Fatalf("not complete: %+v", sw.Stats())
	}
	got, err := os.ReadFile(filepath.Join(out, "data.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, s.data) {
		t.Fatal("the copy differs")
	}
}

// BenchmarkDownload is from Node to Node over the loopback device, plain and among devices.
func BenchmarkDownload(b *testing.B) {
	b.Run("plain", func(b *testing.B) { benchmarkDownload(b, nil) })
	b.Run("TLS", func(b *testing.B) { benchmarkDownload(b, admits(b, 1, 2)) })
}

func benchmarkDownload(b *testing.B, admit func(identity.Key) bool) {
	s := newSource(b, 1<<28, 1<<20)
	seeder := openNode(b, peer.Options{Device: device(b, 1)})
	shareWith(b, seeder, s, s.dir, true, admit)
	b.SetBytes(int64(len(s.data)))
	b.ReportAllocs()
	for b.Loop() {
		leecher, err := peer.Open(peer.Options{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Device: device(b, 2)})
		if err != nil {
			b.Fatal(err)
		}
		sw := shareWith(b, leecher, s, b.TempDir(), false, admit, seeder.Addr())
		<-sw.Complete()
		leecher.Close(context.Background())
	}
}
