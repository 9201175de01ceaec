package swarm_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/session"
	"p2p/peer/simnet"
	"p2p/peer/wire"
	"p2p/piece"
)

// The tests of this file run whole Loops in virtual time beside something that
// is slow or greedy. It must neither make memory grow nor stall the others.

// lan is a network in memory.
type lan struct {
	t   *testing.T
	net *simnet.Net
}

func newLAN(t *testing.T, bandwidth int64) lan {
	l := lan{t, simnet.New(simnet.Options{Latency: 5 * time.Millisecond, Bandwidth: bandwidth})}
	t.Cleanup(l.net.Close)
	return l
}

// conn returns the two ends of a connection between two hosts.
func (l lan) conn(a, b byte) (here, there net.Conn) {
	l.t.Helper()
	from, to := l.net.Host(netip.AddrFrom4([4]byte{10, 0, 0, a})), l.net.Host(netip.AddrFrom4([4]byte{10, 0, 0, b}))
	addr := netip.AddrPortFrom(to.Addr(), 1000+uint16(a))
	ln, err := to.Listen(l.t.Context(), addr)
	if err != nil {
		l.t.Fatal(err)
	}
	defer ln.Close()
	if here, err = from.Dial(l.t.Context(), from.Addr(), addr); err != nil {
		l.t.Fatal(err)
	}
	if there, err = ln.Accept(); err != nil {
		l.t.Fatal(err)
	}
	return here, there
}

// join connects two sites.
func (l lan) join(a, b *site) {
	here, there := l.conn(a.id[0], b.id[0])
	a.takes(here, b.id, true)
	b.takes(there, a.id, false)
}

// stranger connects to x somebody whom the test plays.
func (l lan) stranger(x *site, num byte) net.Conn {
	here, there := l.conn(num, x.id[0])
	x.takes(there, [20]byte{num}, false)
	l.t.Cleanup(func() { here.Close() })
	return here
}

func (x *site) has() int { return x.Stats().PiecesHave }

// A disk that needs half a second for what memory holds slows down this download
// and nothing else: memory stays within its bounds, and what is here goes on
// being served.
func TestASlowDiskHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pieces, memory = 32, 4 * piece.SpanSize
		s, l := newTorrent(t, pieces*piece.SpanSize, piece.SpanSize), newLAN(t, 16<<20)
		var first []int
		for i := range pieces / 2 {
			first = append(first, i)
		}
		dir := t.TempDir()
		data, err := os.ReadFile(filepath.Join(s.dir, "data.bin"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "data.bin.part"), data[:len(data)/2], 0o644); err != nil {
			t.Fatal(err)
		}
		slow := s.open(t, 1, siteOptions{dir: dir, have: first, memory: memory})
		slow.jam(t, 500*time.Millisecond)
		seeder := s.open(t, 2, siteOptions{dir: s.dir, full: true})
		other := s.open(t, 3, siteOptions{})
		begin := time.Now()
		l.join(slow, seeder)
		l.join(other, slow)

		if !until(t, time.Second, func() bool { return other.has() >= pieces/2 }) {
			t.Errorf("the other has %d of %d pieces after a second", other.has(), pieces/2)
		}
		if slow.has() > pieces/2+8 {
			t.Fatalf("the slow one has %d pieces: its disk is not slow", slow.has())
		}
		if !until(t, time.Minute, func() bool { return slow.has() == pieces && other.has() == pieces }) {
			t.Errorf("%d and %d of %d pieces after a minute", slow.has(), other.has(), pieces)
		}
		used, peak := slow.memory.Used()
		t.Logf("%v; %d bytes of memory in use, %d at most", time.Since(begin), used, peak)
		if peak > memory || used != 0 {
			t.Errorf("%d bytes of memory in use, %d at most, %d allowed", used, peak, memory)
		}
	})
}

// liveBytes returns the bytes of live objects.
func liveBytes() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // the second empties what the first left in pools
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// requests returns requests for n blocks of a torrent.
func (s torrentOf) requests(from, n int) []byte {
	var b []byte
	layout := s.meta.Info.Layout()
	for k := from; k < from+n; k++ {
		each := layout.Blocks(layout.MustIndex(0))
		block := layout.Block(layout.MustIndex(k/each%layout.Pieces()), k%each)
		b = wire.Append(b, wire.Message{ID: wire.Request, Index: block.Piece.Uint32(), Begin: block.Begin, Length: block.Length})
	}
	return b
}

// hello is what a stranger says first.
func hello() []byte {
	return wire.Append(wire.Append(nil, wire.Message{ID: wire.HaveNone}), wire.Message{ID: wire.Interested})
}

