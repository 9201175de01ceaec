package chat

import (
	"time"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// A room may let its members have more of what was said before they came than it did when they came: they have the
// headers then, and ask for the bodies (room.Session.Ask). An older program knows the question, which is as old as the
// wire, answers it, and asks nothing.
//
// What somebody could do with that: He asks for what he may not have, and gets headers, which he has. He asks without
// end: an answer costs as much time as it takes, in which he is not heard, and what he does not read ends the connection.
// He answers with another body: its hash is not the signed one, and the connection ends. He does not answer: another is asked. He
// was removed: his session is over, and what waits of his questions goes by how the room stands then.

const (
	askWait = 10 * time.Second // for an answer, until another member is asked
	// answerCost is how long who has asked for an event is not heard, once he has asked for more than maxDebt is worth. To
	// find an event and its body takes less than half of that.
	answerCost = 100 * time.Microsecond
	maxDebt    = 100 * time.Millisecond
	// firstRest and lastRest are for how long a device that has answered all and had not everything is not asked again, in
	// however many sessions: twice as long each time. The body of an edit of what was deleted is nowhere, and who lacks it cannot
	// know that. It ends with the next turn after it, and there is one every clockEvery.
	firstRest = 10 * time.Second
	lastRest  = 10 * time.Minute
	deepRest  = time.Hour
)

// asking is which member is being asked: one at a time, so that not all send the same.
type asking struct {
	of    *link
	until time.Time // he may take
	rests map[identity.Key]rest
	// deep is when another device of this account may be asked again for more than the room gives: once in deepRest, as
	// it most often came with this one and has no more, and that may be a hundred thousand questions.
	deep map[identity.Key]time.Time
}

// rest is for how long a device is not asked again.
type rest struct {
	long  time.Duration
	until time.Time
}

// longer returns the next one of a device that is asked now.
func (r rest) longer(now time.Time) rest {
	long := min(max(2*r.long, firstRest), lastRest)
	return rest{long, now.Add(long)}
}

// hope has all devices asked again, for something else than before, or since somebody has had something to give.
func (t *Talk) hope(out *room.Outcome) {
	if len(out.Filled) > 0 || out.Recount || out.Bare != (room.Position{}) {
		clear(t.asking.rests)
	}
	if len(out.Filled) > 0 {
		clear(t.asking.deep)
	}
}

// pursue asks for bodies that this member lacks and may have.
func (t *Talk) pursue(n *turn) {
	a := &t.asking
	if l := a.of; l != nil {
		if l.session != nil && t.askOf(n, l) {
			return
		}
		if l.session != nil && l.session.Asking() && n.now.Before(a.until) {
			return
		}
		a.of, a.until = nil, time.Time{}
	}
	for _, l := range t.links {
		if l.session != nil && !l.session.Asking() && t.askOf(n, l) {
			return
		}
	}
}

// askOf asks the other end of a link for what is to be asked next, and reports whether there was something.
func (t *Talk) askOf(n *turn, l *link) bool {
	device := l.state.Device
	if !l.asked && n.now.Before(t.asking.rests[device].until) {
		return false
	}
	if !l.asked {
		l.deep = l.whose() == t.o.Account && !n.now.Before(t.asking.deep[device])
	}
	asks := l.session.Ask(func() (room.Position, bool) { return t.mayHave(l) })
	if len(asks) == 0 {
		if l.asked && !l.rests && !l.session.Asking() {
			t.restOf(n, l)
		}
		return false
	}
	l.asked, l.rests = true, false
	t.asking.of, t.asking.until = l, n.now.Add(askWait)
	l.say(asks)
	return true
}

// restOf lets a device be that has answered all that it was asked.
func (t *Talk) restOf(n *turn, l *link) {
	device := l.state.Device
	l.rests, t.asking.rests[device] = true, t.asking.rests[device].longer(n.now)
	if l.deep {
		t.asking.deep[device] = n.now.Add(deepRest)
	}
}

// mayHave returns from where on this person may have bodies from the other end of a link: all that another device of his own has,
// whatever the room gives to one who joins now.
func (t *Talk) mayHave(l *link) (from room.Position, may bool) {
	if l.deep {
		return room.Position{}, true
	}
	at := t.limitOf(t.o.Account)
	return at.from, !at.nothing
}

// charge takes what the other end has asked for off the time in which it is heard.
func (l *link) charge(now time.Time, events int) {
	if l.paid.Before(now) {
		l.paid = now
	}
	l.paid = l.paid.Add(time.Duration(events) * answerCost)
}

// owes returns until when the other end is not to be heard; zero when it is.
func (l *link) owes(now time.Time) time.Time {
	if at := l.paid.Add(-maxDebt); at.After(now) {
		return at
	}
	return time.Time{}
}
