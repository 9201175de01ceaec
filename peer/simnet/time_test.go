package simnet_test

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/simnet"
)

func TestAByteTravelsForTheLatency(t *testing.T) {
	inBubble(t, simnet.Options{Latency: 50 * ms}, func(t *testing.T, n network) {
		n.b.SetLatency(7 * time.Microsecond)
		c, s := connect(t, n.a, n.b)
		for range 3 {
			start := time.Now()
			mustWrite(t, c, []byte("ping"))
			wantTime(t, "written", start, 0)
			mustRead(t, s, []byte("ping"))
			wantTime(t, "ping read", start, 50*ms+7*time.Microsecond)
			mustWrite(t, s, []byte("pong"))
			mustRead(t, c, []byte("pong"))
			wantTime(t, "pong read", start, 100*ms+14*time.Microsecond)
			time.Sleep(ms)
		}
		c.Close()
		start := time.Now()
		_, err := s.Read(make([]byte, 1))
		wantError(t, "read", err, io.EOF)
		wantTime(t, "the end of the stream", start, 50*ms+7*time.Microsecond)
	})
}

func TestBytesDoNotOvertakeWhenTheLatencyFalls(t *testing.T) {
	inBubble(t, simnet.Options{}, func(t *testing.T, n network) {
		c, s := connect(t, n.a, n.b)
		n.a.SetLatency(time.Second)
		mustWrite(t, c, []byte("first"))
		n.a.SetLatency(0)
		mustWrite(t, c, []byte("second"))
		mustRead(t, s, []byte("firstsecond"))
	})
}

func TestAHostReachesItselfInNoTime(t *testing.T) {
	inBubble(t, simnet.Options{Latency: 50 * ms, Bandwidth: 1000}, func(t *testing.T, n network) {
		start := time.Now()
		c, s := connect(t, n.a, n.a)
		mustWrite(t, c, make([]byte, 100_000))
		mustRead(t, s, make([]byte, 100_000))
		wantTime(t, "read", start, 0)
	})
}

// arrivals sends a byte every interval and returns how long each travelled.
func arrivals(t *testing.T, seed uint64, interval time.Duration) (delays []time.Duration) {
	inBubble(t, simnet.Options{Seed: seed, Latency: 50 * ms, Jitter: 20 * ms}, func(t *testing.T, n network) {
		c, s := connect(t, n.a, n.b)
		start := time.Now()
		const bytes = 500
		go func() {
			for i := range bytes {
				c.Write([]byte{byte(i)})
				time.Sleep(interval)
			}
		}()
		for i := range bytes {
			mustRead(t, s, []byte{byte(i)})
			delays = append(delays, time.Since(start)-time.Duration(i)*interval)
		}
	})
	return delays
}

func TestJitterStaysInItsBoundsAndIsGivenByTheSeed(t *testing.T) {
	first := arrivals(t, 1, 25*ms)
	if least, most := slices.Min(first), slices.Max(first); least < 50*ms || most > 70*ms || most-least < 19*ms {
		t.Errorf("bytes travelled for %v to %v, want most of 50 to 70 ms", least, most)
	}
	if !reflect.DeepEqual(first, arrivals(t, 1, 25*ms)) {
		t.Error("the same seed gives other times")
	}
	if reflect.DeepEqual(first, arrivals(t, 2, 25*ms)) {
		t.Error("another seed gives the same times")
	}
	// Bytes that could overtake each other wait for those before them.
	close := arrivals(t, 1, ms)
	if least, most := slices.Min(close), slices.Max(close); least < 50*ms || most > 70*ms {
		t.Errorf("bytes travelled for %v to %v, want 50 to 70 ms", least, most)
	}
}

// transfer sends n bytes from c to s and returns when they are read.
func transfer(t *testing.T, c, s *simnet.Conn, n int) {
	t.Helper()
	go c.Write(make([]byte, n))
	if _, err := io.CopyN(io.Discard, s, int64(n)); err != nil {
		t.Error(err)
	}
}

func TestBandwidthLimitsAHost(t *testing.T) {
	const size = 10 << 20
	limits := map[string]struct{ up, down int64 }{
		"up":               {1 << 20, 0},
		"down":             {0, 1 << 20},
		"both":             {1 << 20, 1 << 20},
		"up, fast down":    {1 << 20, 10 << 20},
		"slow as a modem":  {7000, 0},
		"fast as a server": {1 << 30, 1 << 30},
	}
	for name, l := range limits {
		t.Run(name, func(t *testing.T) {
			inBubble(t, simnet.Options{Latency: 10 * ms, Window: 64 << 20}, func(t *testing.T, n network) {
				n.a.SetBandwidth(l.up, 0)
				n.b.SetBandwidth(0, l.down)
				rate := max(l.up, l.down)
				if l.up > 0 && l.down > 0 {
					rate = min(l.up, l.down)
				}
				c, s := connect(t, n.a, n.b)
				start, amount := time.Now(), int(min(size, rate*20))
				transfer(t, c, s, amount)
				want := 10*ms + time.Duration(int64(amount)*int64(time.Second)/rate)
				if name == "fast as a server" { // the latency, and one segment on the second link
					want = 10*ms + time.Duration(int64(amount+64<<10)*int64(time.Second)/rate)
				}
				wantAbout(t, "read", start, want)
				if sent, _ := n.a.Traffic(); sent != int64(amount) {
					t.Errorf("a has sent %d bytes, want %d", sent, amount)
				}
				if _, received := n.b.Traffic(); received != int64(amount) {
					t.Errorf("b has received %d bytes, want %d", received, amount)
				}
			})
		})
	}
}

