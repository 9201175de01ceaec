package history

import (
	"context"
	"fmt"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// restore reads what the room is made of again.
func (l *Log) restore(ctx context.Context) error {
	found, err := l.archive.read.row(ctx, "SELECT n FROM rooms WHERE key = ?", []any{l.archive.box.key(l.id)}, &l.n)
	if err != nil {
		return err
	}
	if !found {
		l.Room = room.New(l.id, l)
		return nil
	}
	kept := room.Kept{Logs: map[identity.Key]room.Mark{}}
	for _, read := range []func(context.Context, *room.Kept) error{l.readViews, l.readDevices, l.readActs, l.readHeads, l.readForks, l.readRuns, l.readBare} {
		if err := read(ctx, &kept); err != nil {
			return err
		}
	}
	l.Room, err = room.Restore(l.id, l, kept)
	return err
}

func (l *Log) readViews(ctx context.Context, kept *room.Kept) error {
	key := l.archive.box.key(l.id)
	return l.archive.read.rows(ctx, "SELECT n, tips FROM views WHERE room = ?", []any{l.n}, func(scan func(...any) error) error {
		var n int64
		var sealed []byte
		if err := scan(&n, &sealed); err != nil {
			return err
		}
		packed, err := l.archive.box.open(sealedView, key, sealed)
		if err != nil {
			return err
		}
		tips := make([]room.ID, len(packed)/len(room.ID{}))
		for i := range tips {
			tips[i] = room.ID(packed[i*len(room.ID{}):])
		}
		name := room.ViewName(tips)
		l.views[name], l.tips[n] = n, name
		kept.Views = append(kept.Views, tips)
		return nil
	})
}

func (l *Log) readDevices(ctx context.Context, kept *room.Kept) error {
	return l.archive.read.rows(ctx, "SELECT d.n, d.device, d.account, d.last, e.key, e.header FROM devices d LEFT JOIN events e ON e.n = d.log WHERE d.room = ?", []any{l.n},
		func(scan func(...any) error) error {
			d := &device{}
			var key, account []byte
			var last int64
			var s stored
			if err := scan(&d.n, &key, &account, &last, &s.key, &s.header); err != nil {
				return err
			}
			if len(key) != identity.KeySize || len(account) != identity.KeySize {
				return fmt.Errorf("%w: a key is too short", ErrForeign)
			}
			d.key, d.account, d.last = identity.Key(key), identity.Key(account), uint64(last)
			l.devices[d.key], l.names[d.n] = d, d
			if s.header == nil {
				return nil
			}
			e, err := l.archive.event(&s)
			if err == nil {
				kept.Logs[d.key] = room.Mark{Seq: e.Seq, ID: e.ID}
			}
			return err
		})
}

func (l *Log) readActs(ctx context.Context, kept *room.Kept) error {
	return l.archive.read.rows(ctx, "SELECT "+metaColumns+", b.body FROM events e INDEXED BY acts JOIN bodies b ON b.event = e.n WHERE e.room = ? AND e.kind < 4 ORDER BY e.n", []any{l.n},
		func(scan func(...any) error) error {
			var s stored
			var sealed []byte
			if err := scan(append(s.fields(), &sealed)...); err != nil {
				return err
			}
			m, err := l.metaOf(&s)
			if err != nil {
				return err
			}
			body, err := l.archive.box.open(sealedBody, s.key, sealed)
			kept.Acts = append(kept.Acts, room.Act{Meta: m, Body: body})
			return err
		})
}

func (l *Log) readHeads(ctx context.Context, kept *room.Kept) error {
	return l.archive.read.rows(ctx, "SELECT e.n, e.key, e.header FROM heads h JOIN events e ON e.n = h.event WHERE h.room = ?", []any{l.n}, func(scan func(...any) error) error {
		var s stored
		if err := scan(&s.n, &s.key, &s.header); err != nil {
			return err
		}
		e, err := l.archive.event(&s)
		if err != nil {
			return err
		}
		l.heads[e.ID] = s.n
		kept.Heads = append(kept.Heads, e.ID)
		return nil
	})
}

func (l *Log) readForks(ctx context.Context, kept *room.Kept) error {
	return l.archive.read.rows(ctx, "SELECT a, b FROM forks WHERE room = ?", []any{l.n}, func(scan func(...any) error) error {
		var sealed [2][]byte
		if err := scan(&sealed[0], &sealed[1]); err != nil {
			return err
		}
		var sides [2]room.Event
		for i := range sides {
			header, err := l.archive.box.open(sealedFork, l.archive.box.key(l.id), sealed[i])
			if err != nil {
				return err
			}
			if sides[i], err = room.Reread(header); err != nil {
				return err
			}
		}
		kept.Forks = append(kept.Forks, room.Proof{A: sides[0], B: sides[1]})
		return nil
	})
}

func (l *Log) readRuns(ctx context.Context, _ *room.Kept) error {
	return l.archive.read.rows(ctx, "SELECT r.author, r.view, r.first, r.last, r.counted FROM devices d JOIN runs r ON r.author = d.n WHERE d.room = ?", []any{l.n}, func(scan func(...any) error) error {
		var key runKey
		var r run
		if err := scan(&key.author, &key.view, &r.first, &r.last, &r.counted); err != nil {
			return err
		}
		l.runs[key] = &r
		return nil
	})
}

// saveView returns the number of a view, which is written when it is new.
func (l *Log) saveView(name room.ID) (int64, error) {
	if n, ok := l.views[name]; ok {
		return n, nil
	}
	var packed []byte
	for _, id := range l.Room.View(name) {
		packed = append(packed, id[:]...)
	}
	n, err := l.archive.write.insert("INSERT INTO views (room, tips) VALUES (?, ?)", l.n, l.archive.box.seal(sealedView, l.archive.box.key(l.id), packed))
	l.views[name], l.tips[n] = n, name
	return n, err
}

// saveDevice returns the device of an event, which is written when it is new.
func (l *Log) saveDevice(m *room.Meta) (*device, error) {
	if d := l.devices[m.Author]; d != nil {
		return d, nil
	}
	n, err := l.archive.write.insert("INSERT INTO devices (room, device, account) VALUES (?, ?, ?)", l.n, m.Author[:], m.Account[:])
	d := &device{n: n, key: m.Author, account: m.Account}
	l.devices[m.Author], l.names[n] = d, d
	return d, err
}

// saveRoom writes the room when it is new.
func (l *Log) saveRoom() error {
	if l.n != 0 {
		return nil
	}
	key := l.archive.box.key(l.id)
	n, err := l.archive.write.insert("INSERT INTO rooms (key, id) VALUES (?, ?)", key, l.archive.box.seal(sealedRoom, key, l.id[:]))
	l.n = n
	return err
}

// Rooms returns the ids of all rooms, by when they were first seen.
func (a *Archive) Rooms(ctx context.Context) ([]room.ID, error) {
	var ids []room.ID
	err := a.read.rows(ctx, "SELECT key, id FROM rooms ORDER BY n", nil, func(scan func(...any) error) error {
		var key, sealed []byte
		if err := scan(&key, &sealed); err != nil {
			return err
		}
		id, err := a.box.open(sealedRoom, key, sealed)
		if err != nil || len(id) != len(room.ID{}) {
			return fmt.Errorf("%w: a room has no id", ErrForeign)
		}
		ids = append(ids, room.ID(id))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list rooms: %w", err)
	}
	return ids, nil
}
