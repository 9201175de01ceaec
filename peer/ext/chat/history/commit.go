package history

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"p2p/peer/ext/chat/room"
)

// Commit writes what the Room has taken in since the last one, in one transaction: the events, what
// is known of liars, which events count, and what was deleted. Only when it returns nil may anybody be told
// that the events are there. It is called after an error of Receive or Handle too, since events before the
// bad one are in the room.
//
// After an error nothing of it is stored, and the Log and its Room are at their end: the room is to be
// opened anew, as it was after the last commit, and what it lacks is sent again by others. It takes no context: what was
// begun is not to be left half-way.
func (l *Log) Commit(out room.Outcome) error {
	if l.err != nil {
		return l.err
	}
	l.turned = nil
	if len(l.pending) == 0 && len(l.late) == 0 && len(out.Proofs) == 0 && !out.Recount {
		l.committed, l.undone = l.committed[:0], nil
		return nil
	}
	l.undone = nil
	own, device := false, l.archive.owner.Load().device
	for i := range l.pending {
		own = own || l.pending[i].meta.Author == device
	}
	c := commit{Log: l, w: l.archive.write}
	err := c.w.transaction(own, func() error { return c.run(out) }, func() { c.publish(out) })
	if err != nil {
		l.archive.ends.release(l.id)
	} else {
		err = l.err // what Counts asked for could not be read
	}
	if err != nil {
		l.err = fmt.Errorf("commit to room %v: %w", l.id, err)
		return l.err
	}
	l.archive.index.commit(c.words)
	l.archive.ink.wrote(len(l.pending)+len(l.late), c.deleted)
	for i := range l.pending {
		if m := l.pending[i].meta; l.pending[i].first {
			l.cache.addFirst(&m)
		} else {
			l.cache.add(&m)
		}
	}
	l.read = nil // some of them may be deleted
	clear(l.waiting)
	clear(l.late)
	clear(l.pending) // lets go of the bodies
	l.pending = l.pending[:0]
	return nil
}

// foretell is called just before the transaction can be read. Who reads what it has written may look at once, before publish is called, for
// what it has changed: memory has that no more, or as something to be looked up.
func (c *commit) foretell(out room.Outcome) {
	c.archive.recent.spoil(c.pending, c.changes(out))
	c.archive.ends.hold(c.id)
}

// changes reports whether the transaction may have changed other events than those that its own are about.
func (c *commit) changes(out room.Outcome) bool {
	return c.deleted || len(c.late) > 0 || out.Recount || len(out.Proofs) > 0
}

// publish is called as soon as the transaction is there for those who read.
func (c *commit) publish(out room.Outcome) {
	c.committed = c.committed[:0]
	for i := range c.pending {
		e := &c.pending[i].entry
		e.N = c.pending[i].n
		c.committed = append(c.committed, *e)
	}
	changed := c.changes(out)
	c.archive.recent.add(c.committed, changed)
	c.archive.ends.add(c.committed, changed)
}

// Committed returns the entries that the last Commit has written, in the order of their causes. The slice is
// valid until the next one.
func (l *Log) Committed() []Entry { return l.committed }

// Turned returns the events that were there before the last Commit, and have begun or ceased to count with it: lines, and what is about
// others, such as edits; of each run of them the last thousand. The slice belongs to the caller.
func (l *Log) Turned() []room.ID { return l.turned }

// commit is one transaction.
type commit struct {
	*Log
	w        *writer
	mark     readMark // of the archive's account
	said     readMark // where what this device has said last stands: who spoke had all before it on his screen, though no other is told that he has read it
	words    []wordChange
	changed  map[runKey]bool
	foregone []deletion // of what bodies are about that came after their events
	void     []deletion // that do not count any more
	deleted  bool
}

func (c *commit) run(out room.Outcome) error {
	if err := c.saveRoom(); err != nil {
		return err
	}
	if err := c.readMarks(); err != nil {
		return err
	}
	for i := range c.pending {
		if err := c.event(&c.pending[i]); err != nil {
			return err
		}
	}
	for _, b := range c.late {
		if err := c.fill(b); err != nil {
			return err
		}
	}
	for i := range out.Proofs {
		if err := c.proof(&out.Proofs[i]); err != nil {
			return err
		}
	}
	if err := c.saveHeads(); err != nil {
		return err
	}
	if err := c.saveLogs(); err != nil {
		return err
	}
	deletes, err := c.count(out.Recount)
	if err != nil {
		return err
	}
	again, err := c.revive()
	if err != nil {
		return err
	}
	if err := c.delete(slices.Concat(deletes, c.foregone, again)); err != nil {
		return err
	}
	if err := c.undo(); err != nil {
		return err
	}
	if err := c.archive.index.amend(c.w, c.words); err != nil {
		return err
	}
	c.foretell(out)
	return nil
}

