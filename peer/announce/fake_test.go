package announce_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"p2p/peer/announce"
	"p2p/torrentfile/infohash"
	"p2p/tracker/httpwire"
	"p2p/tracker/wire"
)

// fakeNet is a network in memory: it works in virtual time.
type fakeNet struct {
	mu     sync.Mutex
	hosts  map[string][]netip.Addr
	tcp    map[string]func(net.Conn) // by "IP:port"; serves one connection
	udp    map[string]func(*fakeUDP, []byte)
	dialed []string
	slow   time.Duration // how long connecting takes, whether it is still wanted or not
}

func newFakeNet() *fakeNet {
	return &fakeNet{
		hosts: make(map[string][]netip.Addr),
		tcp:   make(map[string]func(net.Conn)),
		udp:   make(map[string]func(*fakeUDP, []byte)),
	}
}

// client returns a client on n.
func (n *fakeNet) client(o announce.Options) *announce.Client {
	o.Dial, o.Resolve = n.dial, n.resolve
	if o.Seed == 0 {
		o.Seed = 1
	}
	return announce.New(o)
}

func (n *fakeNet) resolve(_ context.Context, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if addrs := n.hosts[host]; len(addrs) > 0 {
		return addrs, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// dial connects to a served address; others refuse, but for 192.0.2.0/24, where
// packets vanish.
func (n *fakeNet) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dialed = append(n.dialed, network+" "+address)
	serve, packets := n.tcp[address], n.udp[address]
	n.mu.Unlock()
	time.Sleep(n.slow)
	to := netip.MustParseAddrPort(address)
	switch {
	case network != "tcp" && packets != nil:
		return &fakeUDP{answer: packets, inbox: make(chan []byte, 16), closed: make(chan struct{})}, nil
	case network == "tcp" && serve != nil:
		ours, theirs := net.Pipe()
		go serve(theirs)
		return ours, nil
	case network == "tcp" && netip.MustParsePrefix("192.0.2.0/24").Contains(to.Addr()):
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(to),
		Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

// fakeUDP is the client's end of a UDP socket.
type fakeUDP struct {
	net.Conn // nil: what is not overridden is not used
	answer   func(*fakeUDP, []byte)
	inbox    chan []byte

	mu       sync.Mutex
	deadline time.Time
	once     sync.Once
	closed   chan struct{}
}

func (u *fakeUDP) Write(p []byte) (int, error) {
	u.answer(u, append([]byte(nil), p...))
	return len(p), nil
}

// deliver sends p to the client.
func (u *fakeUDP) deliver(p []byte) { u.inbox <- p }

func (u *fakeUDP) Read(p []byte) (int, error) {
	u.mu.Lock()
	timer := time.NewTimer(time.Until(u.deadline))
	u.mu.Unlock()
	defer timer.Stop()
	select {
	case packet := <-u.inbox:
		return copy(p, packet), nil
	case <-timer.C:
		return 0, os.ErrDeadlineExceeded
	case <-u.closed:
		return 0, net.ErrClosed
	}
}

func (u *fakeUDP) SetDeadline(t time.Time) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.deadline = t
	return nil
}

func (u *fakeUDP) Close() error {
	u.once.Do(func() { close(u.closed) })
	return nil
}

// fakeTracker is an HTTP tracker on a fakeNet.
type fakeTracker struct {
	url     string
	address string
	net     *fakeNet

	mu    sync.Mutex
	began time.Time
	asked []asked
	reply func(httpwire.AnnounceRequest) string // the body; "" never answers
}

// asked is one announce that a fakeTracker got.
type asked struct {
	at      time.Duration // since the tracker was made
	request httpwire.AnnounceRequest
}

// tracker serves a tracker at http://name/announce, on address 203.0.113.n.
func (n *fakeNet) tracker(name string, reply func(httpwire.AnnounceRequest) string) *fakeTracker {
	addr := netip.AddrFrom4([4]byte{203, 0, 113, byte(len(n.hosts) + 1)})
	t := &fakeTracker{
		url: "http://" + name + "/announce", address: netip.AddrPortFrom(addr, 80).String(),
		net: n, began: time.Now(), reply: reply,
	}
	n.hosts[name] = []netip.Addr{addr}
	t.up()
	return t
}

// up and down make the tracker reachable, and not.
func (t *fakeTracker) up() {
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	t.net.tcp[t.address] = t.serve
}

func (t *fakeTracker) down() {
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	delete(t.net.tcp, t.address)
}

func (t *fakeTracker) serve(conn net.Conn) {
	defer conn.Close()
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	announced, err := httpwire.ParseAnnounceRequest(request.URL.RawQuery)
	if err != nil {
		panic(err)
	}
	t.mu.Lock()
	t.asked = append(t.asked, asked{time.Since(t.began), announced})
	reply := t.reply
	t.mu.Unlock()
	if body := reply(announced); body != "" {
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		return
	}
	_, _ = conn.Read(make([]byte, 1)) // until the client gives up
}

// spy appends the query of every request to address to log.
func (n *fakeNet) spy(address string, log *[]string) {
	serve := n.tcp[address]
	n.tcp[address] = func(conn net.Conn) {
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		*log = append(*log, request.URL.RawQuery)
		ours, theirs := net.Pipe()
		go serve(theirs)
		go func() { _ = request.Write(ours) }()
		_, _ = io.Copy(conn, ours)
		_ = conn.Close()
	}
}

// answer changes the reply.
func (t *fakeTracker) answer(reply func(httpwire.AnnounceRequest) string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reply = reply
}

// times returns when the tracker was asked, rounded down to seconds.
func (t *fakeTracker) times() []time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	var at []time.Duration
	for _, a := range t.asked {
		at = append(at, a.at.Truncate(time.Second))
	}
	return at
}

// events returns the events that the tracker was told, "-" for none.
func (t *fakeTracker) events() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := ""
	for _, a := range t.asked {
		if word := a.request.Event.String(); word != "" {
			all += word + " "
		} else {
			all += "- "
		}
	}
	return all
}

// says returns a reply that is always the same.
func says(body string) func(httpwire.AnnounceRequest) string {
	return func(httpwire.AnnounceRequest) string { return body }
}

// onePeer is an answer with one peer and an interval in seconds; nobody one
// without a peer.
func onePeer(interval int) string {
	return fmt.Sprintf("d8:intervali%de5:peers6:\xc6\x33\x64\x07\x1a\xe1e", interval)
}

func nobody(interval int) string { return fmt.Sprintf("d8:intervali%de5:peers0:e", interval) }

// fakeTorrent is a torrent that counts what it gets.
type fakeTorrent struct {
	mu    sync.Mutex
	left  int64
	found []netip.AddrPort
	self  netip.AddrPort
}

func (t *fakeTorrent) Snapshot() announce.Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	return announce.Request{
		InfoHash: infohash.T{1, 2, 3}, PeerID: [wire.PeerIDSize]byte{4, 5, 6}, Port: 6881,
		Uploaded: 7, Downloaded: 8, Left: t.left, Key: 9, NumWant: 50,
	}
}

func (t *fakeTorrent) Found(_ context.Context, _ string, r announce.Response) int {
	peers := r.Peers
	t.mu.Lock()
	defer t.mu.Unlock()
	others := 0
	for _, p := range peers {
		if p != t.self {
			others++
		}
	}
	t.found = append(t.found, peers...)
	return others
}

func (t *fakeTorrent) setLeft(left int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left = left
}

// run runs a for as long as the bubble lasts, and returns what ends it sooner.
func run(t *testing.T, a *announce.Announcer) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}
