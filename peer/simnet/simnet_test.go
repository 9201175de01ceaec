package simnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/simnet"
)

var (
	addrA = netip.MustParseAddr("10.0.0.1")
	addrB = netip.MustParseAddr("10.0.0.2")
	addrC = netip.MustParseAddr("2001:db8::3")
)

const port = 6881

// network is one bubble's network, with the hosts that most tests need.
type network struct {
	*simnet.Net
	a, b, c *simnet.Host
}

// inBubble runs f in virtual time. That it returns proves that no goroutine is
// left and that nothing waits for ever.
func inBubble(t *testing.T, opts simnet.Options, f func(t *testing.T, n network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(opts)
		defer n.Close()
		f(t, network{Net: n, a: n.Host(addrA), b: n.Host(addrB), c: n.Host(addrC)})
	})
}

// listen listens on port of h until the test ends.
func listen(t *testing.T, h *simnet.Host) net.Listener {
	t.Helper()
	l, err := h.Listen(t.Context(), netip.AddrPortFrom(h.Addr(), port))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// connect returns both ends of a new connection from a to b, which may listen
// already.
func connect(t *testing.T, a, b *simnet.Host) (client, server *simnet.Conn) {
	t.Helper()
	l, err := b.Listen(t.Context(), netip.AddrPortFrom(b.Addr(), 0))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := a.Dial(t.Context(), netip.Addr{}, l.Addr().(*net.TCPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c.(*simnet.Conn), s.(*simnet.Conn)
}

// after is f in a goroutine of its own; the channel brings its error.
func after(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

// random returns n bytes that differ for each seed.
func random(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func mustWrite(t *testing.T, w io.Writer, b []byte) {
	t.Helper()
	if n, err := w.Write(b); n != len(b) || err != nil {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(b), err)
	}
}

func mustRead(t *testing.T, r io.Reader, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatal("the bytes read are not those written")
	}
}

// wantError checks that err is want, in the form that package net gives it.
func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	var opErr *net.OpError
	if !errors.Is(err, want) || want != io.EOF && !errors.As(err, &opErr) {
		t.Errorf("%s: error %v, want *net.OpError with %v", what, err, want)
	}
}

// wantTime checks how long ago start was, to the nanosecond.
func wantTime(t *testing.T, what string, start time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(start); got != want {
		t.Errorf("%s after %v, want %v", what, got, want)
	}
}

// wantAbout checks how long ago start was, to a percent.
func wantAbout(t *testing.T, what string, start time.Time, want time.Duration) {
	t.Helper()
	got := time.Since(start)
	if diff := (got - want).Abs(); diff > want/100 {
		t.Errorf("%s after %v, want %v and no more than 1 %% off", what, got, want)
	}
}

// dialErr dials b's port from a and returns the error, which there must be.
func dialErr(t *testing.T, ctx context.Context, from *simnet.Host, to netip.AddrPort) error {
	t.Helper()
	c, err := from.Dial(ctx, netip.Addr{}, to)
	if err == nil {
		c.Close()
		t.Fatal("the dial succeeded")
	}
	return err
}
