package history

import (
	"bytes"
	"context"
	"fmt"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// readMark is how far an account has read: all before and at a position, of what had arrived then.
type readMark struct {
	set      bool
	position Position
	seen     int64 // number of the last event that had arrived
}

// covers reports whether m stands before what was read.
func (r *readMark) covers(m *room.Meta) bool {
	p := r.position
	return r.set && (m.Lamport < p.Lamport || m.Lamport == p.Lamport && bytes.Compare(m.Author[:], p.Device[:]) < 0)
}

const markText = "SELECT e.lamport, d.device, m.seen FROM marks m JOIN events e ON e.n = m.event JOIN devices d ON d.n = e.author WHERE m.room = ? AND m.account = ?"

// scanned is the mark in a row of markText, if there was one.
func scanned(found bool, lamport int64, device []byte, seen int64) readMark {
	if !found {
		return readMark{}
	}
	r := readMark{set: true, seen: seen}
	r.position.Lamport = uint64(lamport)
	copy(r.position.Device[:], device)
	return r
}

// readMarks reads how far the archive's account has read, and what its device has said last.
func (c *commit) readMarks() error {
	owner := c.archive.owner.Load()
	var lamport, seen int64
	var device []byte
	found, err := c.w.row(markText, []any{c.n, owner.account[:]}, &lamport, &device, &seen)
	c.mark = scanned(found, lamport, device, seen)
	if own := c.devices[owner.device]; own != nil && err == nil {
		found, err = c.w.row("SELECT lamport FROM events WHERE author = ? AND line AND kind >= 16 ORDER BY seq DESC LIMIT 1", []any{own.n}, &lamport)
		c.said = scanned(found, lamport, owner.device[:], 0)
	}
	return err
}

// placed is a mark in its room.
type placed struct {
	readMark
	n    int64 // of the event at which it stands
	room int64
}

// markAt returns the mark that reads up to the event of that id, and all that is here. Its n is 0 when the event is not.
func (a *Archive) markAt(id room.ID) (to placed, err error) {
	var lamport, seen int64
	var device []byte
	found, err := a.write.row("SELECT e.n, e.room, e.lamport, d.device, (SELECT max(n) FROM events) FROM events e JOIN devices d ON d.n = e.author WHERE e.key = ?",
		[]any{a.box.key(id)}, &to.n, &to.room, &lamport, &device, &seen)
	to.readMark = scanned(found, lamport, device, seen)
	return to, err
}

// markOf returns how far an account has read a room.
func (a *Archive) markOf(account identity.Key, in int64) (from placed, err error) {
	var lamport, seen int64
	var device []byte
	from.room = in
	if _, err = a.write.row("SELECT event FROM marks WHERE room = ? AND account = ?", []any{in, account[:]}, &from.n); err != nil {
		return from, err
	}
	found, err := a.write.row(markText, []any{in, account[:]}, &lamport, &device, &seen)
	from.readMark = scanned(found, lamport, device, seen)
	return from, err
}

// before reports whether r stands before another mark.
func (r *readMark) before(other *readMark) bool { return r.position.Less(other.position) }

// MarkRead notes that an account has read a room up to the event of that id, and reports
// whether that is news: a mark never goes back, and is not taken for an event that is not
// there yet. That of the archive's account is news too when something was read that came late, before the mark.
func (a *Archive) MarkRead(account identity.Key, id room.ID) (moved bool, err error) {
	err = a.write.transaction(false, func() error {
		to, err := a.markAt(id)
		if err != nil || to.n == 0 {
			return err
		}
		from, err := a.markOf(account, to.room)
		if err != nil || to.before(&from.readMark) || from.readMark == to.readMark {
			return err
		}
		moved = from.position != to.position
		if !moved && account == a.owner.Load().account {
			_, err = a.write.row("SELECT EXISTS (SELECT 1 FROM events INDEXED BY late WHERE room = ? AND late AND n > ?)", []any{to.room, from.seen}, &moved)
		}
		if err != nil {
			return err
		}
		return a.write.exec("INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)", to.room, account[:], to.n, to.seen)
	}, nil)
	if err != nil {
		return false, fmt.Errorf("mark as read: %w", err)
	}
	a.ink.wrote(1, false)
	return moved, nil
}

// Reads returns how far each account has read a room: the position and the id of the event.
func (a *Archive) Reads(ctx context.Context, id room.ID) (map[identity.Key]Entry, error) {
	number, err := a.roomNumber(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	marks := map[identity.Key]Entry{}
	err = a.read.rows(ctx, "SELECT m.account, "+entryColumns+" FROM marks m JOIN events e ON e.n = m.event"+entryTables+"WHERE m.room = ?", []any{number},
		func(scan func(...any) error) error {
			var account []byte
			e, err := a.entry(func(dst ...any) error { return scan(append([]any{&account}, dst...)...) })
			if err == nil && len(account) == identity.KeySize {
				marks[identity.Key(account)] = e
			}
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	return marks, nil
}

// MaxUnread is the largest count that Unread gives: it means this many or more.
const MaxUnread = 1000

// Unread returns how many lines of others, from room.Content on, but for those of programs, the archive's account has not read in a room: those after
// its mark, and those before it that came late, but for those that nobody can read here: withheld, or deleted. They are those among the events up to the one numbered upto, so who
// keeps the count can go on from there (ArrivedIn).
func (a *Archive) Unread(ctx context.Context, id room.ID) (count int, upto int64, err error) {
	number, err := a.roomNumber(ctx, id)
	if err != nil {
		return 0, 0, fmt.Errorf("count unread: %w", err)
	}
	me := a.owner.Load().account
	var lamport, seen int64
	var device []byte
	found, err := a.read.row(ctx, markText, []any{number, me[:]}, &lamport, &device, &seen)
	if err != nil {
		return 0, 0, fmt.Errorf("count unread: %w", err)
	}
	p := scanned(found, lamport, device, seen).position
	var after, late int
	_, err = a.read.row(ctx, `SELECT
		(SELECT count(*) FROM (SELECT 1 FROM events e INDEXED BY timeline JOIN devices d ON d.n = e.author WHERE e.room = ?1 AND e.line AND e.counts AND
			NOT e.lacks AND NOT e.gone AND e.kind >= 16 AND e.kind < 48 AND e.lamport >= ?2 AND (e.lamport > ?2 OR d.device > ?3) AND d.account <> ?4 LIMIT 0+?6)),
		(SELECT count(*) FROM (SELECT 1 FROM events e INDEXED BY late JOIN devices d ON d.n = e.author WHERE e.room = ?1 AND e.late AND e.n > ?5 AND
			e.line AND e.counts AND NOT e.lacks AND NOT e.gone AND e.kind >= 16 AND e.kind < 48 AND d.account <> ?4 AND
			(e.lamport < ?2 OR e.lamport = ?2 AND d.device <= ?3) LIMIT 0+?6)), (SELECT coalesce(max(n), 0) FROM events)`,
		[]any{number, int64(p.Lamport), p.Device[:], me[:], seen, MaxUnread}, &after, &late, &upto)
	if err != nil {
		return 0, 0, fmt.Errorf("count unread: %w", err)
	}
	return min(after+late, MaxUnread), upto, nil
}
