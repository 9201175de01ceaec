package swarm

import (
	"context"
	"sync"
	"time"

	"p2p/piece/store"
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
	stored func(now time.Time, r store.Result) // for each result
	// Results have a queue of their own, because there is one for every span: a
	// letter would be two objects.
	results, read []store.Result
	closed        bool
	wake          chan struct{}
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

// putResult queues what became of a span. It is put while the loop waits for the
// workers at the latest.
func (m *mailbox) putResult(r store.Result) {
	m.mu.Lock()
	m.results = append(m.results, r)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// run does what is queued.
func (m *mailbox) run(ctx context.Context, now time.Time) {
	m.mu.Lock()
	m.queue, m.taken = m.taken[:0], m.queue
	m.results, m.read = m.read[:0], m.results
	m.mu.Unlock()
	for i := range m.read {
		m.stored(now, m.read[i])
		m.read[i] = store.Result{}
	}
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
