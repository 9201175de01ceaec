package history

import (
	"slices"
	"sync"

	"p2p/peer/ext/chat/room"
)

// Bounds of what is kept of the ends of rooms.
const (
	endLines = 32      // of each
	endBytes = 4 << 20 // of all bodies
)

// ends is the last lines of the rooms that somebody looks at, in order: with every message programs are told how its
// conversation ends now, and that is to cost no query. It holds nothing that has changed since it was read.
type ends struct {
	mu    sync.Mutex
	rooms map[room.ID][]Entry
	bytes int     // of their bodies
	gone  uint64  // counts commits, so that what was read before one is not kept after it
	held  room.ID // the room of a commit that may be there and has not been added yet
}

// hold has a room read from the disk until add, or release.
func (x *ends) hold(id room.ID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.held = id
}

// release undoes hold, for a commit that has failed.
func (x *ends) release(id room.ID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.held == id {
		x.held = room.ID{}
	}
}

// add takes what a transaction has written; as with recent.add, the caller still holds the writer.
func (x *ends) add(entries []Entry, changed bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.gone++
	x.held = room.ID{}
	if changed {
		x.rooms, x.bytes = nil, 0
		return
	}
	for i := range entries {
		e := &entries[i]
		id := e.Event.In()
		end, known := x.rooms[id]
		if !known {
			continue
		}
		if at := slices.IndexFunc(end, func(o Entry) bool { return o.Event.ID == e.Target }); at >= 0 {
			end[at].Alone = false
		}
		if e.Line && e.Counts {
			x.insert(id, end, e)
		}
	}
	if x.bytes > endBytes {
		x.rooms, x.bytes = nil, 0 // who looks at one reads it anew
	}
}

// insert puts a line where it stands. It is there already if it was committed when the others were read, and is told of
// only now.
func (x *ends) insert(id room.ID, end []Entry, e *Entry) {
	at := len(end)
	for at > 0 && e.Position().Less(end[at-1].Position()) {
		at--
	}
	if at == 0 && len(end) >= endLines || at > 0 && end[at-1].Event.ID == e.Event.ID {
		return
	}
	end = slices.Insert(end, at, *e)
	x.bytes += len(e.Body)
	if len(end) > endLines {
		x.bytes -= len(end[0].Body)
		end = slices.Delete(end, 0, 1)
	}
	x.rooms[id] = end
}

// before returns the last n lines, if they are known, and otherwise what keep is to be told.
func (x *ends) before(id room.ID, n int) (end []Entry, known bool, gone uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if id == x.held {
		return nil, false, x.gone
	}
	end, known = x.rooms[id]
	return slices.Clone(end[max(0, len(end)-n):]), known, x.gone
}

// keep takes the last endLines lines of a room, or all that there are, which were read after before.
func (x *ends) keep(id room.ID, end []Entry, gone uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if gone != x.gone {
		return
	}
	if x.rooms == nil || x.bytes > endBytes {
		x.rooms, x.bytes = map[room.ID][]Entry{}, 0
	}
	for i := range end {
		x.bytes += len(end[i].Body)
	}
	x.rooms[id] = slices.Clone(end)
}
