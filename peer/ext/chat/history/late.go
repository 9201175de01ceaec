package history

import (
	"context"
	"math"

	"p2p/peer/ext/chat/room"
)

// lateBody is one that came after its event, and is not committed yet.
type lateBody struct {
	n     int64
	event *room.Event
	body  []byte
}

// Fill implements room.Index. The body is there for nobody before Commit.
func (l *Log) Fill(e *room.Event, body []byte) bool {
	if i, ok := l.waiting[e.ID]; ok { // it is committed with its event
		if p := &l.pending[i]; p.body == nil && e.Kind >= room.Content {
			p.body = body
		}
		return false
	}
	if !l.bare || l.late[e.ID] != nil {
		return false
	}
	var n int64
	found, err := l.archive.read.row(context.Background(), "SELECT n FROM events WHERE key = ? AND room = ? AND lacks", []any{l.archive.box.key(e.ID), l.n}, &n)
	l.fail(err)
	if found {
		l.late[e.ID] = &lateBody{n, e, body}
	}
	return found
}

// Lacking implements room.Index, for what is committed.
func (l *Log) Lacking(from room.Position, n int) (all []room.Meta) {
	if !l.bare {
		return nil
	}
	return l.found("SELECT "+metaColumns+` FROM events e INDEXED BY lacking JOIN devices d ON d.n = e.author
		WHERE e.room = ?1 AND e.lacks AND e.lamport >= ?2 AND (e.lamport > ?2 OR d.device >= ?3) ORDER BY e.lamport, d.device LIMIT 0+?4`,
		l.n, int64(from.Lamport), from.Device[:], n)
}

// found returns what a query for metaColumns has found. An error is kept, and Commit returns it.
func (l *Log) found(query string, args ...any) (all []room.Meta) {
	l.fail(l.archive.read.rows(context.Background(), query, args, func(scan func(...any) error) error {
		var s stored
		if err := scan(s.fields()...); err != nil {
			return err
		}
		m, err := l.metaOf(&s)
		all = append(all, m)
		return err
	}))
	return all
}

// readBare reads whether bodies may be missing at all.
func (l *Log) readBare(ctx context.Context, _ *room.Kept) error {
	_, err := l.archive.read.row(ctx, "SELECT EXISTS (SELECT 1 FROM events INDEXED BY lacking WHERE room = ? AND lacks)", []any{l.n}, &l.bare)
	return err
}

// fill writes a body that came after its event. What the event is about is known only now, and may have been deleted before;
// when it came, and whether it was late then, stays as it was: nobody is told of it as of something new.
func (c *commit) fill(b *lateBody) error {
	content := c.archive.options.Read(b.event.Kind, b.body)
	var target []byte
	if !content.Target.IsZero() {
		target = c.archive.box.key(content.Target)
	}
	if err := c.w.exec("UPDATE events SET lacks = 0, target = ?, line = ? WHERE n = ?", target, content.Line, b.n); err != nil {
		return err
	}
	if err := c.w.exec("INSERT INTO bodies VALUES (?, ?)", b.n, c.archive.box.seal(sealedBody, c.archive.box.key(b.event.ID), b.body)); err != nil {
		return err
	}
	if content.Text != "" {
		c.words = append(c.words, wordChange{n: b.n, room: c.n, text: content.Text, late: true})
	}
	if target == nil {
		return nil
	}
	before, err := c.deletions(math.MaxInt64, target)
	c.foregone = append(c.foregone, before...)
	return err
}
