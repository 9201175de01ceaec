package people

import (
	"time"

	"golang.org/x/time/rate"

	"p2p/peer/identity"
)

// paces bounds how often something is done for each account: burst times at once, and then every so often. Who has one guards it.
type paces struct {
	every time.Duration
	burst int
	of    map[identity.Key]*rate.Limiter
}

func newPaces(every time.Duration, burst int) paces {
	return paces{every, burst, map[identity.Key]*rate.Limiter{}}
}

// pace returns that of an account.
func (p *paces) pace(account identity.Key) *rate.Limiter {
	l := p.of[account]
	if l == nil {
		l = rate.NewLimiter(rate.Every(p.every), p.burst)
		p.of[account] = l
	}
	return l
}
