package peer_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer"
	"p2p/peer/simnet"
	"p2p/peer/wire"
	"p2p/piece"
	"p2p/piece/store"
)

// The tests of this file run whole nodes, with their goroutines and files, over
// a network in memory and in virtual time. A bubble of synctest ends only when
// every goroutine in it has, so each of them is also the test that nothing
// leaks and nothing waits for ever.

// world is a network of hosts 10.0.0.1, 10.0.0.2 ...
type world struct {
	t   *testing.T
	net *simnet.Net
	n   byte
}

func newWorld(t *testing.T, o simnet.Options) *world {
	w := &world{t: t, net: simnet.New(o)}
	t.Cleanup(w.net.Close)
	return w
}

func (w *world) host() *simnet.Host {
	w.n++
	return w.net.Host(netip.AddrFrom4([4]byte{10, 0, 0, w.n}))
}

// node opens a Node on a host of its own.
func (w *world) node(o peer.Options) (*peer.Node, *simnet.Host) {
	h := w.host()
	o.Network, o.Listen, o.Seed = h, netip.AddrPortFrom(h.Addr(), 6881), uint64(w.n)
	return openNode(w.t, o), h
}

// download waits until sw is complete and compares the copy.
func (s source) download(t *testing.T, sw *peer.Swarm, dir string, limit time.Duration) {
	t.Helper()
	select {
	case <-sw.Complete():
	case <-sw.Failed():
		t.Fatal(sw.Err())
	case <-time.After(limit):
		st := sw.Stats()
		t.Fatalf("not complete after %v: %d of %d pieces, %d peers, %d banned, %d hash failures, last %q\n%+v",
			limit, st.PiecesHave, st.PiecesWanted, st.Connected, st.Banned, st.HashFails, st.LastError, st.Peers)
	}
	got, err := os.ReadFile(filepath.Join(dir, "data.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, s.data) {
		t.Fatal("the copy differs")
	}
}

func TestASwarmOfSixDownloadsFromOneSeeder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 4<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: 25 * time.Millisecond, Bandwidth: 1 << 20})
		seeder, seedHost := w.node(peer.Options{})
		add(t, seeder, s, s.dir, true)
		addrs := []netip.AddrPort{seeder.Addr()}
		var swarms []*peer.Swarm
		var dirs []string
		begin := time.Now()
		for range 6 {
			n, _ := w.node(peer.Options{})
			dir := t.TempDir()
			swarms = append(swarms, add(t, n, s, dir, false, addrs...))
			dirs = append(dirs, dir)
			addrs = append(addrs, n.Addr())
		}
		for i, sw := range swarms {
			s.download(t, sw, dirs[i], 2*time.Minute)
		}
		sent, _ := seedHost.Traffic()
		t.Logf("six copies of %d bytes after %v of virtual time; the seeder sent %.2f copies",
			len(s.data), time.Since(begin), float64(sent)/float64(len(s.data)))
		if sent > 4*int64(len(s.data)) {
			t.Errorf("the seeder sent %d bytes for a file of %d: the leechers hardly shared", sent, len(s.data))
		}
	})
}

func TestARateIsZeroSoonAfterTheLastByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 1<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: time.Millisecond, Bandwidth: 1 << 20})
		seeder, _ := w.node(peer.Options{})
		from := add(t, seeder, s, s.dir, true)
		n, _ := w.node(peer.Options{})
		dir := t.TempDir()
		to := add(t, n, s, dir, false, seeder.Addr())
		s.download(t, to, dir, time.Minute)
		if up, down := from.Stats().UpRate, to.Stats().DownRate; up == 0 || down == 0 {
			t.Errorf("at the end it goes up at %d and down at %d bytes/s", up, down)
		}
		time.Sleep(6 * time.Second)
		if up, down := from.Stats().UpRate, to.Stats().DownRate; up != 0 || down != 0 {
			t.Errorf("6 s later it goes up at %d and down at %d bytes/s", up, down)
		}
	})
}

