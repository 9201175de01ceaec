package chat

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// What is told beside the events, and how often. It is signed by nobody: the connection has proven
// which device says it, and it goes no further, but between the devices of one account. What goes further
// is a receipt. Who says how far he has read says too what was there then (history.Archive.Seen): his mark alone would
// have read what came to him late.
const (
	typingLasts = 6 * time.Second // unless it is renewed
	typingAgain = 3 * time.Second // is when it is renewed
	typingPause = 500 * time.Millisecond
	readPause   = 300 * time.Millisecond
	clockEvery  = 15 * time.Second
	saveEvery   = 2 * time.Second
)

// ownMarks is how far this person has read.
type ownMarks struct {
	id   room.ID   // zero for not at all
	due  time.Time // when the others are to be told, zero for they were
	last time.Time // that they were
}

// ownTyping is what the others were told.
type ownTyping struct {
	on   bool
	last time.Time
}

// Read marks the room as read up to the event of that id, keeps that, and tells the others. It waits for the
// archive, not for the others.
func (t *Talk) Read(_ context.Context, id room.ID) error {
	moved, err := t.archive.MarkRead(t.o.Account, id)
	if err != nil {
		return fmt.Errorf("mark as read: %w: %w", ErrStore, err)
	}
	if moved {
		t.mail.mu.Lock()
		t.mail.read = id
		t.mail.mu.Unlock()
		t.poke()
	}
	return nil
}

// Typing tells the others that this person types, which is to be repeated while it goes on, at least every 4 s, or that
// he has ceased. It does not wait.
func (t *Talk) Typing(on bool) {
	t.mail.mu.Lock()
	t.mail.typing = &on
	t.mail.mu.Unlock()
	t.poke()
}

// takeMail tells the others what this person reads and types.
func (t *Talk) takeMail(n *turn) {
	t.mail.mu.Lock()
	read, typing := t.mail.read, t.mail.typing
	t.mail.read, t.mail.typing = room.ID{}, nil
	t.mail.mu.Unlock()
	if !read.IsZero() {
		t.marked(n, read)
	}
	if typing == nil {
		return
	}
	on, since := *typing, n.now.Sub(t.typing.last)
	if on && (since >= typingAgain || !t.typing.on && since >= typingPause) || !on && t.typing.on {
		t.typing = ownTyping{on, n.now}
		t.all(appendTyping(on))
	}
}

// all sends a frame to all members.
func (t *Talk) all(frame []byte) {
	for _, l := range t.links {
		if l.session != nil {
			l.send(frame)
		}
	}
}

// marked notes that this person has read further, here or on another device.
func (t *Talk) marked(n *turn, id room.ID) {
	t.marks.id = id
	if t.marks.due.IsZero() {
		t.marks.due = t.marks.last.Add(readPause)
	}
	if t.marks.due.Before(n.now) {
		t.marks.due = n.now
	}
}

// tellRead tells others how far this person has read.
func (t *Talk) tellRead(to ...*link) {
	if t.marks.id.IsZero() {
		return
	}
	seen, err := t.archive.Seen(context.Background(), t.id)
	if err != nil {
		t.log.Debug("what was read is not known", zap.Error(err))
	}
	for _, l := range to {
		if l.session == nil {
			continue
		}
		if err == nil {
			t.tellSeen(l, seen)
		}
		l.send(appendRead(t.marks.id))
	}
}

// tellSeen tells another what was here when this person read, if he was not told yet: another account what of its own.
func (t *Talk) tellSeen(l *link, seen map[identity.Key]uint64) {
	if whose := l.whose(); whose != t.o.Account {
		accounts := t.view.Load().accounts
		seen = maps.Clone(seen)
		maps.DeleteFunc(seen, func(device identity.Key, _ uint64) bool { return accounts[device] != whose })
	}
	if l.toldSeen == nil || !maps.Equal(seen, l.toldSeen) {
		l.toldSeen = seen
		l.send(appendSeen(seen))
	}
}

// readMarks takes the read marks that came, as soon as the events that they name are here.
func (t *Talk) readMarks(n *turn) {
	if t.store == nil {
		return
	}
	late := slices.ContainsFunc(t.told.Added, func(e history.Entry) bool { return e.Late })
	own := slices.ContainsFunc(t.told.Added, func(e history.Entry) bool {
		return e.Account == t.o.Account && e.Event.Author != t.o.Device.Key()
	})
	concerned := func(account identity.Key) bool { // something has come that it may have read before
		return account == t.o.Account && late || account != t.o.Account && own
	}
	t.creditAll(n, concerned)
	for _, l := range t.links {
		account := l.whose()
		if account.IsZero() || l.session == nil {
			continue
		}
		if l.reading.IsZero() && l.seen != nil && concerned(account) {
			l.reading = l.read
		}
		if l.reading.IsZero() {
			continue
		}
		if _, here := t.store.Find(l.reading); !here {
			continue
		}
		id := l.reading
		l.reading = room.ID{}
		if account == t.o.Account && l.seen != nil {
			t.readElsewhere(n, id, l.seen)
			continue
		}
		t.readBy(n, account, id, l.seen)
	}
}

