package simnet_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/simnet"
)

const ms = time.Millisecond

func TestDialTakesARoundTrip(t *testing.T) {
	inBubble(t, simnet.Options{Latency: 50 * ms}, func(t *testing.T, n network) {
		l := listen(t, n.b)
		start := time.Now()
		accepted := after(func() error {
			_, err := l.Accept()
			wantTime(t, "accepted", start, 150*ms)
			return err
		})
		if _, err := n.a.Dial(t.Context(), addrA, netip.AddrPortFrom(addrB, port)); err != nil {
			t.Fatal(err)
		}
		wantTime(t, "dialled", start, 100*ms)
		if err := <-accepted; err != nil {
			t.Error(err)
		}
	})
}

func TestDialIsRefusedWhereNobodyListens(t *testing.T) {
	inBubble(t, simnet.Options{Latency: 50 * ms}, func(t *testing.T, n network) {
		start := time.Now()
		wantError(t, "dial", dialErr(t, t.Context(), n.a, netip.AddrPortFrom(addrB, port)), syscall.ECONNREFUSED)
		wantTime(t, "refused", start, 100*ms)
	})
}

func TestDialWithoutAnAnswerEndsWhenItsContextOrItsTimeDoes(t *testing.T) {
	empty := netip.MustParseAddrPort("10.9.9.9:1")
	inBubble(t, simnet.Options{Latency: 50 * ms, DialTimeout: 20 * time.Second}, func(t *testing.T, n network) {
		start := time.Now()
		err := dialErr(t, t.Context(), n.a, empty)
		wantError(t, "dial", err, syscall.ETIMEDOUT)
		wantTime(t, "dial timed out", start, 20*time.Second)
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%v is no time-out in the eyes of net.Error", err)
		}

		start = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		wantError(t, "dial", dialErr(t, ctx, n.a, empty), context.DeadlineExceeded)
		wantTime(t, "context ended", start, 3*time.Second)

		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		wantError(t, "dial", dialErr(t, ctx, n.a, empty), context.Canceled)
		wantError(t, "dial", dialErr(t, ctx, n.a, empty), context.Canceled)
	})
}

