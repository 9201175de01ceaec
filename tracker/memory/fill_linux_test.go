package memory_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"p2p/tracker"
	"p2p/tracker/memory"
	"p2p/tracker/storetest"
	"p2p/tracker/wire"
)

// How many peers BenchmarkFill announces.
const filled = 10_000_000

// BenchmarkFill fills stores with ten million peers and says what that costs:
//
//	go test -run xxx -bench Fill -benchtime 1x ./tracker/memory
//
// heap-B/peer and rss-B/peer are what the heap in use and the resident memory of the process have
// grown by, charged-B/peer what the budget says. gc-pause is the longest
// that the collector stopped the world, and gc-stopping the longest that it waited
// until all others stood still, which is part of it: on a machine that has other work to do
// this is how long a thread waits for a processor. gc-median, beside gc-median-empty
// from before the store was filled, says more then. cpu-0.001% is the time of the processor
// that one announce in 100,000 takes at least while the store grows: those split
// something. While half of the peers expire, announces go on: late-0.1% is what one
// in a thousand waits for at least, with all that the machine does besides.
func BenchmarkFill(b *testing.B) {
	large := func(n int) int { return n % 100 }
	mix := func(n int) int {
		u := float64(mixed(n)>>11) / (1 << 53)
		return int(u * u * u * filled / 4)
	}
	only := func(f wire.Family) func(int) wire.Family { return func(int) wire.Family { return f } }
	for _, test := range []struct {
		name    string
		peers   int
		torrent func(n int) int
		family  func(n int) wire.Family
	}{
		{"IPv4 in 100 swarms", filled, large, only(wire.IPv4)},
		{"IPv6 in 100 swarms", filled, large, only(wire.IPv6)},
		{"IPv4 in one swarm", filled, func(int) int { return 0 }, only(wire.IPv4)},
		{"alone in their swarms", filled, func(n int) int { return n }, only(wire.IPv4)},
		{"a million alone", filled / 10, func(n int) int { return n }, only(wire.IPv4)},
		{"swarms of all sizes", filled, mix, func(n int) wire.Family { return wire.Family(n % 5 / 4) }},
	} {
		b.Run(test.name, func(b *testing.B) {
			for b.Loop() {
				fill(b, test.peers, func(n int) tracker.Announce { return crowd(n, test.torrent(n), test.family(n)) })
			}
		})
	}
}

// mixed scatters numbers.
func mixed(n int) uint64 {
	x := uint64(n) * 0x9e3779b97f4a7c15
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	return x ^ x>>32
}

// crowd returns the n-th peer of the world.
func crowd(n, torrent int, family wire.Family) tracker.Announce {
	a := tracker.Announce{Seed: n%3 == 0, Key: uint32(n), Time: storetest.Start.Add(time.Duration(n%2) * time.Hour)}
	binary.LittleEndian.PutUint64(a.InfoHash[:], mixed(torrent)|1)
	binary.LittleEndian.PutUint64(a.PeerID[4:], uint64(n)+1)
	x := mixed(n) // one-to-one
	port := uint16(n%60000 + 1024)
	if family == wire.IPv4 {
		a.Peer = netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(x>>24)%200 + 20, byte(x >> 16), byte(x >> 8), byte(x)}), port)
		return a
	}
	ip := [16]byte{0x20, 0x01}
	binary.LittleEndian.PutUint64(ip[2:], x)
	ip[15] = 1
	a.Peer = netip.AddrPortFrom(netip.AddrFrom16(ip), port)
	return a
}

func fill(b *testing.B, peers int, announce func(n int) tracker.Announce) {
	debug.FreeOSMemory()
	pause0, took := medianPause(), newTimes()
	heap0, rss0 := heapInUse(), resident(b)
	pauses0, stops0 := pauses("total"), pauses("stopping")
	s := memory.New(memory.Options{MaxMemory: 4 << 30, Seed: 1})
	charged0 := s.Pressure().Memory

	runtime.LockOSThread()
	cpu := processor()
	for n := range peers {
		if _, err := s.Announce(context.Background(), announce(n), 0); err != nil {
			b.Fatal(err)
		}
		now := processor()
		took.add(now - cpu)
		cpu = now
	}
	runtime.UnlockOSThread()

	// The peers that are there: two of the numbers may have become one address.
	tally := s.Tally()
	n := float64(tally.Seeders + tally.Leechers)
	b.ReportMetric(medianPause().Seconds()*1e6, "gc-median-µs")
	b.ReportMetric(pause0.Seconds()*1e6, "gc-median-empty-µs")
	b.ReportMetric(float64(s.Pressure().Memory-charged0)/n, "charged-B/peer")
	b.ReportMetric(float64(heapInUse()-heap0)/n, "heap-B/peer")
	b.ReportMetric(float64(resident(b)-rss0)/n, "rss-B/peer")
	b.ReportMetric(took.slowest(peers/100_000), "cpu-0.001%-µs")
	late := expireUnder(b, s, peers, announce)
	b.ReportMetric(late, "late-0.1%-µs")
	b.ReportMetric(snapshotCost(b, s), "snapshot-B/peer")
	b.ReportMetric(longest(pauses0, pauses("total"))*1e6, "gc-pause-µs")
	b.ReportMetric(longest(stops0, pauses("stopping"))*1e6, "gc-stopping-µs")
	b.ReportMetric(0, "ns/op")
	runtime.KeepAlive(s)
}

