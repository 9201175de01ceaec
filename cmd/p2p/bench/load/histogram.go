package load

import (
	"math/bits"
	"time"
)

// The buckets of a Histogram: exact below 128 ns, and 64 to each power of two
// above, so that a figure is off by at most one part in 64.
const (
	halfBits   = 6
	halfWidth  = 1 << halfBits
	topBits    = 36 // of the longest time that is told apart, 68 s
	bucketsAll = (topBits - halfBits + 1) * halfWidth
)

// Histogram counts times. Adding one allocates nothing. The zero value is
// empty. Its methods are for one goroutine.
type Histogram struct {
	counts [bucketsAll]int64
	total  int64
	most   time.Duration
}

// Add counts d; what is negative counts as 0.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.counts[bucketOf(uint64(d))]++
	h.total++
	h.most = max(h.most, d)
}

// Merge adds what o has counted.
func (h *Histogram) Merge(o *Histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.total += o.total
	h.most = max(h.most, o.most)
}

// Total returns how many times were added.
func (h *Histogram) Total() int64 { return h.total }

// Max returns the longest time that was added.
func (h *Histogram) Max() time.Duration { return h.most }

// Quantile returns a time that the fraction q of all times, 0 to 1, does not
// exceed: the upper end of a bucket, so never less than the truth, and at most
// 1/64 more. It returns 0 for an empty histogram.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := int64(q * float64(h.total))
	if float64(rank) < q*float64(h.total) {
		rank++
	}
	rank = min(max(rank, 1), h.total)
	for i, n := range h.counts[:bucketsAll-1] {
		if rank -= n; rank <= 0 {
			return min(bucketTop(i), h.most)
		}
	}
	return h.most // the last bucket has no end
}

func bucketOf(v uint64) int {
	shift := max(bits.Len64(v)-halfBits-1, 0)
	return min(shift*halfWidth+int(v>>shift), bucketsAll-1)
}

// bucketTop returns the longest time of a bucket.
func bucketTop(i int) time.Duration {
	shift := max(i/halfWidth-1, 0)
	return time.Duration((uint64(i-shift*halfWidth)+1)<<shift - 1)
}
