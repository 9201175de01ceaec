package simnet_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/simnet"
)

// The tests up to TestMethodsMayBeCalledAtOnce ask what nettest.TestConn of
// golang.org/x/net asks of every net.Conn.

// shapes are networks on which a connection must behave the same.
var shapes = map[string]simnet.Options{
	"ideal":   {},
	"distant": {Latency: 40 * ms, Jitter: 30 * ms},
	"slow":    {Latency: 10 * ms, Bandwidth: 1 << 20, Window: 20_000},
}

func onEveryShape(t *testing.T, f func(t *testing.T, c, s *simnet.Conn)) {
	for name, opts := range shapes {
		t.Run(name, func(t *testing.T) {
			inBubble(t, opts, func(t *testing.T, n network) {
				c, s := connect(t, n.a, n.b)
				f(t, c, s)
			})
		})
	}
	t.Run("same host", func(t *testing.T) {
		inBubble(t, simnet.Options{Latency: time.Second}, func(t *testing.T, n network) {
			c, s := connect(t, n.a, n.a)
			f(t, c, s)
		})
	})
}

func TestBytesArriveInOrderBothWaysAtOnce(t *testing.T) {
	const size = 1 << 20
	onEveryShape(t, func(t *testing.T, c, s *simnet.Conn) {
		send := func(conn *simnet.Conn, seed uint64) {
			r := rand.New(rand.NewPCG(seed, 1))
			for b := random(seed, size); len(b) > 0; {
				k := min(len(b), r.IntN(60_000))
				chunk := bytes.Clone(b[:k])
				if n, err := conn.Write(chunk); n != k || err != nil {
					t.Errorf("wrote %d of %d: %v", n, k, err)
					return
				}
				clear(chunk) // a Conn must not keep what it was given
				b = b[k:]
			}
		}
		receive := func(conn *simnet.Conn, seed uint64) {
			got := make([]byte, size)
			if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, random(seed, size)) {
				t.Errorf("the right bytes: %v, error %v", bytes.Equal(got, random(seed, size)), err)
			}
		}
		var wg sync.WaitGroup
		wg.Go(func() { send(c, 1) })
		wg.Go(func() { send(s, 2) })
		wg.Go(func() { receive(s, 1) })
		wg.Go(func() { receive(c, 2) })
		wg.Wait()
	})
}

func TestWritesOfSeveralGoroutinesDoNotMix(t *testing.T) {
	onEveryShape(t, func(t *testing.T, c, s *simnet.Conn) {
		const writers, record = 5, 70_000 // more than a window in the slow shape
		for i := range writers {
			go func() {
				if _, err := c.Write(bytes.Repeat([]byte{byte(i)}, record)); err != nil {
					t.Error(err)
				}
			}()
		}
		seen := map[byte]bool{}
		for range writers {
			got := make([]byte, record)
			if _, err := io.ReadFull(s, got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, bytes.Repeat(got[:1], record)) {
				t.Fatal("two writes are mixed")
			}
			seen[got[0]] = true
		}
		if len(seen) != writers {
			t.Errorf("%d writes arrived, want %d", len(seen), writers)
		}
	})
}