// Limits are changed while it runs, on either side: each holds from then on, and
// nobody pays for what passed, or waited, under another.
func TestLimitsThatAreChangedHoldAtOnce(t *testing.T) {
	for _, side := range []string{"up", "down"} {
		t.Run(side, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSource(t, 40<<20, 256<<10)
				w := newWorld(t, simnet.Options{Latency: time.Millisecond})
				seeder, _ := w.node(peer.Options{UpLimit: 10e3})
				leecher, _ := w.node(peer.Options{})
				add(t, seeder, s, s.dir, true)
				to := add(t, leecher, s, t.TempDir(), false, seeder.Addr())
				defer to.Close(t.Context())
				time.Sleep(9*time.Second + 10*time.Millisecond) // a moment after there were new figures
				for _, rate := range []int64{2e6, 300e3, 1e6} {
					if side == "up" {
						seeder.SetLimits(0, rate)
					} else {
						seeder.SetLimits(0, 0)
						leecher.SetLimits(rate, 0)
					}
					before := to.Stats().Downloaded
					time.Sleep(10 * time.Second)
					if got := float64(to.Stats().Downloaded-before) / float64(10*rate); got < 0.97 || got > 1.03 {
						t.Errorf("%.3f times the limit of %d", got, rate)
					}
				}
				if down, up := leecher.Limits(); side == "down" && (down != 1e6 || up != 0) {
					t.Errorf("the limits are %d and %d", down, up)
				}
			})
		})
	}
}

// fake is a peer that a test plays by hand.
type fake struct {
	net.Conn
	t *testing.T
}

// listenFake accepts connections on a new host and plays each with play, which
// returns when the connection is over.
func (w *world) listenFake(s source, id byte, play func(f *fake)) netip.AddrPort {
	h := w.host()
	addr := netip.AddrPortFrom(h.Addr(), 6881)
	ln, err := h.Listen(w.t.Context(), addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				var hello [wire.HandshakeLen]byte
				if _, err := io.ReadFull(c, hello[:]); err != nil {
					return
				}
				ours := wire.Handshake{Reserved: wire.Reserved(), InfoHash: s.meta.InfoHash, PeerID: [20]byte{id}}
				if _, err := c.Write(ours.Append(nil)); err != nil {
					return
				}
				play(&fake{Conn: c, t: w.t})
			}()
		}
	}()
	return addr
}

func (f *fake) send(m ...wire.Message) {
	var b []byte
	for _, one := range m {
		b = wire.Append(b, one)
	}
	f.Write(b)
}

// each calls do with every message until the connection ends.
func (f *fake) each(do func(wire.Message)) {
	var head [4]byte
	for {
		if _, err := io.ReadFull(f, head[:]); err != nil {
			return
		}
		frame := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(f, frame); err != nil {
			return
		}
		if m, err := wire.Decode(frame); err == nil {
			do(m)
		}
	}
}

// seed plays a seeder that answers requests with what block returns; nil is no
// answer.
func (f *fake) seed(block func(m wire.Message) []byte) {
	f.send(wire.Message{ID: wire.HaveAll}, wire.Message{ID: wire.Unchoke})
	f.each(func(m wire.Message) {
		if m.ID != wire.Request {
			return
		}
		if b := block(m); b != nil {
			f.send(wire.Message{ID: wire.Piece, Index: m.Index, Begin: m.Begin, Payload: b})
		}
	})
}

// honest returns the bytes that a request is for.
func (s source) honest(m wire.Message) []byte {
	at := int64(m.Index)*s.meta.Info.PieceLength + int64(m.Begin)
	return s.data[at : at+int64(m.Length)]
}

func TestADownloadFinishesBesideAPeerThatStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 2<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: 10 * time.Millisecond, Bandwidth: 1 << 20})
		n := 0
		stalls := w.listenFake(s, 1, func(f *fake) {
			f.seed(func(m wire.Message) []byte {
				if n++; n > 20 {
					return nil // promises everything, sends nothing
				}
				return s.honest(m)
			})
		})
		honest := w.listenFake(s, 2, func(f *fake) { f.seed(s.honest) })
		leecher, _ := w.node(peer.Options{})
		dir := t.TempDir()
		sw := add(t, leecher, s, dir, false, stalls, honest)
		s.download(t, sw, dir, 30*time.Second)
	})
}