// event writes one event.
func (c *commit) event(p *pending) error {
	m := &p.meta
	d, err := c.saveDevice(m)
	if err != nil {
		return err
	}
	view, err := c.saveView(m.View)
	if err != nil {
		return err
	}
	counts, lacks := c.join(d, view, m), p.body == nil && m.Kind >= room.Content
	content := c.archive.options.Read(m.Kind, p.body)
	if !content.Target.IsZero() {
		p.target = c.archive.box.key(content.Target)
	}
	key := c.archive.box.key(m.ID)
	late := content.Line && (c.mark.covers(m) || c.said.covers(m))
	arrived := time.UnixMilli(c.archive.options.Clock().UnixMilli()) // as it will be read
	p.entry = Entry{Event: m.Event, Account: m.Account, Body: p.body, Arrived: arrived, Target: content.Target, Line: content.Line, Counts: counts, Late: late}
	p.n, err = c.w.insert(`INSERT INTO events (room, key, author, seq, lamport, kind, view, header, wall, arrived, target, line, counts, late, lacks)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.n, key, d.n, int64(m.Seq), int64(m.Lamport), int64(m.Kind), view, c.archive.box.seal(sealedHeader, key, m.AppendTo(nil)),
		int64(m.Wall), arrived.UnixMilli(), p.target, content.Line, counts, late, lacks)
	if err != nil {
		return err
	}
	if p.body != nil {
		if err := c.w.exec("INSERT INTO bodies VALUES (?, ?)", p.n, c.archive.box.seal(sealedBody, key, p.body)); err != nil {
			return err
		}
	}
	if p.key != nil {
		if err := c.w.exec("INSERT INTO sent VALUES (?, ?)", p.n, p.key); err != nil {
			return err
		}
	}
	if content.Text != "" {
		c.words = append(c.words, wordChange{n: p.n, room: c.n, text: content.Text})
	}
	if content.Line && m.Kind >= room.Content && m.Author == c.archive.owner.Load().device {
		c.said = readMark{set: true, position: m.Position()}
	}
	p.first = m.Seq > d.last
	d.last = max(d.last, m.Seq)
	return nil
}

// saveHeads takes the new events into the heads, and their causes out. Of many events that came one upon the other only
// the last is ever written.
func (c *commit) saveHeads() error {
	was := maps.Clone(c.heads)
	for i := range c.pending {
		m := &c.pending[i].meta
		c.heads[m.ID] = c.pending[i].n
		delete(c.heads, m.Prev)
		for _, id := range m.Deps {
			delete(c.heads, id)
		}
	}
	for id, n := range was {
		if _, still := c.heads[id]; still {
			continue
		}
		if err := c.w.exec("DELETE FROM heads WHERE room = ? AND event = ?", c.n, n); err != nil {
			return err
		}
	}
	for id, n := range c.heads {
		if _, old := was[id]; old {
			continue
		}
		if err := c.w.exec("INSERT INTO heads VALUES (?, ?)", c.n, n); err != nil {
			return err
		}
	}
	return nil
}

// proof writes that a device has lied.
func (c *commit) proof(p *room.Proof) error {
	key := c.archive.box.key(c.id)
	seal := func(e *room.Event) []byte { return c.archive.box.seal(sealedFork, key, e.AppendTo(nil)) }
	return c.w.exec("INSERT OR REPLACE INTO forks VALUES (?, ?, ?, ?)", c.n, p.A.Author[:], seal(&p.A), seal(&p.B))
}

// saveLogs writes how far the logs of the devices go now.
func (c *commit) saveLogs() error {
	last := map[int64]int64{} // event by device
	touched := map[*device]bool{}
	for i := range c.pending {
		m := &c.pending[i].meta
		d := c.devices[m.Author]
		touched[d] = true
		if c.Room.Log(m.Author).ID == m.ID {
			last[d.n] = c.pending[i].n
		}
	}
	for d := range touched {
		var log any
		if n, ok := last[d.n]; ok {
			log = n
		}
		if err := c.w.exec("UPDATE devices SET last = ?, log = coalesce(?, log) WHERE n = ?", int64(d.last), log, d.n); err != nil {
			return err
		}
	}
	return nil
}

// deletion is a Delete event that counts, or whose target has come after it.
type deletion struct {
	n     int64
	event room.Meta
}

// delete drops what the deletions take back, and what is pending and was taken back before it came.
func (c *commit) delete(deletions []deletion) error {
	if len(c.pending) > 0 {
		before, err := c.foretold()
		if err != nil {
			return err
		}
		deletions = append(deletions, before...)
	}
	for i := range c.pending {
		p := &c.pending[i]
		if p.meta.Kind == room.Delete {
			deletions = append(deletions, deletion{p.n, p.meta})
		}
		if p.meta.Kind >= room.Content && p.target != nil {
			before, err := c.deletions(p.n, p.target)
			if err != nil {
				return err
			}
			deletions = append(deletions, before...)
		}
	}
	for i := range deletions {
		if err := c.take(&deletions[i]); err != nil {
			return err
		}
	}
	return nil
}

// foretold returns the Delete events about what is pending that came before it. It also sees what of it is alone.
func (c *commit) foretold() ([]deletion, error) {
	first := c.pending[0].n
	for i := range c.pending {
		c.pending[i].entry.Alone = c.pending[i].meta.Kind >= room.Content
	}
	var found []deletion
	// What is pending has numbers one after the other.
	err := c.w.rows("SELECT t.n, e.n < t.n AND e.kind = 4 AND e.counts, "+metaColumns+` FROM events t JOIN events e ON e.target = t.key AND e.room = t.room
		WHERE t.n BETWEEN ? AND ?`, []any{first, first + int64(len(c.pending)) - 1}, func(scan func(...any) error) error {
		var s stored
		var n int64
		var deletes bool
		if err := scan(append([]any{&n, &deletes}, s.fields()...)...); err != nil {
			return err
		}
		p := &c.pending[n-first]
		p.entry.Alone = false
		if !deletes || p.meta.Kind < room.Content {
			return nil
		}
		m, err := c.metaOf(&s)
		found = append(found, deletion{s.n, m})
		return err
	})
	return found, err
}

// deletions returns the Delete events about a target that came before the event numbered n.
func (c *commit) deletions(n int64, target []byte) ([]deletion, error) {
	var found []deletion
	err := c.w.rows("SELECT "+metaColumns+" FROM events e WHERE e.target = ? AND e.kind = 4 AND e.counts AND e.room = ? AND e.n < ?",
		[]any{target, c.n, n}, func(scan func(...any) error) error {
			var s stored
			if err := scan(s.fields()...); err != nil {
				return err
			}
			m, err := c.metaOf(&s)
			found = append(found, deletion{s.n, m})
			return err
		})
	return found, err
}

// take drops the target of a Delete event, if it may, and what its author wrote about it.
func (c *commit) take(d *deletion) error {
	var s stored
	found, err := c.w.row("SELECT "+metaColumns+" FROM events del JOIN events e ON e.key = del.target WHERE del.n = ? AND e.room = del.room", []any{d.n}, s.fields()...)
	if !found || err != nil {
		return err
	}
	target, err := c.metaOf(&s)
	if err != nil || !c.Room.MayDelete(&d.event, &target) {
		return err
	}
	drop, err := c.about(&s, &target, false)
	for i := range drop {
		err = errors.Join(err, c.drop(&drop[i]))
	}
	return err
}

// about returns an event and what its author wrote about it, of which the bodies were taken back, or were not.
func (c *commit) about(s *stored, m *room.Meta, gone bool) (all []stored, err error) {
	err = c.w.rows("SELECT "+metaColumns+` FROM events e WHERE e.gone = ?5 AND e.kind >= 16 AND (e.n = ?1 OR e.target = ?2 AND e.room = ?3 AND
		(SELECT account FROM devices WHERE n = e.author) = ?4)`, []any{s.n, s.key, c.n, m.Account[:], gone}, func(scan func(...any) error) error {
		var s stored
		err := scan(s.fields()...)
		all = append(all, s)
		return err
	})
	return all, err
}

// drop takes the body of an event away, and its words.
func (c *commit) drop(s *stored) error {
	var sealed []byte
	var kind int64
	found, err := c.w.row("SELECT e.kind, b.body FROM events e JOIN bodies b ON b.event = e.n WHERE e.n = ?", []any{s.n}, &kind, &sealed)
	if err != nil {
		return err
	}
	c.deleted = true
	for i := range c.pending {
		if p := &c.pending[i]; p.n == s.n {
			p.entry.Body, p.entry.Gone = nil, true
		}
	}
	if err := c.w.exec("UPDATE events SET gone = 1, lacks = 0 WHERE n = ?", s.n); err != nil || !found {
		return err
	}
	body, err := c.archive.box.open(sealedBody, s.key, sealed)
	if err != nil {
		return err
	}
	if text := c.archive.options.Read(room.Kind(kind), body).Text; text != "" {
		c.words = append(c.words, wordChange{n: s.n, room: c.n, text: text, gone: true})
	}
	return c.w.exec("DELETE FROM bodies WHERE event = ?", s.n)
}
