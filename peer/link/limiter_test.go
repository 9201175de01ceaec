package link

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/wire"
	"p2p/piece"
)

// queues is what a peer of the tests of the upload limit asks for: so many blocks
// wait with the writer all the time, in runs of so many that lie behind one
// another.
type queues struct{ waiting, run int }

// serveAll serves peers over links that share up, for as long as it is told, and
// returns how many bytes each was sent. A peer reads whatever comes at once.
func serveAll(t *testing.T, up *Limiter, peers []queues, long time.Duration) []int {
	return serveTimes(t, up, peers, func() {}, long)[0]
}

// serveTimes is serveAll for one time after the other; between calls next before
// each but the first.
func serveTimes(t *testing.T, up *Limiter, peers []queues, next func(), times ...time.Duration) (all [][]int) {
	layout, err := piece.NewLayout(1<<40, 1<<26)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	inbox := make(chan *Batch)
	var links []*Link
	sent, served := make([]int, len(peers)), make([]int, len(peers))
	serve := func(p int) {
		i := layout.MustIndex(p*1000 + served[p]/peers[p].run%2)
		links[p].Serve(layout.Block(i, served[p]%4096))
		served[p]++
	}
	for p, q := range peers {
		here, there := net.Pipe()
		wg.Go(func() { io.Copy(io.Discard, there) })
		links = append(links, Start(ctx, Config{
			Conn: here, Key: piece.PeerKey(p), Layout: layout, Inbox: inbox, Up: up,
			ReadAt: func([]byte, int64) error { return nil },
		}, &wg))
		for range q.waiting {
			serve(p)
		}
	}
	for end := time.After(times[0]); ; {
		select {
		case b := <-inbox:
			for _, it := range b.Items {
				sent[b.Key] += it.N
				for range it.Blocks {
					serve(int(b.Key))
				}
			}
			b.Recycle()
		case <-end:
			all = append(all, slices.Clone(sent))
			if times = times[1:]; len(times) == 0 {
				cancel()
				wg.Wait()
				return all
			}
			clear(sent)
			end = time.After(times[0])
			next()
		}
	}
}

// However different the peers are: one has little ready at a time, one a
// thousand, one in no order.
func TestTheUploadLimitHoldsAndIsSharedFairly(t *testing.T) {
	kinds := []queues{{16, 1000}, {1000, 1000}, {100, 1}, {32, 2}, {16, 16}, {17, 1}, {20, 5}, {256, 3}}
	rates := []int{50e3, 1e6, 10e6, 100e6}
	if testing.Short() {
		rates = rates[:3]
	}
	for _, rate := range rates {
		for _, n := range []int{1, 2, 8} {
			t.Run(fmt.Sprintf("%d peers at %d", n, rate), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					const seconds = 10
					sent := serveAll(t, NewLimiter(int64(rate)), kinds[:n], seconds*time.Second)
					all, least, most := 0, sent[0], 0
					for _, b := range sent {
						all, least, most = all+b, min(least, b), max(most, b)
					}
					if got := float64(all) / float64(rate*seconds); got < 0.97 || got > 1.03 {
						t.Errorf("%.3f times the limit", got)
					}
					if most-least > 4*piece.BlockSize && float64(least) < 0.9*float64(most) {
						t.Errorf("from %d to %d bytes: %v", least, most, sent)
					}
				})
			})
		}
	}
}

// A line that nobody has used for long does not make up for it.
func TestTheUploadLimitHoldsAfterATimeOfRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate, seconds = 1e6, 10
		up := NewLimiter(rate)
		time.Sleep(time.Hour)
		sent := serveAll(t, up, []queues{{100, 10}}, seconds*time.Second)
		if got := float64(sent[0]) / (rate * seconds); got < 0.97 || got > 1.03 {
			t.Errorf("%.3f times the limit", got)
		}
	})
}