func TestAPeerThatStopsInTheMiddleOfABlockDoesNotHoldTheDownloadUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 1<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: 10 * time.Millisecond, Bandwidth: 1 << 20})
		stops := w.listenFake(s, 1, func(f *fake) {
			f.seed(func(m wire.Message) []byte {
				frame := wire.Append(nil, wire.Message{ID: wire.Piece, Index: m.Index, Begin: m.Begin, Payload: s.honest(m)})
				f.Write(frame[:100])
				io.Copy(io.Discard, f)
				return nil
			})
		})
		honest := w.listenFake(s, 2, func(f *fake) { f.seed(s.honest) })
		leecher, _ := w.node(peer.Options{})
		dir := t.TempDir()
		sw := add(t, leecher, s, dir, false, stops, honest)
		s.download(t, sw, dir, 90*time.Second)
	})
}

func TestALiarIsBannedAndTheDownloadIsRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 2<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: 10 * time.Millisecond, Bandwidth: 1 << 20})
		n := 0
		liar := w.listenFake(s, 1, func(f *fake) {
			f.seed(func(m wire.Message) []byte {
				b := bytes.Clone(s.honest(m))
				if n++; n%7 == 0 { // most of it is right: who was it?
					b[n%len(b)] ^= 1
				}
				return b
			})
		})
		honest := w.listenFake(s, 2, func(f *fake) { f.seed(s.honest) })
		leecher, _ := w.node(peer.Options{})
		dir := t.TempDir()
		sw := add(t, leecher, s, dir, false, liar, honest)
		s.download(t, sw, dir, 2*time.Minute)
		time.Sleep(time.Second)
		st := sw.Stats()
		if st.Banned != 1 || st.HashFails == 0 {
			t.Errorf("%d banned after %d failed pieces, want the liar alone", st.Banned, st.HashFails)
		}
		for _, p := range st.Peers {
			if p.Addr == liar {
				t.Error("the liar is still connected")
			}
		}
	})
}

func TestAPeerThatNeverReadsIsNotFedFromMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 4<<20, 256<<10)
		w := newWorld(t, simnet.Options{Latency: 10 * time.Millisecond, Bandwidth: 4 << 20})
		seeder, _ := w.node(peer.Options{})
		seedSwarm := add(t, seeder, s, s.dir, true)

		h := w.host()
		conn, err := h.Dial(t.Context(), h.Addr(), seeder.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write(wire.Handshake{Reserved: wire.Reserved(), InfoHash: s.meta.InfoHash, PeerID: [20]byte{9}}.Append(nil))
		ask := wire.Append(nil, wire.Message{ID: wire.Interested})
		for range 1000 { // asks for much, reads nothing
			for i := range uint32(16) {
				ask = wire.Append(ask, wire.Message{ID: wire.Request, Index: i % 16, Begin: 0, Length: piece.BlockSize})
			}
		}
		go conn.Write(ask)

		leecher, _ := w.node(peer.Options{})
		dir := t.TempDir()
		sw := add(t, leecher, s, dir, false, seeder.Addr())
		s.download(t, sw, dir, 30*time.Second)
		time.Sleep(5 * time.Minute)
		for _, p := range seedSwarm.Stats().Peers {
			if p.Addr.Addr() == h.Addr() {
				t.Error("a peer that reads nothing for five minutes is still connected")
			}
		}
	})
}

