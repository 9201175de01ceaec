package swarm

import (
	"context"
	"sync"
	"time"
)

// letter is something to be done on the loop. ctx is the life of the
// connections.
type letter func(ctx context.Context, now time.Time)

// mailbox takes what others have for the loop and that they must not wait for:
// results of the workers, new connections, addresses. It has no bound of its
// own: each sender has few in flight. put may be called from any goroutine; the
// rest belongs to the loop.
type mailbox struct {
	mu     sync.Mutex
	queue  []letter
	taken  []letter
	closed bool
	wake   chan struct{}
}

func newMailbox() mailbox { return mailbox{wake: make(chan struct{}, 1)} }

// put queues do, to be called on the loop. False means that the loop has ended.
func (m *mailbox) put(do letter) bool {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return false
	}
	m.queue = append(m.queue, do)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
	return true
}

// run does what is queued.
func (m *mailbox) run(ctx context.Context, now time.Time) {
	m.mu.Lock()
	m.queue, m.taken = m.taken[:0], m.queue
	m.mu.Unlock()
	for i, do := range m.taken {
		do(ctx, now)
		m.taken[i] = nil
	}
}

// close does what is left, and refuses the rest.
func (m *mailbox) close(ctx context.Context, now time.Time) {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.run(ctx, now)
}
