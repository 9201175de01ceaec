package policy

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"p2p/tracker/ledger"
)

// mirror is a copy of a bucket in memory, kept up to date by follow, with its
// values decoded. All methods may be called by any goroutine.
type mirror[V any] struct {
	bucket ledger.Bucket
	decode func(key string, value []byte) (V, error)
	log    *zap.Logger

	mu      sync.Mutex
	entries map[string]mirrored[V]
	// gone are the revisions that this process has deleted, of keys of which the watch
	// has not told so yet: it may still be about to tell what was there before.
	gone    map[string]ledger.Revision
	synced  bool
	changed chan struct{} // holds one when entries have changed
}

type mirrored[V any] struct {
	value    V
	raw      []byte // never changed
	revision ledger.Revision
}

func newMirror[V any](b ledger.Bucket, log *zap.Logger, decode func(string, []byte) (V, error)) *mirror[V] {
	return &mirror[V]{
		bucket: b, decode: decode, log: log,
		entries: make(map[string]mirrored[V]), gone: make(map[string]ledger.Revision), changed: make(chan struct{}, 1),
	}
}

// followAgain is how long follow waits after a watch has failed.
const followAgain = 2 * time.Second

// follow keeps m up to date until ctx ends. While the ledger cannot be reached, m
// stays what it was: a tracker goes on without.
func (m *mirror[V]) follow(ctx context.Context) {
	for ctx.Err() == nil {
		// What a new watch tells first replaces what the last one left, since nobody
		// tells what has gone between them.
		fresh := make(map[string]mirrored[V])
		err := m.bucket.Watch(ctx, func(c ledger.Change) {
			switch {
			case c.Synced && fresh != nil:
				m.replace(fresh)
				fresh = nil
			case c.Synced:
			case fresh != nil:
				m.mu.Lock()
				m.put(fresh, c)
				m.mu.Unlock()
			default:
				m.apply(c)
			}
		})
		if err == nil {
			return
		}
		m.log.Warn("cannot watch the ledger; going on with what is known", zap.Error(err))
		pause(ctx, followAgain)
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// replace makes fresh the entries.
func (m *mirror[V]) replace(fresh map[string]mirrored[V]) {
	m.mu.Lock()
	m.entries, m.synced = fresh, true
	m.mu.Unlock()
	m.signal()
}

// apply records a change, also one that this process has made and not yet been
// told of.
func (m *mirror[V]) apply(c ledger.Change) {
	m.mu.Lock()
	m.put(m.entries, c)
	m.mu.Unlock()
	m.signal()
}

// put records c in entries, unless something later is there or was. The caller holds
// the lock.
func (m *mirror[V]) put(entries map[string]mirrored[V], c ledger.Change) {
	if old, ok := entries[c.Key]; ok && c.Revision != 0 && c.Revision <= old.revision {
		return
	}
	if was, ok := m.gone[c.Key]; ok {
		if c.Revision <= was {
			return
		}
		delete(m.gone, c.Key)
	}
	if c.Deleted {
		delete(entries, c.Key)
		return
	}
	v, err := m.decode(c.Key, c.Value)
	if err != nil {
		// Written by hand or by a later version: not a reason to stop.
		m.log.Error("an entry of the ledger cannot be understood", zap.String("key", c.Key), zap.Error(err))
		delete(entries, c.Key)
		return
	}
	entries[c.Key] = mirrored[V]{value: v, raw: c.Value, revision: c.Revision}
}

func (m *mirror[V]) signal() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// get returns an entry as it is known here.
func (m *mirror[V]) get(key string) (mirrored[V], bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	return e, ok
}

// each calls f for every entry, in no order. f must not call m.
func (m *mirror[V]) each(f func(key string, e mirrored[V])) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, e := range m.entries {
		f(key, e)
	}
}

// ready reports whether m has been in step with the bucket since the start.
func (m *mirror[V]) ready() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.synced
}

// write puts a value into the bucket, whatever is there, and into m.
func (m *mirror[V]) write(ctx context.Context, key string, value []byte) error {
	r, err := ledger.Put(ctx, m.bucket, key, value)
	if err == nil {
		m.apply(ledger.Change{Entry: ledger.Entry{Key: key, Value: value, Revision: r}})
	}
	return err
}

// remove deletes an entry from the bucket and from m.
func (m *mirror[V]) remove(ctx context.Context, key string) error {
	was, err := ledger.Remove(ctx, m.bucket, key)
	if err != nil {
		return err
	}
	m.mu.Lock()
	if m.entries[key].revision <= was {
		delete(m.entries, key)
		m.gone[key] = was
	}
	m.mu.Unlock()
	m.signal()
	return nil
}
