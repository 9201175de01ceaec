package history

import (
	"math"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// A Delete may cease to count: who wrote it had been removed, and could not know. Whoever has seen the removal first reads on what it
// was to take back; so here it is again too, as what was withheld: its body is nowhere but with others, who are asked for it.

// Undone is what a Delete has taken back, and is there again since that does not count any more.
type Undone struct {
	Delete  room.ID
	Account identity.Key // who had deleted it
	Target  room.ID
	At      Position // of the target: nothing that is there again stands before it
}

// Undone returns what the last Commit has found to be there again, without bodies. The slice is valid until the next one.
func (l *Log) Undone() []Undone { return l.undone }

// revive makes what Delete events took back that are void now into what was withheld, and returns those Delete events that take some of
// it back all the same.
func (c *commit) revive() (again []deletion, err error) {
	for i := range c.void {
		var s stored
		found, err := c.w.row("SELECT "+metaColumns+" FROM events del JOIN events e ON e.key = del.target WHERE del.n = ? AND e.room = del.room AND e.gone",
			[]any{c.void[i].n}, s.fields()...)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		target, err := c.metaOf(&s)
		if err != nil {
			return nil, err
		}
		gone, err := c.about(&s, &target, true)
		if err != nil {
			return nil, err
		}
		for k := range gone {
			if err := c.w.exec("UPDATE events SET gone = 0, lacks = 1 WHERE n = ?", gone[k].n); err != nil {
				return nil, err
			}
			still, err := c.deletions(math.MaxInt64, gone[k].key)
			if err != nil {
				return nil, err
			}
			again = append(again, still...)
		}
		c.undone = append(c.undone, Undone{c.void[i].event.ID, c.void[i].event.Account, target.ID, target.Position()})
		c.bare = true
	}
	return again, nil
}

// undo leaves in undone what nothing else has taken back.
func (c *commit) undo() error {
	var left []Undone
	for _, u := range c.undone {
		var n int64
		found, err := c.w.row("SELECT n FROM events WHERE key = ? AND NOT gone", []any{c.archive.box.key(u.Target)}, &n)
		if err != nil {
			return err
		}
		if found {
			left = append(left, u)
		}
	}
	c.undone = left
	return nil
}
