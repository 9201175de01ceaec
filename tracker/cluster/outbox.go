package cluster

import (
	"sync"

	"p2p/torrentfile/infohash"
)

const (
	// stripes is the number of batches that are filled side by side, so that
	// announces do not wait for each other. A peer's deltas all go into one.
	stripes = 16
	// maxBatch is the longest batch in bytes.
	maxBatch = 32 << 10
	// maxWaiting is how many full batches may wait for NATS; then the oldest makes way.
	maxWaiting = 128
)

// outbox collects deltas in batches. All methods may be called by any goroutine.
type outbox struct {
	stripes [stripes]stripe
	full    chan struct{} // says that a batch waits
	urgent  chan struct{} // says that what was added is not to wait

	mu      sync.Mutex
	waiting [][]byte // full batches, oldest first
	spare   [][]byte // empty ones
	lost    uint64   // batches that made way and were not yet reported by take
	deltas  uint64   // dropped with them, at least
}

type stripe struct {
	mu    sync.Mutex
	batch []byte
	_     [32]byte // keeps the locks of neighbours on different cache lines
}

func newOutbox() *outbox {
	return &outbox{full: make(chan struct{}, 1), urgent: make(chan struct{}, 1)}
}

// add puts d into the next batch.
func (o *outbox) add(d delta) {
	s := &o.stripes[stripeOf(d.hash)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.batch == nil {
		s.batch = o.empty()
	}
	s.batch = d.append(s.batch)
	if len(s.batch)+maxDelta > maxBatch {
		o.put(s.batch)
		s.batch = nil
		signal(o.full)
	}
	if d.completion != 0 {
		signal(o.urgent) // until others have heard of it, it is lost with this node
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func stripeOf(h infohash.T) int { return int(h[0]) % stripes }

// empty returns a batch with room for a header in front.
func (o *outbox) empty() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.spare); n > 0 {
		b := o.spare[n-1]
		o.spare = o.spare[:n-1]
		return b
	}
	return make([]byte, headerSize, 4<<10)
}

func (o *outbox) put(batch []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) == maxWaiting {
		o.lost++
		o.deltas += uint64(len(o.waiting[0])-headerSize) / maxDelta
		o.waiting = append(o.waiting[:0], o.waiting[1:]...)
	}
	o.waiting = append(o.waiting, batch)
}

// flush makes waiting batches of all that was collected.
func (o *outbox) flush() {
	for i := range o.stripes {
		s := &o.stripes[i]
		s.mu.Lock()
		if len(s.batch) > headerSize {
			o.put(s.batch)
			s.batch = nil
		}
		s.mu.Unlock()
	}
}

// take returns the batches that wait, each with headerSize bytes in front to
// write a header into, and how many batches of how many deltas have made way.
func (o *outbox) take() (batches [][]byte, lost, deltas uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	batches, lost, deltas = o.waiting, o.lost, o.deltas
	o.waiting, o.lost, o.deltas = nil, 0, 0
	return batches, lost, deltas
}

// recycle takes batches back when they have been sent.
func (o *outbox) recycle(batches [][]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, b := range batches {
		if len(o.spare) < 2*stripes {
			o.spare = append(o.spare, b[:headerSize])
		}
	}
}
