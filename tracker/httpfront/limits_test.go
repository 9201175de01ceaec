package httpfront_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2p/tracker"
	"p2p/tracker/httpfront"
)

// Section 7 of the notes: slow requests.
func TestAHeadThatComesSlowlyIsCutOff(t *testing.T) {
	for name, first := range map[string]string{"at once": "", "after a request": get(announceTarget(1))} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, stop := servePipes(t, httpfront.Options{}, tracker.Options{})
				defer stop()
				c := newClient(t, p.dial("192.0.2.1:1"))
				if first != "" {
					c.send(first)
					c.receive()
				}
				begin := time.Now()
				written := make(chan struct{})
				go func() {
					defer close(written)
					for _, b := range []byte(get(announceTarget(1))) { // a byte a second, for ever
						if _, err := c.conn.Write([]byte{b}); err != nil {
							return
						}
						time.Sleep(time.Second)
					}
				}()
				c.closed()
				if took := time.Since(begin); took != 5*time.Second {
					t.Errorf("it was cut off after %v", took)
				}
				<-written
			})
		})
	}
}

func TestASilentConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := servePipes(t, httpfront.Options{}, tracker.Options{})
		defer stop()
		begin := time.Now()
		c := newClient(t, p.dial("192.0.2.1:1"))
		c.closed()
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("one that says nothing is closed after %v", took)
		}
		c = newClient(t, p.dial("192.0.2.1:1"))
		for range 30 { // one that asks now and then is kept
			c.ask(announceTarget(1))
			time.Sleep(10 * time.Second)
		}
		begin = time.Now()
		c.closed()
		if took := time.Since(begin); took < 4*time.Second || took > 6*time.Second {
			t.Errorf("one that has been idle for 10 s is closed after %v", took)
		}
	})
}

func TestAClientThatReadsNoAnswerIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := servePipes(t, httpfront.Options{}, tracker.Options{})
		defer stop()
		conn := p.dial("192.0.2.1:1")
		begin := time.Now()
		_, err := io.WriteString(conn, strings.Repeat(get(announceTarget(1)), 1000))
		if took := time.Since(begin); err == nil || took > 20*time.Second {
			t.Errorf("it could write for %v: %v", took, err)
		}
	})
}

// waiting is a Policy that holds a request until it is told to go on.
type waiting struct {
	tracker.Open
	entered, release chan struct{}
}

func (p waiting) MayAnnounce(context.Context, tracker.Request) error {
	p.entered <- struct{}{}
	<-p.release
	return nil
}

func TestAnIdleConnectionMakesRoomForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := servePipes(t, httpfront.Options{MaxConns: 2}, tracker.Options{})
		defer stop()
		idle := newClient(t, p.dial("192.0.2.1:1"))
		idle.ask(announceTarget(1))
		// The last place: the connection is not kept after its answer.
		last := newClient(t, p.dial("192.0.2.2:1"))
		last.send(get(announceTarget(2)))
		if r, _ := last.receive(); !r.Close {
			t.Error("the last place is kept")
		}
		synctest.Wait()
		begin := time.Now()
		one := newClient(t, p.dial("192.0.2.3:1"))
		synctest.Wait()
		two := newClient(t, p.dial("192.0.2.4:1"))
		one.ask(announceTarget(3))
		two.ask(announceTarget(4))
		idle.closed()
		if took := time.Since(begin); took > time.Second {
			t.Errorf("a place was free after %v", took)
		}
	})
}

func TestAConnectionThatIsAskingKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := waiting{entered: make(chan struct{}), release: make(chan struct{})}
		p, stop := servePipes(t, httpfront.Options{MaxConns: 1}, tracker.Options{Policy: policy})
		defer stop()
		first := newClient(t, p.dial("192.0.2.1:1"))
		first.send(get(announceTarget(1)))
		<-policy.entered
		served := make(chan struct{})
		go func() {
			defer close(served)
			second := newClient(t, p.dial("192.0.2.2:1")) // waits in the queue of the listener
			second.ask(announceTarget(2))
		}()
		synctest.Wait()
		select {
		case <-served:
			t.Fatal("two connections are served")
		default:
		}
		policy.release <- struct{}{}
		first.receive()
		<-policy.entered
		policy.release <- struct{}{}
		<-served
	})
}

