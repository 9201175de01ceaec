package chat

import (
	"sync"
	"time"
	"unicode/utf8"

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

const (
	// saidAfter is how long a commit takes before the others are told what is in it. Most take less, and cost nothing more.
	saidAfter = 2 * time.Millisecond
	// saidTo is how many devices may be connected for that: each of them would have twice the work with every message.
	saidTo = 8
	// saidMost is how many texts of a commit are told, and saidLong how many bytes one of them has at most. Whoever writes more at
	// once does not wait for an answer.
	saidMost = 8
	saidLong = 4096
	// saidBehind is how many frames may wait to be heard: behind more, a text would not be heard sooner than its event.
	saidBehind = 64
)

// saidAllowance is how many of these one device may send; more are passed over.
var saidAllowance = ext.Allowance{Most: 64, Every: 20 * time.Millisecond}

// Said is what a member says and has not committed yet. An event of that id follows soon, or never: then
// it was not said.
type Said struct {
	Event   room.ID
	Account identity.Key
	Device  identity.Key
	Text    string // Markdown, valid UTF-8, 1 to 4,096 bytes
}

func (s *Said) frame() []byte {
	return append(append([]byte{frameSaid}, s.Event[:]...), s.Text...)
}

// parseSaid reads what frame has written after its kind. It keeps nothing of b.
func parseSaid(b []byte) (Said, error) {
	const head = len(room.ID{})
	if len(b) <= head || len(b) > head+saidLong || !utf8.Valid(b[head:]) {
		return Said{}, errFrame
	}
	return Said{Event: room.ID(b), Text: string(b[head:])}, nil
}

// sayings returns the frames for what is said in a commit. An answer shows what it answers, which takes
// reading: it comes with its event.
func sayings(requests []*request, bodies room.Bodies) (frames [][]byte) {
	for _, r := range requests {
		if r.event.Kind != body.KindText || len(frames) == saidMost {
			continue
		}
		if t, err := body.ParseText(bodies(&room.Meta{Event: r.event})); err == nil && t.ReplyTo.IsZero() && len(t.Text) <= saidLong {
			frames = append(frames, (&Said{Event: r.event.ID, Text: t.Text}).frame())
		}
	}
	return frames
}

// sayAhead has the others told what this person says, if that takes long. The function that it returns ends that: what is
// committed follows, and must not be overtaken.
func (t *Talk) sayAhead(n *turn) (end func()) {
	if frames := sayings(n.requests, t.store.Body); len(frames) > 0 {
		if hearers := t.hearers(); len(hearers) > 0 && len(hearers) <= saidTo {
			return sendUnless(frames, hearers)
		}
	}
	return func() {}
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
			if !l.isBehind() { // else it is no haste
				l.send(frames...)
				l.swarm.post()
			}
		}
	})
	return func() {
		timer.Stop()
		mu.Lock()
		defer mu.Unlock()
		over = true
	}
}

// isBehind reports whether something waits to be sent.
func (l *link) isBehind() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.out) > 0
}

// hearers returns the links to whoever is to hear what is said now. Other devices of this account are not: what its person has
// said is on a disk when they show it.
func (t *Talk) hearers() []*link {
	var all []*link
	for _, l := range t.links {
		if l.session != nil && l.session.Met() && t.speaks(l) {
			all = append(all, l)
		}
	}
	return all
}

// speaks reports whether the other end of a link is a device of another member.
func (t *Talk) speaks(l *link) bool {
	account := l.whose()
	return account != t.o.Account && t.store.Room.Role(account) != room.Nobody && !t.store.Room.Ended(l.state.Device)
}

// said takes what a member says.
func (t *Talk) said(n *turn, l *link, b []byte) error {
	s, err := parseSaid(b)
	if err != nil {
		return err
	}
	if t.o.Said == nil || l.session == nil || t.store == nil || !l.sayings.Take(n.now) || !t.speaks(l) {
		return nil
	}
	if _, here := t.store.Find(s.Event); here { // by way of others
		return nil
	}
	s.Account, s.Device = l.whose(), l.state.Device
	t.o.Said(s)
	return nil
}