// readBy notes that an account has read up to an event that is here, when seen was there; nil for that is not known.
func (t *Talk) readBy(n *turn, account identity.Key, id room.ID, seen map[identity.Key]uint64) {
	moved := t.keepMark(account, id)
	if account == t.o.Account {
		if moved {
			t.told.Read = append(t.told.Read, Read{account, id})
			t.marked(n, id)
		}
		return
	}
	if t.readOf(account, id, seen) || moved {
		t.told.Read = append(t.told.Read, Read{account, id})
	}
}

// keepMark keeps how far an account has read, and reports whether that is further than before.
func (t *Talk) keepMark(account identity.Key, id room.ID) bool {
	if account != t.o.Account && t.kept[account] == id {
		return false
	}
	moved, err := t.archive.MarkRead(account, id)
	if err != nil {
		t.log.Debug("a read mark cannot be kept", zap.Error(err))
	}
	if moved {
		t.kept[account] = id
	}
	return moved
}

// readElsewhere takes the mark of another device of the account.
func (t *Talk) readElsewhere(n *turn, id room.ID, seen map[identity.Key]uint64) {
	moved, late, err := t.archive.MarkElsewhere(id, seen)
	if err != nil {
		t.log.Debug("a read mark cannot be kept", zap.Error(err))
	}
	if !moved {
		id = t.marks.id
	}
	if moved || late {
		t.told.Read = append(t.told.Read, Read{t.o.Account, id})
		t.marked(n, id)
	}
}

// passTime does what is due.
func (t *Talk) passTime(n *turn) {
	if !t.marks.due.IsZero() && !n.now.Before(t.marks.due) {
		t.marks.due, t.marks.last = time.Time{}, n.now
		t.receiptsSoon(n)
		t.tellRead(t.links...)
	}
	t.tellTypers(n)
	t.catchUp(n)
	if t.store != nil && len(t.links) > 0 && !n.now.Before(t.clock.next) {
		t.clock.next = n.now.Add(clockEvery)
		t.all(appendClock(t.digest()))
		t.receiptsSoon(n) // for who is connected with whom may have changed
	}
	if at := t.receipts.due; t.store != nil && !at.IsZero() && !n.now.Before(at) {
		t.tellReceipts(n)
	}
	if at := t.stored.due(); !at.IsZero() && !n.now.Before(at) {
		t.save()
	}
}

// deadline returns when the next turn is due, zero when it need not come.
func (t *Talk) deadline() time.Time {
	at := t.marks.due
	sooner := func(other time.Time) {
		if !other.IsZero() && (at.IsZero() || other.Before(at)) {
			at = other
		}
	}
	sooner(t.trouble.next)
	sooner(t.stored.due())
	for _, l := range t.links {
		sooner(l.typing)
		if t.store != nil {
			sooner(l.until)
			sooner(l.leave)
			sooner(l.deaf)
		}
		sooner(l.haveAt)
		sooner(l.sendAt)
	}
	if len(t.links) > 0 && t.store != nil {
		sooner(t.asking.until)
		sooner(t.clock.next)
		sooner(t.receipts.due)
	}
	return at
}

// tellTypers tells who has begun to type, and who has ceased or was not heard of for a while.
func (t *Talk) tellTypers(n *turn) {
	now := map[identity.Key]bool{}
	for _, l := range t.links {
		if !l.typing.After(n.now) {
			l.typing = time.Time{}
		} else if account := l.whose(); account != t.o.Account && !account.IsZero() {
			now[account] = true
		}
	}
	for account := range now {
		if !t.typers[account] {
			t.told.Typing = append(t.told.Typing, Typing{account, true})
		}
	}
	for account := range t.typers {
		if !now[account] {
			t.told.Typing = append(t.told.Typing, Typing{account, false})
		}
	}
	t.typers = now
}

// clock is when the others hear how far the logs are known here.
type clock struct {
	next  time.Time
	sum   digest
	known bool // sum is that of the room as it is
}

// check is what two members make of each other's digests.
type check struct {
	own, other digest
	skip       int // mismatches to be passed over
	tries      int
}

// digest returns a hash of how far all logs are known.
func (t *Talk) digest() digest {
	if t.clock.known {
		return t.clock.sum
	}
	var sum digest
	for device, mark := range t.store.Room.Clock() {
		b := binary.BigEndian.AppendUint64(device[:], mark.Seq)
		hash := sha256.Sum256(append(b, mark.ID[:]...))
		sum = sum.mix(hash[:])
	}
	t.clock.sum, t.clock.known = sum, true
	return sum
}

// compare takes the digest of another member. Two who are not at one, and have not come nearer since the last time,
// begin anew: so a silent divergence lasts two intervals at most. When that does not help it is
// tried ever more seldom.
func (t *Talk) compare(l *link, other digest) {
	if l.session == nil || !l.session.Met() {
		return
	}
	own := t.digest()
	c := &l.check
	switch {
	case own == other:
		*c = check{}
	case own != c.own || other != c.other:
		c.own, c.other = own, other
	case c.skip > 0:
		c.skip--
	default:
		c.tries = min(c.tries+1, 6)
		c.skip = 1 << c.tries
		t.log.Info("two members are not at one, and begin anew", zap.Stringer("device", l.state.Device))
		t.start(l, true)
	}
}
