package cluster

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Why a node is not ready.
var (
	errNotYet   = errors.New("the ledger has not been reached yet")
	errCatching = errors.New("the node has not caught up with the others yet")
	errAway     = errors.New("NATS is not connected")
	errLeader   = errors.New("the ledger has no leader that this node can reach")
	errStalled  = errors.New("completed counts wait for the ledger")
)

// attendEvery is how often the state of the ledger is looked at, attendSoon when
// it was not well.
const (
	attendEvery = time.Second
	attendSoon  = 200 * time.Millisecond
)

// Ready returns nil when the node knows the peers of the others, can write to the
// ledger, and has written what it could not for a while, else why not: a node that is
// ready may die. Whatever it says, announces are answered, from what this node
// knows.
func (n *Node) Ready() error {
	if !n.synced.Load() {
		return errCatching
	}
	if n.nc != nil && !n.nc.IsConnected() {
		return errAway
	}
	if err := n.trouble.Load(); err != nil {
		return *err
	}
	if c := n.store.completions; c != nil && c.stalls.stalled() {
		return errStalled
	}
	return nil
}

// stallAfter is how long a write to the ledger takes when something is wrong.
const stallAfter = 2 * time.Second

// stalls knows whether completions are held up on their way into the ledger. It
// looks at writes and not at how long completions have waited: many of them wait
// long too, and are no reason to turn clients away. All methods may be called by any
// goroutine; one at a time writes.
type stalls struct {
	mu      sync.Mutex
	writing time.Time // since when a write is under way; zero for none
	ended   time.Time // the last stall; zero when all from before that is written
}

func (s *stalls) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = time.Now()
}

// end notes the outcome of the write that is under way.
func (s *stalls) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); err != nil || now.Sub(s.writing) > stallAfter {
		s.ended = now
	}
	s.writing = time.Time{}
}

// written notes that everything from before a time is written.
func (s *stalls) written(before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended.Before(before) {
		s.ended = time.Time{}
	}
}

func (s *stalls) stalled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.ended.IsZero() || !s.writing.IsZero() && time.Since(s.writing) > stallAfter
}

func (n *Node) setTrouble(err error) {
	if err == nil {
		n.trouble.Store(nil)
		return
	}
	n.trouble.Store(&err)
}

// attend looks after the ledger until ctx ends: whether it can be written to,
// and on how many nodes it lies.
func (n *Node) attend(ctx context.Context) {
	for {
		again := attendEvery
		err := n.look(ctx)
		if ctx.Err() != nil {
			return
		}
		n.setTrouble(err)
		if err != nil {
			again = attendSoon
		}
		if replicas := n.replicas(); err == nil && n.inside != nil {
			if err := n.ledger.raise(ctx, replicas); err != nil {
				n.opts.Log.Debug("the ledger does not grow yet", zap.Int("replicas", replicas), zap.Error(err))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(again):
		}
	}
}

// look reports whether the ledger answers.
func (n *Node) look(ctx context.Context) error {
	b := n.ledger.opened(completedBucket)
	if b == nil {
		return errNotYet
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	info, err := n.ledger.js.Stream(ctx, b.stream)
	switch {
	case err != nil:
		return errLeader
	case info.CachedInfo().Cluster != nil && info.CachedInfo().Cluster.Leader == "":
		return errLeader
	case !n.store.completions.synced.Load():
		return errNotYet
	}
	return nil
}

// replicas returns on how many nodes the ledger can lie now: with a server
// elsewhere, that one knows.
func (n *Node) replicas() int {
	switch {
	case n.inside == nil:
		return maxReplicas
	case !n.inside.JetStreamIsClustered():
		return 1
	}
	return max(1, min(maxReplicas, n.members.alive(time.Now())+1))
}
