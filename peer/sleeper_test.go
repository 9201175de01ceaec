package peer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer"
	"p2p/peer/announce"
	"p2p/peer/simnet"
	"p2p/peer/wire"
	"p2p/piece"
	"p2p/piece/store"
	"p2p/torrentfile/infohash"
)

// bed is a torrent that sleeps, and how often it was woken.
type bed struct {
	source
	*peer.Sleeper
	opened atomic.Int32
	lost   chan error
}

// dormant lets n share s in its sleep.
func dormant(t testing.TB, n *peer.Node, s source) *bed {
	t.Helper()
	b := &bed{source: s, lost: make(chan error, 1)}
	var err error
	b.Sleeper, err = n.AddDormant(peer.Dormant{
		InfoHash: s.meta.InfoHash,
		Open: func(context.Context) (peer.Torrent, error) {
			b.opened.Add(1)
			st, err := store.Open(s.dir, &s.meta.Info, store.Options{ReadOnly: true})
			if err != nil {
				return peer.Torrent{}, err
			}
			have := piece.NewBitfield(s.meta.Info.Layout().Pieces())
			have.SetAll()
			return peer.Torrent{Meta: s.meta, Store: st, Have: have}, nil
		},
		Lost: func(err error) { b.lost <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestATorrentThatSleepsWakesForAPeerServesItAndSleepsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 1<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: 10 * time.Millisecond, Bandwidth: 1 << 20})
		seeder, _ := w.node(peer.Options{})
		b := dormant(t, seeder, s)
		for round := range int32(2) {
			synctest.Wait()
			before := goroutines()
			leecher, err := peer.Open(peer.Options{Network: w.host(), Listen: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, w.n}), 6881), Seed: uint64(w.n)})
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			s.download(t, add(t, leecher, s, dir, false, seeder.Addr()), dir, time.Minute)
			time.Sleep(time.Second)
			if goroutines() <= before {
				t.Error("the goroutines of a torrent that is awake are not counted")
			}
			got := seeder.Totals()
			if got.Awake != 1 || got.Active != 1 || got.Uploaded < int64(len(s.data))*int64(round+1) {
				t.Errorf("while it serves: %+v", got)
			}
			leecher.Close(t.Context())
			time.Sleep(59 * time.Second)
			if got := seeder.Totals(); got.Awake != 1 || got.Active != 0 {
				t.Errorf("59 s after the last peer left: %+v, want it still awake", got)
			}
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if got := seeder.Totals(); got.Awake != 0 || got.Torrents != 1 || got.Uploaded < int64(len(s.data))*int64(round+1) {
				t.Errorf("62 s after the last peer left: %+v, want it asleep", got)
			}
			if after := goroutines(); after != before {
				t.Errorf("%d goroutines when it sleeps again, %d before", after, before)
			}
			if n := b.opened.Load(); n != round+1 {
				t.Errorf("opened %d times for %d peers", n, round+1)
			}
		}
	})
}

// goroutines returns how many there are of this module: the runtime has some of its
// own, which come and go.
func goroutines() int {
	b := make([]byte, 4<<20)
	b = b[:runtime.Stack(b, true)]
	count := 0
	for one := range bytes.SplitSeq(b, []byte("\n\n")) {
		if bytes.Contains(one, []byte("\np2p/")) {
			count++
		}
	}
	return count
}

func TestTorrentsThatSleepCostNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{})
		seeder, _ := w.node(peer.Options{})
		synctest.Wait()
		before := goroutines()
		for i := range 1000 {
			_, err := seeder.AddDormant(peer.Dormant{
				InfoHash: infohash.T{byte(i), byte(i >> 8), 1},
				Open:     func(context.Context) (peer.Torrent, error) { t.Error("opened"); return peer.Torrent{}, io.EOF },
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if after := goroutines(); after != before {
			t.Errorf("%d goroutines with 1000 torrents that sleep, %d without", after, before)
		}
		if got := seeder.Totals(); got.Torrents != 1000 || got.Awake != 0 {
			t.Errorf("%+v", got)
		}
		if _, err := seeder.AddDormant(peer.Dormant{InfoHash: infohash.T{0, 0, 1}}); !errors.Is(err, peer.ErrAdded) {
			t.Errorf("the same torrent again: %v", err)
		}
	})
}

