//go:build unix

package robust

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"p2p/cmd/p2p/drive"
	"p2p/torrentfile/infohash"
	"p2p/tracker/httpwire"
)

// The swarms of the load: every peer is in one torrent.
const (
	torrents  = 20
	peers     = 1000
	firstPort = 20000
)

func portOf(peer int) int { return firstPort + peer }

func hashOf(torrent int) infohash.T { return infohash.Of(fmt.Appendf(nil, "torrent %d", torrent)) }

// trackers are three p2p processes that are one service. Between any two is a
// wire that the test can cut.
type trackers struct {
	t      *testing.T
	dir    string
	nodes  [3]*drive.Process
	addrs  [3]string // where they listen for clients
	admins [3]string // where they have their operator's pages
	routes [3]string // where they listen for each other
	wires  [3][3]*cable

	banned []string
	finish finished
}

func newTrackers(t *testing.T) *trackers {
	t.Helper()
	c := &trackers{t: t, dir: t.TempDir(), finish: finished{peers: make(map[int]bool)}}
	if err := os.WriteFile(c.secret(), []byte("the secret of a test, long enough to be one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range c.nodes {
		c.addrs[i], c.admins[i], c.routes[i] = drive.Addr(t), drive.Addr(t), drive.Addr(t)
	}
	for i := range c.nodes {
		for j := range c.nodes {
			if i != j {
				c.wires[i][j] = newCable(t, c.routes[j])
			}
		}
	}
	for i := range c.nodes {
		c.start(i)
	}
	return c
}

func (c *trackers) secret() string { return filepath.Join(c.dir, "secret") }

// start starts a tracker, or starts it again.
func (c *trackers) start(i int) {
	c.t.Helper()
	args := []string{
		"tracker", "-j", "--listen", c.addrs[i], "--admin", c.admins[i], "--rate", "0", "--data", filepath.Join(c.dir, fmt.Sprint("data", i)),
		"--control", c.control(i), "--cluster-listen", c.routes[i], "--cluster-secret", c.secret(),
		// What is advertised leads nowhere: they meet over the wires alone.
		"--cluster-advertise", "127.0.0.1:1",
	}
	for j, w := range c.wires[i] {
		if j != i {
			args = append(args, "--join", w.addr)
		}
	}
	c.nodes[i] = drive.Start(c.t, drive.Command{Name: fmt.Sprint("tracker ", i), Path: binary, Args: args, Env: []string{"P2P_LANG=en", "XDG_STATE_HOME=" + c.dir}})
	c.nodes[i].Started(soon)
}

func (c *trackers) control(i int) string { return filepath.Join(c.dir, fmt.Sprint(i, ".sock")) }

// command runs a command of p2p tracker on one of them.
func (c *trackers) command(i int, args ...string) *drive.Process {
	c.t.Helper()
	return drive.Start(c.t, drive.Command{Name: "p2p tracker " + args[0], Path: binary,
		Args: append(append([]string{"tracker"}, args...), "--control", c.control(i)), Env: []string{"P2P_LANG=en", "XDG_STATE_HOME=" + c.dir}})
}

// ban makes a tracker ban an address that is none of the load's, until it has
// accepted that. From then on it must not be forgotten.
func (c *trackers) ban(i int) {
	c.t.Helper()
	n, began := len(c.banned), time.Now()
	defer func() { c.t.Logf("tracker %d accepts a ban after %v", i, time.Since(began).Round(10*time.Millisecond)) }()
	addr := fmt.Sprintf("203.0.%d.%d", 113+n/250, 1+n%250)
	drive.Eventually(c.t, 2*soon, fmt.Sprintf("tracker %d accepts no ban", i), func() bool {
		code, _ := c.command(i, "ban", "add", addr).Wait(soon)
		return code == 0
	})
	c.banned = append(c.banned, addr)
}

// cut cuts all wires of a tracker, or mends them.
func (c *trackers) cut(victim int, off bool) {
	for i := range c.nodes {
		if i != victim {
			c.wires[i][victim].cut(off)
			c.wires[victim][i].cut(off)
		}
	}
}

// ask announces a peer at a tracker and returns the ports that it is told of. It
// is not ok when the answer is wrong; ports are nil when there is none.
func (c *trackers) ask(node, peer, want int, event string, patience time.Duration) (ports []int, ok bool) {
	h := hashOf(peer % torrents)
	q := url.Values{
		"info_hash": {string(h[:])}, "peer_id": {fmt.Sprintf("-TT0001-%012d", peer)}, "port": {fmt.Sprint(portOf(peer))},
		"uploaded": {"0"}, "downloaded": {"0"}, "left": {"1"}, "compact": {"1"}, "numwant": {fmt.Sprint(want)},
	}
	if event != "" {
		q.Set("event", event)
		q.Set("left", "0")
	}
	client := http.Client{Timeout: patience, Transport: transport}
	r, err := client.Get("http://" + c.addrs[node] + "/announce?" + q.Encode())
	if err != nil {
		return nil, true
	}
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		return nil, true
	}
	answer, err := httpwire.ParseAnnounceResponse(body)
	if err != nil || r.StatusCode != http.StatusOK {
		return nil, false
	}
	ports = []int{}
	for addr := range answer.Peers.All() {
		n := int(addr.Port()) - firstPort
		// Only peers of this torrent, which there is, and never the asker.
		if n < 0 || n >= peers || n%torrents != peer%torrents || n == peer || !addr.Addr().IsLoopback() {
			return nil, false
		}
		ports = append(ports, int(addr.Port()))
	}
	return ports, true
}

