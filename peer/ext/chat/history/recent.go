package history

import (
	"slices"
	"sync"

	"p2p/peer/ext/chat/room"
)

// Bounds of what is kept of the last commits.
const (
	recentEvents = 1024
	recentBytes  = 2 << 20 // of bodies
)

// recent is the events that were committed last, of all rooms: who is told of an event looks at it at once, and need
// not read from the disk what was in memory a moment ago. It holds nothing that has changed since it was committed.
type recent struct {
	mu    sync.Mutex
	all   []Entry // numbered one after the other
	bytes int     // of their bodies
}

// spoil notes what a transaction that is about to be there changes: what its events are about is not alone any more. With changed, any of
// them may not be what it was.
func (r *recent) spoil(written []pending, changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if changed {
		r.all, r.bytes = nil, 0
		return
	}
	for i := range written {
		if t := r.find(written[i].entry.Target); t != nil {
			t.Alone = false
		}
	}
}

// add takes what a transaction has written. The caller still holds the writer, so that numbers come in order. With
// changed, other events are not what they were.
func (r *recent) add(entries []Entry, changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if changed {
		r.all, r.bytes = nil, 0
		return
	}
	for i := range entries {
		e := &entries[i]
		if n := len(r.all); n > 0 && e.N != r.all[n-1].N+1 {
			r.all, r.bytes = nil, 0
		}
		r.all = append(r.all, *e)
		r.bytes += len(e.Body)
	}
	for len(r.all) > recentEvents || r.bytes > recentBytes {
		r.bytes -= len(r.all[0].Body)
		r.all[0] = Entry{} // lets go of the body
		r.all = r.all[1:]
	}
}

// find returns the event of that id, nil when it is not among them.
func (r *recent) find(id room.ID) *Entry {
	if id.IsZero() {
		return nil
	}
	for i := len(r.all) - 1; i >= 0; i-- {
		if r.all[i].Event.ID == id {
			return &r.all[i]
		}
	}
	return nil
}

// event is find for who does not hold the lock.
func (r *recent) event(id room.ID) (Entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.find(id); e != nil {
		return *e, true
	}
	return Entry{}, false
}

// after returns up to n entries after the one with that number, and whether these are all that there are to return: false
// when older ones would have to be read.
func (r *recent) after(number int64, n int) ([]Entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) == 0 || number < r.all[0].N-1 {
		return nil, false
	}
	from := min(int(number-r.all[0].N)+1, len(r.all))
	return slices.Clone(r.all[from:min(from+n, len(r.all))]), true
}
