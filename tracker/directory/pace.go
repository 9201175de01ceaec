package directory

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pace limits how often each of many may do something. It remembers so many of them; those that have
// done nothing of late are as good as unknown.
type pace struct {
	limit rate.Limit
	burst int
	kept  int

	mu sync.Mutex
	by map[string]*rate.Limiter
}

// take counts one more of key, or says how long it must wait.
func (p *pace) take(key string) (wait time.Duration) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.by[key]
	if l == nil {
		if len(p.by) >= p.kept {
			p.forget(now)
		}
		l = rate.NewLimiter(p.limit, p.burst)
		p.by[key] = l
	}
	if l.AllowN(now, 1) {
		return 0
	}
	return time.Duration((1 - l.TokensAt(now)) / float64(p.limit) * float64(time.Second))
}

// refund gives back what take has counted: the try was a good one.
func (p *pace) refund(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.by[key]; l != nil {
		l.AllowN(time.Now(), -1)
	}
}

// forget drops those that have all of their allowance, and if they are few, any: it is a quarter that goes.
func (p *pace) forget(now time.Time) {
	for key, l := range p.by {
		if l.TokensAt(now) >= float64(p.burst) {
			delete(p.by, key)
		}
	}
	for key := range p.by {
		if len(p.by) <= p.kept*3/4 {
			return
		}
		delete(p.by, key)
	}
}

// paces are all limits. Behind one address there can be a school; behind loopback are proxies that nobody has
// listed, and tests.
type paces struct {
	requests  *pace // by address: what is cheap
	questions *pace // by address: what reads the ledger
	newcomers *pace // by address: registering and renaming
	tries     *pace // by name: of a password
	triers    *pace // by address: the same, whatever the name
	changes   *pace // by account: what writes to its record
	letters   *pace // by account
	pairs     *pace // by sender and recipient: what is sent to one, who has not asked for it
}

// numPaces is how many there are.
const numPaces = 8

// newPaces returns limits that remember so many each.
func newPaces(kept int) *paces {
	every := func(d time.Duration, burst int) *pace {
		return &pace{limit: rate.Every(d), burst: burst, kept: kept, by: make(map[string]*rate.Limiter)}
	}
	return &paces{
		requests: every(5*time.Millisecond, 1000), questions: every(200*time.Millisecond, 200),
		newcomers: every(time.Minute, 20), tries: every(20*time.Second, 10), triers: every(5*time.Second, 30),
		changes: every(10*time.Second, 20), letters: every(2*time.Second, 40),
		pairs: every(5*time.Minute, 10),
	}
}

// address returns under what an address is counted: a host has the last 64 bits of IPv6 for itself. It is
// empty for who is not counted.
func address(a netip.Addr) string {
	a = a.Unmap()
	if a.IsLoopback() {
		return ""
	}
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			a = p.Addr()
		}
	}
	return string(a.AsSlice())
}
