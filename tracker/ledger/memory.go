package ledger

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
)

// Memory is a Ledger that lasts as long as the process: for tests, and for a
// tracker that has nowhere to write to. The zero value is an empty one.
type Memory struct {
	mu      sync.Mutex
	buckets map[string]*memoryBucket
}

// Bucket implements Ledger.
func (m *Memory) Bucket(ctx context.Context, name string) (Bucket, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := CheckName(name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.buckets[name]
	if b == nil {
		b = &memoryBucket{entries: make(map[string]Entry), watchers: make(map[*watcher]struct{})}
		if m.buckets == nil {
			m.buckets = make(map[string]*memoryBucket)
		}
		m.buckets[name] = b
	}
	return b, nil
}

type memoryBucket struct {
	mu       sync.Mutex
	last     Revision
	entries  map[string]Entry // their values are never changed
	watchers map[*watcher]struct{}
}

// watcher holds what somebody is still to be told: one change for each key, so
// that a slow one takes no more memory than the bucket.
type watcher struct {
	pending map[string]Change // under the bucket's mu
	wake    chan struct{}     // holds one when pending is not empty
}

// put writes or deletes the entry of c.Key. The caller holds mu.
func (b *memoryBucket) put(c Change) Revision {
	b.last++
	c.Revision = b.last
	if c.Deleted {
		delete(b.entries, c.Key)
	} else {
		b.entries[c.Key] = c.Entry
	}
	for w := range b.watchers {
		w.pending[c.Key] = c
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
	return b.last
}

// Get implements Bucket.
func (b *memoryBucket) Get(ctx context.Context, key string) (Entry, error) {
	if err := check(ctx, key, nil); err != nil {
		return Entry{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.entries[key]
	if !ok {
		return Entry{}, ErrMissing
	}
	e.Value = bytes.Clone(e.Value)
	return e, nil
}

// Create implements Bucket.
func (b *memoryBucket) Create(ctx context.Context, key string, value []byte) (Revision, error) {
	if err := check(ctx, key, value); err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.entries[key]; ok {
		return 0, ErrExists
	}
	return b.put(Change{Entry: Entry{Key: key, Value: bytes.Clone(value)}}), nil
}

// Update implements Bucket.
func (b *memoryBucket) Update(ctx context.Context, key string, value []byte, was Revision) (Revision, error) {
	if err := check(ctx, key, value); err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.entries[key]; !ok || e.Revision != was {
		return 0, ErrConflict
	}
	return b.put(Change{Entry: Entry{Key: key, Value: bytes.Clone(value)}}), nil
}

// Delete implements Bucket.
func (b *memoryBucket) Delete(ctx context.Context, key string, was Revision) error {
	if err := check(ctx, key, nil); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e, ok := b.entries[key]; {
	case !ok:
		return ErrMissing
	case e.Revision != was:
		return ErrConflict
	}
	b.put(Change{Entry: Entry{Key: key}, Deleted: true})
	return nil
}

func check(ctx context.Context, key string, value []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return CheckEntry(key, value)
}

// Watch implements Bucket.
func (b *memoryBucket) Watch(ctx context.Context, tell func(Change)) error {
	w := &watcher{pending: make(map[string]Change), wake: make(chan struct{}, 1)}
	b.mu.Lock()
	b.watchers[w] = struct{}{}
	for key, e := range b.entries {
		w.pending[key] = Change{Entry: e}
	}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.watchers, w)
		b.mu.Unlock()
	}()
	b.flush(ctx, w, tell)
	if ctx.Err() == nil {
		tell(Change{Synced: true})
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
			b.flush(ctx, w, tell)
		}
	}
}

// flush tells w what is pending, in the order of revisions.
func (b *memoryBucket) flush(ctx context.Context, w *watcher, tell func(Change)) {
	b.mu.Lock()
	changes := make([]Change, 0, len(w.pending))
	for _, c := range w.pending {
		changes = append(changes, c)
	}
	clear(w.pending)
	b.mu.Unlock()
	slices.SortFunc(changes, func(a, b Change) int { return cmp.Compare(a.Revision, b.Revision) })
	for _, c := range changes {
		if ctx.Err() != nil {
			return
		}
		c.Value = bytes.Clone(c.Value)
		tell(c)
	}
}