// One that is about to ask is not idle: a client on the other side of the world
// needs a while for its first packet.
func TestAConnectionThatHasNotAskedYetKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := servePipes(t, httpfront.Options{MaxConns: 1}, tracker.Options{})
		defer stop()
		c := newClient(t, p.dial("192.0.2.1:1"))
		time.Sleep(time.Second)
		if body := c.ask(announceTarget(1)); !strings.HasPrefix(body, "d8:complete") {
			t.Errorf("answer is %q", body)
		}
	})
}

func TestOneAddressHasSoManyConnectionsAndNoMore(t *testing.T) {
	for _, test := range []struct {
		name, one, same, other string
	}{
		{"IPv4", "192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1"},
		{"mapped IPv4", "192.0.2.1:1", "[::ffff:192.0.2.1]:2", "[::ffff:192.0.2.2]:1"},
		{"IPv6", "[2001:db8::1]:1", "[2001:db8::ffff:2]:1", "[2001:db8:0:1::1]:1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, stop := servePipes(t, httpfront.Options{MaxConnsPerAddr: 2}, tracker.Options{})
				defer stop()
				first := newClient(t, p.dial(test.one))
				newClient(t, p.dial(test.same)).ask("/scrape?")
				newClient(t, p.dial(test.one)).closed()
				newClient(t, p.dial(test.same)).closed()
				newClient(t, p.dial(test.other)).ask("/scrape?")
				first.conn.Close()
				synctest.Wait()
				newClient(t, p.dial(test.one)).ask("/scrape?")
			})
		})
	}
}

func TestAProxyHasAsManyConnectionsAsItLikes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := httpfront.Options{MaxConnsPerAddr: 1, Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
		p, stop := servePipes(t, o, tracker.Options{})
		defer stop()
		begin := time.Now()
		first := newClient(t, p.dial("10.0.0.1:1"))
		first.ask("/scrape?")
		for range 3 {
			newClient(t, p.dial("10.0.0.1:1")).ask("/scrape?")
		}
		first.closed() // later than the proxy itself would close it
		if took := time.Since(begin); took != 2*time.Minute {
			t.Errorf("it is kept for %v", took)
		}
	})
}

func TestStopClosesIdleConnectionsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := servePipes(t, httpfront.Options{}, tracker.Options{})
		c := newClient(t, p.dial("192.0.2.1:1"))
		c.ask(announceTarget(1))
		begin := time.Now()
		stop()
		if took := time.Since(begin); took > 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		c.closed()
	})
}

func TestStopWaitsForAHeadThatHasBegunAndNotForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := servePipes(t, httpfront.Options{}, tracker.Options{})
		quick, slow := newClient(t, p.dial("192.0.2.1:1")), newClient(t, p.dial("192.0.2.2:1"))
		text := get(announceTarget(1))
		for _, c := range []*client{quick, slow} {
			if _, err := io.WriteString(c.conn, text[:10]); err != nil {
				t.Fatal(err)
			}
		}
		begin := time.Now()
		stopped := make(chan struct{})
		go func() { defer close(stopped); stop() }()
		time.Sleep(time.Second)
		quick.send(text[10:])
		if r, body := quick.receive(); !r.Close || !strings.HasPrefix(body, "d8:complete") {
			t.Errorf("answer is %q", body)
		}
		<-stopped
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
		slow.closed()
	})
}

// panicking is a Policy with a defect.
type panicking struct{ tracker.Open }

func (panicking) MayAnnounce(context.Context, tracker.Request) error { panic("defect") }

func TestAPanicEndsOneConnectionAndNotTheTracker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := servePipes(t, httpfront.Options{MaxConns: 1}, tracker.Options{Policy: panicking{}})
		defer stop()
		c := newClient(t, p.dial("192.0.2.1:1"))
		c.send(get(announceTarget(1)))
		c.closed()
		newClient(t, p.dial("192.0.2.1:1")).ask("/scrape?")
	})
}

// failing is a listener whose Accept fails some times, as it does for a process
// that is out of files.
type failing struct {
	*pipes
	left int
}

func (l *failing) Accept() (net.Conn, error) {
	if l.left > 0 {
		l.left--
		return nil, &net.OpError{Op: "accept", Err: io.ErrNoProgress}
	}
	return l.pipes.Accept()
}

func TestATrackerThatIsOutOfFilesGoesOnLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		defer serveOn(t, &failing{p, 20}, newFront())()
		newClient(t, p.dial("192.0.2.1:1")).ask(announceTarget(1))
	})
}
