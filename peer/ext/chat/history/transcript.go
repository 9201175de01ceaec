package history

import (
	"context"
	"fmt"
	"strings"

	"p2p/peer/ext/chat/room"
)

// transcript copies what is in an archive to an empty one, sealed as that seals. All rows keep their numbers: programs know
// events by them. The index of words is not copied: it follows the events by itself.
type transcript struct {
	from, to *Archive
	told     func(done, events int64)
	rooms    map[int64]keys
}

// keys are what an id is looked up by in the one archive, and in the other.
type keys struct{ from, to []byte }

// copy copies everything, and sees that it is there. After an error, nothing of use is in the new archive.
func (t *transcript) copy(ctx context.Context) error {
	t.rooms = map[int64]keys{}
	steps := []func(context.Context) error{
		t.copyRooms, t.same("devices"), t.copyViews, t.copyEvents, t.same("heads"), t.copyForks, t.same("runs"),
		t.same("marks"), t.same("delivered"), t.same("sent"), t.copyDrafts, t.copySettings,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return t.check(ctx)
}

// reseal returns what was stored in the one archive as the other stores it.
func (t *transcript) reseal(p purpose, owner keys, stored []byte) ([]byte, error) {
	value, err := t.from.box.open(p, owner.from, stored)
	if err != nil {
		return nil, err
	}
	return t.to.box.seal(p, owner.to, value), nil
}

// rows calls each for the rows of a query, within one transaction of the new archive.
func (t *transcript) rows(ctx context.Context, text string, each func(scan func(...any) error) error) error {
	return t.to.write.transaction(false, func() error { return t.from.read.rows(ctx, text, nil, each) }, nil)
}

// same copies a table in which nothing is sealed.
func (t *transcript) same(table string) func(context.Context) error {
	return func(ctx context.Context) error {
		var columns int
		if _, err := t.from.read.row(ctx, "SELECT count(*) FROM pragma_table_info(?)", []any{table}, &columns); err != nil {
			return err
		}
		values, at := make([]any, columns), make([]any, columns)
		for i := range values {
			at[i] = &values[i]
		}
		insert := "INSERT INTO " + table + " VALUES (?" + strings.Repeat(", ?", columns-1) + ")"
		return t.rows(ctx, "SELECT * FROM "+table, func(scan func(...any) error) error {
			if err := scan(at...); err != nil {
				return err
			}
			return t.to.write.exec(insert, values...)
		})
	}
}

func (t *transcript) copyRooms(ctx context.Context) error {
	return t.rows(ctx, "SELECT n, key, id FROM rooms", func(scan func(...any) error) error {
		var n int64
		var key, stored []byte
		if err := scan(&n, &key, &stored); err != nil {
			return err
		}
		id, err := t.from.box.open(sealedRoom, key, stored)
		if err != nil {
			return err
		}
		k := keys{key, t.to.box.hashed(id)}
		t.rooms[n] = k
		return t.to.write.exec("INSERT INTO rooms VALUES (?, ?, ?)", n, k.to, t.to.box.seal(sealedRoom, k.to, id))
	})
}

func (t *transcript) copyViews(ctx context.Context) error {
	return t.rows(ctx, "SELECT n, room, tips FROM views", func(scan func(...any) error) error {
		var n, in int64
		var tips []byte
		if err := scan(&n, &in, &tips); err != nil {
			return err
		}
		tips, err := t.reseal(sealedView, t.rooms[in], tips)
		if err != nil {
			return err
		}
		return t.to.write.exec("INSERT INTO views VALUES (?, ?, ?)", n, in, tips)
	})
}

func (t *transcript) copyForks(ctx context.Context) error {
	return t.rows(ctx, "SELECT room, device, a, b FROM forks", func(scan func(...any) error) error {
		var in int64
		var device, first, second []byte
		if err := scan(&in, &device, &first, &second); err != nil {
			return err
		}
		first, err := t.reseal(sealedFork, t.rooms[in], first)
		if err != nil {
			return err
		}
		if second, err = t.reseal(sealedFork, t.rooms[in], second); err != nil {
			return err
		}
		return t.to.write.exec("INSERT INTO forks VALUES (?, ?, ?, ?)", in, device, first, second)
	})
}

func (t *transcript) copyDrafts(ctx context.Context) error {
	return t.rows(ctx, "SELECT key, place, text, changed FROM drafts", func(scan func(...any) error) error {
		var key, place, text []byte
		var changed int64
		if err := scan(&key, &place, &text, &changed); err != nil {
			return err
		}
		place, err := t.from.box.open(sealedPlace, key, place)
		if err != nil {
			return err
		}
		k := keys{key, t.to.box.hashed(place)}
		if text, err = t.reseal(sealedDraft, k, text); err != nil {
			return err
		}
		return t.to.write.exec("INSERT INTO drafts VALUES (?, ?, ?, ?)", k.to, t.to.box.seal(sealedPlace, k.to, place), text, changed)
	})
}

func (t *transcript) copySettings(ctx context.Context) error {
	return t.rows(ctx, "SELECT name, value FROM settings", func(scan func(...any) error) error {
		var name string
		var value []byte
		if err := scan(&name, &value); err != nil {
			return err
		}
		value, err := t.reseal(sealedSetting, keys{[]byte(name), []byte(name)}, value)
		if err != nil {
			return err
		}
		return t.to.write.exec("INSERT INTO settings VALUES (?, ?)", name, value)
	})
}

// copiedAtOnce is how many events are read, and then written in one transaction.
const copiedAtOnce = 200

func (t *transcript) copyEvents(ctx context.Context) error {
	var done, events int64
	if _, err := t.from.read.row(ctx, "SELECT count(*) FROM events", nil, &events); err != nil {
		return err
	}
	for after := int64(0); ; {
		t.told(done, events)
		page, err := t.page(ctx, after)
		if err != nil || len(page) == 0 {
			return err
		}
		err = t.to.write.transaction(false, func() error {
			for i := range page {
				if err := t.copyEvent(ctx, &page[i]); err != nil {
					return err
				}
			}
			return nil
		}, nil)
		if err != nil {
			return err
		}
		after, done = page[len(page)-1].n, done+int64(len(page))
	}
}

// copied is a row of the events, and of the bodies if it has one.
type copied struct {
	n, room, author, seq, lamport, kind, view, wall, arrived, line, counts, late, gone, lacks int64
	key, header, target, body                                                                 []byte
	whole                                                                                     bool // it has a body
}

// page reads the next events.
func (t *transcript) page(ctx context.Context, after int64) (all []copied, err error) {
	err = t.from.read.rows(ctx, `SELECT e.n, e.room, e.key, e.author, e.seq, e.lamport, e.kind, e.view, e.header, e.wall, e.arrived, e.target, e.line, e.counts,
		e.late, e.gone, e.lacks, b.event IS NOT NULL, b.body FROM events e LEFT JOIN bodies b ON b.event = e.n WHERE e.n > ? ORDER BY e.n LIMIT 0+?`,
		[]any{after, copiedAtOnce}, func(scan func(...any) error) error {
			var e copied
			err := scan(&e.n, &e.room, &e.key, &e.author, &e.seq, &e.lamport, &e.kind, &e.view, &e.header, &e.wall, &e.arrived, &e.target, &e.line, &e.counts,
				&e.late, &e.gone, &e.lacks, &e.whole, &e.body)
			all = append(all, e)
			return err
		})
	return all, err
}

func (t *transcript) copyEvent(ctx context.Context, e *copied) error {
	header, err := t.from.box.open(sealedHeader, e.key, e.header)
	if err != nil {
		return err
	}
	event, err := room.Reread(header)
	if err != nil {
		return err
	}
	key := t.to.box.key(event.ID)
	body, err := t.from.box.open(sealedBody, e.key, e.body)
	if err != nil && e.whole {
		return err
	}
	target, err := t.target(ctx, e, body)
	if err != nil {
		return err
	}
	err = t.to.write.exec(`INSERT INTO events (n, room, key, author, seq, lamport, kind, view, header, wall, arrived, target, line, counts, late, gone, lacks)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, e.n, e.room, key, e.author, e.seq, e.lamport, e.kind, e.view,
		t.to.box.seal(sealedHeader, key, header), e.wall, e.arrived, target, e.line, e.counts, e.late, e.gone, e.lacks)
	if err != nil || !e.whole {
		return err
	}
	return t.to.write.exec("INSERT INTO bodies VALUES (?, ?)", e.n, t.to.box.seal(sealedBody, key, body))
}

// target returns the key of what an event is about, nil for nothing. Where keys are hashes its id is in the body, or that of an
// event which is there. What was deleted, and was about an event that never came, is about nothing from now on.
func (t *transcript) target(ctx context.Context, e *copied, body []byte) (any, error) {
	if e.target == nil {
		return nil, nil
	}
	if t.from.box.plain() {
		return t.to.box.hashed(e.target), nil
	}
	if e.whole {
		if id := t.from.options.Read(room.Kind(e.kind), body).Target; !id.IsZero() {
			return t.to.box.key(id), nil
		}
	}
	var header []byte
	found, err := t.from.read.row(ctx, "SELECT header FROM events WHERE key = ?", []any{e.target}, &header)
	if !found || err != nil {
		return nil, err
	}
	about, err := t.from.event(&stored{key: e.target, header: header})
	return t.to.box.key(about.ID), err
}

// check sees that nothing is missing, since what it was copied from will be destroyed.
func (t *transcript) check(ctx context.Context) error {
	for _, table := range erased {
		var was, is int64
		for a, n := range map[*Archive]*int64{t.from: &was, t.to: &is} {
			if _, err := a.read.row(ctx, "SELECT count(*) FROM "+table, nil, n); err != nil {
				return err
			}
		}
		if was != is {
			return fmt.Errorf("of %d rows of %s only %d were copied", was, table, is)
		}
	}
	return nil
}
