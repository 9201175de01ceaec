//go:build unix

package robust

import (
	"bufio"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// finished is what the load's peers have finished, and what may keep a tracker from
// having counted that.
type finished struct {
	mu    sync.Mutex
	peers map[int]bool // that have announced that they are complete
	all   []completed
	kills []kill
}

// completed is an announce of "completed".
type completed struct {
	node, torrent   int
	answered        bool
	asked, answerAt time.Time // a moment of this test: the answer may have lain there for a while
}

// kill is the end of a tracker, at some moment between two.
type kill struct {
	node     int
	from, to time.Time
}

// may reports whether a peer may finish now: nobody does so twice.
func (f *finished) may(peer int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	may := !f.peers[peer]
	f.peers[peer] = true
	return may
}

func (f *finished) add(c completed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, c)
}

func (f *finished) killed(k kill) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kills = append(f.kills, k)
}

// grace is how long before its death a tracker may have accepted a completion
// that it had no time to tell the others of. It tells them at once; on a machine
// with a lot to do that takes its time.
const grace = 2 * time.Second

// sure reports whether c must have been counted.
func (f *finished) sure(c completed) bool {
	return c.answered && !slices.ContainsFunc(f.kills, func(k kill) bool {
		return k.node == c.node && c.asked.Before(k.to) && c.answerAt.After(k.from.Add(-grace))
	})
}

// counts returns how often each torrent must have been counted, and may have been.
func (f *finished) counts() (least, most [torrents]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.all {
		most[c.torrent]++
		if f.sure(c) {
			least[c.torrent]++
		}
	}
	return least, most
}

// history tells what happened to a torrent, for whoever wonders.
func (f *finished) history(torrent int) (lines []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	const clock = "15:04:05.000"
	for _, c := range f.all {
		if c.torrent == torrent {
			lines = append(lines, fmt.Sprintf("%s finished at tracker %d until %s, answered %v, sure %v", c.asked.Format(clock), c.node, c.answerAt.Format(clock), c.answered, f.sure(c)))
		}
	}
	for _, k := range f.kills {
		lines = append(lines, fmt.Sprintf("%s tracker %d killed", k.from.Format(clock), k.node))
	}
	slices.Sort(lines)
	return lines
}

// miscounted says which torrents the trackers have not counted as clients were told.
func (c *trackers) miscounted() (wrong []string) {
	least, most := c.finish.counts()
	torrent := make(map[string]int)
	for n := range torrents {
		torrent[hashOf(n).String()] = n
	}
	for i := range c.nodes {
		files := c.scrape(i)
		if len(files) != torrents {
			wrong = append(wrong, fmt.Sprintf("tracker %d tells of %d torrents", i, len(files)))
		}
		for _, f := range files {
			if n := torrent[f.InfoHash.String()]; f.Downloaded < least[n] || f.Downloaded > most[n] {
				wrong = append(wrong, fmt.Sprintf("tracker %d has counted %d of torrent %d, want %d to %d; it knows %d that are not written\n%q",
					i, f.Downloaded, n, least[n], most[n], c.unwritten(i), c.finish.history(n)))
			}
		}
	}
	return wrong
}

// unwritten is how many completed downloads a tracker knows that are not in the
// ledger, -1 when it does not say.
func (c *trackers) unwritten(i int) int {
	client := http.Client{Timeout: 2 * time.Second}
	r, err := client.Get("http://" + c.admins[i] + "/metrics")
	if err != nil {
		return -1
	}
	defer r.Body.Close()
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		n := -1
		if _, err := fmt.Sscanf(lines.Text(), "p2p_tracker_cluster_completions_unwritten %d", &n); err == nil {
			return n
		}
	}
	return -1
}
