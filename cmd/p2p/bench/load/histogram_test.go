package load_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"p2p/cmd/p2p/bench/load"
)

func TestQuantilesAreThoseOfTheSortedTimesToOnePartIn64(t *testing.T) {
	for seed := range uint64(20) {
		dice := rand.New(rand.NewPCG(seed, 0))
		var h, half load.Histogram
		times := make([]time.Duration, 1+dice.IntN(3000))
		for i := range times {
			times[i] = time.Duration(math.Exp(dice.Float64() * 23)) // 1 ns to 10 s
			if i%2 == 0 {
				h.Add(times[i])
			} else {
				half.Add(times[i])
			}
		}
		h.Merge(&half)
		slices.Sort(times)
		for _, q := range []float64{0, .5, .9, .99, .999, 1} {
			want := times[max(int(math.Ceil(q*float64(len(times)))), 1)-1]
			got := h.Quantile(q)
			if got < want || float64(got) > float64(want)*(1+1.0/64) {
				t.Fatalf("seed %d: the %v quantile of %d times is %v; want %v", seed, q, len(times), got, want)
			}
		}
		if h.Max() != times[len(times)-1] || h.Total() != int64(len(times)) {
			t.Errorf("seed %d: max %v, total %d", seed, h.Max(), h.Total())
		}
	}
}

func TestAnEmptyHistogramHasNoQuantile(t *testing.T) {
	var h load.Histogram
	if h.Quantile(.5) != 0 || h.Max() != 0 {
		t.Errorf("p50 %v, max %v", h.Quantile(.5), h.Max())
	}
	h.Add(-time.Second)
	h.Add(time.Hour) // longer than what is told apart
	if h.Quantile(.5) != 0 || h.Quantile(1) != time.Hour {
		t.Errorf("p50 %v, p100 %v", h.Quantile(.5), h.Quantile(1))
	}
}

func TestAddingATimeAllocatesNothing(t *testing.T) {
	var h load.Histogram
	if n := testing.AllocsPerRun(100, func() { h.Add(time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