func TestADownloadGoesOnWhenTheOnlySeederComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 4<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: 20 * time.Millisecond, Bandwidth: 1 << 20})
		seeder, seedHost := w.node(peer.Options{})
		add(t, seeder, s, s.dir, true)
		leecher, _ := w.node(peer.Options{})
		dir := t.TempDir()
		sw := add(t, leecher, s, dir, false, seeder.Addr())
		time.Sleep(2 * time.Second)
		before := sw.Stats().PiecesHave
		seedHost.Down()
		time.Sleep(20 * time.Second)
		st := sw.Stats()
		if before == 0 || st.Connected != 0 || st.Unavailable != st.PiecesWanted-st.PiecesHave {
			t.Errorf("cut off with %d pieces: %d peers and %d of %d missing pieces unavailable",
				before, st.Connected, st.Unavailable, st.PiecesWanted-st.PiecesHave)
		}
		seedHost.Up()
		s.download(t, sw, dir, 2*time.Minute)
	})
}

func TestStrangersWhoSayNothingOrNonsenseCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 1<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: time.Millisecond})
		seeder, _ := w.node(peer.Options{})
		sw := add(t, seeder, s, s.dir, true)
		greeting := wire.Handshake{Reserved: wire.Reserved(), InfoHash: s.meta.InfoHash, PeerID: [20]byte{7}}.Append(nil)
		other := wire.Handshake{InfoHash: [20]byte{1, 2, 3}}.Append(nil)
		for name, says := range map[string][]byte{
			"silence":              nil,
			"half a handshake":     greeting[:30],
			"HTTP":                 []byte("GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n" + string(make([]byte, 100))),
			"another torrent":      other,
			"a frame of 4 GiB":     append(bytes.Clone(greeting), 0xff, 0xff, 0xff, 0xff, 7),
			"have out of range":    wire.Append(bytes.Clone(greeting), wire.Message{ID: wire.Have, Index: 1 << 30}),
			"request out of range": wire.Append(bytes.Clone(greeting), wire.Message{ID: wire.Request, Index: 1, Begin: 1<<32 - 1, Length: 16384}),
			"a block unasked":      wire.Append(bytes.Clone(greeting), wire.Message{ID: wire.Piece, Index: 1 << 20, Payload: make([]byte, 10)}),
		} {
			h := w.host()
			conn, err := h.Dial(t.Context(), h.Addr(), seeder.Addr())
			if err != nil {
				t.Fatal(err)
			}
			if says != nil {
				conn.Write(says)
			}
			conn.SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Errorf("%s: not closed: %v", name, err)
			}
			conn.Close()
		}
		if n := sw.Stats().Connected; n != 0 {
			t.Errorf("%d strangers are still connected", n)
		}
	})
}

func TestASeederWhoseFileIsGoneSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 2<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: time.Millisecond, Bandwidth: 1 << 20})
		seeder, _ := w.node(peer.Options{})
		sw := add(t, seeder, s, s.dir, true)
		if err := os.Truncate(filepath.Join(s.dir, "data.bin"), 1000); err != nil {
			t.Fatal(err)
		}
		leecher, _ := w.node(peer.Options{})
		add(t, leecher, s, t.TempDir(), false, seeder.Addr())
		select {
		case <-sw.Failed():
			if sw.Err() == nil {
				t.Error("failed without a reason")
			}
		case <-time.After(time.Minute):
			t.Error("seeding a file that is cut off goes on as if nothing were wrong")
		}
	})
}

// Other bytes would be poison to others, and they would ban us for it.
func TestContentThatIsChangedOrGoneIsSharedNoMoreWithinSeconds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir string) error
		want   error
	}{
		"some bytes are overwritten": {func(dir string) error {
			f, err := os.OpenFile(filepath.Join(dir, "data.bin"), os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteAt([]byte("ruin"), 1<<20)
				err = errors.Join(err, f.Close())
			}
			return err
		}, store.ErrChanged},
		"the file is deleted": {func(dir string) error { return os.Remove(filepath.Join(dir, "data.bin")) }, fs.ErrNotExist},
		"the folder is moved": {func(dir string) error { return os.Rename(dir, dir+".away") }, fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSource(t, 2<<20, 64<<10)
				past := time.Unix(1e9, 0) // the clock of the disk stands still meanwhile
				if err := os.Chtimes(filepath.Join(s.dir, "data.bin"), past, past); err != nil {
					t.Fatal(err)
				}
				w := newWorld(t, simnet.Options{})
				seeder, _ := w.node(peer.Options{})
				sw := add(t, seeder, s, s.dir, true)
				time.Sleep(time.Minute)
				if err := sw.Err(); err != nil {
					t.Fatalf("untouched: %v", err)
				}
				if err := c.change(s.dir); err != nil {
					t.Fatal(err)
				}
				select {
				case <-sw.Failed():
					if !errors.Is(sw.Err(), c.want) {
						t.Errorf("%v; want %v", sw.Err(), c.want)
					}
				case <-time.After(3 * time.Second):
					t.Error("it is shared as if nothing had happened")
				}
			})
		})
	}
}

