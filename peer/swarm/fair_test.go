package swarm_test

import (
	"cmp"
	"encoding/binary"
	"io"
	"math"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/wire"
	"p2p/piece"
)

// socket is the buffers between a writer and a guest, and the guest's own line. As on Linux, a writer for whom there was no
// room waits until a third is free.
type socket struct {
	size  int       // bytes
	held  int       // bytes
	full  bool      // the writer waits
	since time.Time // when it began to; zero = it does not
	rate  int       // bytes that the guest's line takes in a step
	wake  int       // bytes that the guest lets come together before it reads; 0 = it reads what is there
	ready int       // bytes that it might have read
	taken int       // bytes
}

// seat lets n guests come who have sockets of so many bytes and take so many a second, in steps of wake.
func (b *booth) seat(n, size, rate, wake int) []*guest {
	b.t.Helper()
	all := b.enter(n, true, 0)
	for _, g := range all {
		g.socket = &socket{size: size, rate: rate * int(boothStep/time.Millisecond) / 1000, wake: wake}
	}
	return all
}

// drip lets a step pass for those with sockets: the line takes the same from each, and the writers fill what it leaves.
func (b *booth) drip() {
	var busy []*guest
	for _, g := range b.order {
		if s := g.socket; s != nil {
			for again := true; again; {
				b.does(func(now time.Time) { again = b.fill(now, g) })
			}
			s.ready = min(s.ready+s.rate, max(s.wake, s.rate))
			if s.ready >= s.wake && s.held > 0 {
				busy = append(busy, g)
			}
		}
	}
	slices.SortStableFunc(busy, func(x, y *guest) int { return cmp.Compare(x.socket.may(), y.socket.may()) })
	for i, left := 0, b.line; i < len(busy); i++ {
		g := busy[i]
		s := g.socket
		n := min(s.may(), left/(len(busy)-i))
		left -= n
		s.held -= n
		s.ready -= n
		s.taken += n
		g.got = s.taken / piece.BlockSize
	}
}

// may returns how many bytes the guest could take.
func (s *socket) may() int { return min(s.held, s.ready) }

// fill lets the writer of g write a block, and reports whether there was room.
func (b *booth) fill(now time.Time, g *guest) bool {
	s := g.socket
	if s.full = s.full && s.size-s.held < s.size/3; g.writing == 0 {
		return false
	}
	if s.full = s.full || s.size-s.held < piece.BlockSize; s.full {
		if s.since.IsZero() {
			s.since = now
		}
		return false
	}
	s.held += piece.BlockSize
	s.since = time.Time{}
	g.writing--
	g.asked--
	b.Sent(now, g.key, 1, piece.BlockSize)
	return true
}

// unchoked returns how many guests may ask.
func (b *booth) unchoked() (n int) {
	for _, g := range b.order {
		if !g.open.IsZero() {
			n++
		}
	}
	return n
}

