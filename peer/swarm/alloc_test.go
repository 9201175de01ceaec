package swarm_test

import (
	"net"
	"runtime"
	"testing"
	"time"

	"p2p/piece"
)

// connected returns the two ends of a connection over loopback.
func connected(t *testing.T) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// allocations returns how many objects both sides together allocate for a
// download, from request to verified piece, with all that is around it.
func allocations(t *testing.T, size int) int {
	t.Helper()
	s := newTorrent(t, size, 4*piece.SpanSize)
	seeder := s.open(t, 1, siteOptions{dir: s.dir, full: true})
	leecher := s.open(t, 2, siteOptions{memory: 16 * piece.SpanSize})
	here, there := connected(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	seeder.takes(there, leecher.id, false)
	leecher.takes(here, seeder.id, true)
	select {
	case <-leecher.Complete():
	case <-time.After(time.Minute):
		t.Fatalf("%d pieces after a minute", leecher.has())
	}
	runtime.ReadMemStats(&after)
	return int(after.Mallocs - before.Mallocs)
}

// What a download costs at its beginning and end is the same whether it is short or long; the rest is what the blocks
// cost, and the ticks of the clock, of which a busy machine has more: 0.02 a block where it is three times as slow. One
// allocation for each span, the least that is done for blocks, would be 0.06.
func TestABlockAllocatesNothingOnItsWay(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates, and empties pools")
	}
	const small, large = 16 << 20, 176 << 20
	const blocks = (large - small) / piece.BlockSize
	for range 3 { // the runtime allocates too, now and then
		each := float64(allocations(t, large)-allocations(t, small)) / blocks
		t.Logf("%.4f allocations a block", each)
		if each <= 0.04 {
			return
		}
	}
	t.Error("each block allocates")
}