func TestReadsOfSeveralGoroutinesShareTheStream(t *testing.T) {
	onEveryShape(t, func(t *testing.T, c, s *simnet.Conn) {
		const size = 300_000
		var mu sync.Mutex
		total := 0
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				b := make([]byte, 1000)
				for {
					n, err := s.Read(b)
					mu.Lock()
					total += n
					mu.Unlock()
					if err == io.EOF {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		mustWrite(t, c, make([]byte, size))
		c.Close()
		wg.Wait()
		if total != size {
			t.Errorf("%d bytes read, want %d", total, size)
		}
	})
}

// wantTimeout checks that err is what a passed deadline gives.
func wantTimeout(t *testing.T, what string, err error) {
	t.Helper()
	wantError(t, what, err, os.ErrDeadlineExceeded)
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("%s: %v is no time-out in the eyes of net.Error", what, err)
	}
}

func TestPastDeadlineEndsReadsAndWritesAtOnce(t *testing.T) {
	onEveryShape(t, func(t *testing.T, c, s *simnet.Conn) {
		mustWrite(t, s, []byte("here already"))
		time.Sleep(time.Second)
		for _, past := range []time.Time{time.Unix(1, 0), time.Now().Add(-1), time.Now()} {
			start := time.Now()
			if err := c.SetDeadline(past); err != nil {
				t.Fatal(err)
			}
			_, err := c.Read(make([]byte, 1))
			wantTimeout(t, "read", err)
			n, err := c.Write([]byte("x"))
			wantTimeout(t, "write", err)
			if n != 0 {
				t.Errorf("%d bytes written", n)
			}
			wantTime(t, "both", start, 0)
		}
		if err := c.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		mustRead(t, c, []byte("here already")) // nothing was lost
		mustWrite(t, c, []byte("x"))
		mustRead(t, s, []byte("x"))
	})
}

func TestFutureDeadlineEndsReadsAndWritesOnTime(t *testing.T) {
	onEveryShape(t, func(t *testing.T, c, _ *simnet.Conn) {
		for range 2 { // a deadline can be used again
			start := time.Now()
			if err := c.SetDeadline(start.Add(3 * time.Second)); err != nil {
				t.Fatal(err)
			}
			read := after(func() error { _, err := c.Read(make([]byte, 1)); return err })
			write := after(func() error {
				n, err := c.Write(make([]byte, 1<<20))
				if n == 1<<20 {
					t.Errorf("%d bytes written into a window that nobody empties", n)
				}
				return err
			})
			wantTimeout(t, "read", <-read)
			wantTimeout(t, "write", <-write)
			wantTime(t, "both", start, 3*time.Second)
		}
	})
}

func TestDeadlineSetWhileWaitingCounts(t *testing.T) {
	onEveryShape(t, func(t *testing.T, c, s *simnet.Conn) {
		start := time.Now()
		read := after(func() error { _, err := c.Read(make([]byte, 1)); return err })
		c.SetReadDeadline(start.Add(time.Second))
		synctest.Wait()
		c.SetReadDeadline(start.Add(5 * time.Second)) // later
		time.Sleep(2 * time.Second)
		synctest.Wait()
		select {
		case err := <-read:
			t.Fatalf("the old deadline ended the read: %v", err)
		default:
		}
		c.SetReadDeadline(start.Add(3 * time.Second)) // sooner
		wantTimeout(t, "read", <-read)
		wantTime(t, "read", start, 3*time.Second)

		// A read deadline is none for writes, and the other way round.
		mustWrite(t, c, []byte("x"))
		mustRead(t, s, []byte("x"))
		s.SetWriteDeadline(time.Now())
		mustWrite(t, c, []byte("y"))
		mustRead(t, s, []byte("y"))

		c.SetReadDeadline(time.Time{})
		s.SetWriteDeadline(time.Time{})
		read = after(func() error { _, err := c.Read(make([]byte, 1)); return err })
		time.Sleep(time.Hour)
		mustWrite(t, s, []byte("z"))
		if err := <-read; err != nil {
			t.Errorf("without a deadline: %v", err)
		}
	})
}

func TestCloseUnblocksReadsAndWrites(t *testing.T) {
	onEveryShape(t, func(t *testing.T, c, _ *simnet.Conn) {
		read := after(func() error { _, err := c.Read(make([]byte, 1)); return err })
		first := after(func() error { _, err := c.Write(make([]byte, 1<<20)); return err })
		second := after(func() error { _, err := c.Write(make([]byte, 1<<20)); return err })
		synctest.Wait()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		wantError(t, "read", <-read, net.ErrClosed)
		wantError(t, "write", <-first, net.ErrClosed)
		wantError(t, "write that waits for another", <-second, net.ErrClosed)

		_, err := c.Read(make([]byte, 1))
		wantError(t, "read afterwards", err, net.ErrClosed)
		_, err = c.Write([]byte("x"))
		wantError(t, "write afterwards", err, net.ErrClosed)
		wantError(t, "deadline afterwards", c.SetDeadline(time.Now()), net.ErrClosed)
		wantError(t, "close again", c.Close(), net.ErrClosed)
	})
}

func TestMethodsMayBeCalledAtOnce(t *testing.T) {
	onEveryShape(t, func(t *testing.T, c, s *simnet.Conn) {
		go io.Copy(s, s)
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() { c.Read(make([]byte, 100)) })
			wg.Go(func() { c.Write(make([]byte, 100)) })
			wg.Go(func() { c.SetDeadline(time.Now().Add(time.Duration(i) * ms)) })
			wg.Go(func() { c.SetReadDeadline(time.Now().Add(time.Duration(i) * ms)) })
			wg.Go(func() { c.SetWriteDeadline(time.Now().Add(time.Duration(i) * ms)) })
			wg.Go(func() { _, _ = c.LocalAddr(), c.RemoteAddr() })
		}
		time.Sleep(time.Second)
		c.Close()
		wg.Wait()
	})
}

