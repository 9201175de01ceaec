package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// attempts is how often Put and Remove try again when others change the entry too.
const attempts = 16

// All returns the entries of b, in the order of their revisions.
func All(ctx context.Context, b Bucket) ([]Entry, error) {
	watch, stop := context.WithCancel(ctx)
	defer stop()
	entries, synced := make(map[string]Entry), false
	err := b.Watch(watch, func(c Change) {
		switch {
		case synced: // on its way when the watch was stopped
		case c.Synced:
			synced = true
			stop()
		case c.Deleted:
			delete(entries, c.Key)
		default:
			entries[c.Key] = c.Entry
		}
	})
	if err == nil && !synced {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return slices.SortedFunc(maps.Values(entries), func(a, b Entry) int {
		return cmp.Compare(a.Revision, b.Revision)
	}), nil
}

// Put writes the entry of key, whatever is there. Between two writers the later
// one wins.
func Put(ctx context.Context, b Bucket, key string, value []byte) (Revision, error) {
	for range attempts {
		old, err := b.Get(ctx, key)
		var revision Revision
		switch {
		case err == nil:
			revision, err = b.Update(ctx, key, value, old.Revision)
		case errors.Is(err, ErrMissing):
			revision, err = b.Create(ctx, key, value)
		}
		if err == nil || !errors.Is(err, ErrConflict) && !errors.Is(err, ErrExists) {
			return revision, err
		}
	}
	return 0, ErrConflict
}

// Remove deletes the entry of key, whatever its revision, which it returns, or returns
// ErrMissing.
func Remove(ctx context.Context, b Bucket, key string) (was Revision, err error) {
	for range attempts {
		old, err := b.Get(ctx, key)
		if err != nil {
			return 0, err
		}
		if err := b.Delete(ctx, key, old.Revision); !errors.Is(err, ErrConflict) {
			return old.Revision, err
		}
	}
	return 0, ErrConflict
}
