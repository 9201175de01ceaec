package chat

import (
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

// turn is what happens between two commits: all that waits is taken, committed at once, and only then
// answered, shown and passed on. (What has no part in that, as typing and a Said, is told as it comes.)
type turn struct {
	now      time.Time
	out      room.Outcome
	requests []*request
	heard    map[*link]bool // whose messages were taken
	more     bool           // waits
}

// turn takes what waits, beginning with a request or nil.
func (t *Talk) turn(first *request) {
	n := &turn{now: time.Now(), heard: map[*link]bool{}}
	t.reopen(n, first != nil)
	t.welcome(n)
	t.hear(n)
	t.obey(n, first)
	if t.commit(n) {
		t.answer(n)
		t.pursue(n)
		t.recall()
		if len(n.heard) > 0 {
			t.receiptsSoon(n)
		}
	}
	t.takeMail(n)
	t.readMarks(n)
	t.passTime(n)
	for _, l := range t.links {
		l.swarm.post()
	}
	t.tell()
	if n.more {
		t.poke()
	}
}

// welcome takes in the connections that are new.
func (t *Talk) welcome(n *turn) {
	t.mail.mu.Lock()
	arrived, review := t.mail.arrived, t.mail.review
	t.mail.arrived, t.mail.review = nil, false
	t.mail.mu.Unlock()
	for _, l := range t.links {
		if review || !l.until.IsZero() && !n.now.Before(l.until) || !l.leave.IsZero() && !n.now.Before(l.leave) {
			t.review(n.now, l)
		}
	}
	for _, l := range arrived {
		t.links = append(t.links, l)
		t.review(n.now, l)
		t.told.Joined = append(t.told.Joined, l.state)
	}
	if len(arrived) > 0 {
		t.publishPeers()
	}
}

func (t *Talk) publishPeers() {
	peers := make([]PeerState, len(t.links))
	for i, l := range t.links {
		peers[i] = l.state
	}
	t.peers.Store(&peers)
}

// hear takes what the others have sent.
func (t *Talk) hear(n *turn) {
	left := false
	for _, l := range t.links {
		if !l.until.IsZero() && !l.isOver() {
			continue // what it says waits with it
		}
		if l.deaf = l.owes(n.now); !l.deaf.IsZero() && !l.isOver() {
			continue
		}
		frames, over, more := l.take()
		for _, f := range frames {
			if l.ended {
				break
			}
			if err := t.frame(n, l, f); err != nil {
				t.log.Info("a member's device breaks the rules", zap.Stringer("device", l.state.Device), zap.Error(err))
				t.part(l, err)
			}
		}
		n.more = n.more || more && !l.ended
		if over && !more {
			if l.session != nil { // who parts with one who has gone says last that he knows it
				t.note(l)
			}
			t.part(l, nil)
			t.told.Left = append(t.told.Left, l.state)
			l.gone, left = true, true
		}
	}
	if left {
		t.receiptsSoon(n)
		t.links = slices.DeleteFunc(t.links, func(l *link) bool { return l.gone })
		t.publishPeers()
	}
}

// part ends what is between this device and another; with an error the connection too.
func (t *Talk) part(l *link, why error) {
	if l.session != nil {
		l.session.Close()
		l.session = nil
	}
	l.hello, l.answers, l.ended, l.typing, l.leave = nil, nil, true, time.Time{}, time.Time{}
	if why != nil {
		l.end(why)
	}
}

// frame takes one frame. An error says which rule it breaks.
func (t *Talk) frame(n *turn, l *link, f []byte) error {
	if len(f) == 0 {
		return errFrame
	}
	if !l.leave.IsZero() && f[0] != frameMessage {
		return nil
	}
	switch f[0] {
	case frameMessage:
		message, begin, err := l.parts.add(f[1:])
		if err != nil || message == nil {
			return err
		}
		return t.message(n, l, message, begin)
	case frameRead:
		id, err := parseRead(f[1:])
		if err == nil && !l.news.Take(n.now) {
			err = errNews
		}
		l.reading, l.read = id, id
		return err
	case frameSeen:
		seen, err := parseSeen(f[1:])
		l.seen = seen
		return err
	case frameTyping:
		on, err := parseTyping(f[1:])
		if err == nil && !l.news.Take(n.now) {
			err = errNews
		}
		l.typing = time.Time{}
		if on {
			l.typing = n.now.Add(typingLasts)
		}
		return err
	case frameReceipts:
		return t.receive(n, l, f[1:])
	case frameSaid:
		return t.said(n, l, f[1:])
	case frameClock:
		d, err := parseClock(f[1:])
		if err == nil {
			t.compare(l, d)
		}
		return err
	}
	return nil // of a newer version
}

// message takes a message of a session.
func (t *Talk) message(n *turn, l *link, b []byte, begin bool) error {
	if !l.leave.IsZero() && t.store != nil {
		return t.farewell(n.now, l, b)
	}
	if l.session == nil {
		return nil // nothing can be stored; it is begun anew when it can
	}
	if begin {
		if !l.news.Take(n.now) {
			return errNews
		}
		l.hello = t.session(l, false) // after the commit: it says what is stored here, and others of this turn may have sent more
	}
	m, err := room.ParseNews(b, t.store.Room.Knows, onAllCores)
	if err != nil {
		return err
	}
	l.charge(n.now, len(m.Want))
	out, answers, err := l.session.Handle(m)
	n.out.Add(out) // also with an error: events before the bad one are in the room
	l.answers = append(l.answers, answers...)
	n.heard[l] = true
	return err
}

// obey takes the requests that wait.
func (t *Talk) obey(n *turn, first *request) {
	for r := first; ; {
		if r == nil {
			select {
			case r = <-t.requests:
			default:
				return
			}
		}
		if t.store == nil {
			r.done <- t.trouble.err
		} else if event, out, err := r.write(t.store.Room); err != nil {
			n.out.Add(out)
			r.done <- err
		} else {
			r.event = event
			n.out.Add(out)
			n.requests = append(n.requests, r)
		}
		if len(n.requests) >= maxRequests {
			n.more = true
			return
		}
		r = nil
	}
}

// commit stores what was taken, and reports whether there is a store. Nobody hears of
// any event before.
func (t *Talk) commit(n *turn) bool {
	if t.store == nil {
		return false
	}
	ahead := t.sayAhead(n)
	err := t.store.Commit(n.out)
	if ahead(); err != nil {
		t.fail(n, fmt.Errorf("%w: %w", ErrStore, err))
		return false
	}
	if n.out.Recount { // first: who has joined is joined as soon as Join returns
		clear(t.limits)
		t.refresh()
	}
	for _, r := range n.requests {
		r.done <- nil
	}
	committed := t.store.Committed()
	for _, u := range t.store.Undone() {
		n.out.Add(room.Outcome{Bare: u.At}) // others are asked for it
		t.told.Undone = append(t.told.Undone, u)
	}
	if len(committed)+len(n.out.Filled) > 0 {
		t.recovered()
	}
	if len(committed)+len(n.out.Filled)+len(n.out.Proofs) == 0 && !n.out.Recount {
		return true
	}
	t.fresh = make(map[room.ID][]byte, len(committed))
	for i := range committed {
		t.fresh[committed[i].Event.ID] = committed[i].Body
	}
	t.told.Added = append(t.told.Added, slices.Clone(committed)...)
	t.told.Proofs = append(t.told.Proofs, n.out.Proofs...)
	t.told.Filled = append(t.told.Filled, n.out.Filled...)
	t.told.Turned = append(t.told.Turned, t.store.Turned()...)
	t.told.Recount = t.told.Recount || n.out.Recount
	t.clock.known = false
	t.follow(committed)
	t.hope(&n.out)
	if n.out.Bare.Lamport > 0 {
		delete(t.limits, t.o.Account) // it was found among fewer lines
	}
	return true
}

// follow looks at what others have stored and ceased to type, going by what they wrote.
func (t *Talk) follow(committed []history.Entry) {
	for i := range committed {
		e := &committed[i]
		t.cover(e)
		if e.Event.Kind == body.KindText || e.Event.Kind == body.KindFile {
			for _, l := range t.links {
				if l.whose() == e.Account {
					l.typing = time.Time{}
				}
			}
		}
	}
}

// answer sends what is due after a commit: answers, and what others lack.
func (t *Talk) answer(n *turn) {
	if n.out.Recount {
		for _, l := range t.links {
			t.review(n.now, l)
		}
	}
	news := len(n.out.Added)+len(n.out.Proofs)+len(n.out.Filled) > 0
	for _, l := range t.links {
		if l.session == nil || !news && !n.heard[l] {
			continue
		}
		t.flow(l, n.out, false)
		t.spare(n, l)
		if n.heard[l] {
			t.note(l)
		}
	}
}

// What reaches a member on a shorter way is left to that for a while: so long that he, and everybody between, has
// told by then what is here.
const (
	haveAfter = 400 * time.Millisecond
	sendAfter = time.Second
)

// spare sees to it that a link is told soon what is here, and that nothing is left to others for ever.
func (t *Talk) spare(n *turn, l *link) {
	if l.haveAt.IsZero() && len(t.links) > 1 { // otherwise there are no others
		l.haveAt = n.now.Add(haveAfter)
	}
	t.leave(n, l)
}

// leave sees to it that what is left to others now is looked at again.
func (t *Talk) leave(n *turn, l *link) {
	if l.sendAt.IsZero() && l.session.Leave() {
		l.sendAt = n.now.Add(sendAfter)
	}
}

// catchUp sends what is due of that.
func (t *Talk) catchUp(n *turn) {
	for _, l := range t.links {
		if l.session == nil {
			l.haveAt, l.sendAt = time.Time{}, time.Time{}
			continue
		}
		if !l.haveAt.IsZero() && !n.now.Before(l.haveAt) {
			l.haveAt = time.Time{}
			l.say(l.session.Have())
		}
		if !l.sendAt.IsZero() && !n.now.Before(l.sendAt) {
			l.sendAt = time.Time{}
			l.session.Reclaim()
			t.flow(l, room.Outcome{}, false)
			t.leave(n, l)
		}
	}
}

// flow sends the answers of a link, and what its other end lacks after what has happened; with all also what others should
// have sent.
func (t *Talk) flow(l *link, out room.Outcome, all bool) {
	l.send(l.hello...)
	messages := append(l.answers, l.session.Next(out, all)...)
	l.hello, l.answers = nil, nil
	l.say(messages)
}

// say sends messages of a session.
func (l *link) say(messages []room.Message) {
	for i := range messages {
		l.send(appendMessage(nil, messages[i].AppendTo(nil), false)...)
	}
}

// strangerWait is how long a device may be connected without anybody knowing whose it is. Its certificate comes by
// another extension.
const strangerWait = 10 * time.Second

// review begins or ends a session, as the other device belongs to a member or not.
func (t *Talk) review(now time.Time, l *link) {
	if l.ended || t.store == nil {
		return
	}
	v := t.view.Load()
	device := l.state.Device
	account, joined := v.accounts[device]
	if !joined && t.o.Owner != nil {
		account = t.o.Owner(device)
	}
	if account != l.state.Account {
		l.state.Account = account
		t.publishPeers()
	}
	if account.IsZero() && t.o.Owner != nil && l.session == nil {
		if l.until.IsZero() {
			l.until = now.Add(strangerWait)
		}
		if now.Before(l.until) {
			return
		}
	}
	if t.o.Shuns != nil && t.o.Shuns(account) {
		t.shun(now, l)
		return
	}
	l.until = time.Time{}
	own := account == t.o.Account && !t.store.Room.Revoked(device) // what one has heard is the other's, whatever the room says now
	member := !v.known || own || v.roles[account] != room.Nobody && !v.ended[device]
	switch {
	case member && l.session == nil:
		l.leave = time.Time{}
		t.start(l, false)
		t.tellRead(l)
	case !member && l.session != nil:
		t.flow(l, room.Outcome{}, true) // he is to know that he was removed
		t.part(l, errStranger)
	case member, !l.leave.IsZero() && now.Before(l.leave):
	case l.leave.IsZero() && t.owesFarewell(now, account, device):
		l.leave = now.Add(farewellWait)
	default:
		t.part(l, errStranger)
	}
}

// shunWait is how often it is asked whether a device is shunned, besides Review.
const shunWait = time.Minute

// shun has nothing go to a device. What is half way cannot be taken up again: one with a session is to come anew.
func (t *Talk) shun(now time.Time, l *link) {
	if l.session != nil {
		t.part(l, errStranger)
		return
	}
	l.until = now.Add(shunWait)
}

// start begins a session, with Hello. With anew the other end is to begin anew too. Nothing waits for a commit.
func (t *Talk) start(l *link, anew bool) { l.send(t.session(l, anew)...) }

// session begins one, and returns its Hello.
func (t *Talk) session(l *link, anew bool) (hello [][]byte) {
	if l.session != nil {
		l.session.Close()
	}
	l.trust()
	l.hello, l.answers, l.asked, l.rests, l.toldSeen = nil, nil, false, false, nil
	l.session = room.NewSession(t.store.Room, t.o.Device.Key(), t.sources.Add(1), t.bodies(l))
	l.session.Kin = l.whose()
	for _, m := range l.session.Hello() {
		hello = append(hello, appendMessage(nil, m.AppendTo(nil), anew)...)
		anew = false
	}
	return hello
}

// tell hands over what has happened.
func (t *Talk) tell() {
	if t.told.empty() {
		return
	}
	c := t.told
	c.Room = t.id
	t.told = Change{}
	if t.o.Tell != nil {
		t.o.Tell(c)
	}
}
