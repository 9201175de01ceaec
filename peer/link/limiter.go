package link

import (
	"sync"
	"sync/atomic"
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
	free atomic.Bool // there is no bound: nobody needs the lock

	mu      sync.Mutex
	rate    float64 // bytes per second; 0 = no bound
	burst   float64 // bytes
	blocks  int     // that may be taken at once
	tokens  float64 // bytes that may pass, less than 0 when more were reserved
	at      time.Time
	changed chan struct{} // closed when the rate is another one, and all that was reserved is void
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

// NewLimiter returns a Limiter of bytesPerSecond; 0 = no bound.
func NewLimiter(bytesPerSecond int64) *Limiter {
	l := &Limiter{rate: -1}
	l.SetRate(bytesPerSecond)
	return l
}

// SetRate changes the bound, at once: who waits under the old one does so no more,
// and owes nothing of it. 0 = no bound.
func (l *Limiter) SetRate(bytesPerSecond int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rate := float64(max(bytesPerSecond, 0))
	if rate == l.rate {
		return // or who asks again and again for the same would be without a bound
	}
	if l.changed != nil {
		close(l.changed)
	}
	l.changed = make(chan struct{})
	l.rate, l.tokens, l.at = rate, 0, time.Now()
	l.burst = max(rate*burstTime.Seconds(), 2*piece.BlockSize)
	l.blocks = int(min(max(rate*turnTime.Seconds()/piece.BlockSize, 1), turnMost))
	l.free.Store(rate == 0)
}

// Rate returns the bound in bytes per second, 0 if there is none.
func (l *Limiter) Rate() int64 {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(l.rate)
}

// most returns how many blocks may be taken at once.
func (l *Limiter) most() int {
	if l == nil || l.free.Load() {
		return writeBlocksMax
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.blocks
}

// reserve takes n bytes and returns how long to wait before they may pass. If
// changed is closed meanwhile they are to be reserved anew.
func (l *Limiter) reserve(n int) (delay time.Duration, changed <-chan struct{}) {
	if l == nil || l.free.Load() {
		return 0, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rate == 0 { // a moment ago
		return 0, nil
	}
	now := time.Now()
	l.tokens = min(l.tokens+now.Sub(l.at).Seconds()*l.rate, l.burst) - float64(n)
	l.at = now
	if l.tokens >= 0 {
		return 0, l.changed
	}
	return time.Duration(-l.tokens / l.rate * float64(time.Second)), l.changed
}

// giveBack undoes a reservation of n bytes, which came with changed, that did not
// pass after all.
func (l *Limiter) giveBack(n int, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == changed {
		l.tokens += float64(n)
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
