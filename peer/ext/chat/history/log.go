package history

import (
	"context"
	"fmt"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// Log is one room of an Archive: the Index of its Room. It belongs to the goroutine of that room. Of
// one room there is one Log at a time.
type Log struct {
	// Room is the room as it was committed last, and with what was received since.
	Room *room.Room

	archive *Archive
	id      room.ID
	n       int64 // of the room, 0 before the first commit
	devices map[identity.Key]*device
	names   map[int64]*device // by number
	views   map[room.ID]int64
	tips    map[int64]room.ID // names of views, by number
	heads   map[room.ID]int64
	runs    map[runKey]*run

	pending   []pending
	committed []Entry         // by the last Commit
	undone    []Undone        // by the last Commit
	turned    []room.ID       // see Turned
	waiting   map[room.ID]int // place in pending
	bare      bool            // there may be events without their bodies
	late      map[room.ID]*lateBody
	cache     cache
	absent    room.ID // is not there
	metas     ahead
	bodies    ahead
	read      map[[32]byte][]byte // bodies that are asked for next, by the key of the event
	err       error               // of a read or a commit: the log is at its end
}

// device is a row of that table.
type device struct {
	n       int64
	key     identity.Key
	account identity.Key
	last    uint64 // seq
}

// pending is an event that is not committed yet.
type pending struct {
	meta room.Meta
	body []byte
	key  []byte // under which it was written, or nil

	// Given by the commit.
	n      int64
	target []byte // key of what it is about, or nil
	first  bool   // of its device with that number
	entry  Entry
}

// Room opens the log of a room, which is empty when the archive does not know it.
func (a *Archive) Room(ctx context.Context, id room.ID) (*Log, error) {
	l := &Log{
		archive: a, id: id, devices: map[identity.Key]*device{}, names: map[int64]*device{}, views: map[room.ID]int64{}, tips: map[int64]room.ID{},
		heads: map[room.ID]int64{}, runs: map[runKey]*run{}, waiting: map[room.ID]int{}, late: map[room.ID]*lateBody{}, cache: newCache(a.options.CacheBytes),
	}
	if err := l.restore(ctx); err != nil {
		return nil, fmt.Errorf("open room %v: %w", id, err)
	}
	return l, nil
}

// metaColumns are those that metaOf reads.
const metaColumns = "e.n, e.key, e.header, e.author, e.view"

// stored is what metaColumns hold.
type stored struct {
	n           int64
	key, header []byte
	author      int64
	view        int64
}

func (s *stored) fields() []any { return []any{&s.n, &s.key, &s.header, &s.author, &s.view} }

// event opens the header of a stored event.
func (a *Archive) event(s *stored) (room.Event, error) {
	header, err := a.box.open(sealedHeader, s.key, s.header)
	if err != nil {
		return room.Event{}, err
	}
	return room.Reread(header)
}

// metaOf returns an event of this room.
func (l *Log) metaOf(s *stored) (room.Meta, error) {
	e, err := l.archive.event(s)
	if err != nil {
		return room.Meta{}, err
	}
	d := l.names[s.author]
	name, ok := l.tips[s.view]
	if d == nil || !ok {
		return room.Meta{}, fmt.Errorf("%w: %v is of no device", ErrForeign, e.ID)
	}
	return room.Meta{Event: e, Account: d.account, View: name}, nil
}

// Find implements room.Index. An error while reading is kept, and Commit returns it.
func (l *Log) Find(id room.ID) (room.Meta, bool) {
	if i, ok := l.waiting[id]; ok {
		return l.pending[i].meta, true
	}
	if m := l.cache.find(id); m != nil {
		return *m, true
	}
	if id == l.absent || l.n == 0 {
		return room.Meta{}, false
	}
	var s stored
	found, err := l.archive.read.row(context.Background(), "SELECT "+metaColumns+" FROM events e WHERE e.key = ? AND e.room = ?", []any{l.archive.box.key(id), l.n}, s.fields()...)
	if !found || err != nil {
		l.fail(err)
		l.absent = id
		return room.Meta{}, false
	}
	m, err := l.metaOf(&s)
	if err != nil {
		l.fail(err)
		return room.Meta{}, false
	}
	l.cache.add(&m)
	return m, true
}

// readAhead is how many events of a log are read at once when they are asked for in order.
const readAhead = 64

// ahead sees that a log is read in order.
type ahead struct {
	key  identity.Key
	next uint64
}

// rows returns how many to read, the one with that number and those after it.
func (a *ahead) rows(key identity.Key, seq uint64) int {
	rows := 1
	if key == a.key && seq == a.next {
		rows = readAhead
	}
	*a = ahead{key, seq + uint64(rows)}
	return rows
}

// At implements room.Index.
func (l *Log) At(key identity.Key, seq uint64) (room.Meta, bool) {
	d := l.devices[key]
	if d == nil || seq == 0 || seq > d.last {
		return l.atPending(key, seq)
	}
	if m := l.cache.at(key, seq); m != nil {
		return *m, true
	}
	rows := l.metas.rows(key, seq)
	var first room.Meta
	found, before := false, uint64(0)
	err := l.archive.read.rows(context.Background(), "SELECT "+metaColumns+" FROM events e WHERE e.author = ? AND e.seq >= ? ORDER BY e.seq, e.n LIMIT 0+?",
		[]any{d.n, int64(seq), rows}, func(scan func(...any) error) error {
			var s stored
			if err := scan(s.fields()...); err != nil {
				return err
			}
			m, err := l.metaOf(&s)
			if err != nil {
				return err
			}
			if !found && m.Seq == seq {
				first, found = m, true
			}
			if m.Seq != before { // of several, the one that came first is read first
				l.cache.addFirst(&m)
			}
			before = m.Seq
			return nil
		})
	l.fail(err)
	if !found {
		return l.atPending(key, seq)
	}
	return first, found
}

// atPending looks for an event that is not committed yet. There is none with a number that a
// committed one has: who asks has not found that.
func (l *Log) atPending(key identity.Key, seq uint64) (room.Meta, bool) {
	for i := range l.pending {
		if m := &l.pending[i].meta; m.Author == key && m.Seq == seq {
			return *m, true
		}
	}
	return room.Meta{}, false
}

// Add implements room.Index. The event is there for the Room, and nobody else before Commit.
func (l *Log) Add(m room.Meta, body []byte) {
	l.waiting[m.ID] = len(l.pending)
	l.pending = append(l.pending, pending{meta: m, body: body})
	l.bare = l.bare || body == nil && m.Kind >= room.Content
	if m.ID == l.absent {
		l.absent = room.ID{}
	}
}

// Body returns the body of an event, or nil if it was withheld or deleted. It is a room.Bodies without a
// view on who asks.
func (l *Log) Body(m *room.Meta) []byte {
	if i, ok := l.waiting[m.ID]; ok {
		return l.pending[i].body
	}
	key := l.archive.box.key(m.ID)
	if body, ok := l.read[[32]byte(key)]; ok {
		delete(l.read, [32]byte(key)) // so that nothing stays when all of it was asked for
		return body
	}
	d, rows := l.devices[m.Author], l.bodies.rows(m.Author, m.Seq)
	if d == nil || rows == 1 {
		body, err := l.archive.body(context.Background(), m.ID)
		l.fail(err)
		return body
	}
	l.fail(l.readBodies(d.n, m.Seq, rows))
	return l.read[[32]byte(key)]
}

// readBodies reads what a device wrote from some number on, into l.read.
func (l *Log) readBodies(device int64, seq uint64, rows int) error {
	l.read = make(map[[32]byte][]byte, rows)
	return l.archive.read.rows(context.Background(), "SELECT e.key, b.body FROM events e JOIN bodies b ON b.event = e.n WHERE e.author = ? AND e.seq >= ? ORDER BY e.seq, e.n LIMIT 0+?",
		[]any{device, int64(seq), rows}, func(scan func(...any) error) error {
			var key, sealed []byte
			if err := scan(&key, &sealed); err != nil {
				return err
			}
			body, err := l.archive.box.open(sealedBody, key, sealed)
			l.read[[32]byte(key)] = body
			return err
		})
}

// body returns the body of a committed event, or nil.
func (a *Archive) body(ctx context.Context, id room.ID) ([]byte, error) {
	key := a.box.key(id)
	var stored []byte
	found, err := a.read.row(ctx, "SELECT b.body FROM events e JOIN bodies b ON b.event = e.n WHERE e.key = ?", []any{key}, &stored)
	if !found || err != nil {
		return nil, err
	}
	return a.box.open(sealedBody, key, stored)
}

func (l *Log) fail(err error) {
	if l.err == nil && err != nil {
		l.err = fmt.Errorf("read room %v: %w", l.id, err)
	}
}

// cache is the events that were used last, in two generations: what is found in the old one is young
// again, and when the young one is full, it is the old one.
type cache struct {
	young, old generation
	limit      int // bytes of a generation
}

type generation struct {
	metas map[room.ID]*room.Meta
	logs  map[place]*room.Meta
	bytes int
}

// place is where an event stands in a log.
type place struct {
	device identity.Key
	seq    uint64
}

func newGeneration() generation {
	return generation{metas: map[room.ID]*room.Meta{}, logs: map[place]*room.Meta{}}
}

func newCache(bytes int) cache {
	return cache{young: newGeneration(), old: newGeneration(), limit: bytes / 2}
}

// metaBytes is what an event takes, with its places in two maps, without deps.
const metaBytes = 640

func (c *cache) find(id room.ID) *room.Meta {
	if m := c.young.metas[id]; m != nil {
		return m
	}
	m := c.old.metas[id]
	if m != nil {
		c.add(m)
	}
	return m
}

func (c *cache) at(key identity.Key, seq uint64) *room.Meta {
	if m := c.young.logs[place{key, seq}]; m != nil {
		return m
	}
	m := c.old.logs[place{key, seq}]
	if m != nil {
		c.addFirst(m)
	}
	return m
}

// add keeps m to be found by its id, which does not say that it is the first of its device with its number.
func (c *cache) add(m *room.Meta) {
	if c.young.bytes >= c.limit {
		c.young, c.old = newGeneration(), c.young
	}
	if c.young.metas[m.ID] == nil {
		c.young.metas[m.ID] = m
		c.young.bytes += metaBytes + len(m.Deps)*len(m.ID)
	}
}

// addFirst keeps m to be found by its place too: of several with that number it is the first that came.
func (c *cache) addFirst(m *room.Meta) {
	c.add(m)
	c.young.logs[place{m.Author, m.Seq}] = m
}
