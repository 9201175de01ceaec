package announce_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/announce"
	"p2p/torrentfile/infohash"
	"p2p/tracker/httpwire"
	"p2p/tracker/wire"
)

// one is a torrent of many.
type one struct {
	hash infohash.T
	left int64
}

func (o one) Snapshot() announce.Request {
	return announce.Request{InfoHash: o.hash, PeerID: [wire.PeerIDSize]byte{1}, Port: 6881, Left: o.left}
}

func (o one) Found(context.Context, string, announce.Response) int { return 1 }

// heard is an announce that a tracker heard of.
type heard struct {
	hash       infohash.T
	host       string
	event      wire.Event
	begin, end time.Duration
	failed     bool
}

// trackers are fake trackers that note who asks them, and how many at once.
type trackers struct {
	mu    sync.Mutex
	begun time.Time
	all   []heard
	now   map[string]int // announces under way, by host
	most  map[string]int
}

func newTrackers() *trackers {
	return &trackers{begun: time.Now(), now: map[string]int{}, most: map[string]int{}}
}

// serve makes a tracker that takes a while and answers what body returns; "" is
// nothing at all.
func (s *trackers) serve(n *fakeNet, host string, takes func() time.Duration, body func() string) string {
	return n.tracker(host, func(r httpwire.AnnounceRequest) string {
		s.mu.Lock()
		h := heard{hash: r.InfoHash, host: host, event: r.Event, begin: time.Since(s.begun)}
		s.now[host]++
		s.most[host] = max(s.most[host], s.now[host])
		wait, answer := takes(), body()
		s.mu.Unlock()
		time.Sleep(wait)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.now[host]--
		h.end, h.failed = time.Since(s.begun), answer == ""
		s.all = append(s.all, h)
		return answer
	}).url
}

// heard returns what they have heard so far.
func (s *trackers) heard() []heard {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// schedule runs a Scheduler for as long as the bubble lasts.
func schedule(t *testing.T, c *announce.Client) (s *announce.Scheduler, stop func()) {
	s = c.NewScheduler()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(stop)
	return s, stop
}

// goroutines returns how many there are of this module: the runtime has some of its
// own, which come and go.
func goroutines() int {
	b := make([]byte, 4<<20)
	b = b[:runtime.Stack(b, true)]
	count := 0
	for one := range bytes.SplitSeq(b, []byte("\n\n")) {
		if bytes.Contains(one, []byte("\np2p/")) {
			count++
		}
	}
	return count
}

func TestTorrentsThatWaitForTheirAnnounceCostNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		seen := newTrackers()
		url := seen.serve(n, "t", func() time.Duration { return 50 * time.Millisecond }, func() string { return onePeer(1800) })
		c := n.client(announce.Options{})
		s, _ := schedule(t, c)
		synctest.Wait()
		before := goroutines()
		for i := range 1000 {
			s.Add(c.NewAnnouncer([][]string{{url}}, one{hash: infohash.T{byte(i), byte(i >> 8)}}))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if busy := goroutines() - before; busy > 100 {
			t.Errorf("%d goroutines while 1000 torrents have their first announce", busy)
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if after := goroutines(); after != before {
			t.Errorf("%d goroutines when all have announced, %d before", after, before)
		}
		all := seen.heard()
		if len(all) != 1000 || seen.most["t"] != 8 {
			t.Fatalf("%d announces after 21 s, %d at once, want 1000 and 8", len(all), seen.most["t"])
		}
		// A lane rests for as long as the announce took: the first eight are there at
		// once, the rest come at 80 a second.
		last := all[len(all)-1].end
		if all[7].end > 60*time.Millisecond || last < 12*time.Second || last > 13*time.Second {
			t.Errorf("the eighth announce was over after %v, the last after %v", all[7].end, last)
		}
	})
}

