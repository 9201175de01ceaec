package swarm_test

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"p2p/peer/link"
	"p2p/peer/swarm"
	"p2p/piece"
	"p2p/piece/store"
	"p2p/torrentfile"
)

// torrentOf is a file with random contents and its torrent.
type torrentOf struct {
	dir  string
	meta *torrentfile.Metainfo
}

func newTorrent(t testing.TB, size int, pieceLen int64) torrentOf {
	t.Helper()
	data := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(data)
	dir := t.TempDir()
	path := filepath.Join(dir, "data.bin")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	meta, err := torrentfile.Create(t.Context(), path, torrentfile.CreateOptions{PieceLength: pieceLen, NoDate: true})
	if err != nil {
		t.Fatal(err)
	}
	return torrentOf{dir, meta}
}

// site is a whole Loop with its files, memory and workers.
type site struct {
	*swarm.Loop
	id     [20]byte
	memory *store.Memory
	line   *store.Line
	store  *store.Store
}

// siteOptions say how a site differs from one that downloads with much memory.
type siteOptions struct {
	dir    string // "" = a new one
	full   bool   // has everything
	have   []int  // pieces that it has
	memory int64
}

// open runs a Loop until the test ends.
func (s torrentOf) open(t testing.TB, num byte, o siteOptions) *site {
	t.Helper()
	if o.dir == "" {
		o.dir = t.TempDir()
	}
	st, err := store.Open(o.dir, &s.meta.Info, store.Options{ReadOnly: o.full})
	if err != nil {
		t.Fatal(err)
	}
	have := piece.NewBitfield(s.meta.Info.Layout().Pieces())
	if o.full {
		have.SetAll()
	}
	for _, i := range o.have {
		have.Set(s.meta.Info.Layout().MustIndex(i))
	}
	x := &site{id: [20]byte{num}, memory: store.NewMemory(o.memory), line: store.NewLine(1), store: st}
	x.Loop = swarm.New(swarm.Options{
		Info: &s.meta.Info, InfoBytes: s.meta.InfoBytes, InfoHash: s.meta.InfoHash, PeerID: x.id,
		Store: st, Have: have, Memory: x.memory, Line: x.line, Payloads: link.NewPayloads(0),
		Rand: rand.New(rand.NewPCG(uint64(num), 1)), Dial: func(netip.AddrPort) {},
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := x.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		x.line.Close()
		st.Close()
	})
	return x
}

// takes lets x take in the peer at the other end of conn.
func (x *site) takes(conn net.Conn, id [20]byte, dialled bool) {
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, id[0]}), 6881)
	x.Joined(conn, swarm.Candidate{Addr: addr, ID: id, Dialled: dialled, Fast: true})
}

// until waits for done, at most for limit.
func until(t testing.TB, limit time.Duration, done func() bool) bool {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if done() {
			return true
		}
	}
	return false
}

// jam keeps the only worker of x busy for a time before each round of its spans:
// a slow disk.
func (x *site) jam(t *testing.T, pause time.Duration) {
	ctx, cancel := context.WithCancel(t.Context())
	other := newTorrent(t, 1<<20, 16<<10)
	st, err := store.Open(t.TempDir(), &other.meta.Info, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	layout, next := other.meta.Info.Layout(), 0
	var again func(store.Result)
	ended := make(chan struct{})
	again = func(store.Result) {
		select {
		case <-ctx.Done():
			close(ended)
			return
		case <-time.After(pause):
		}
		next = (next + 1) % layout.Pieces()
		x.line.Submit(store.Job{Store: st, Span: piece.Span{Piece: layout.MustIndex(next)}, Buf: make([]byte, 16<<10), Done: again})
	}
	x.line.Submit(store.Job{Store: st, Span: piece.Span{Piece: layout.MustIndex(0)}, Buf: make([]byte, 16<<10), Done: again})
	t.Cleanup(func() { // before x ends
		cancel()
		<-ended
		st.Close()
	})
}
