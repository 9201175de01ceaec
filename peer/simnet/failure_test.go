package simnet_test

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/simnet"
)

func TestDownResetsConnectionsAndAnswersNobody(t *testing.T) {
	inBubble(t, simnet.Options{Latency: 50 * ms}, func(t *testing.T, n network) {
		l := listen(t, n.b)
		to := netip.AddrPortFrom(addrB, port)
		c1, s1 := connect(t, n.a, n.b)
		c2, s2 := connect(t, n.b, n.c)
		other, another := connect(t, n.a, n.c)
		reads := map[string]<-chan error{}
		for name, c := range map[string]*simnet.Conn{"c1": c1, "s1": s1, "c2": c2, "s2": s2} {
			reads[name] = after(func() error { _, err := c.Read(make([]byte, 1)); return err })
		}
		synctest.Wait()
		n.b.Down()
		for name, err := range reads {
			wantError(t, name, <-err, syscall.ECONNRESET)
		}
		if len(n.b.Conns()) != 0 {
			t.Error("the host that is down has connections")
		}
		mustWrite(t, other, []byte("x"))
		mustRead(t, another, []byte("x"))

		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		wantError(t, "dial to it", dialErr(t, ctx, n.a, to), context.DeadlineExceeded)
		wantTime(t, "dial to it failed", start, 5*time.Second)
		wantError(t, "dial from it", dialErr(t, t.Context(), n.b, netip.AddrPortFrom(addrA, port)), syscall.ENETUNREACH)

		n.b.Up()
		if _, err := n.a.Dial(t.Context(), addrA, to); err != nil {
			t.Fatalf("after Up: %v", err)
		}
		if _, err := l.Accept(); err != nil {
			t.Errorf("after Up: %v", err)
		}
	})
}

func TestDownInTheMiddleOfADialIsSilence(t *testing.T) {
	for name, when := range map[string]time.Duration{"before it is heard": 25 * ms, "before the answer": 75 * ms} {
		for _, who := range []string{"dialled", "dialling"} {
			t.Run(who+" goes down "+name, func(t *testing.T) {
				inBubble(t, simnet.Options{Latency: 50 * ms, DialTimeout: time.Minute}, func(t *testing.T, n network) {
					l := listen(t, n.b)
					host := n.b
					if who == "dialling" {
						host = n.a
					}
					time.AfterFunc(when, host.Down)
					wantError(t, "dial", dialErr(t, t.Context(), n.a, netip.AddrPortFrom(addrB, port)), syscall.ETIMEDOUT)
					l.Close()
				})
			})
		}
	}
}

func TestDialToAHostThatComesUpTooLateIsSilence(t *testing.T) {
	inBubble(t, simnet.Options{Latency: 50 * ms, DialTimeout: time.Minute}, func(t *testing.T, n network) {
		listen(t, n.b)
		n.b.Down()
		time.AfterFunc(75*ms, n.b.Up) // after it should have heard
		wantError(t, "dial", dialErr(t, t.Context(), n.a, netip.AddrPortFrom(addrB, port)), syscall.ETIMEDOUT)
	})
}

func TestDownLosesWhatAClosedEndHadSent(t *testing.T) {
	inBubble(t, simnet.Options{Latency: 50 * ms}, func(t *testing.T, n network) {
		c, s := connect(t, n.a, n.b)
		mustWrite(t, c, []byte("never to arrive"))
		c.Close()
		n.a.Down()
		got, err := io.ReadAll(s)
		wantError(t, "read", err, syscall.ECONNRESET)
		if len(got) != 0 {
			t.Errorf("%q has arrived", got)
		}
	})
}

func TestKillFreesTheLinks(t *testing.T) {
	for name, rate := range map[string][2]int64{"up": {1000, 0}, "down": {0, 1000}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, simnet.Options{}, func(t *testing.T, n network) {
				n.a.SetBandwidth(rate[0], 0)
				n.b.SetBandwidth(0, rate[1])
				doomed, _ := connect(t, n.a, n.b)
				c, s := connect(t, n.a, n.b)
				mustWrite(t, doomed, make([]byte, 100_000))
				time.Sleep(10 * time.Second)
				doomed.Kill()
				start := time.Now()
				mustWrite(t, c, []byte("x"))
				mustRead(t, s, []byte("x"))
				if got := time.Since(start); got > 500*ms { // the rest of the segment that was on the link
					t.Errorf("a byte took %v: the link still serves the dead connection", got)
				}
			})
		})
	}
}

func TestKillResetsTheConnectionsOfTwoHostsOnly(t *testing.T) {
	inBubble(t, simnet.Options{}, func(t *testing.T, n network) {
		c1, _ := connect(t, n.a, n.b)
		_, s2 := connect(t, n.b, n.a)
		c3, s3 := connect(t, n.a, n.c)
		if got := len(n.a.Conns()); got != 3 {
			t.Errorf("a has %d connections, want 3", got)
		}
		if got := n.Kill(addrB, addrA); got != 2 {
			t.Errorf("%d connections killed, want 2", got)
		}
		for name, c := range map[string]*simnet.Conn{"c1": c1, "s2": s2} {
			_, err := c.Read(make([]byte, 1))
			wantError(t, name, err, syscall.ECONNRESET)
		}
		mustWrite(t, c3, []byte("x"))
		mustRead(t, s3, []byte("x"))
		if got := n.a.Conns(); len(got) != 1 || got[0] != c3 {
			t.Errorf("a has connections %v, want the one with c", got)
		}
	})
}