var transport = &http.Transport{MaxIdleConnsPerHost: 16}

// missing counts the peers that some tracker does not know.
func (c *trackers) missing() (sum int) {
	for i := range c.nodes {
		sum += peers
		for _, f := range c.scrape(i) {
			sum -= f.Complete + f.Incomplete
		}
	}
	return sum
}

// scrape returns what a tracker says about all torrents, nothing if it does not
// answer.
func (c *trackers) scrape(i int) []httpwire.File {
	var hashes []infohash.T
	for n := range torrents {
		hashes = append(hashes, hashOf(n))
	}
	client := http.Client{Timeout: 5 * time.Second}
	r, err := client.Get("http://" + c.addrs[i] + "/scrape?" + string(httpwire.AppendScrapeQuery(nil, hashes)))
	if err != nil {
		return nil
	}
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		return nil
	}
	answer, err := httpwire.ParseScrapeResponse(body)
	if err != nil {
		c.t.Errorf("a scrape of tracker %d: %v", i, err)
		return nil
	}
	return answer.Files
}

// load is clients that announce at all trackers.
type load struct {
	end    chan struct{}
	group  sync.WaitGroup
	answer atomic.Int64
	fail   atomic.Int64

	mu     sync.Mutex
	wrongs []string
}

func (l *load) stop() {
	close(l.end)
	l.group.Wait()
}

func (l *load) counts() (answered, failed, wrong int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.answer.Load()), int(l.fail.Load()), len(l.wrongs)
}

// workers is how many clients ask each tracker at a time.
const workers = 2

func (c *trackers) startLoad(seed uint64) *load {
	l := &load{end: make(chan struct{})}
	for w := range 3 * workers {
		l.group.Go(func() { c.work(l, w%3, rand.New(rand.NewPCG(seed, uint64(w)))) })
	}
	return l
}

// work announces random peers at one tracker until the load ends. Some of them
// finish, which the tracker counts once for each.
func (c *trackers) work(l *load, node int, rng *rand.Rand) {
	for {
		select {
		case <-l.end:
			return
		default:
		}
		peer, event := rng.IntN(peers), ""
		if rng.IntN(1000) == 0 {
			event = "completed"
		}
		if event != "" && !c.finish.may(peer) {
			event = ""
		}
		asked := time.Now()
		ports, ok := c.ask(node, peer, 50, event, time.Second)
		switch {
		case !ok:
			l.mu.Lock()
			l.wrongs = append(l.wrongs, fmt.Sprintf("tracker %d, peer %d", node, peer))
			l.mu.Unlock()
		case ports == nil:
			l.fail.Add(1)
		default:
			l.answer.Add(1)
		}
		if event != "" {
			c.finish.add(completed{node, peer % torrents, ports != nil, asked, time.Now()})
		}
		if ports == nil {
			<-time.After(20 * time.Millisecond)
		}
	}
}

// cable is a wire from one tracker to another. While it is cut nothing arrives,
// and nothing is known to be lost, as with packets on a network.
type cable struct {
	addr string

	mu   sync.Mutex
	open chan struct{} // closed while the wire is whole
}

func newCable(t *testing.T, to string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{addr: l.Addr().String(), open: make(chan struct{})}
	close(c.open)
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() { c.carry(conn, to, stop) })
		}
	})
	t.Cleanup(func() { close(stop); l.Close(); group.Wait() })
	return c
}

func (c *cable) cut(off bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if off {
		c.open = make(chan struct{})
	} else {
		close(c.open)
	}
}

// whole returns a channel that is closed while the wire is whole.
func (c *cable) whole() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// carry carries one connection until it ends or the test does.
func (c *cable) carry(a net.Conn, to string, stop <-chan struct{}) {
	defer a.Close()
	select {
	case <-c.whole():
	case <-stop:
		return
	}
	b, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer b.Close()
	ended := make(chan struct{}, 2)
	var group sync.WaitGroup
	group.Go(func() { c.copy(b, a, stop); ended <- struct{}{} })
	group.Go(func() { c.copy(a, b, stop); ended <- struct{}{} })
	select {
	case <-ended:
	case <-stop:
	}
	a.Close()
	b.Close()
	group.Wait()
}

func (c *cable) copy(to, from net.Conn, stop <-chan struct{}) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-c.whole():
		case <-stop:
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
