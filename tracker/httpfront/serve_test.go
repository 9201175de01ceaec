package httpfront_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"p2p/tracker"
	"p2p/tracker/httpfront"
	"p2p/tracker/memory"
)

// serve starts a front on a socket and stops it when the test ends.
func serve(t *testing.T, o httpfront.Options, to tracker.Options) (addr string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	front := httpfront.New(tracker.New(memory.New(memory.Options{}), to), o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- front.Serve(ctx, l) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

// dial opens a connection that is closed when the test ends.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// exchange sends a request and returns the status line of the response.
func exchange(t *testing.T, conn net.Conn, text string) string {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		t.Fatal(err)
	}
	return r.Status
}

const health = "GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n"

func TestServeStopsWhileItsListenerIsFull(t *testing.T) {
	addr, stop := serve(t, httpfront.Options{MaxConns: 1}, tracker.Options{})
	if got := exchange(t, dial(t, addr), health); got != "200 OK" {
		t.Fatal(got)
	}
	dial(t, addr)
	stop()
}

func TestARequestThatHasBegunIsAnsweredWhileStopping(t *testing.T) {
	policy := waiting{entered: make(chan struct{}), release: make(chan struct{})}
	addr, stop := serve(t, httpfront.Options{}, tracker.Options{Policy: policy})
	conn := dial(t, addr)
	r := request(6881)
	if _, err := fmt.Fprintf(conn, "GET /announce?%s HTTP/1.1\r\nHost: t\r\n\r\n", r.AppendQuery(nil)); err != nil {
		t.Fatal(err)
	}
	<-policy.entered
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	for { // until the listener is closed
		probe, err := net.Dial("tcp", addr)
		if err != nil {
			break
		}
		probe.Close()
	}
	close(policy.release)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(response.Body); err != nil || !strings.HasPrefix(string(body), "d8:complete") {
		t.Errorf("%q, %v", body, err)
	}
	<-stopped
}

func TestServeFailsWhenItsListenerIsClosed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := newFront().Serve(t.Context(), l); err == nil {
		t.Error("no error")
	}
}

// newFront returns a front of a tracker of its own.
func newFront() *httpfront.Front {
	return httpfront.New(newService(), httpfront.Options{})
}