// Two who come at the same moment must not wake it twice, and who comes at the very
// moment when it falls asleep must be served too.
func TestATorrentThatSleepsServesWhoeverComesWhenever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 1<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: 10 * time.Millisecond, Bandwidth: 4 << 20})
		seeder, _ := w.node(peer.Options{})
		b := dormant(t, seeder, s)
		var swarms []*peer.Swarm
		var dirs []string
		for range 4 {
			n, _ := w.node(peer.Options{})
			dir := t.TempDir()
			swarms, dirs = append(swarms, add(t, n, s, dir, false, seeder.Addr())), append(dirs, dir)
		}
		for i, sw := range swarms {
			s.download(t, sw, dirs[i], time.Minute)
		}
		if n := b.opened.Load(); n != 1 {
			t.Errorf("four peers at once opened it %d times", n)
		}
	})
	// The moment lies where it is opened once before and twice after. Each instant around it is tried.
	const from, window, near = 60_300, 400, 20 // ms
	n := sort.Search(window, func(ms int) bool { return comes(t, time.Duration(from+ms)*time.Millisecond) == 2 })
	if n == 0 || n == window {
		t.Fatal("it falls asleep at another time")
	}
	for ms := from + n - near; ms <= from+n+near; ms++ {
		comes(t, time.Duration(ms)*time.Millisecond)
	}
}

// comes has somebody come to a torrent for a moment, and again some time later, when he must be served. It returns how
// often the torrent was opened.
func comes(t *testing.T, later time.Duration) (opened int32) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 64<<10, 64<<10)
		w := newWorld(t, simnet.Options{Latency: time.Millisecond})
		seeder, _ := w.node(peer.Options{})
		b := dormant(t, seeder, s)
		w.greet(t, seeder.Addr(), s).Close()
		time.Sleep(later)
		f := w.greet(t, seeder.Addr(), s)
		defer f.Close()
		got := make(chan wire.ID, 1)
		go f.each(func(m wire.Message) {
			select {
			case got <- m.ID:
			default:
			}
		})
		select {
		case <-got:
		case <-time.After(5 * time.Second):
			t.Errorf("who came %v after the last peer left was not served", later)
		}
		opened = b.opened.Load()
	})
	return opened
}

// Who has been let in and is not handed over yet keeps it awake: his handshake may
// take long.
func TestATorrentDoesNotFallAsleepWhileSomebodyIsAboutToBeHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 64<<10, 64<<10)
		w := newWorld(t, simnet.Options{})
		seeder, _ := w.node(peer.Options{})
		b := dormant(t, seeder, s)
		leave, err := peer.Enter(t.Context(), b.Sleeper)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		if got := seeder.Totals(); got.Awake != 1 {
			t.Errorf("while somebody is about to come: %+v", got)
		}
		leave()
		time.Sleep(5 * time.Minute)
		if got := seeder.Totals(); got.Awake != 0 {
			t.Errorf("when nobody came: %+v", got)
		}
	})
}

// greet connects to a node from a new host, as far as its answer to the handshake.
func (w *world) greet(t *testing.T, to netip.AddrPort, s source) *fake {
	t.Helper()
	h := w.host()
	conn, err := h.Dial(t.Context(), h.Addr(), to)
	if err != nil {
		t.Fatal(err)
	}
	conn.Write(wire.Handshake{Reserved: wire.Reserved(), InfoHash: s.meta.InfoHash, PeerID: [20]byte{w.n}}.Append(nil))
	var answer [wire.HandshakeLen]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		t.Errorf("no handshake: %v", err)
	}
	return &fake{Conn: conn, t: t}
}

func TestATorrentThatCannotBeOpenedIsLostOnceAndNobodyIsLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 64<<10, 64<<10)
		w := newWorld(t, simnet.Options{Latency: time.Millisecond})
		seeder, _ := w.node(peer.Options{})
		broken, opened := errors.New("broken"), 0
		lost := make(chan error, 2)
		sleeper, err := seeder.AddDormant(peer.Dormant{
			InfoHash: s.meta.InfoHash, Lost: func(err error) { lost <- err },
			Open: func(context.Context) (peer.Torrent, error) { opened++; return peer.Torrent{}, broken },
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			h := w.host()
			conn, err := h.Dial(t.Context(), h.Addr(), seeder.Addr())
			if err != nil {
				t.Fatal(err)
			}
			conn.Write(wire.Handshake{InfoHash: s.meta.InfoHash, PeerID: [20]byte{w.n}}.Append(nil))
			if n, _ := io.Copy(io.Discard, conn); n != 0 {
				t.Errorf("got %d bytes of a torrent that cannot be opened", n)
			}
			conn.Close()
		}
		if err := <-lost; !errors.Is(err, broken) || opened != 1 || len(lost) != 0 {
			t.Errorf("opened %d times, lost: %v and %d more", opened, err, len(lost))
		}
		sleeper.Close(t.Context())
		if got := seeder.Totals(); got.Torrents != 0 || got.Awake != 0 {
			t.Errorf("after Close: %+v", got)
		}
	})
}

