package swarm

import (
	"context"
	"sync"
	"time"

	"p2p/peer/ext"
	"p2p/piece/store"
)

// letter is something to be done on the loop. ctx is the life of the
// connections.
type letter func(ctx context.Context, now time.Time)

// mailbox takes what others have for the loop and that they must not wait for:
// results of the workers, new connections, addresses. It has no bound of its
// own: each sender has few in flight, but for extensions, which are counted. put and
// post may be called from any goroutine; the rest belongs to the loop.
type mailbox struct {
	mu     sync.Mutex
	queue  []letter
	taken  []letter
	posted int                                 // letters of extensions in queue
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
	m.signal()
	return true
}

// ask returns what the loop says to a question, and false when it has ended.
func (m *mailbox) ask(question func() bool) bool {
	answer := make(chan bool, 1)
	return m.put(func(context.Context, time.Time) { answer <- question() }) && <-answer
}

// post is put for extensions, which might post without end: see ext.Torrent.Do.
func (m *mailbox) post(do func(now time.Time)) bool {
	m.mu.Lock()
	if m.closed || m.posted >= ext.MaxPosted {
		m.mu.Unlock()
		return false
	}
	m.posted++
	m.queue = append(m.queue, func(_ context.Context, now time.Time) { do(now) })
	m.mu.Unlock()
	m.signal()
	return true
}

func (m *mailbox) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// putResult queues what became of a span. It is put while the loop waits for the
// workers at the latest.
func (m *mailbox) putResult(r store.Result) {
	m.mu.Lock()
	m.results = append(m.results, r)
	m.mu.Unlock()
	m.signal()
}

// run does what is queued.
func (m *mailbox) run(ctx context.Context, now time.Time) {
	m.mu.Lock()
	m.queue, m.taken, m.posted = m.taken[:0], m.queue, 0
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
