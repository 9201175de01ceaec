package offer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"p2p/peer/ext"
	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
)

// Hash names a file: the SHA-1 of its info dictionary.
type Hash = infohash.T

// ChunkSize is the length of all chunks but the last, in bytes.
const ChunkSize = 16 << 10

// ErrSize is that a dictionary is longer than it may be.
var ErrSize = errors.New("the info dictionary is longer than it may be")

// Options are what an Extension needs.
type Options struct {
	// Info returns the info dictionary of a file that was offered in this room and is here, nil otherwise. It
	// is called by the goroutine that owns the room, for each chunk, and must not block. The slice is only
	// read, while a message is made of it. Nil gives nothing.
	Info func(hash Hash) []byte
	// Lost returns the files that this device has offered in this room and that are not here any more as they were. It
	// is called as Info is. Nil is none.
	Lost func() []Hash
	// Hear is told that a member's device says so of a file; whether it was his to offer, and which file that is, is not known
	// here. It is called as Info is, askedBurst times at once at the most, and askedEvery after that. Nil hears nothing.
	Hear func(device identity.Key, hash Hash)
}

// Extension is p2_file for one room at a time.
type Extension struct {
	opt Options

	mu     sync.Mutex
	orders []*order // in the order in which they were given
	room   *exchange
}

// New returns the extension, for Room.Extensions.
func New(o Options) *Extension {
	if o.Info == nil {
		o.Info = func(Hash) []byte { return nil }
	}
	if o.Lost == nil {
		o.Lost = func() []Hash { return nil }
	}
	if o.Hear == nil {
		o.Hear = func(identity.Key, Hash) {}
	}
	return &Extension{opt: o}
}

// order is what a caller of Fetch wants.
type order struct {
	hash  Hash
	limit int
	done  chan result // has room for the one that comes
}

// result is how an order ends.
type result struct {
	info []byte
	err  error
}

// Name implements ext.Extension.
func (*Extension) Name() string { return "p2_file" }

// Secure implements ext.Guarded: plain peers do not hear of it.
func (*Extension) Secure() bool { return true }

// Open implements ext.Extension. There is no place for it at a doorbell, nor in the swarm of a file.
func (e *Extension) Open(t ext.Torrent) ext.Instance {
	if !t.Room || t.Private {
		return nil
	}
	x := newExchange(e, t)
	e.mu.Lock()
	e.room = x
	e.mu.Unlock()
	return x
}

// Fetch returns the info dictionary with that hash from the members of the room, of at most size bytes. It waits
// until somebody who has it is connected, and tries again until ctx ends. It may be called by any
// goroutine, also before the room is open and while it is closed. The slice is shared among all who fetch the same
// hash, and not to be changed. The error wraps ErrSize when size is not within 1 and
// ext.MaxInfo, or the dictionary is longer than size; otherwise that of ctx.
func (e *Extension) Fetch(ctx context.Context, hash Hash, size int64) ([]byte, error) {
	if size < 1 || size > ext.MaxInfo {
		return nil, fmt.Errorf("fetch info dictionary %v: %w: %d bytes", hash, ErrSize, size)
	}
	o := &order{hash: hash, limit: int(size), done: make(chan result, 1)}
	e.place(o)
	select {
	case r := <-o.done:
		if r.err != nil {
			return nil, fmt.Errorf("fetch info dictionary %v: %w", hash, r.err)
		}
		return r.info, nil
	case <-ctx.Done():
		e.cancel(o)
		return nil, fmt.Errorf("fetch info dictionary %v: %w", hash, context.Cause(ctx))
	}
}

// Gained has those told who have asked in vain for what Options.Info has now: they would ask again only after half a minute. Any
// goroutine may call it.
func (e *Extension) Gained(hash Hash) { e.each(func(l *line) { l.gained(hash) }) }

// Regret has the members told of a file that Options.Lost has now. Any goroutine may call it.
func (e *Extension) Regret(hash Hash) { e.each(func(l *line) { l.regret(hash) }) }

// each does something on all connections, if the room is open: who connects later hears everything anyway.
func (e *Extension) each(do func(*line)) {
	e.mu.Lock()
	x := e.room
	e.mu.Unlock()
	if x == nil {
		return
	}
	x.torrent.Do(func(time.Time) {
		for _, l := range x.lines {
			do(l)
		}
	})
}

// place adds an order and has the room look at it soon.
func (e *Extension) place(o *order) {
	e.mu.Lock()
	e.orders = append(e.orders, o)
	x := e.room
	e.mu.Unlock()
	if x != nil {
		x.torrent.Do(x.work) // or the next Tick does it
	}
}

// cancel takes an order back. The room notices at its next Tick.
func (e *Extension) cancel(o *order) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.orders = slices.DeleteFunc(e.orders, func(p *order) bool { return p == o })
}

// wanted returns the hashes that are wanted, first come first, and the most bytes of each.
func (e *Extension) wanted() (hashes []Hash, limits map[Hash]int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	limits = make(map[Hash]int, len(e.orders))
	for _, o := range e.orders {
		if limits[o.hash] == 0 {
			hashes = append(hashes, o.hash)
		}
		limits[o.hash] = max(limits[o.hash], o.limit)
	}
	return hashes, limits
}

// deliver ends all orders for hash with info, the bytes of that hash.
func (e *Extension) deliver(hash Hash, info []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.orders = slices.DeleteFunc(e.orders, func(o *order) bool {
		switch {
		case o.hash != hash:
			return false
		case len(info) > o.limit:
			o.done <- result{err: fmt.Errorf("%w: %d bytes, and not %d", ErrSize, len(info), o.limit)}
		default:
			o.done <- result{info: info}
		}
		return true
	})
}
