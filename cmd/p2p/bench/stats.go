package bench

import (
	"math"
	"slices"
)

// Spread is what several measurements of one thing come to.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// SpreadOf returns the spread of values, all zero for none. The median of an
// even number of values is the mean of the two in the middle.
func SpreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	s := slices.Clone(values)
	slices.Sort(s)
	middle := len(s) / 2
	median := s[middle]
	if len(s)%2 == 0 {
		median = (s[middle-1] + s[middle]) / 2
	}
	return Spread{median, s[0], s[len(s)-1]}
}

// Ratios divides two series repetition by repetition, which a machine that
// becomes slower in the middle of a run does not disturb. A repetition that is
// not positive on both sides failed, and is left out.
func Ratios(a, b []float64) []float64 {
	var r []float64
	for i := range min(len(a), len(b)) {
		if a[i] > 0 && b[i] > 0 {
			r = append(r, a[i]/b[i])
		}
	}
	return r
}

// Percentile returns the value that the share p of all values, 0 to 100, does not exceed: the nearest rank, so it is one
// of the values. It is 0 for none.
func Percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	return s[min(max(int(math.Ceil(p/100*float64(len(s))))-1, 0), len(s)-1)]
}