func TestConnectionsShareALinkEvenly(t *testing.T) {
	const size = 2 << 20
	share := func(t *testing.T, n network, pairs [][2]*simnet.Conn) {
		start := time.Now()
		var wg sync.WaitGroup
		for i, p := range pairs {
			wg.Go(func() {
				transfer(t, p[0], p[1], size)
				wantAbout(t, fmt.Sprintf("transfer %d", i), start, time.Duration(len(pairs))*2*time.Second)
			})
		}
		wg.Wait()
	}
	t.Run("up", func(t *testing.T) {
		inBubble(t, simnet.Options{}, func(t *testing.T, n network) {
			n.a.SetBandwidth(1<<20, 0)
			c1, s1 := connect(t, n.a, n.b)
			c2, s2 := connect(t, n.a, n.c)
			c3, s3 := connect(t, n.c, n.a) // which way it was dialled does not matter
			share(t, n, [][2]*simnet.Conn{{c1, s1}, {c2, s2}, {s3, c3}})
		})
	})
	t.Run("down", func(t *testing.T) {
		inBubble(t, simnet.Options{}, func(t *testing.T, n network) {
			n.a.SetBandwidth(0, 1<<20)
			c1, s1 := connect(t, n.a, n.b)
			c2, s2 := connect(t, n.c, n.a)
			share(t, n, [][2]*simnet.Conn{{s1, c1}, {c2, s2}})
		})
	})
	t.Run("up and down do not disturb each other", func(t *testing.T) {
		inBubble(t, simnet.Options{Bandwidth: 1 << 20}, func(t *testing.T, n network) {
			c, s := connect(t, n.a, n.b)
			start := time.Now()
			var wg sync.WaitGroup
			wg.Go(func() { transfer(t, c, s, size) })
			wg.Go(func() { transfer(t, s, c, size) })
			wg.Wait()
			wantAbout(t, "both", start, 2*time.Second)
		})
	})
}

func TestAShortMessageIsNotStuckBehindOtherConnections(t *testing.T) {
	inBubble(t, simnet.Options{Bandwidth: 100_000}, func(t *testing.T, n network) {
		for range 3 {
			c, s := connect(t, n.a, n.b)
			go c.Write(make([]byte, 1<<20))
			go io.Copy(io.Discard, s)
		}
		c, s := connect(t, n.a, n.b)
		time.Sleep(time.Second)
		start := time.Now()
		mustWrite(t, c, []byte("have"))
		mustRead(t, s, []byte("have"))
		// One segment of each of the others, on each link, and what was on it.
		if got, most := time.Since(start), 2*4*15*ms; got > most {
			t.Errorf("it took %v, want at most %v", got, most)
		}
	})
}

func TestAFullWindowStopsTheWriterUntilTheReaderReads(t *testing.T) {
	for name, opts := range map[string]simnet.Options{
		"ideal": {Window: 10_000}, "distant": {Window: 10_000, Latency: 50 * ms}, "slow": {Window: 10_000, Bandwidth: 100_000},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, opts, func(t *testing.T, n network) {
				c, s := connect(t, n.a, n.b)
				var written atomic.Int64
				go func() {
					for {
						if _, err := c.Write([]byte{1}); err != nil {
							return
						}
						written.Add(1)
					}
				}()
				time.Sleep(time.Minute)
				synctest.Wait()
				if written.Load() != 10_000 {
					t.Fatalf("%d bytes written into a window of 10000", written.Load())
				}
				mustRead(t, s, slices.Repeat([]byte{1}, 3000))
				synctest.Wait()
				if opts.Latency > 0 && written.Load() != 10_000 {
					t.Errorf("the writer knows of the room before word of it can have reached it")
				}
				time.Sleep(opts.Latency)
				synctest.Wait()
				if written.Load() != 13_000 {
					t.Errorf("%d bytes written after 3000 of 10000 were read", written.Load())
				}
				c.Close()
			})
		})
	}
}

func TestAConnectionCarriesOneWindowPerRoundTrip(t *testing.T) {
	inBubble(t, simnet.Options{Window: 100_000, Latency: 50 * ms}, func(t *testing.T, n network) {
		c, s := connect(t, n.a, n.b)
		start := time.Now()
		transfer(t, c, s, 10_000_000)
		wantAbout(t, "read", start, 10*time.Second)
	})
}
