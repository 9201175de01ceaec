package history

import (
	"math"
	"sort"

	"p2p/peer/ext/chat/room"
)

// runKey names the events that one device wrote in one view.
type runKey struct{ author, view int64 }

// run is those events. Whether one of them counts follows from who wrote it, in which view, and its
// number; and what was withdrawn or cut off is all from some number on. So they count up to one of them.
type run struct {
	first, last int64 // seq
	counted     int64 // the last that counts, or first-1
}

// join takes a new event into its run, and reports whether it counts. The run is saved by count.
func (c *commit) join(d *device, view int64, m *room.Meta) bool {
	counts := c.Room.Counts(m)
	key, seq := runKey{d.n, view}, int64(m.Seq)
	r := c.runs[key]
	if r == nil {
		r = &run{first: seq, last: seq, counted: seq - 1}
		c.runs[key] = r
	}
	if c.changed == nil {
		c.changed = map[runKey]bool{}
	}
	c.changed[key] = true
	none := r.counted < r.first
	r.first, r.last = min(r.first, seq), max(r.last, seq)
	switch {
	case counts:
		r.counted = max(r.counted, seq)
	case none:
		r.counted = min(r.counted, seq-1)
	} // else an older one of that number counts so far: a second one is a lie, and all is recounted
	return counts
}

// count brings up to date which events count, and returns the Delete events that did not count
// before. Without all, only runs with new events have changed.
func (c *commit) count(all bool) ([]deletion, error) {
	var deletions []deletion
	if all {
		keys := make([]runKey, 0, len(c.runs))
		for key := range c.runs {
			keys = append(keys, key)
		}
		// The room keeps what few views come to: those of one view after another.
		sort.Slice(keys, func(i, j int) bool {
			a, b := keys[i], keys[j]
			return a.view < b.view || a.view == b.view && a.author < b.author
		})
		for _, key := range keys {
			found, err := c.recount(key)
			if err != nil {
				return nil, err
			}
			deletions = append(deletions, found...)
		}
	}
	for key := range c.changed {
		r := c.runs[key]
		if err := c.w.exec("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?)", key.author, key.view, r.first, r.last, r.counted); err != nil {
			return nil, err
		}
	}
	return deletions, nil
}

// turn notes which events of a run that were there before this commit have begun or ceased to count, the last of them: lines, and what
// is about others.
func (c *commit) turn(key runKey, from, to int64) error {
	before := int64(math.MaxInt64)
	if len(c.pending) > 0 {
		before = c.pending[0].n
	}
	return c.w.rows("SELECT "+metaColumns+` FROM events e WHERE e.author = ? AND e.seq BETWEEN ? AND ? AND e.view = ? AND e.n < ? AND
		(e.line OR e.target IS NOT NULL) ORDER BY e.seq DESC LIMIT 0+?`, []any{key.author, from, to, key.view, before, maxPage}, func(scan func(...any) error) error {
		var s stored
		if err := scan(s.fields()...); err != nil {
			return err
		}
		m, err := c.metaOf(&s)
		c.turned = append(c.turned, m.ID)
		return err
	})
}

// recount finds how far a run counts now, and changes the events between that and what it was. It returns the Delete events that did not
// count before, and notes those that do not any more.
func (c *commit) recount(key runKey) ([]deletion, error) {
	r := c.runs[key]
	probe := room.Meta{View: c.tips[key.view], Account: c.names[key.author].account}
	probe.Author, probe.Kind = c.names[key.author].key, room.Content
	if len(c.Room.View(probe.View)) == 0 {
		probe.Kind = room.Create // the one that is written in the view of nothing
	}
	counts := func(seq int64) bool { probe.Seq = uint64(seq); return c.Room.Counts(&probe) }
	counted := r.last
	if !counts(r.last) {
		counted = r.first - 1 + int64(sort.Search(int(r.last-r.first), func(i int) bool { return !counts(r.first + int64(i)) }))
	}
	was := r.counted
	if counted == was {
		return nil, nil
	}
	r.counted = counted
	if c.changed == nil {
		c.changed = map[runKey]bool{}
	}
	c.changed[key] = true
	from, to := min(was, counted)+1, max(was, counted)
	if err := c.w.exec("UPDATE events SET counts = ? WHERE author = ? AND seq BETWEEN ? AND ? AND view = ?", counted > was, key.author, from, to, key.view); err != nil {
		return nil, err
	}
	if err := c.turn(key, from, to); err != nil {
		return nil, err
	}
	var deletions []deletion
	err := c.w.rows("SELECT "+metaColumns+" FROM events e WHERE e.author = ? AND e.seq BETWEEN ? AND ? AND e.view = ? AND e.kind = 4", []any{key.author, from, to, key.view},
		func(scan func(...any) error) error {
			var s stored
			if err := scan(s.fields()...); err != nil {
				return err
			}
			m, err := c.metaOf(&s)
			deletions = append(deletions, deletion{s.n, m})
			return err
		})
	if counted < was {
		c.void = append(c.void, deletions...)
		deletions = nil
	}
	return deletions, err
}
