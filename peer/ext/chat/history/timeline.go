package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// Entry is an event as the archive has it. Its Body is nil when it was withheld, or deleted.
type Entry struct {
	N       int64 // by arrival in this archive, from 1
	Event   room.Event
	Account identity.Key // of the author
	Body    []byte
	Arrived time.Time
	Target  room.ID // what the body is about, if anything
	Line    bool    // it has a place of its own in the conversation
	Counts  bool
	Late    bool // it came after a later one had been read, or written on this device
	Gone    bool // its body was deleted
	Alone   bool // nothing is about it; false when that was not looked at
}

// Position is a place in the order of a room.
type Position = room.Position

// Position returns where e stands.
func (e *Entry) Position() Position { return e.Event.Position() }

// End is behind all that there is.
var End = room.End

// maxPage bounds what one query returns.
const maxPage = 1000

const entryColumns = metaColumns + ", e.arrived, e.line, e.counts, e.late, e.gone, d.account, b.body"

const entryTables = " JOIN devices d ON d.n = e.author LEFT JOIN bodies b ON b.event = e.n "

// entries returns the entries of a query.
func (a *Archive) entries(ctx context.Context, text string, args ...any) ([]Entry, error) {
	var all []Entry
	err := a.read.rows(ctx, text, args, func(scan func(...any) error) error {
		e, err := a.entry(scan)
		all = append(all, e)
		return err
	})
	return all, err
}

func (a *Archive) entry(scan func(...any) error) (Entry, error) {
	var s stored
	var e Entry
	var arrived int64
	var account, sealed []byte
	if err := scan(append(s.fields(), &arrived, &e.Line, &e.Counts, &e.Late, &e.Gone, &account, &sealed)...); err != nil {
		return e, err
	}
	var err error
	if e.Event, err = a.event(&s); err != nil {
		return e, err
	}
	e.N, e.Arrived = s.n, time.UnixMilli(arrived)
	copy(e.Account[:], account)
	if sealed == nil {
		return e, nil
	}
	if e.Body, err = a.box.open(sealedBody, s.key, sealed); err != nil {
		return e, err
	}
	if e.Event.Kind >= room.Delete { // others are about nothing
		e.Target = a.options.Read(e.Event.Kind, e.Body).Target
	}
	return e, nil
}

// roomNumber returns the number of a room, 0 when it is not there. A room keeps its number for ever.
func (a *Archive) roomNumber(ctx context.Context, id room.ID) (int64, error) {
	if n, known := a.numbers.Load(id); known {
		return n.(int64), nil
	}
	var n int64
	found, err := a.read.row(ctx, "SELECT n FROM rooms WHERE key = ?", []any{a.box.key(id)}, &n)
	if found && err == nil {
		a.numbers.Store(id, n)
	}
	return n, err
}

// Before returns up to n lines of a room that stand before p, the last of them, in order.
func (a *Archive) Before(ctx context.Context, id room.ID, p Position, n int) ([]Entry, error) {
	if p != End || n > endLines {
		return a.before(ctx, id, p, n)
	}
	end, known, gone := a.ends.before(id, n)
	if known {
		return end, nil
	}
	end, err := a.before(ctx, id, End, endLines)
	if err != nil {
		return nil, err
	}
	a.ends.keep(id, end, gone)
	return end[max(0, len(end)-n):], nil
}

func (a *Archive) before(ctx context.Context, id room.ID, p Position, n int) ([]Entry, error) {
	return a.page(ctx, id, p, n, "SELECT "+entryColumns+" FROM events e INDEXED BY timeline"+entryTables+`WHERE e.room = ? AND e.line AND e.counts AND
		e.lamport <= ?2 AND (e.lamport < ?2 OR d.device < ?3) ORDER BY e.lamport DESC, d.device DESC LIMIT 0+?4`, true)
}

// After returns up to n lines of a room that stand after p, the first of them, in order.
func (a *Archive) After(ctx context.Context, id room.ID, p Position, n int) ([]Entry, error) {
	return a.page(ctx, id, p, n, "SELECT "+entryColumns+" FROM events e INDEXED BY timeline"+entryTables+`WHERE e.room = ? AND e.line AND e.counts AND
		e.lamport >= ?2 AND (e.lamport > ?2 OR d.device > ?3) ORDER BY e.lamport, d.device LIMIT 0+?4`, false)
}

func (a *Archive) page(ctx context.Context, id room.ID, p Position, n int, text string, back bool) ([]Entry, error) {
	number, err := a.roomNumber(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read room %v: %w", id, err)
	}
	all, err := a.entries(ctx, text, number, int64(p.Lamport), p.Device[:], min(n, maxPage))
	if err != nil {
		return nil, fmt.Errorf("read room %v: %w", id, err)
	}
	if back {
		slices.Reverse(all)
	}
	return all, nil
}

