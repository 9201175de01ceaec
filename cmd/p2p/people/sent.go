package people

import (
	"sync"

	"p2p/peer/ext/chat/room"
)

// sent is the messages that programs have sent under keys of theirs, so that one that is sent again because its answer was
// lost is not there twice. It remembers the last ones, as long as the node runs.
type sent struct {
	mu    sync.Mutex
	ids   map[string]room.ID // zero while it is being written
	order []string
}

const remembered = 1024

// begin reports whether a message with that key was, or is being, sent before, and which it is.
func (s *sent) begin(key string) (id room.ID, again bool) {
	if key == "" {
		return room.ID{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, again := s.ids[key]; again {
		return id, true
	}
	if s.ids == nil {
		s.ids = map[string]room.ID{}
	}
	if len(s.order) >= remembered {
		delete(s.ids, s.order[0])
		s.order = s.order[1:]
	}
	s.ids[key] = room.ID{}
	s.order = append(s.order, key)
	return room.ID{}, false
}

func (s *sent) done(key string, id room.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, here := s.ids[key]; here {
		s.ids[key] = id
	}
}

func (s *sent) undo(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ids, key)
}