// Peers that take all slots, ask for as much as we hold for them and read nothing
// cost little memory, and their slots are soon somebody else's.
func TestPeersThatStopReadingHoldUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const silent, window = 8, simnet.DefaultWindow
		s, l := newTorrent(t, 8<<20, piece.SpanSize), newLAN(t, 4<<20)
		seeder := s.open(t, 1, siteOptions{dir: s.dir, full: true})
		before := liveBytes()
		for n := range byte(silent) {
			conn := l.stranger(seeder, 100+n)
			go conn.Write(append(hello(), s.requests(0, session.OurReqQ)...))
		}
		time.Sleep(time.Second)
		if each := (liveBytes() - before) / silent; each > window+512<<10 {
			t.Errorf("%d bytes of memory for each peer that reads nothing", each)
		}
		other := s.open(t, 2, siteOptions{})
		begin := time.Now()
		l.join(other, seeder)
		if !until(t, 20*time.Second, func() bool { return other.Stats().BytesLeft == 0 }) {
			t.Errorf("%d of 32 pieces after 20 s", other.has())
		}
		t.Logf("the other was served after %v", time.Since(begin))
	})
}

// A peer that reads nothing and makes us answer all the time is given up before
// the answers fill the memory.
func TestAnswersToAPeerThatDoesNotReadAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := newTorrent(t, 1<<20, piece.SpanSize), newLAN(t, 0)
		seeder := s.open(t, 1, siteOptions{dir: s.dir, full: true})
		conn := l.stranger(seeder, 100)
		conn.Write(hello())
		conn.Write(s.requests(0, 40)) // more than the window holds, so that nothing is written any more
		time.Sleep(time.Second)
		before := liveBytes()
		round := wire.Append(s.requests(50, 1), wire.Message{ID: wire.Cancel, Index: 3, Begin: 2 << 14, Length: 1 << 14})
		var burst []byte
		for range 1000 { // each is answered with a reject
			burst = append(burst, round...)
		}
		sent, most := 0, int64(0)
		for ; sent < 200; sent++ {
			if _, err := conn.Write(burst); err != nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
			most = max(most, liveBytes()-before)
		}
		if sent == 200 || most > 8<<20 {
			t.Errorf("after %d thousand answers that were not read, %d bytes of memory", sent, most)
		}
	})
}

// greedy reads what comes and keeps as many requests out as we hold for a peer.
// It counts what it gets.
func (s torrentOf) greedy(conn net.Conn, got *atomic.Int64) {
	conn.Write(append(hello(), s.requests(0, session.OurReqQ)...))
	asked := session.OurReqQ
	var head [4]byte
	for {
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		frame := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(conn, frame); err != nil {
			return
		}
		if len(frame) > piece.BlockSize {
			got.Add(piece.BlockSize)
			conn.Write(s.requests(asked, 1))
			asked++
		}
	}
}

// Who asks for everything at once gets no more of the line than who asks for
// what the line carries.
func TestAPeerThatAsksForEverythingGetsNoMoreThanTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := newTorrent(t, 64<<20, piece.SpanSize), newLAN(t, 2<<20)
		seeder := s.open(t, 1, siteOptions{dir: s.dir, full: true})
		before := liveBytes()
		var got [3]atomic.Int64
		for n := range got {
			conn := l.stranger(seeder, 100+byte(n))
			go s.greedy(conn, &got[n])
		}
		other := s.open(t, 2, siteOptions{})
		l.join(other, seeder)
		time.Sleep(12 * time.Second)
		if grown := liveBytes() - before; grown > 16<<20 {
			t.Errorf("%d bytes of memory", grown)
		}
		share := float64(other.Stats().Downloaded) / 12 / (2 << 20)
		var greedy int64
		for n := range got {
			greedy += got[n].Load()
		}
		t.Logf("the other got %.2f of the line, the greedy %d bytes in all", share, greedy)
		if share < 0.2 || greedy == 0 {
			t.Errorf("one of four peers got %.2f of the line, the greedy ones %d bytes in all", share, greedy)
		}
	})
}

// Who asks for more than we said we would hold is refused, and soon closed.
func TestRequestsPastAllBoundsEndTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := newTorrent(t, 64<<20, piece.SpanSize), newLAN(t, 2<<20)
		seeder := s.open(t, 1, siteOptions{dir: s.dir, full: true})
		before := liveBytes()
		conn := l.stranger(seeder, 100)
		go func() {
			conn.Write(hello())
			for n := range 1000 {
				if _, err := conn.Write(s.requests(n*1000, 1000)); err != nil {
					return
				}
			}
			t.Error("a million requests were taken")
		}()
		time.Sleep(5 * time.Second)
		if grown := liveBytes() - before; grown > 4<<20 {
			t.Errorf("%d bytes of memory", grown)
		}
		if n := seeder.Stats().Connected; n != 0 {
			t.Errorf("%d are connected", n)
		}
	})
}
