//go:build interop && linux

package interop

import (
	"fmt"
	"testing"
	"time"

	"p2p/cmd/p2p/drive"
)

// TestEveryClientSharesWithUs pairs each client with p2p, as seeder and as
// leecher, for each content, over each tracker: not the whole product, but every
// client in either role meets all four contents and all four trackers, and every
// content every tracker.
func TestEveryClientSharesWithUs(t *testing.T) {
	shift := 0
	for _, c := range append([]client{ours{}}, others...) {
		for _, seeds := range []bool{true, false} {
			for i, content := range contents {
				k := trackerKinds[(i+shift)%len(trackerKinds)]
				from, to := c, client(ours{})
				if !seeds {
					from, to = to, from
				}
				t.Run(fmt.Sprintf("%v to %v: %s, %v", from, to, content.title, k), func(t *testing.T) {
					t.Parallel()
					pair(t, from, to, newSwarmOf(t, c, content, k))
				})
			}
			shift++
		}
	}
}

// newSwarmOf is newSwarm for a test of a client, which has to be there.
func newSwarmOf(t *testing.T, c client, content content, k trackerKind) *swarm {
	t.Helper()
	need(t, c.programs()...)
	return newSwarm(t, content, k, newAddr())
}

// pair has one client download from another.
func pair(t *testing.T, from, to client, s *swarm) {
	t.Helper()
	seed, leech := newAddr(), newAddr()
	if s.tracker.Is6() {
		seed, leech = newAddr6(), newAddr6()
	}
	s.awaitSeeds(t, from.seed(t, job{torrent: s.torrent, dir: s.source, at: seed}))
	out := t.TempDir()
	begin := time.Now()
	to.get(t, job{torrent: s.torrent, dir: out, at: leech})(patience)
	t.Logf("took %v", time.Since(begin).Round(10*time.Millisecond))
	if to == (transmission{}) {
		dropEmpty(t, s.source) // Transmission 3.00 makes no empty files
	}
	s.same(t, out)
	if to == (ours{}) { // some of the others do not tell it when they end with the download
		drive.Eventually(t, patience, "the tracker has not heard of the completed download", func() bool {
			return scrape(t, s.tracker, s.meta.InfoHash).completed == 1
		})
	}
}
