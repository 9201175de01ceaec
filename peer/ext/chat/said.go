package chat

import (
	"encoding/binary"
	"sync"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// What a person says goes to the others as an event, once it is on his disk: a device whose machine loses its power must
// not have given away what it has forgotten, or it writes another event with the same number and counts as a liar. Disks
// take a millisecond for that, and 20 or 200 when somebody else writes. Nobody need wait so long to read what was said: after
// saidAfter its text is told as typing is, signed by nobody. It is shown, and is no message: nothing is stored or
// passed on, and it goes away by itself unless its event comes.

// saidAfter is how long a commit takes before the others are told what is in it. Most take less, and cost nothing more.
const saidAfter = 2 * time.Millisecond

// saidTo is to how many connections at most: each of them would have twice the work with every message.
const saidTo = 8

// saidAllowance is how many of these one connection may send; more are passed over.
var saidAllowance = ext.Allowance{Most: 64, Every: 20 * time.Millisecond}

// Said is what a member says and has not committed yet. An event of that id follows soon, or never: then
// it was not said.
type Said struct {
	Event   room.ID
	Account identity.Key
	Device  identity.Key
	Lamport uint64 // of the event: with Device, its place
	Body    []byte // of a KindText event, well-formed
}

func (s *Said) frame() []byte {
	b := append([]byte{frameSaid}, s.Event[:]...)
	b = binary.BigEndian.AppendUint64(b, s.Lamport)
	return append(b, s.Body...)
}

// parseSaid reads what frame has written after its kind. The Body is b's.
func parseSaid(b []byte) (Said, error) {
	const head = len(room.ID{}) + 8
	if len(b) <= head {
		return Said{}, errFrame
	}
	if _, err := body.ParseText(b[head:]); err != nil {
		return Said{}, errFrame
	}
	return Said{Event: room.ID(b), Lamport: binary.BigEndian.Uint64(b[len(room.ID{}):]), Body: b[head:]}, nil
}

// sayAhead has the others told what this person says, if that takes long. The function that it returns ends that: what is
// committed follows, and must not be overtaken.
func (t *Talk) sayAhead(n *turn) (end func()) {
	var frames [][]byte
	for _, r := range n.requests {
		if r.event.Kind != body.KindText {
			continue
		}
		s := Said{Event: r.event.ID, Lamport: r.event.Lamport, Body: r.body}
		if f := s.frame(); len(f) <= ext.MaxPayload {
			frames = append(frames, f)
		}
	}
	hearers := t.hearers()
	if len(frames) == 0 || len(hearers) == 0 || len(hearers) > saidTo {
		return func() {}
	}
	return sendUnless(frames, hearers)
}

// sendUnless sends frames after saidAfter, unless the function that it returns is called before.
func sendUnless(frames [][]byte, hearers []*link) (end func()) {
	var mu sync.Mutex
	over := false
	timer := time.AfterFunc(saidAfter, func() {
		mu.Lock()
		defer mu.Unlock()
		if over {
			return
		}
		for _, l := range hearers {
			l.send(frames...)
			l.swarm.post()
		}
	})
	return func() {
		timer.Stop()
		mu.Lock()
		defer mu.Unlock()
		over = true
	}
}

// hearers returns the links to whoever is to hear what is said now.
func (t *Talk) hearers() []*link {
	var all []*link
	for _, l := range t.links {
		if l.session != nil && l.session.Met() && t.store.Room.Role(l.whose()) != room.Nobody {
			all = append(all, l)
		}
	}
	return all
}

// said takes what a member says.
func (t *Talk) said(n *turn, l *link, b []byte) error {
	s, err := parseSaid(b)
	if err != nil {
		return err
	}
	if l.session == nil || t.store == nil || !l.sayings.Take(n.now) {
		return nil
	}
	if s.Account, s.Device = l.whose(), l.state.Device; t.store.Room.Role(s.Account) != room.Nobody {
		t.told.Said = append(t.told.Said, s)
	}
	return nil
}