func TestATorrentWhoseFilesBreakWhileItServesIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 1<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: time.Millisecond, Bandwidth: 1 << 20})
		seeder, _ := w.node(peer.Options{})
		b := dormant(t, seeder, s)
		if err := os.Truncate(filepath.Join(s.dir, "data.bin"), 1000); err != nil {
			t.Fatal(err)
		}
		leecher, _ := w.node(peer.Options{})
		add(t, leecher, s, t.TempDir(), false, seeder.Addr())
		select {
		case err := <-b.lost:
			if err == nil {
				t.Error("lost without a reason")
			}
		case <-time.After(time.Minute):
			t.Error("not lost")
		}
	})
}

func TestATorrentWhoseFilesAreDeletedWhileItIsAwakeIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 1<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: time.Millisecond, Bandwidth: 1 << 20})
		seeder, _ := w.node(peer.Options{})
		b := dormant(t, seeder, s)
		leecher, _ := w.node(peer.Options{})
		dir := t.TempDir()
		s.download(t, add(t, leecher, s, dir, false, seeder.Addr()), dir, time.Minute)
		if err := os.Remove(filepath.Join(s.dir, "data.bin")); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-b.lost:
			if !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
		case <-time.After(3 * time.Second):
			t.Error("not lost")
		}
	})
}

// Torrents that are woken and not used make room for those that are.
func TestPlacesOfTorrentsThatOnlyStayAwakeAreGivenToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{Latency: time.Millisecond})
		seeder, _ := w.node(peer.Options{MaxAwake: 2})
		var beds []*bed
		for i := range 3 {
			beds = append(beds, dormant(t, seeder, newSource(t, 64<<10+i, 64<<10)))
		}
		refused := func(s source) bool {
			h := w.host()
			conn, err := h.Dial(t.Context(), h.Addr(), seeder.Addr())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			conn.Write(wire.Handshake{InfoHash: s.meta.InfoHash, PeerID: [20]byte{w.n}}.Append(nil))
			conn.SetReadDeadline(time.Now().Add(time.Second))
			_, err = io.ReadFull(conn, make([]byte, wire.HandshakeLen))
			return err != nil
		}
		if refused(beds[0].source) || refused(beds[1].source) {
			t.Error("refused although there was room")
		}
		if !refused(beds[2].source) {
			t.Error("a third torrent woke up")
		}
		time.Sleep(61 * time.Second) // nobody has asked for anything
		if refused(beds[2].source) {
			t.Error("refused although the others have done nothing for a minute")
		}
		synctest.Wait()
		if got := seeder.Totals(); got.Awake != 2 {
			t.Errorf("%+v", got)
		}
	})
}

// A seeder wakes for downloaders that its trackers name and that it can reach, not for
// other seeders, and not for addresses where nobody is.
func TestATorrentThatSleepsCallsDownloadersThatItsTrackersName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 1<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: 10 * time.Millisecond, Bandwidth: 1 << 20})
		seeder, _ := w.node(peer.Options{})
		b := dormant(t, seeder, s)
		leecher, _ := w.node(peer.Options{})
		dir := t.TempDir()
		sw := add(t, leecher, s, dir, false)
		answer := announce.Response{Seeders: 2, Peers: []netip.AddrPort{leecher.Addr()}}
		if others := b.Found(t.Context(), "", answer); others != 1 {
			t.Errorf("%d others, want 1", others)
		}
		nowhere := announce.Response{Leechers: -1, Peers: []netip.AddrPort{seeder.Addr(), netip.AddrPortFrom(w.host().Addr(), 6881)}}
		b.Found(t.Context(), "", nowhere)
		time.Sleep(time.Minute)
		if n := b.opened.Load(); n != 0 {
			t.Errorf("opened %d times for a seeder and an address where nobody is", n)
		}
		answer.Leechers = 1
		b.Found(t.Context(), "", answer)
		s.download(t, sw, dir, time.Minute)
		time.Sleep(5 * time.Minute)
		if got := seeder.Totals(); got.Awake != 0 {
			t.Errorf("five minutes after the download: %+v", got)
		}
		b.Found(t.Context(), "", answer) // it is complete now, which the tracker does not know
		time.Sleep(10 * time.Second)
		if n := b.opened.Load(); n != 1 {
			t.Errorf("opened %d times, want once: who was called a moment ago is not called again", n)
		}
	})
}

func ExampleNode_AddDormant() {
	n, err := peer.Open(peer.Options{Listen: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer n.Close(context.Background())
	n.AddDormant(peer.Dormant{
		InfoHash: infohash.T{1},
		Open: func(context.Context) (peer.Torrent, error) {
			return peer.Torrent{}, errors.New("called when a peer comes")
		},
	})
	fmt.Println(n.Totals().Torrents, n.Totals().Awake)
	// Output: 1 0
}
