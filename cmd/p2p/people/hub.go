package people

import (
	"sync"

	"p2p/cmd/p2p/api/p2pv1"
)

// hub passes events on to the programs that listen. Its methods may be called by any goroutine and
// never wait: who does not keep up is cut off, and comes back with the cursor of what he has.
type hub struct {
	mu     sync.Mutex
	all    map[*listener]bool
	closed bool
}

// listener is one program that listens.
type listener struct {
	events chan *p2pv1.Event // closed when it is cut off, or the hub is closed
	stored chan struct{}     // messages have come into the history
	there  bool              // its user is looking
}

// backlog is how many events may wait for a program.
const backlog = 4096

// listen adds a listener. It is cut off already when the hub is closed.
func (h *hub) listen(there bool) *listener {
	l := &listener{events: make(chan *p2pv1.Event, backlog), stored: make(chan struct{}, 1), there: there}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		close(l.events)
		return l
	}
	if h.all == nil {
		h.all = make(map[*listener]bool)
	}
	h.all[l] = true
	return l
}

// leave removes a listener; it may have been cut off.
func (h *hub) leave(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cut(l)
}

func (h *hub) cut(l *listener) {
	if h.all[l] {
		delete(h.all, l)
		close(l.events)
	}
}

// tell gives an event to all listeners, who must not change it.
func (h *hub) tell(e *p2pv1.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.all {
		select {
		case l.events <- e:
		default:
			h.cut(l)
		}
	}
}

// mention gives an event that may be lost to the listeners that are not behind.
func (h *hub) mention(e *p2pv1.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.all {
		if len(l.events) < backlog/64 {
			l.events <- e // there is room, for who fills it holds the lock
		}
	}
}

// news says that messages have come into the history, where listeners read them: however many they are,
// nobody falls behind.
func (h *hub) news() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.all {
		select {
		case l.stored <- struct{}{}:
		default:
		}
	}
}

// watched reports whether somebody listens whose user is looking, and how many listen.
func (h *hub) watched() (there bool, count int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.all {
		there = there || l.there
	}
	return there, len(h.all)
}

// cutAll cuts all off: what they know is of a history that is no more. They come back.
func (h *hub) cutAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.all {
		h.cut(l)
	}
}

// close cuts all off, for good.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for l := range h.all {
		h.cut(l)
	}
}
