//go:build unix

package robust

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"p2p/cmd/p2p/drive"
)

// gate stands before a tracker and counts what comes through.
type gate struct {
	url string // to announce at

	mu    sync.Mutex
	asked map[string]int // announces by swarm and peer
}

func newGate(t *testing.T, tracker string) *gate {
	t.Helper()
	to, err := url.Parse(tracker)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{asked: map[string]int{}}
	forward := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.Out.URL.Host, r.Out.URL.Scheme = to.Host, to.Scheme },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		g.mu.Lock()
		g.asked[q.Get("info_hash")+q.Get("peer_id")]++
		g.mu.Unlock()
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	g.url = s.URL + to.Path
	return g
}

// most forgets what was counted, and returns how often the most eager peer has asked for one swarm.
func (g *gate) most() (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, times := range g.asked {
		n = max(n, times)
	}
	clear(g.asked)
	return n
}

// TestWithoutTheTrackerPeopleTalkOnAndFindEachOtherWhenItIsBack kills the tracker. Who is connected does not mind; two who have
// both moved meanwhile have nobody else to ask, and are found when it is back.
func TestWithoutTheTrackerPeopleTalkOnAndFindEachOtherWhenItIsBack(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	t.Parallel()
	tracker := startTracker(t, drive.Addr(t))
	at := tracker.Started(soon)
	g := newGate(t, at.Announce[0])
	alice, bob := newPerson(t, "alice", "--tracker", g.url), newPerson(t, "bob", "--tracker", g.url)
	befriend(t, alice, bob)
	tracker.Kill()
	alice.says("bob", "the tracker is gone")
	bob.hears("alice", "the tracker is gone")
	g.most()
	began := time.Now()
	for _, p := range []*person{alice, bob} {
		p.kill()
		p.at = drive.Addr(t)
		p.start()
	}
	alice.says("bob", "where are you?")
	drive.Eventually(t, soon, "nobody asks the tracker that is gone", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.asked) > 0
	})
	startTracker(t, at.Listen)
	bob.hearsWithin(2*soon, "alice", "where are you?") // who has asked in vain twice asks again after 10 to 30 s
	// Each swarm is announced at the start, and after a failure not sooner than in 5 s.
	if most, allowed := g.most(), 2+int(time.Since(began)/(5*time.Second)); most > allowed {
		t.Errorf("a peer has asked %d times for one swarm, want at most %d", most, allowed)
	}
}

// TestWhoIsAwayIsNotBesieged counts how often the friends of somebody call at an address where he is not any more.
func TestWhoIsAwayIsNotBesieged(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	t.Parallel()
	alice, bob := newPair(t)
	bob.kill()
	l, err := net.Listen("tcp", bob.at)
	if err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int32
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			conn.Close()
		}
	}()
	// One room leads to him: a call after some seconds, and more with pauses that double.
	drive.Eventually(t, soon, "nobody calls", func() bool { return calls.Load() > 0 })
	const watched = 10 * time.Second
	time.Sleep(watched)
	l.Close()
	if n := calls.Load(); n > 8 {
		t.Errorf("alice has called %d times in %v", n, watched)
	}
	bob.start()
	alice.says("bob", "there you are")
	bob.hears("alice", "there you are")
}