// What was taken or is waited for under one limit is no debt under the next: in the
// ten seconds after a change no more passes than the new one says, and no less.
func TestAnotherUploadLimitHoldsAtOnce(t *testing.T) {
	kinds := []queues{{16, 1000}, {1000, 1000}, {100, 1}, {32, 2}, {16, 16}, {17, 1}, {20, 5}, {256, 3}}
	for _, rates := range [][]int64{{20e3, 5e6, 500e3}, {10e6, 300e3, 2e6}, {1e6, 1e6, 3e6}} {
		for _, n := range []int{1, 8} {
			t.Run(fmt.Sprintf("%d peers at %d", n, rates), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					const seconds = 10
					up, at := NewLimiter(rates[0]), 0
					next := func() {
						at++
						up.SetRate(rates[at])
					}
					for k, sent := range serveTimes(t, up, kinds[:n], next, 7*time.Second, seconds*time.Second, seconds*time.Second) {
						all := 0
						for _, b := range sent {
							all += b
						}
						if got := float64(all) / float64(rates[k]*seconds); k > 0 && (got < 0.97 || got > 1.03) {
							t.Errorf("%.3f times the limit of %d", got, rates[k])
						}
					}
				})
			})
		}
	}
}

// To say the same again and again gives nobody more.
func TestTheSameLimitOnceMoreChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate, seconds = 1e6, 10
		up := NewLimiter(rate)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-time.After(time.Millisecond):
					up.SetRate(rate)
				case <-stop:
					return
				}
			}
		})
		sent := serveAll(t, up, []queues{{100, 10}}, seconds*time.Second)
		close(stop)
		wg.Wait()
		if got := float64(sent[0]) / (rate * seconds); got < 0.97 || got > 1.03 {
			t.Errorf("%.3f times the limit", got)
		}
	})
}

// A limit that is lifted, and one that comes where there was none.
func TestALimitIsLiftedAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := NewLimiter(1000) // a block takes 16 s
		if wait, _ := up.reserve(3 * piece.BlockSize); wait < 40*time.Second {
			t.Fatalf("a wait of %v", wait)
		}
		up.SetRate(0)
		if wait, _ := up.reserve(1 << 30); wait > 0 || up.most() != writeBlocksMax || up.Rate() != 0 {
			t.Errorf("without a limit: a wait of %v, %d blocks, %d bytes/s", wait, up.most(), up.Rate())
		}
		up.SetRate(1 << 20)
		if wait, _ := up.reserve(1 << 20); wait != time.Second || up.Rate() != 1<<20 {
			t.Errorf("with one: a wait of %v", wait)
		}
	})
}

// Who comes and goes, asking for much each time, does not use up the line.
func TestWhatWasReservedIsGivenBackWhenAConnectionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := NewLimiter(100e3)
		for range 50 {
			serveAll(t, up, []queues{{16, 16}, {16, 16}, {16, 16}, {16, 16}}, time.Millisecond)
		}
		if wait, _ := up.reserve(piece.BlockSize); wait > time.Second {
			t.Errorf("the next has to wait for %v", wait)
		}
	})
}

// A peer without a limit fills the socket, so that it never runs dry.
func TestNoBlockWaitsWithTheReaderForTheDownloadLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		layout, _ := piece.NewLayout(piece.SpanSize, piece.SpanSize)
		inbox := make(chan *Batch, 100)
		l := &Link{cfg: Config{Layout: layout, Inbox: inbox, Down: NewLimiter(piece.BlockSize)}, ctx: t.Context()}
		rd := &reader{link: l, buf: make([]byte, readBuffer), limit: wire.FrameLimit(1)}
		rd.src = &script{data: wire.Append(nil, wire.Message{ID: wire.Piece, Payload: make([]byte, piece.BlockSize)})}
		block, told := layout.Block(layout.MustIndex(0), 0), 0
		for n := range 10 {
			place := Place{Dst: make([]byte, block.Length), State: new(atomic.Uint32)}
			l.expected.add(block, place)
			if err := rd.next(); err != nil {
				t.Fatal(err)
			}
			for len(inbox) > 0 {
				told += len((<-inbox).Items)
			}
			if told != n {
				t.Fatalf("the loop has heard of %d of the %d blocks before this one", told, n)
			}
		}
	})
}
