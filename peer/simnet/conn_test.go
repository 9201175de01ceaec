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
	onEveryShape(t, func(t *testing.T, c, s *simnet.Conn) {
		var wg sync.WaitGroup
		send := func(conn *simnet.Conn, seed uint64) {
			r := rand.New(rand.NewPCG(seed, 1))
			for b := random(seed, 1<<20); len(b) > 0; {
				k := min(len(b), r.IntN(60_000))
				chunk := bytes.Clone(b[:k])
				if n, err := conn.Write(chunk); n != k || err != nil {
					t.Errorf("wrote %d of %d: %v", n, k, err)
					return
				}
				clear(chunk) // a Conn must not keep what it was given
				b = b[k:]
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}
		receive := func(conn *simnet.Conn, seed uint64, done func()) {
			defer done()
			got, err := io.ReadAll(conn)
			if err != nil || !bytes.Equal(got, random(seed, 1<<20)) {
				t.Errorf("read %d bytes, the right ones: %v, error %v", len(got), bytes.Equal(got, random(seed, 1<<20)), err)
			}
		}
		// Each end closes only after it has read everything.
		var read sync.WaitGroup
		read.Add(2)
		wg.Go(func() { receive(s, 1, read.Done) })
		wg.Go(func() { receive2(t, c, 2, 1<<20); read.Done() })
		wg.Go(func() { mustSend(t, s, 2, 1<<20) })
		wg.Go(func() { read2(t); send(c, 1) })
		wg.Wait()
		_ = read
	})
}
