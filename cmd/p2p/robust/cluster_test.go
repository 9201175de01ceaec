//go:build unix

package robust

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"p2p/cmd/p2p/drive"
)

// soakEnv makes TestThreeTrackersAreOneService go on with more and more mishaps for
// that long, such as "10m".
const soakEnv = "P2P_CLUSTER_SOAK"

// TestThreeTrackersAreOneService kills one of three trackers, stops one for a
// while and cuts one off, all under load, and counts what was lost. After each
// mishap all of them are ready again without a hand.
func TestThreeTrackersAreOneService(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for elections and restarts")
	}
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	c := newTrackers(t)
	c.awaitReady()
	c.logDelay()
	mishaps := []func(*rand.Rand){c.killOne, c.pauseOne, c.cutOneOff}
	soak, _ := time.ParseDuration(os.Getenv(soakEnv))
	for end := time.Now().Add(soak); ; {
		rng.Shuffle(len(mishaps), func(i, j int) { mishaps[i], mishaps[j] = mishaps[j], mishaps[i] })
		load := c.startLoad(rng.Uint64())
		for _, mishap := range mishaps {
			began := time.Now()
			mishap(rng)
			t.Logf("which takes %v", time.Since(began).Round(10*time.Millisecond))
			c.awaitReady()
		}
		load.stop()
		c.check(load)
		if time.Now().After(end) {
			break
		}
	}
	c.restartAll()
	c.awaitReady()
	c.checkHardState()
}

// killOne kills a tracker in the midst of everything, makes the others take a
// ban without it, and starts it again.
func (c *trackers) killOne(rng *rand.Rand) {
	victim := rng.IntN(3)
	c.t.Logf("tracker %d is killed", victim)
	c.ban(victim)
	c.kill(victim)
	c.ban((victim + 1) % 3)
	c.ban((victim + 2) % 3)
	c.start(victim)
}

func (c *trackers) kill(victim int) {
	from := time.Now()
	c.nodes[victim].Kill()
	c.finish.killed(kill{victim, from, time.Now()})
}

// pauseOne stops a tracker for longer than the others wait for it.
func (c *trackers) pauseOne(rng *rand.Rand) {
	victim := rng.IntN(3)
	c.t.Logf("tracker %d is stopped for a while", victim)
	c.nodes[victim].Signal(syscall.SIGSTOP)
	c.ban((victim + 1) % 3)
	c.ban((victim + 2) % 3)
	<-time.After(2 * time.Second)
	c.nodes[victim].Signal(syscall.SIGCONT)
	c.ban(victim)
}

// cutOneOff keeps everything between a tracker and the others from arriving. It
// goes on answering, from what it knows, until the others have hung up and miss what
// it counts. As soon as it is ready again it may die.
func (c *trackers) cutOneOff(rng *rand.Rand) {
	victim := rng.IntN(3)
	c.t.Logf("tracker %d is cut off", victim)
	c.cut(victim, true)
	c.ban((victim + 1) % 3)
	c.ban((victim + 2) % 3)
	<-time.After(7 * time.Second)
	if r, ok := c.ask(victim, 0, 1, "", soon); !ok || r == nil {
		c.t.Error("who is cut off does not answer")
	}
	c.cut(victim, false)
	c.ban(victim)
	c.awaitReady()
	c.kill(victim)
	c.start(victim)
}

// restartAll kills all trackers at once and starts them again.
func (c *trackers) restartAll() {
	c.settles("what no ledger has yet may die with all of them", func() (left []string) {
		for i := range c.nodes {
			if n := c.unwritten(i); n != 0 {
				left = append(left, fmt.Sprintf("tracker %d knows %d completed downloads that are not written", i, n))
			}
		}
		return left
	})
	for i := range c.nodes {
		c.nodes[i].Kill()
	}
	for i := range c.nodes {
		c.start(i)
	}
}

// settles waits until wrong finds nothing, and fails the test with what it found
// last when that takes too long.
func (c *trackers) settles(what string, wrong func() []string) {
	c.t.Helper()
	for end := time.Now().Add(2 * soon); ; <-time.After(100 * time.Millisecond) {
		found := wrong()
		if len(found) == 0 {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("%s:\n%s", what, strings.Join(found, "\n"))
		}
	}
}

// check compares what the trackers know after a round with what was accepted.
func (c *trackers) check(load *load) {
	t := c.t
	answered, failed, wrong := load.counts()
	t.Logf("%d announces answered, %d not, %d wrong", answered, failed, wrong)
	if wrong > 0 {
		t.Errorf("%d wrong answers: %v", wrong, load.wrongs)
	}
	if answered == 0 {
		t.Error("nothing was answered")
	}
	// What is still missing comes back by itself: every peer announces again.
	lost := c.missing()
	for n := range peers {
		c.ask(n%3, n, 50, "", soon)
	}
	drive.Eventually(t, soon, "the trackers do not know all peers", func() bool { return c.missing() == 0 })
	t.Logf("%d peers were missing at some tracker before their next announce", lost)
	c.checkHardState()
}

// checkHardState makes sure that no accepted ban is gone, and that completed
// counts are what clients were told.
func (c *trackers) checkHardState() {
	c.t.Helper()
	c.settles("bans are forgotten", func() (forgotten []string) {
		for i := range c.nodes {
			p := c.command(i, "ban", "list")
			p.Wait(soon)
			for _, b := range c.banned {
				if !strings.Contains(p.Out()+"\n", b+"\n") {
					forgotten = append(forgotten, fmt.Sprintf("tracker %d has no ban of %s, of %d", i, b, len(c.banned)))
				}
			}
		}
		return forgotten
	})
	c.settles("completed downloads are not counted as clients were told", c.miscounted)
	least, most := c.finish.counts()
	sum := func(counts [torrents]int) (n int) {
		for _, count := range counts {
			n += count
		}
		return n
	}
	c.t.Logf("%d to %d completed downloads are counted", sum(least), sum(most))
}

// logDelay announces peers at one tracker and says how long it takes the others
// to hand them out.
func (c *trackers) logDelay() {
	var slowest time.Duration
	for n := range 20 {
		began := time.Now()
		at := n % 3
		c.ask(at, n, 0, "", soon)
		for other := range 3 {
			drive.Eventually(c.t, soon, "a peer is not handed out by the others", func() bool {
				r, ok := c.ask(other, n+peers/2, 200, "", soon) // of the same torrent
				return ok && slices.Contains(r, portOf(n))
			})
		}
		slowest = max(slowest, time.Since(began))
	}
	c.t.Logf("a peer is handed out by all trackers after %v at most", slowest)
}

// ready reports whether a tracker says that it is ready.
func (c *trackers) ready(i int) bool {
	client := http.Client{Timeout: 2 * time.Second}
	r, err := client.Get("http://" + c.addrs[i] + "/readyz")
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}

func (c *trackers) awaitReady() {
	c.t.Helper()
	began := time.Now()
	for i := range c.nodes {
		drive.Eventually(c.t, 2*soon, fmt.Sprintf("tracker %d is not ready", i), func() bool { return c.ready(i) })
	}
	c.t.Logf("all are ready after %v", time.Since(began).Round(10*time.Millisecond))
}