func TestCloseLetsWhatWasWrittenArrive(t *testing.T) {
	onEveryShape(t, func(t *testing.T, c, s *simnet.Conn) {
		want := random(3, 15_000)
		mustWrite(t, c, want)
		c.Close()
		time.Sleep(time.Second)
		mustRead(t, s, want)
		for range 2 {
			_, err := s.Read(make([]byte, 1))
			wantError(t, "read after the end", err, io.EOF)
		}
	})
}

// Real TCP answers data for a closed end by a reset; without it, a writer
// whose window is full would wait for ever.
func TestWritingToAClosedEndFails(t *testing.T) {
	t.Run("data after the close", func(t *testing.T) {
		onEveryShape(t, func(t *testing.T, c, s *simnet.Conn) {
			mustWrite(t, c, []byte("last words"))
			c.Close()
			for s.SetWriteDeadline(time.Now().Add(time.Minute)); ; {
				if _, err := s.Write(make([]byte, 1000)); err != nil {
					wantError(t, "write", err, syscall.EPIPE)
					break
				}
			}
			mustRead(t, s, []byte("last words"))
			_, err := s.Read(make([]byte, 1))
			wantError(t, "read", err, io.EOF)
		})
	})
	t.Run("data before the close", func(t *testing.T) {
		onEveryShape(t, func(t *testing.T, c, s *simnet.Conn) {
			written := after(func() error { _, err := s.Write(make([]byte, 1<<20)); return err })
			time.Sleep(10 * time.Second) // the window is full
			c.Close()
			wantError(t, "write", <-written, syscall.EPIPE)
		})
	})
}

func TestKillFailsBothEndsAtOnce(t *testing.T) {
	onEveryShape(t, func(t *testing.T, c, s *simnet.Conn) {
		mustWrite(t, c, []byte("arrived"))
		time.Sleep(time.Second)
		mustWrite(t, c, make([]byte, 15_000)) // partly on its way
		start := time.Now()
		waits := map[string]<-chan error{
			"client reads":  after(func() error { _, err := c.Read(make([]byte, 1)); return err }),
			"client writes": after(func() error { _, err := c.Write(make([]byte, 1<<20)); return err }),
		}
		synctest.Wait()
		s.Kill()
		for what, err := range waits {
			wantError(t, what, <-err, syscall.ECONNRESET)
		}
		wantTime(t, "failed", start, 0)
		_, err := s.Write([]byte("x"))
		wantError(t, "server writes", err, syscall.ECONNRESET)
		mustRead(t, s, []byte("arrived"))
		_, err = io.Copy(io.Discard, s)
		wantError(t, "server reads", err, syscall.ECONNRESET)
		for _, end := range []*simnet.Conn{c, s} {
			if err := end.Close(); err != nil {
				t.Errorf("close after a reset: %v", err)
			}
		}
	})
}

func TestEmptyReadsAndWritesDoNotWait(t *testing.T) {
	onEveryShape(t, func(t *testing.T, c, _ *simnet.Conn) {
		if n, err := c.Read(nil); n != 0 || err != nil {
			t.Errorf("read %d, %v", n, err)
		}
		if n, err := c.Write(nil); n != 0 || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
	})
}