func TestATorrentThatAPersonWaitsForComesBeforeThousands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		seen := newTrackers()
		url := seen.serve(n, "t", func() time.Duration { return 50 * time.Millisecond }, func() string { return onePeer(1800) })
		c := n.client(announce.Options{})
		s, _ := schedule(t, c)
		for i := range 1000 {
			s.Add(c.NewAnnouncer([][]string{{url}}, one{hash: infohash.T{byte(i), byte(i >> 8)}}))
		}
		time.Sleep(time.Second)
		prompt := one{hash: infohash.T{0xff, 0xff}}
		s.AddPrompt(c.NewAnnouncer([][]string{{url}}, prompt))
		downloader := one{hash: infohash.T{0xff, 0xfe}, left: 1}
		s.Add(c.NewAnnouncer([][]string{{url}}, downloader))
		time.Sleep(250 * time.Millisecond)
		found := 0
		for _, h := range seen.heard() {
			if h.hash == prompt.hash || h.hash == downloader.hash {
				found++
			}
		}
		if found != 2 {
			t.Errorf("%d of 2 were announced within 250 ms, with hundreds before them in the line", found)
		}
	})
}

// A host that is dead costs a thousand torrents no more than it costs the first few:
// those that have another tracker are soon announced there.
func TestADeadTrackerDoesNotHoldThousandsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		seen := newTrackers()
		dead := seen.serve(n, "dead", func() time.Duration { return 0 }, func() string { return "" })
		url := seen.serve(n, "t", func() time.Duration { return 20 * time.Millisecond }, func() string { return onePeer(1800) })
		c := n.client(announce.Options{})
		s, _ := schedule(t, c)
		for i := range 1000 {
			s.Add(c.NewAnnouncer([][]string{{dead}, {url}}, one{hash: infohash.T{byte(i), byte(i >> 8)}}))
		}
		for i := range 1000 { // these have no other
			s.Add(c.NewAnnouncer([][]string{{dead}}, one{hash: infohash.T{byte(i), byte(i >> 8), 1}}))
		}
		time.Sleep(5 * time.Minute)
		told, knocks := map[infohash.T]bool{}, 0
		for _, h := range seen.heard() {
			if h.host == "t" {
				told[h.hash] = true
			} else {
				knocks++
			}
		}
		if len(told) != 1000 {
			t.Errorf("%d of 1000 torrents were announced to the tracker that answers", len(told))
		}
		if knocks > 200 {
			t.Errorf("the dead tracker was asked %d times in 5 minutes", knocks)
		}
		if down := c.Down(); len(down) != 1 || down[0].Host != "dead" {
			t.Errorf("down are %v", down)
		}
	})
}

// The rules hold whatever happens: trackers that fail, are slow or silent, torrents
// that need peers, become complete, or leave.
func TestEveryTorrentHasItsTurnAndNoRuleIsBroken(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { turns(t, seed) })
		})
	}
}

const turnsMost = 10 // announces at once

