package link

import (
	"context"
	"math"
	"time"

	"golang.org/x/time/rate"
)

// Limiter bounds the payload of all connections that share it, in bytes per
// second. Who waits longest goes first, a block at a time, so all get the same
// share. A nil Limiter has no bound.
type Limiter struct{ bucket *rate.Limiter }

// NewLimiter returns a Limiter of bytesPerSecond, or nil when that is 0.
func NewLimiter(bytesPerSecond int64) *Limiter {
	if bytesPerSecond <= 0 {
		return nil
	}
	burst := max(int(bytesPerSecond/20), 32<<10) // 50 ms, and two blocks at the least
	return &Limiter{rate.NewLimiter(rate.Limit(bytesPerSecond), burst)}
}

// most returns how many bytes may be asked for at once.
func (l *Limiter) most() int {
	if l == nil {
		return math.MaxInt
	}
	return l.bucket.Burst()
}

// reserve takes n bytes, at most most(), and returns how long to wait before
// they may pass.
func (l *Limiter) reserve(n int) time.Duration {
	if l == nil {
		return 0
	}
	return l.bucket.ReserveN(time.Now(), n).Delay()
}

// wait waits until n bytes may pass.
func (l *Limiter) wait(ctx context.Context, n int) error {
	if l == nil {
		return nil
	}
	for n > 0 {
		step := min(n, l.bucket.Burst())
		if err := l.bucket.WaitN(ctx, step); err != nil {
			return err
		}
		n -= step
	}
	return nil
}
