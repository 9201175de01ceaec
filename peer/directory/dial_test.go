package directory_test

import (
	"context"
	"net"
	"net/http/httptest"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	client "p2p/peer/directory"
)

// street is a host whose addresses are named in another order each time.
type street struct {
	addrs  []netip.Addr
	called []netip.Addr
	mute   map[netip.Addr]bool // where nothing answers, not even a refusal
	shut   map[netip.Addr]bool
}

func (s *street) lookup() []netip.Addr {
	s.addrs = append(s.addrs[1:], s.addrs[0])
	return slices.Clone(s.addrs)
}

func (s *street) dial(ctx context.Context, at netip.Addr) (net.Conn, error) {
	s.called = append(s.called, at)
	if s.mute[at] {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if s.shut[at] {
		return nil, syscall.ECONNREFUSED
	}
	a, _ := net.Pipe()
	return a, nil
}

func newStreet(t *testing.T) (*client.Client, *street) {
	t.Helper()
	s := &street{mute: map[netip.Addr]bool{}, shut: map[netip.Addr]bool{}}
	for i := range 3 {
		s.addrs = append(s.addrs, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
	}
	c, err := client.New(client.Options{URL: "http://directory.test"})
	if err != nil {
		t.Fatal(err)
	}
	c.Host(s.lookup, s.dial)
	return c, s
}

// A session is known to its node alone: a client that went to another with each connection would lose it each time.
func TestAClientStaysWithOneNodeOfACluster(t *testing.T) {
	c, s := newStreet(t)
	for range 10 {
		if err := c.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(slices.Compact(s.called)) != 1 {
		t.Errorf("it called %v", s.called)
	}
}

func TestAClientGoesToEachNodeBeforeItComesBackToOneThatItLeft(t *testing.T) {
	c, s := newStreet(t)
	for range 6 {
		if err := c.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Leave()
	}
	first := s.called[:3]
	if len(slices.Compact(sorted(first))) != 3 || !slices.Equal(first, s.called[3:]) {
		t.Errorf("it called %v", s.called)
	}
}

func TestANodeThatDoesNotAnswerCostsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newStreet(t)
		s.mute[s.addrs[1]], s.shut[s.addrs[2]] = true, true // the first that is named, and the second
		begun := time.Now()
		if err := c.Connect(t.Context()); err != nil || len(s.called) != 3 || time.Since(begun) != time.Second {
			t.Errorf("after %v and %v: %v", time.Since(begun), s.called, err)
		}
		for _, a := range s.addrs {
			s.mute[a] = true
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := c.Connect(ctx); err == nil || time.Since(begun) != 11*time.Second {
			t.Errorf("nobody answers: %v after %v", err, time.Since(begun))
		}
	})
}

func sorted(all []netip.Addr) []netip.Addr {
	all = slices.Clone(all)
	slices.SortFunc(all, netip.Addr.Compare)
	return all
}

func TestWhoLosesANodeOfAClusterComesBackAtAnother(t *testing.T) {
	_, nodes := cluster(t, 2)
	at := map[netip.Addr]*httptest.Server{}
	var addrs []netip.Addr
	for i, n := range nodes {
		a := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		at[a], addrs = httptest.NewServer(n), append(addrs, a)
		defer at[a].Close()
	}
	bob := (&service{}).stranger(t, "bob")
	c, err := client.New(client.Options{URL: "http://directory.test", Device: bob.device})
	if err != nil {
		t.Fatal(err)
	}
	c.Host(func() []netip.Addr { return slices.Clone(addrs) }, func(ctx context.Context, a netip.Addr) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", at[a].Listener.Addr().String())
	})
	if err := c.Cheap().Register(t.Context(), "bob", password, bob.account, nil, bob.cert); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	told, ended := make(chan client.Event, 100), make(chan error)
	go func() {
		ended <- c.Attend(ctx, client.Attendance{Certificate: bob.cert, Tell: func(e client.Event) { told <- e }})
	}()
	connected := func() {
		t.Helper()
		for {
			select {
			case e := <-told:
				if _, ok := e.(client.Connected); ok {
					return
				}
			case <-time.After(20 * time.Second):
				t.Fatal("not connected")
			}
		}
	}
	connected()
	nodes[0].Release() // as a node does that is shut down: it answers, and has trouble
	connected()
	if n := nodes[1].Figures().Sessions; n != 1 {
		t.Errorf("the other node has %d sessions", n)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