// turns runs many torrents over a few trackers for some hours.
func turns(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	n := newFakeNet()
	seen := newTrackers()
	chance := rand.New(rand.NewPCG(seed, 1)) // of the trackers, which use it one at a time
	steady := seen.serve(n, "steady", func() time.Duration { return time.Duration(chance.IntN(300)) * time.Millisecond },
		func() string { return onePeer(600) })
	moody := seen.serve(n, "moody", func() time.Duration { return time.Duration(chance.IntN(9000)) * time.Millisecond },
		func() string {
			if chance.IntN(3) == 0 {
				return "d14:failure reason4:moode"
			}
			return onePeer(300)
		})
	silent := seen.serve(n, "silent", func() time.Duration { return 0 }, func() string { return "" })
	var open, most atomic.Int32
	c := announce.New(announce.Options{
		MaxConcurrent: turnsMost, Seed: seed + 1, Resolve: n.resolve,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := n.dial(ctx, network, address)
			if err == nil {
				if now := open.Add(1); now > most.Load() {
					most.Store(now)
				}
				conn = &counted{Conn: conn, end: sync.OnceFunc(func() { open.Add(-1) })}
			}
			return conn, err
		},
	})
	s, stop := schedule(t, c)
	var all []*announce.Announcer
	lists := [][][]string{{{steady}}, {{moody}}, {{silent}, {steady}}, {{moody, silent}, {steady}}, {{silent, moody}}}
	kind := map[infohash.T]int{}
	for i := range 80 {
		o := one{hash: infohash.T{byte(i), 1}, left: int64(rng.IntN(2))}
		kind[o.hash] = i % len(lists)
		a := c.NewAnnouncer(lists[i%len(lists)], o)
		all = append(all, a)
		s.Add(a)
	}
	gone := map[int]bool{}
	for range 2 * 60 * 6 {
		time.Sleep(time.Duration(rng.IntN(20)) * time.Second)
		i := rng.IntN(len(all))
		switch rng.IntN(10) {
		case 0:
			all[i].Completed()
		case 1:
			if len(gone) < 10 {
				gone[i] = true
				_ = all[i].Stop(t.Context())
			}
		default:
			all[i].NeedPeers()
		}
	}
	stop()
	time.Sleep(10 * time.Second) // for the trackers to notice
	if most.Load() > turnsMost {
		t.Errorf("%d announces at once, want %d at the most", most.Load(), turnsMost)
	}
	seen.check(t, kind, gone)
}

// counted is a connection that tells when it is closed.
type counted struct {
	net.Conn
	end func()
}

func (c *counted) Close() error {
	c.end()
	return c.Conn.Close()
}

// check looks at what the trackers have heard.
func (s *trackers) check(t *testing.T, kind map[infohash.T]int, gone map[int]bool) {
	by := map[infohash.T][]heard{}
	for _, h := range s.heard() {
		by[h.hash] = append(by[h.hash], h)
	}
	end := time.Since(s.begun)
	for hash, k := range kind {
		last := time.Duration(0)
		for i, h := range by[hash] {
			if !h.failed && h.event != wire.Stopped {
				if h.host != "silent" && h.begin-last > 20*time.Minute && k != 4 && k != 1 {
					t.Errorf("torrent %v (kind %d) was not announced from %v to %v", hash, k, last, h.begin)
				}
				last = h.begin
			}
			for _, o := range by[hash][:i] {
				overlap := h.begin < o.end && o.begin < h.end
				if overlap && h.host == o.host && !(later(h, o).event == wire.Stopped || later(h, o).event == wire.Completed) {
					t.Errorf("torrent %v was announced twice at once: %+v and %+v", hash, o, h)
				}
			}
		}
		if !gone[int(hash[0])] && (k == 0 || k == 2 || k == 3) && end-last > 20*time.Minute {
			t.Errorf("torrent %v (kind %d) was last announced at %v of %v", hash, k, last, end)
		}
		s.backOff(t, by[hash])
	}
}

// later returns the one that began later. An event breaks off what is under way, of
// which a tracker learns a little later.
func later(h, o heard) heard {
	if h.begin >= o.begin {
		return h
	}
	return o
}

// backOff checks that nobody asks a tracker again at once that was silent, unless
// another answered before that could be told.
func (s *trackers) backOff(t *testing.T, of []heard) {
	last := map[string]heard{}
	for _, h := range of {
		p, ok := last[h.host]
		last[h.host] = h
		if !ok || !p.failed || h.event == wire.Completed || h.event == wire.Stopped || h.begin-p.begin >= 10*time.Second {
			continue
		}
		if !slices.ContainsFunc(of, func(o heard) bool {
			return !o.failed && o.host != h.host && o.end >= p.begin && o.end < p.begin+5*time.Second
		}) {
			t.Errorf("asked again %v after it was silent: %+v", h.begin-p.begin, h)
		}
	}
}
