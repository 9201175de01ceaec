package peer_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"p2p/peer"
)

// BenchmarkRateLimit measures what one limit lets pass in ten seconds, over TCP,
// and how it is shared. The peers of one side do not know each other.
func BenchmarkRateLimit(b *testing.B) {
	for _, rate := range []int64{1e6, 10e6, 50e6} {
		for _, peers := range []int{1, 8} {
			b.Run(fmt.Sprintf("up/%dMB/%d", rate/1e6, peers), func(b *testing.B) {
				for b.Loop() {
					benchmarkLimit(b, rate, peer.Options{UpLimit: rate}, peer.Options{}, peers)
				}
			})
			b.Run(fmt.Sprintf("down/%dMB/%d", rate/1e6, peers), func(b *testing.B) {
				for b.Loop() {
					benchmarkLimit(b, rate, peer.Options{DownLimit: rate}, peer.Options{}, peers)
				}
			})
		}
	}
}

// benchmarkLimit lets one Node with a limit, of uploads or of downloads, meet
// peers who have none.
func benchmarkLimit(b *testing.B, rate int64, one, others peer.Options, peers int) {
	s := newSource(b, int(rate)*16, 256<<10) // enough for as long as it is watched
	seeds := one.UpLimit > 0
	n := openNode(b, one)
	sw := add(b, n, s, place(b, s, seeds), seeds)
	stopFirst(b, sw)
	for range peers {
		stopFirst(b, add(b, openNode(b, others), s, place(b, s, !seeds), !seeds, n.Addr()))
	}
	watchLimit(b, rate, sw)
}

func place(b *testing.B, s source, full bool) string {
	if full {
		return s.dir
	}
	return b.TempDir()
}

// stopFirst closes a swarm before its files are.
func stopFirst(b *testing.B, sw *peer.Swarm) {
	b.Cleanup(func() { sw.Close(context.Background()) })
}

// passed waits for news of what each peer of sw has sent or got.
func passed(sw *peer.Swarm) (each []int64, all int64) {
	moved := sw.Stats().Moved
	for sw.Stats().Moved.Equal(moved) {
		time.Sleep(time.Millisecond)
	}
	for _, p := range sw.Stats().Peers {
		each = append(each, p.Uploaded+p.Downloaded)
		all += p.Uploaded + p.Downloaded
	}
	return each, all
}

// watchLimit reports what passes in ten seconds, after some to begin in, in per
// cent of the limit, and what the peer with the least got in per cent of an equal
// share.
func watchLimit(b *testing.B, rate int64, sw *peer.Swarm) {
	time.Sleep(2 * time.Second)
	before, sum := passed(sw)
	begin := time.Now()
	time.Sleep(9800 * time.Millisecond) // and until there is news
	after, total := passed(sw)
	took := time.Since(begin)
	if len(before) != len(after) {
		b.Fatalf("%d peers at first, %d in the end", len(before), len(after))
	}
	least := total
	for n := range after {
		least = min(least, after[n]-before[n])
	}
	b.ReportMetric(100*float64(total-sum)/(float64(rate)*took.Seconds()), "%limit")
	b.ReportMetric(100*float64(least)*float64(len(after))/float64(total-sum), "%least/share")
}