// What a writer waits for is no judgement on the peer. With a line of 200 KB/s and the buffers that Linux has, each waited
// for 2 to 11 s while bytes went all the time: 48 peers were unchoked instead of eight, for 2 s instead of 30.
func TestWhoTakesWhatASlowLineGivesKeepsItsTurn(t *testing.T) {
	long(t)
	for _, c := range []struct {
		name             string
		line             int // bytes/s of the seed
		size, rate, wake int
		blind            bool
	}{
		{"the seed has 1 MB/s", 1 << 20, 1 << 20, 1 << 20, 0, false},
		{"the seed has 200 KB/s", 200 << 10, 2 << 20, 1 << 20, 0, false},
		{"the seed has 100 KB/s", 100 << 10, 4 << 20, 1 << 20, 0, false},
		{"the peers have 100 KB/s", 10 << 20, 2 << 20, 100 << 10, 0, false},
		{"the peers have 20 KB/s", 10 << 20, 1 << 20, 20 << 10, 0, false},
		{"the peers read 100 KB/s, as programs do", 10 << 20, 2 << 20, 100 << 10, 128 << 10, false},
		{"the peers read 20 KB/s, as programs do", 10 << 20, 2 << 20, 20 << 10, 128 << 10, false},
		{"the seed has 200 KB/s, and no count", 200 << 10, 128 << 10, 1 << 20, 0, true},
		{"the peers have 20 KB/s, and no count", 10 << 20, 128 << 10, 20 << 10, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBooth(t)
			b.line, b.blind = c.line*int(boothStep/time.Millisecond)/1000, c.blind
			all := b.seat(30, c.size, c.rate, c.wake)
			b.runs(5 * time.Minute)
			b.turns = nil
			before, most := make(map[*guest]int), 0
			for _, g := range all {
				before[g] = g.got
			}
			const minutes = 30
			for range minutes * time.Minute / (500 * time.Millisecond) {
				b.runs(500 * time.Millisecond)
				most = max(most, b.unchoked())
			}
			short, sum := time.Hour, time.Duration(0)
			for _, o := range b.turns {
				short, sum = min(short, o.took), sum+o.took
			}
			least, mean := math.MaxInt, 0
			for _, g := range all {
				least, mean = min(least, g.got-before[g]), mean+(g.got-before[g])/len(all)
			}
			t.Logf("at most %d unchoked, %.1f chokes a minute, turns of %v and more, %v on average, %d blocks each, %d at least",
				most, float64(len(b.turns))/minutes, short, sum/time.Duration(max(len(b.turns), 1)), mean, least)
			if most > 8 {
				t.Errorf("%d were unchoked at once", most)
			}
			if short < 29*time.Second {
				t.Errorf("a turn took %v", short)
			}
			if float64(least) < 0.75*float64(mean) {
				t.Errorf("one got %d blocks, the mean is %d", least, mean)
			}
		})
	}
}

// Who reads a byte now and then, to keep its slot, has no more of it than who reads nothing: a turn of 10 s, and then ever
// more seldom.
func TestWhoReadsNextToNothingHoldsUpNobodyElse(t *testing.T) {
	long(t)
	for _, c := range []struct {
		name  string
		blind bool
	}{{"and the system tells", false}, {"and it does not", true}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBooth(t)
			b.line, b.blind = 10<<20/10, c.blind
			b.seat(50, 256<<10, 1<<10, 0)
			g := b.seat(1, 1<<20, 10<<20, 0)[0]
			b.runs(5 * time.Minute)
			before := g.got
			b.runs(time.Minute)
			if share := float64(g.got-before) * piece.BlockSize / (10 << 20) / 60; share < 0.9 {
				t.Errorf("it gets %.2f of the line", share)
			}
		})
	}
}

// audience is what a seed lets those do whom it unchokes.
type audience struct{ open, choked, blocks atomic.Int64 }

// attends asks for as much as it may whenever it is unchoked, and takes what comes.
func (s torrentOf) attends(conn net.Conn, all *audience) {
	conn.Write(hello())
	asked := 0
	var head [4]byte
	for {
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		frame := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(conn, frame); err != nil || len(frame) == 0 {
			return
		}
		switch wire.ID(frame[0]) {
		case wire.Unchoke:
			all.open.Add(1)
			conn.Write(s.requests(asked, 50))
			asked += 50
		case wire.Choke:
			all.open.Add(-1)
			all.choked.Add(1)
		case wire.Piece:
			all.blocks.Add(1)
			conn.Write(s.requests(asked, 1))
			asked++
		}
	}
}

// With their sockets, in virtual time. A turn lasts two minutes there, as a peer does not get 16 MiB.
func TestThirtyPeersOfASlowSeedAreServedInTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := newTorrent(t, 8<<20, piece.SpanSize), newLAN(t, 200<<10)
		seeder := s.open(t, 1, siteOptions{dir: s.dir, full: true})
		var all audience
		for n := range byte(30) {
			go s.attends(l.stranger(seeder, 100+n), &all)
		}
		most := int64(0)
		for range 220 {
			time.Sleep(500 * time.Millisecond)
			most = max(most, all.open.Load())
		}
		t.Logf("at most %d unchoked, %d chokes, %d blocks", most, all.choked.Load(), all.blocks.Load())
		if most != 8 || all.choked.Load() > 0 {
			t.Errorf("%d were unchoked at once, %d choked", most, all.choked.Load())
		}
		if all.blocks.Load() < 1200 { // of 1375 that the line carries
			t.Errorf("they got %d blocks", all.blocks.Load())
		}
	})
}