// expireUnder lets half of the peers expire while others are renewed, and returns
// how many microseconds the slowest thousandth of these announces took at least.
func expireUnder(b *testing.B, s *memory.Store, peers int, announce func(n int) tracker.Announce) float64 {
	done := make(chan int)
	go func() {
		removed, err := s.Expire(context.Background(), storetest.Start.Add(time.Hour))
		if err != nil {
			b.Error(err)
		}
		done <- removed
	}()
	took, count := newTimes(), 0
	into := wire.Peers{V4: make([]byte, 0, 6*50), V6: make([]byte, 0, 18*50)}
	rng := rand.New(rand.NewPCG(1, 1))
	for {
		select {
		case removed := <-done:
			if removed < peers/3 {
				b.Errorf("%d of %d peers expired", removed, peers)
			}
			return took.slowest(count / 1000)
		default:
		}
		a := announce(rng.IntN(peers/2)*2 + 1)
		a.Into = into
		began := time.Now()
		if _, err := s.Announce(context.Background(), a, 50); err != nil {
			b.Fatal(err)
		}
		took.add(time.Since(began))
		count++
	}
}

// times counts by microseconds, up to 65 ms. A slice of durations would be
// copied as it grows, tens of megabytes at a stretch in which no collector can stop the
// goroutine: what was measured then was that.
type times []int

func newTimes() times { return make(times, 1<<16) }

func (t times) add(d time.Duration) { t[min(d.Microseconds(), int64(len(t)-1))]++ }

// slowest returns how many microseconds the n slowest took at least.
func (t times) slowest(n int) float64 {
	µs := len(t)
	for sum := 0; sum <= n && µs > 0; sum += t[µs] {
		µs--
	}
	return float64(µs)
}

// snapshotCost returns the size of a snapshot per peer.
func snapshotCost(b *testing.B, s *memory.Store) float64 {
	r, w := io.Pipe()
	go func() { w.CloseWithError(s.Snapshot(w, storetest.Start)) }()
	size, err := io.Copy(io.Discard, r)
	if err != nil {
		b.Fatal(err)
	}
	t := s.Tally()
	return float64(size) / float64(t.Seeders+t.Leechers)
}

// BenchmarkLimit floods a store in a process that is given so much memory and
// makes garbage with every announce, and says what part of it was resident at most.
func BenchmarkLimit(b *testing.B) {
	for _, limit := range []int64{128 << 20, 512 << 20} {
		b.Run(fmt.Sprintf("%d MiB", limit>>20), func(b *testing.B) {
			budget, collector := memory.Budget(limit), memory.CollectorLimit(limit)
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(collector))
			for b.Loop() {
				debug.FreeOSMemory()
				s := memory.New(memory.Options{MaxMemory: budget, Seed: 1})
				var most int64
				var garbage []byte
				for n := range filled {
					garbage = make([]byte, 2000)
					a := crowd(n, int(mixed(n)%(filled/2)), wire.Family(n%5/4))
					_, err := s.Announce(context.Background(), a, 0)
					if err != nil && !errors.Is(err, tracker.ErrFull) && !errors.Is(err, tracker.ErrQuota) {
						b.Fatal(err)
					}
					if n%10_000 == 0 {
						most = max(most, resident(b))
					}
				}
				runtime.KeepAlive(garbage)
				b.ReportMetric(float64(most)/float64(limit), "resident/limit")
				b.ReportMetric(float64(s.Pressure().Evicted), "evicted")
			}
		})
	}
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// resident returns the memory of this process that is in the machine's.
func resident(b *testing.B) int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	var size, pages int64
	if _, err := fmt.Fscan(bytes.NewReader(text), &size, &pages); err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// processor returns the time that this thread has had of the processor.
func processor() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// pauses returns how often the collector stopped the world, by length: the "total"
// or the part for "stopping" it.
func pauses(what string) *metrics.Float64Histogram {
	sample := []metrics.Sample{{Name: "/sched/pauses/" + what + "/gc:seconds"}}
	metrics.Read(sample)
	h := sample[0].Value.Float64Histogram()
	return &metrics.Float64Histogram{Counts: slices.Clone(h.Counts), Buckets: slices.Clone(h.Buckets)}
}

// medianPause collects the garbage many times and returns for how long one of
// these collections stopped the world, in the middle.
func medianPause() time.Duration {
	const times = 31
	for range times {
		runtime.GC()
	}
	var stats debug.GCStats
	debug.ReadGCStats(&stats)
	took := stats.Pause[:times]
	slices.Sort(took)
	return took[times/2]
}

// longest returns the upper end of the longest pause between two readings, in seconds.
func longest(before, after *metrics.Float64Histogram) (seconds float64) {
	for i, n := range after.Counts {
		if n > before.Counts[i] && !math.IsInf(after.Buckets[i+1], 0) {
			seconds = after.Buckets[i+1]
		}
	}
	return seconds
}
