package api

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// use knows how many calls are in progress. Any goroutine may use it; the zero value has had none.
type use struct {
	mu    sync.Mutex
	calls int
	last  time.Time // when one ended
}

// begin counts a call until the function that it returns is called.
func (u *use) begin() (end func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.calls++
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.calls--
		u.last = time.Now()
	}
}

// count returns h, counting what it does.
func (u *use) count(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer u.begin()()
		h.ServeHTTP(w, r)
	})
}

// idle returns for how long nobody has called.
func (u *use) idle() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.calls > 0 {
		return 0
	}
	return time.Since(u.last)
}

// linger is Server.Linger.
func (u *use) linger(ctx context.Context, limit time.Duration, busy func() bool) bool {
	for wait := limit; ; {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
		switch idle := u.idle(); {
		case idle < limit:
			wait = limit - idle
		case busy():
			wait = limit
		default:
			return true
		}
	}
}

// Linger waits until no call has been in progress for limit and busy, which is asked then, says no. A stream
// counts as long as it is open. It returns false when ctx ends before.
func (s *Server) Linger(ctx context.Context, limit time.Duration, busy func() bool) bool {
	return s.use.linger(ctx, limit, busy)
}
