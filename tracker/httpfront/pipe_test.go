package httpfront_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"p2p/tracker"
	"p2p/tracker/httpfront"
	"p2p/tracker/memory"
)

// pipes is a listener without a network, for tests in a bubble of synctest: there
// a connection comes from wherever the test says.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

// dial returns the client's end of a connection from an address.
func (p *pipes) dial(from string) net.Conn {
	client, server := net.Pipe()
	p.conns <- pipeEnd{server, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from))}
	return client
}

// pipeEnd is the tracker's end of a connection.
type pipeEnd struct {
	net.Conn
	remote net.Addr
}

func (p pipeEnd) RemoteAddr() net.Addr { return p.remote }

// servePipes starts a front, and returns how it is stopped.
func servePipes(t *testing.T, o httpfront.Options, to tracker.Options) (p *pipes, stop func()) {
	t.Helper()
	p = newPipes()
	return p, serveOn(t, p, httpfront.New(tracker.New(memory.New(memory.Options{}), to), o))
}

// serveOn runs front on l until stop is called.
func serveOn(t *testing.T, l net.Listener, front *httpfront.Front) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- front.Serve(ctx, l) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
}

// client reads the responses of one connection.
type client struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func newClient(t *testing.T, conn net.Conn) *client {
	return &client{t, conn, bufio.NewReader(conn)}
}

// send writes without waiting for the other side to read.
func (c *client) send(text string) {
	go func() { _, _ = io.WriteString(c.conn, text) }() // fails when the tracker hangs up
}

// receive reads one response and its body.
func (c *client) receive() (*http.Response, string) {
	c.t.Helper()
	r, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatalf("no response: %v", err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatalf("no body: %v", err)
	}
	return r, string(body)
}

// ask sends a request and returns the body of the answer.
func (c *client) ask(target string) string {
	c.t.Helper()
	c.send(get(target))
	_, body := c.receive()
	return body
}

// closed waits until the tracker has hung up, and fails when something else
// comes.
func (c *client) closed() {
	c.t.Helper()
	if b, err := c.r.ReadByte(); err == nil {
		c.t.Errorf("%q came instead of the end", b)
	}
}

// get returns a request as clients send it, with header lines.
func get(target string, lines ...string) string {
	lines = append([]string{"GET " + target + " HTTP/1.1", "Host: tracker", "User-Agent: test", "Accept-Encoding: gzip, deflate"}, lines...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// announceTarget is the target of an announce of the peer that listens on port.
func announceTarget(port uint16) string {
	r := request(port)
	return "/announce?" + string(r.AppendQuery(nil))
}