func TestDialThatIsGivenUpLeavesNoConnection(t *testing.T) {
	inBubble(t, simnet.Options{Latency: 50 * ms, Backlog: 1}, func(t *testing.T, n network) {
		l := listen(t, n.b)
		for _, d := range []time.Duration{10 * ms, 60 * ms} { // before and after it is heard
			ctx, cancel := context.WithTimeout(t.Context(), d)
			dialErr(t, ctx, n.a, netip.AddrPortFrom(addrB, port))
			cancel()
			time.Sleep(time.Second)
			if len(n.a.Conns())+len(n.b.Conns()) != 0 {
				t.Errorf("given up after %v: a connection is left", d)
			}
		}
		// And none of the backlog is used up.
		if _, err := n.a.Dial(t.Context(), addrA, netip.AddrPortFrom(addrB, port)); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestBacklogIsBounded(t *testing.T) {
	inBubble(t, simnet.Options{Backlog: 2}, func(t *testing.T, n network) {
		l := listen(t, n.b)
		to := netip.AddrPortFrom(addrB, port)
		for range 2 {
			if _, err := n.a.Dial(t.Context(), addrA, to); err != nil {
				t.Fatal(err)
			}
		}
		wantError(t, "third dial", dialErr(t, t.Context(), n.a, to), syscall.ECONNREFUSED)
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
		if _, err := n.a.Dial(t.Context(), addrA, to); err != nil {
			t.Errorf("after an accept: %v", err)
		}
	})
}

func TestListenAndDialCheckTheirAddresses(t *testing.T) {
	inBubble(t, simnet.Options{}, func(t *testing.T, n network) {
		listen(t, n.b)
		for name, tt := range map[string]struct {
			addr string
			want error
		}{
			"in use":          {"10.0.0.2:6881", syscall.EADDRINUSE},
			"in use, any":     {"0.0.0.0:6881", syscall.EADDRINUSE},
			"somebody else's": {"10.0.0.1:1", syscall.EADDRNOTAVAIL},
		} {
			_, err := n.b.Listen(t.Context(), netip.MustParseAddrPort(tt.addr))
			wantError(t, name, err, tt.want)
		}
		l, err := n.b.Listen(t.Context(), netip.MustParseAddrPort("0.0.0.0:0"))
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Addr().(*net.TCPAddr).AddrPort(); got.Addr() != addrB || got.Port() == 0 {
			t.Errorf("listening on %v", got)
		}
		_, err = n.a.Dial(t.Context(), addrB, netip.AddrPortFrom(addrB, port))
		wantError(t, "dial from somebody else's address", err, syscall.EADDRNOTAVAIL)
	})
}

func TestBothEndsAgreeOnTheirAddresses(t *testing.T) {
	inBubble(t, simnet.Options{}, func(t *testing.T, n network) {
		c, s := connect(t, n.a, n.c)
		if c.LocalAddr().String() != s.RemoteAddr().String() || c.RemoteAddr().String() != s.LocalAddr().String() {
			t.Errorf("client %v -> %v, server %v -> %v", c.LocalAddr(), c.RemoteAddr(), s.LocalAddr(), s.RemoteAddr())
		}
		if got := s.RemoteAddr().(*net.TCPAddr).AddrPort().Addr(); got != addrA {
			t.Errorf("the server sees %v, want %v", got, addrA)
		}
		c2, _ := connect(t, n.a, n.c)
		if c.LocalAddr().String() == c2.LocalAddr().String() {
			t.Error("two connections have the same address")
		}
	})
}

func TestClosedListenerResetsWhatWasNotAccepted(t *testing.T) {
	inBubble(t, simnet.Options{Latency: 50 * ms}, func(t *testing.T, n network) {
		l := listen(t, n.b)
		to := netip.AddrPortFrom(addrB, port)
		dial := func() *simnet.Conn {
			c, err := n.a.Dial(t.Context(), addrA, to)
			if err != nil {
				t.Fatal(err)
			}
			return c.(*simnet.Conn)
		}
		first := dial()
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		waiting := dial()
		time.Sleep(time.Second)
		onItsWay := dial()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		wantError(t, "close again", l.Close(), net.ErrClosed)
		_, err = l.Accept()
		wantError(t, "accept", err, net.ErrClosed)
		for name, c := range map[string]*simnet.Conn{"waiting": waiting, "on its way": onItsWay} {
			_, err := c.Read(make([]byte, 1))
			wantError(t, name, err, syscall.ECONNRESET)
		}
		mustWrite(t, accepted, []byte("still here"))
		mustRead(t, first, []byte("still here"))
		wantError(t, "dial", dialErr(t, t.Context(), n.a, to), syscall.ECONNREFUSED)
		listen(t, n.b) // the port is free again
	})
}

func TestCloseUnblocksAccept(t *testing.T) {
	inBubble(t, simnet.Options{}, func(t *testing.T, n network) {
		l := listen(t, n.b)
		accepted := after(func() error { _, err := l.Accept(); return err })
		synctest.Wait()
		l.Close()
		wantError(t, "accept", <-accepted, net.ErrClosed)
	})
}

func TestClosingTheNetworkEndsEverythingThatWaits(t *testing.T) {
	inBubble(t, simnet.Options{Latency: 50 * ms}, func(t *testing.T, n network) {
		c, s := connect(t, n.a, n.b)
		l := listen(t, n.b)
		waits := map[string]<-chan error{
			"accept": after(func() error { _, err := l.Accept(); return err }),
			"dial": after(func() error {
				_, err := n.a.Dial(t.Context(), addrA, netip.MustParseAddrPort("10.9.9.9:1"))
				return err
			}),
			"read":  after(func() error { _, err := s.Read(make([]byte, 1)); return err }),
			"write": after(func() error { _, err := c.Write(make([]byte, 1<<20)); return err }),
		}
		synctest.Wait()
		n.Close()
		for what, err := range waits {
			want := net.ErrClosed
			if what == "read" || what == "write" {
				want = error(syscall.ECONNRESET)
			}
			wantError(t, what, <-err, want)
		}
		wantError(t, "dial", dialErr(t, t.Context(), n.a, netip.AddrPortFrom(addrB, port)), net.ErrClosed)
		_, err := n.b.Listen(t.Context(), netip.AddrPortFrom(addrB, port))
		wantError(t, "listen", err, net.ErrClosed)
	})
}
