package link

import (
	"context"
	"sync"
	"time"

	"p2p/piece"
)

// Limiter bounds the payload of all connections that share it, in bytes per
// second. Who comes first goes first, and each takes little at a time, so all
// get the same share. A nil Limiter has no bound. Any goroutine may use it.
//
// It is a bucket of tokens that can be overdrawn: who takes more than there is
// waits until the debt is paid. (golang.org/x/time/rate does not give back what
// was reserved and not used when others have reserved since.)
type Limiter struct {
	rate, burst float64 // bytes per second; bytes
	blocks      int     // that may be taken at once

	mu     sync.Mutex
	tokens float64 // bytes that may pass, less than 0 when more were reserved
	at     time.Time
}

const (
	// burstTime is how long the line may have been idle and still be made use
	// of: as long as timers and a busy machine may be late.
	burstTime = 100 * time.Millisecond
	// A connection takes what the line carries in turnTime, but at least a
	// block and at most turnMost: in longer turns, one that has many blocks
	// ready would get several times the share of one that has few.
	turnTime = time.Second / 640 // a block at 10 MB/s
	turnMost = 8                 // blocks
)

// NewLimiter returns a Limiter of bytesPerSecond, or nil when that is 0.
func NewLimiter(bytesPerSecond int64) *Limiter {
	if bytesPerSecond <= 0 {
		return nil
	}
	rate := float64(bytesPerSecond)
	return &Limiter{
		rate: rate, burst: max(rate*burstTime.Seconds(), 2*piece.BlockSize), at: time.Now(),
		blocks: int(min(max(rate*turnTime.Seconds()/piece.BlockSize, 1), turnMost)),
	}
}

// most returns how many blocks may be taken at once.
func (l *Limiter) most() int {
	if l == nil {
		return writeBlocksMax
	}
	return l.blocks
}

// reserve takes n bytes and returns how long to wait before they may pass.
func (l *Limiter) reserve(n int) time.Duration {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.tokens = min(l.tokens+now.Sub(l.at).Seconds()*l.rate, l.burst) - float64(n)
	l.at = now
	if l.tokens >= 0 {
		return 0
	}
	return time.Duration(-l.tokens / l.rate * float64(time.Second))
}

// giveBack undoes a reservation of n bytes that did not pass after all.
func (l *Limiter) giveBack(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tokens += float64(n)
}

// pause waits for as long as reserve said for n bytes, with a timer that the
// caller keeps.
func (l *Limiter) pause(ctx context.Context, delay time.Duration, n int, t **time.Timer) error {
	if delay <= 0 {
		return nil
	}
	alarm(t, delay)
	select {
	case <-(*t).C:
		return nil
	case <-ctx.Done():
		l.giveBack(n)
		return context.Cause(ctx)
	}
}

// alarm sets the timer *t, which it makes when there is none.
func alarm(t **time.Timer, delay time.Duration) {
	if *t == nil {
		*t = time.NewTimer(delay)
	} else {
		(*t).Reset(delay)
	}
}