// Whoever knows that somebody is about to fetch it has it looked at.
func TestContentIsLookedAtWhenSomebodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 2<<20, 64<<10)
		w := newWorld(t, simnet.Options{})
		seeder, _ := w.node(peer.Options{})
		sw := add(t, seeder, s, s.dir, true)
		time.Sleep(10*time.Second + 600*time.Millisecond)
		if err := os.Remove(filepath.Join(s.dir, "data.bin")); err != nil {
			t.Fatal(err)
		}
		sw.Look()
		select {
		case <-sw.Failed():
		case <-time.After(time.Millisecond):
			t.Error("nobody looks")
		}
	})
}

// A peer that leaves half done pieces behind which nobody else has must not take
// the memory with it that the others need.
func TestMemoryComesBackFromAPeerThatLeftPiecesHalfDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 16*piece.SpanSize, piece.SpanSize)
		w := newWorld(t, simnet.Options{Latency: 10 * time.Millisecond, Bandwidth: 8 << 20})
		n := 0
		leaves := w.listenFake(s, 1, func(f *fake) {
			if n > 0 {
				return // for good
			}
			f.send(wire.Message{ID: wire.Bitfield, Payload: []byte{0xff, 0}}, wire.Message{ID: wire.Unchoke})
			f.each(func(m wire.Message) {
				if m.ID == wire.Request && n < 60 { // most of what is asked, never the last block of a piece
					if m.Begin+m.Length < piece.SpanSize {
						f.send(wire.Message{ID: wire.Piece, Index: m.Index, Begin: m.Begin, Payload: s.honest(m)})
					}
					if n++; n == 60 {
						f.Close()
					}
				}
			})
		})
		has := w.listenFake(s, 2, func(f *fake) {
			f.send(wire.Message{ID: wire.Bitfield, Payload: []byte{0, 0xff}})
			time.Sleep(3 * time.Second) // by then the other has come and gone
			f.send(wire.Message{ID: wire.Unchoke})
			f.each(func(m wire.Message) {
				if m.ID == wire.Request {
					f.send(wire.Message{ID: wire.Piece, Index: m.Index, Begin: m.Begin, Payload: s.honest(m)})
				}
			})
		})
		leecher, _ := w.node(peer.Options{Memory: 4 * piece.SpanSize})
		sw := add(t, leecher, s, t.TempDir(), false, leaves, has)
		time.Sleep(2 * time.Minute)
		if got := sw.Stats().PiecesHave; got < 8 {
			used, peak := leecher.Memory().Used()
			t.Errorf("%d of the 8 pieces that are to be had; %d bytes of memory in use, %d at most", got, used, peak)
		}
	})
}

func TestManyWhoSayNothingDoNotShutOutOneWhoDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 1<<20, 64<<10)
		w := newWorld(t, simnet.Options{Latency: 10 * time.Millisecond})
		seeder, _ := w.node(peer.Options{})
		add(t, seeder, s, s.dir, true)
		silent := w.host()
		for range 200 {
			conn, err := silent.Dial(t.Context(), silent.Addr(), seeder.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
		}
		begin := time.Now()
		leecher, _ := w.node(peer.Options{})
		dir := t.TempDir()
		s.download(t, add(t, leecher, s, dir, false, seeder.Addr()), dir, time.Minute)
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("a download beside 200 silent connections took %v", took)
		}
	})
}
