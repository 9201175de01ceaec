// Package ledger is what a tracker must not forget: passkeys, bans, accounts and
// lasting counts. Peers are soft state that comes back by itself within an
// interval; the entries of a ledger are hard state, which does not.
//
// A Ledger holds buckets, a bucket holds entries, and an entry changes only by
// compare-and-set on its revision. That is enough to make a name unique among
// many trackers. Package cluster keeps a ledger on NATS, Memory keeps one for as
// long as the process lives, package ledgertest holds the suite that every
// implementation passes.
package ledger

import (
	"context"
	"errors"
)

// Errors that callers branch on.
var (
	ErrMissing  = errors.New("no such entry")
	ErrExists   = errors.New("the entry exists")
	ErrConflict = errors.New("the entry has changed")
	// ErrInvalid is the error of a name, a key or a value outside the limits.
	// Nothing has been written.
	ErrInvalid = errors.New("not a valid name, key or value")
)

// Limits of names, keys and values. The name of a bucket is made of lower-case
// letters and "-". A key is made of letters, digits and "-_.=/", neither begins nor
// ends with a dot, and has no two dots side by side.
const (
	MaxName  = 32       // bytes
	MaxKey   = 200      // bytes
	MaxValue = 64 << 10 // bytes
)

// CheckName returns ErrInvalid unless name may be that of a bucket.
func CheckName(name string) error {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && c != '-' {
			return ErrInvalid
		}
	}
	if name == "" || len(name) > MaxName {
		return ErrInvalid
	}
	return nil
}

// CheckEntry returns ErrInvalid unless key and value may be an entry.
func CheckEntry(key string, value []byte) error {
	if key == "" || len(key) > MaxKey || len(value) > MaxValue {
		return ErrInvalid
	}
	dot := true // a dot before this character: the beginning is like one
	for i := range len(key) {
		c := key[i]
		switch {
		case c == '.' && !dot:
			dot = true
			continue
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-', c == '_', c == '=', c == '/':
		default:
			return ErrInvalid
		}
		dot = false
	}
	if dot {
		return ErrInvalid
	}
	return nil
}

// Ledger keeps buckets. All methods may be called by any goroutine.
type Ledger interface {
	// Bucket returns the bucket of that name, which is made when it is not
	// there. A name that CheckName refuses is ErrInvalid.
	Bucket(ctx context.Context, name string) (Bucket, error)
}

// Revision counts the changes of a bucket. An entry's is that of its last
// change; no entry has 0.
type Revision uint64

// Entry is a key and what is written under it.
type Entry struct {
	Key      string
	Value    []byte // the receiver's own
	Revision Revision
}

// Change is what a watcher is told.
type Change struct {
	Entry
	// Deleted says that the entry is gone; its Value is nil.
	Deleted bool
	// Synced, in a Change of its own without an entry, says that everything
	// that was there when the watch began has been told.
	Synced bool
}

// Bucket is a set of entries. All methods may be called by any goroutine. A
// write that returned nil has been accepted: it survives what the implementation
// promises to survive. One that returned another error than those above may or may
// not have happened. A key or a value that CheckEntry refuses is ErrInvalid. A was
// is a revision that a read or a write of the entry returned, not that of a deletion;
// 0 is no entry's, so it is always stale.
type Bucket interface {
	// Get returns the entry of key, or ErrMissing.
	Get(ctx context.Context, key string) (Entry, error)
	// Create writes the first entry of key, or returns ErrExists.
	Create(ctx context.Context, key string, value []byte) (Revision, error)
	// Update replaces the entry of key if its revision is still was, or returns
	// ErrConflict, also when there is none.
	Update(ctx context.Context, key string, value []byte, was Revision) (Revision, error)
	// Delete removes the entry of key if its revision is still was, or returns
	// ErrConflict. It returns ErrMissing when there is none.
	Delete(ctx context.Context, key string, was Revision) error
	// Watch calls tell for every entry, then with Synced, then for every change
	// until ctx ends, and returns nil then. tell is called by one goroutine at a
	// time, in the order of revisions; it must not call the bucket. Of several
	// changes of one entry a slow watcher may be told the last alone, and of a
	// deletion even if it was never told of the entry. A watcher that lost its
	// connection is told everything again, beginning with Deleted for what has
	// gone meanwhile.
	Watch(ctx context.Context, tell func(Change)) error
}
