package room

import "p2p/peer/identity"

// Bounds of what waits for its causes, for the room and for each source of it.
const (
	maxHeld       = 4096
	maxHeldBytes  = 16 << 20
	maxHeldSource = maxHeld / 4
)

// held is an event that came before its causes.
type held struct {
	event   Event
	body    []byte
	from    uint64
	missing int
}

// size is about what a held event takes.
func (h *held) size() int { return MaxHeader + len(h.body) }

// waiting is the events that came before their causes. Nothing of it is shown to anybody.
type waiting struct {
	events  map[ID]*held
	waiters map[ID][]ID // who waits for an event
	sources map[uint64]int
	bytes   int
}

func newWaiting() waiting {
	return waiting{events: make(map[ID]*held), waiters: make(map[ID][]ID), sources: make(map[uint64]int)}
}

// add holds h until the missing events are there. It is dropped if there is no room for it, and
// comes again when its source is asked.
func (w *waiting) add(h held, missing []ID) {
	if w.events[h.event.ID] != nil || len(w.events) >= maxHeld || w.bytes+h.size() > maxHeldBytes || w.sources[h.from] >= maxHeldSource {
		return
	}
	h.missing = len(missing)
	w.events[h.event.ID] = &h
	w.sources[h.from]++
	w.bytes += h.size()
	for _, id := range missing {
		w.waiters[id] = append(w.waiters[id], h.event.ID)
	}
}

// release returns the events that have waited for id alone, and do not wait any more.
func (w *waiting) release(id ID) []held {
	var free []held
	for _, waiter := range w.waiters[id] {
		h := w.events[waiter]
		if h == nil {
			continue
		}
		if h.missing--; h.missing == 0 {
			free = append(free, *h)
			w.drop(h)
		}
	}
	delete(w.waiters, id)
	return free
}

func (w *waiting) drop(h *held) {
	delete(w.events, h.event.ID)
	if w.sources[h.from]--; w.sources[h.from] == 0 {
		delete(w.sources, h.from)
	}
	w.bytes -= h.size()
}

// wake forgets what waits of a device that has turned out to lie: it is asked for again
// if somebody needs it.
func (w *waiting) wake(device identity.Key) {
	for _, h := range w.events {
		if h.event.Author == device {
			w.drop(h)
		}
	}
}

// Forget drops all that a source has sent and that waits, when the source has gone.
func (r *Room) Forget(from uint64) {
	for _, h := range r.held.events {
		if h.from == from {
			r.held.drop(h)
		}
	}
}

// Missing returns up to n ids of events that others wait for and that are not there, nor wait themselves.
func (r *Room) Missing(n int) []ID {
	var ids []ID
	for id, waiters := range r.held.waiters {
		if len(ids) == n {
			break
		}
		if r.held.events[id] == nil && r.stillWanted(waiters) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (r *Room) stillWanted(waiters []ID) bool {
	for _, w := range waiters {
		if r.held.events[w] != nil {
			return true
		}
	}
	return false
}
