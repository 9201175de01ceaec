package swarm_test

import (
	"fmt"
	"testing"
	"time"

	"p2p/piece"
)

// fanout is one seeder that brings a file to leechers, all with lines up of the
// same rate: what a swarm is for.
type fanout struct {
	size, pieceLen int64
	leechers       int
	rate           float64 // bytes/s
	latency        time.Duration
	slow           bool // every second leecher sends at a tenth of the rate
}

// outcome is what came of a fanout.
type outcome struct {
	time   float64 // until the last had everything, in units of size/rate
	copies float64 // that the seeder sent
	wasted float64 // share of what came that came in vain
}

func (o outcome) String() string {
	return fmt.Sprintf("%.3f x the time of one copy, %.3f copies sent by the seeder, %.2f %% wasted", o.time, o.copies, 100*o.wasted)
}

func (f fanout) play(t testing.TB, seed uint64) outcome {
	l, err := piece.NewLayout(f.size, f.pieceLen)
	if err != nil {
		t.Fatal(err)
	}
	s := newSim(t, seed, l)
	s.sparse = true
	for n := range f.leechers + 1 {
		o := setup{upRate: f.rate, downRate: 100 * f.rate, latency: f.latency, slots: 8, maxPeers: 50, fast: true, ext: true}
		if f.slow && n > 0 && n%2 == 0 {
			o.upRate /= 10
		}
		s.add(o)
	}
	seeder := s.nodes[0]
	seeder.have.SetAll()
	for _, n := range s.nodes {
		s.at(s.between(0, 100*time.Millisecond), n.start)
	}
	s.watch(s.settled)
	s.run(10 * time.Minute)
	if s.bad != "" || !s.over {
		t.Fatalf("seed %d: %s%s", seed, s.bad, s.progress())
	}
	var last time.Duration
	var wasted int64
	for _, n := range s.nodes[1:] {
		last = max(last, n.completed)
		wasted += n.wasted
	}
	got := float64(f.size) * float64(f.leechers)
	return outcome{
		time:   last.Seconds() * f.rate / float64(f.size),
		copies: float64(seeder.uploaded) / float64(f.size),
		wasted: float64(wasted) / (got + float64(wasted)),
	}
}

// mean plays f with some seeds.
func (f fanout) mean(t testing.TB, seeds int) (sum outcome) {
	for seed := range uint64(seeds) {
		o := f.play(t, seed)
		sum.time += o.time / float64(seeds)
		sum.copies += o.copies / float64(seeds)
		sum.wasted += o.wasted / float64(seeds)
	}
	return sum
}

// The line of the only seed is the bottleneck: each block that it sends twice
// delays everybody.
func TestOneSeedFeedsManyWithHardlyMoreThanOneCopy(t *testing.T) {
	for _, f := range []fanout{
		{size: 50e6, pieceLen: 256 << 10, leechers: 8, rate: 10e6},
		{size: 100e6, pieceLen: 1 << 20, leechers: 8, rate: 10e6, latency: 5 * time.Millisecond},
	} {
		o := f.play(t, 1)
		t.Logf("%d MB in pieces of %d KiB: %v", f.size/1e6, f.pieceLen>>10, o)
		if o.time > 1.25 || o.copies > 1.25 || o.wasted > 0.03 {
			t.Errorf("%d MB in pieces of %d KiB: %v", f.size/1e6, f.pieceLen>>10, o)
		}
	}
}

func BenchmarkFanOut(b *testing.B) {
	for _, f := range []fanout{
		{size: 50e6, pieceLen: 256 << 10, leechers: 8, rate: 10e6},
		{size: 100e6, pieceLen: 256 << 10, leechers: 8, rate: 10e6},
		{size: 100e6, pieceLen: 1 << 20, leechers: 8, rate: 10e6},
		{size: 200e6, pieceLen: 256 << 10, leechers: 8, rate: 10e6},
		{size: 10e6, pieceLen: 64 << 10, leechers: 16, rate: 1e6},
		{size: 32 << 20, pieceLen: 256 << 10, leechers: 16, rate: 8 << 20},
		{size: 100e6, pieceLen: 256 << 10, leechers: 8, rate: 10e6, slow: true},
		{size: 50e6, pieceLen: 256 << 10, leechers: 8, rate: 2.5e6, latency: 25 * time.Millisecond},
		{size: 1e6, pieceLen: 32 << 10, leechers: 20, rate: 1e6, latency: 10 * time.Millisecond},
	} {
		b.Run(fmt.Sprintf("%dMB-%dK-%dx%.1f-slow=%v", f.size/1e6, f.pieceLen>>10, f.leechers, f.rate/1e6, f.slow), func(b *testing.B) {
			var sum outcome
			for b.Loop() {
				sum = f.mean(b, 3)
			}
			b.ReportMetric(sum.time, "time")
			b.ReportMetric(sum.copies, "copies")
			b.ReportMetric(100*sum.wasted, "%wasted")
		})
	}
}
