package secure_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"p2p/peer/secure"
)

// counted counts what it is given to write.
type counted struct {
	net.Conn
	writes atomic.Int64
}

func (c *counted) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// overTCP returns two ends over the loopback device; of what the first one sends, a byte was read before the handshake.
func overTCP(t *testing.T) (dialled, accepted *secure.Conn, seen *counted) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	a, b := device(t, 1), device(t, 2)
	var wg sync.WaitGroup
	wg.Go(func() {
		conn, err := ln.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		first := make([]byte, 1)
		if _, err := io.ReadFull(conn, first); err != nil {
			t.Error(err)
		}
		if accepted, err = b.Accept(t.Context(), conn, first, nil); err != nil {
			t.Error(err)
		}
	})
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	seen = &counted{Conn: conn}
	if dialled, err = a.Dial(t.Context(), seen, b.Key()); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	t.Cleanup(func() {
		conn.Close()
		accepted.NetConn().Close()
	})
	return dialled, accepted, seen
}

func TestWhatIsWrittenInPiecesOfAnySizeIsReadAsItWas(t *testing.T) {
	for seed := range uint64(4) {
		dialled, accepted, _ := overTCP(t)
		var wg sync.WaitGroup
		send := func(c *secure.Conn, what []byte, rng *rand.Rand) {
			for len(what) > 0 {
				n := min(len(what), 1+rng.IntN(1<<rng.IntN(19)))
				if _, err := c.Write(what[:n]); err != nil {
					t.Error(err)
					return
				}
				what = what[n:]
			}
		}
		hear := func(c *secure.Conn, want []byte, rng *rand.Rand) {
			got := make([]byte, len(want))
			for rest := got; len(rest) > 0; {
				n := min(len(rest), 1+rng.IntN(1<<rng.IntN(19)))
				if _, err := io.ReadFull(c, rest[:n]); err != nil {
					t.Error(err)
					return
				}
				rest = rest[n:]
			}
			if !bytes.Equal(got, want) {
				t.Errorf("seed %d: it is not what was sent", seed)
			}
		}
		for i, pair := range [][2]*secure.Conn{{dialled, accepted}, {accepted, dialled}} {
			bytes := rand.NewChaCha8([32]byte{byte(seed), byte(i)})
			what := make([]byte, 3<<20)
			_, _ = bytes.Read(what)
			wg.Go(func() { send(pair[0], what, rand.New(rand.NewPCG(seed, uint64(i)))) })
			wg.Go(func() { hear(pair[1], what, rand.New(rand.NewPCG(seed, uint64(i+2)))) })
		}
		wg.Wait()
	}
}

func TestManyRecordsAreOneWriteAndOneRecordIsNotHeld(t *testing.T) {
	dialled, accepted, seen := overTCP(t)
	go func() { _, _ = io.Copy(io.Discard, accepted) }()
	for _, c := range []struct {
		size   int
		writes int64
	}{{1, 1}, {16 << 10, 1}, {64 << 10, 1}, {256 << 10, 4}} {
		before := seen.writes.Load()
		if _, err := dialled.Write(make([]byte, c.size)); err != nil {
			t.Fatal(err)
		}
		if got := seen.writes.Load() - before; got > c.writes {
			t.Errorf("%d bytes are %d writes, want %d", c.size, got, c.writes)
		}
	}
}

// Who reads hands over what he has when nothing more has come: later, it would wait for what is yet to be sent.
func TestWhoReadsIsToldBeforeHeWaits(t *testing.T) {
	dialled, accepted, _ := overTCP(t)
	dry, waits := errors.New("dry"), 0
	accepted.BeforeWait(func() error {
		if waits++; waits > 1000 {
			return dry
		}
		return nil
	})
	for range 20 { // the last ones from what was read ahead
		if _, err := dialled.Write(make([]byte, 64<<10)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(accepted, make([]byte, 64<<10)); err != nil {
			t.Fatal(err)
		}
	}
	waits = 1000
	if n, err := accepted.Read(make([]byte, 1)); n != 0 || !errors.Is(err, dry) {
		t.Errorf("it read %d bytes: %v", n, err)
	}
}