func TestPartitionHoldsEverythingBackUntilItIsHealed(t *testing.T) {
	for name, opts := range shapes {
		t.Run(name, func(t *testing.T) {
			inBubble(t, opts, func(t *testing.T, n network) {
				c, s := connect(t, n.a, n.b)
				want := random(4, 1<<20)
				sent := after(func() error { _, err := c.Write(want); return err })
				var got bytes.Buffer
				read := after(func() error { _, err := io.CopyN(&got, s, int64(len(want))); return err })

				time.Sleep(5 * ms) // some of it is under way
				n.Partition(addrB, addrA)
				synctest.Wait()
				before := got.Len()
				time.Sleep(time.Hour)
				synctest.Wait()
				if arrived := got.Len() - before; arrived > 0 && opts.Bandwidth == 0 {
					t.Errorf("%d bytes have crossed the partition", arrived)
				} else if arrived > opts.Window {
					t.Errorf("%d bytes have arrived, more than can have waited at the down-link", arrived)
				}

				// It is no failure: deadlines work, other hosts are reachable.
				other, another := connect(t, n.a, n.c)
				mustWrite(t, other, []byte("x"))
				mustRead(t, another, []byte("x"))
				c.SetReadDeadline(time.Now().Add(time.Second))
				_, err := c.Read(make([]byte, 1))
				wantTimeout(t, "read", err)
				c.SetReadDeadline(time.Time{})

				n.Heal(addrA, addrB)
				if err := <-sent; err != nil {
					t.Errorf("write: %v", err)
				}
				if err := <-read; err != nil {
					t.Errorf("read: %v", err)
				}
				if !bytes.Equal(got.Bytes(), want) {
					t.Error("not what was written")
				}
			})
		})
	}
}

func TestDialAcrossAPartitionWaitsForItsEnd(t *testing.T) {
	inBubble(t, simnet.Options{Latency: 50 * ms}, func(t *testing.T, n network) {
		l := listen(t, n.b)
		n.Partition(addrA, addrB)
		n.Partition(addrA, addrB) // twice is once
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		wantError(t, "dial", dialErr(t, ctx, n.a, netip.AddrPortFrom(addrB, port)), context.DeadlineExceeded)

		start := time.Now()
		time.AfterFunc(30*time.Second, func() { n.Heal(addrA, addrB) })
		if _, err := n.a.Dial(t.Context(), addrA, netip.AddrPortFrom(addrB, port)); err != nil {
			t.Fatal(err)
		}
		wantTime(t, "dialled", start, 30*time.Second+50*ms)
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
		n.Heal(addrA, addrB) // nothing to heal
	})
}

func TestResetsAreTheEndOfWhatAPartitionHoldsBack(t *testing.T) {
	inBubble(t, simnet.Options{Latency: 50 * ms}, func(t *testing.T, n network) {
		c, s := connect(t, n.a, n.b)
		n.Partition(addrA, addrB)
		mustWrite(t, c, []byte("never to arrive"))
		time.Sleep(time.Second)
		c.Kill()
		n.Heal(addrA, addrB)
		got, err := io.ReadAll(s)
		wantError(t, "read", err, syscall.ECONNRESET)
		if len(got) != 0 {
			t.Errorf("%q has arrived", got)
		}
	})
}

// A swarm-like crowd, on a network on which everything goes wrong: whatever is
// read is a beginning of what was written, and all of it unless the connection
// was reset.
func TestStreamsAreNeverCorrupt(t *testing.T) {
	for seed := range uint64(8) {
		inBubble(t, simnet.Options{
			Seed: seed, Latency: 20 * ms, Jitter: 30 * ms, Bandwidth: 300_000, Window: 30_000,
		}, func(t *testing.T, n network) {
			hosts := []*simnet.Host{n.a, n.b, n.c}
			var wg sync.WaitGroup
			for i := range 12 {
				c, s := connect(t, hosts[i%3], hosts[(i+1)%3])
				sent := random(seed*100+uint64(i), 200_000)
				wg.Go(func() {
					if _, err := c.Write(sent); err == nil {
						c.Close()
					}
				})
				wg.Go(func() {
					got, err := io.ReadAll(s)
					if !bytes.HasPrefix(sent, got) {
						t.Errorf("seed %d, connection %d: corrupt", seed, i)
					}
					if err == nil && len(got) != len(sent) {
						t.Errorf("seed %d, connection %d: ended after %d bytes of %d", seed, i, len(got), len(sent))
					}
					s.Close()
				})
			}
			time.Sleep(time.Second)
			n.Partition(addrA, addrB)
			time.Sleep(time.Second)
			n.b.SetBandwidth(50_000, 1_000_000)
			n.c.SetLatency(100 * ms)
			n.a.Conns()[0].Kill()
			n.Heal(addrA, addrB)
			time.Sleep(time.Second)
			n.Kill(addrB, addrC)
			wg.Wait()
		})
	}
}