// Back returns where the nth line from room.Content on stands, but for those of programs, counted back from p: a joiner who is given the
// last n gets what stands there and after it. False when there are fewer.
func (a *Archive) Back(ctx context.Context, id room.ID, p Position, n int) (Position, bool, error) {
	var lamport int64
	var device []byte
	found, err := a.read.row(ctx, `SELECT e.lamport, d.device FROM events e INDEXED BY timeline JOIN devices d ON d.n = e.author
		WHERE e.room = (SELECT n FROM rooms WHERE key = ?1) AND e.line AND e.counts AND e.kind >= 16 AND e.kind < 48 AND
		e.lamport <= ?2 AND (e.lamport < ?2 OR d.device < ?3) ORDER BY e.lamport DESC, d.device DESC LIMIT 1 OFFSET ?4`,
		[]any{a.box.key(id), int64(p.Lamport), p.Device[:], n - 1}, &lamport, &device)
	if err != nil {
		return Position{}, false, fmt.Errorf("read room %v: %w", id, err)
	}
	at := Position{Lamport: uint64(lamport)}
	copy(at.Device[:], device)
	return at, found, nil
}

// Around returns up to n lines before the event of that id, it, and up to n after it; none when it
// is not there.
func (a *Archive) Around(ctx context.Context, id room.ID, n int) ([]Entry, error) {
	e, found, err := a.Event(ctx, id)
	if !found || err != nil {
		return nil, err
	}
	in := e.Event.In()
	before, err := a.Before(ctx, in, e.Position(), n)
	after, err2 := a.After(ctx, in, e.Position(), n)
	if err = errors.Join(err, err2); err != nil {
		return nil, err
	}
	return slices.Concat(before, []Entry{e}, after), nil
}

// Event returns the event of that id.
func (a *Archive) Event(ctx context.Context, id room.ID) (Entry, bool, error) {
	if e, found := a.recent.event(id); found {
		return e, true, nil
	}
	all, err := a.entries(ctx, "SELECT "+entryColumns+" FROM events e"+entryTables+"WHERE e.key = ?", a.box.key(id))
	if err != nil {
		return Entry{}, false, fmt.Errorf("read %v: %w", id, err)
	}
	if len(all) == 0 {
		return Entry{}, false, nil
	}
	return all[0], true, nil
}

// About returns what counts and is about the event of that id, such as edits and reactions, in
// order: the last thousand.
func (a *Archive) About(ctx context.Context, id room.ID) ([]Entry, error) {
	all, err := a.entries(ctx, "SELECT "+entryColumns+" FROM events e"+entryTables+`WHERE e.target = ?1 AND e.counts AND
		e.room = (SELECT room FROM events WHERE key = ?1) ORDER BY e.lamport DESC, d.device DESC LIMIT 0+?2`, a.box.key(id), maxPage)
	if err != nil {
		return nil, fmt.Errorf("read what is about %v: %w", id, err)
	}
	slices.Reverse(all)
	return all, nil
}

// Arrived returns up to n events of all rooms that arrived after the event numbered
// after, whether they count or not, by arrival: a cursor for who wants all of it.
func (a *Archive) Arrived(ctx context.Context, after int64, n int) ([]Entry, error) {
	if all, enough := a.recent.after(after, min(n, maxPage)); enough {
		return all, nil
	}
	all, err := a.entries(ctx, "SELECT "+entryColumns+" FROM events e"+entryTables+"WHERE e.n > ? ORDER BY e.n LIMIT 0+?", after, min(n, maxPage))
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	return all, nil
}

// ArrivedIn is Arrived for one room.
func (a *Archive) ArrivedIn(ctx context.Context, id room.ID, after int64, n int) ([]Entry, error) {
	if all, enough := a.recent.after(after, recentEvents); enough {
		all = slices.DeleteFunc(all, func(e Entry) bool { return e.Event.In() != id })
		return all[:min(n, maxPage, len(all))], nil
	}
	number, err := a.roomNumber(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read room %v: %w", id, err)
	}
	all, err := a.entries(ctx, "SELECT "+entryColumns+" FROM events e"+entryTables+"WHERE e.n > ? AND +e.room = ? ORDER BY e.n LIMIT 0+?", after, number, min(n, maxPage))
	if err != nil {
		return nil, fmt.Errorf("read room %v: %w", id, err)
	}
	return all, nil
}
