package history

import (
	"context"
	"database/sql"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"p2p/peer/ext/chat/room"
)

// wordChange is a text that came to the index, or went.
type wordChange struct {
	n, room int64
	text    string
	gone    bool
	late    bool // it came after its event, whose number may be one that the index has passed
}

// wordIndex finds events by their words. Without a passphrase it is a table of the archive, which follows the events at
// some distance: a goroutine of its own takes many texts in at once, and a search takes in those that are missing first.
// With one it is a database in memory, which is made when somebody searches for the first time.
type wordIndex struct {
	archive *Archive
	db      *sql.DB // in memory

	// Of the table. All texts up to the event numbered upto are in it, which changes within transactions alone; the last
	// one that there is belongs to the event numbered newest.
	upto, newest atomic.Int64
	most         int64 // indexMost
	lull

	build sync.Mutex // of one build
	mu    sync.Mutex
	taken time.Time // when texts were last taken in by the goroutine
	wrote time.Time // when the last one came
	ready bool
	// building is set while events are read: what comes meanwhile is all kept in queue.
	building bool
	queue    []wordChange
	built    int64 // number of the last event in it
	dirty    bool  // the kept one is older
}

func (a *Archive) openWords() (*wordIndex, error) {
	x := &wordIndex{archive: a, most: indexMost}
	if a.box.plain() {
		return x, x.follow()
	}
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	db.SetConnMaxLifetime(0)
	db.SetMaxIdleConns(1)
	x.db = db
	return x, nil
}

func (x *wordIndex) memory() bool { return x.db != nil }

// prepare makes the index in memory if it is not there, or brings the table up to date.
func (x *wordIndex) prepare(ctx context.Context) error {
	if x.memory() {
		return x.make(ctx)
	}
	return x.complete(ctx)
}

// texts reads the next texts after the event numbered from, and the number of the last one; some are empty.
func (x *wordIndex) texts(rows func(text string, args []any, each func(scan func(...any) error) error) error, from int64, n int) ([]wordChange, int64, error) {
	var changes []wordChange
	a := x.archive
	err := rows("SELECT e.n, e.room, e.kind, e.key, b.body FROM bodies b JOIN events e ON e.n = b.event WHERE b.event > ? ORDER BY b.event LIMIT 0+?",
		[]any{from, n}, func(scan func(...any) error) error {
			var c wordChange
			var kind int64
			var key, sealed []byte
			if err := scan(&c.n, &c.room, &kind, &key, &sealed); err != nil {
				return err
			}
			body, err := a.box.open(sealedBody, key, sealed)
			if err == nil {
				c.text = a.textOf(kind, body)
			}
			changes, from = append(changes, c), c.n
			return err
		})
	return changes, from, err
}

// textOf returns the text of a body that a search is to find.
func (a *Archive) textOf(kind int64, body []byte) string {
	if kind < int64(room.Delete) {
		return ""
	}
	return a.options.Read(room.Kind(kind), body).Text
}

// amend changes what the index has passed already, in a transaction: texts that come after their events are taken in, and
// those that went taken back. A text that is taken back must be the one that was taken in.
//
// What the table has not come to it finds as it is then, or does not find. The kept index of the memory is not right any
// more: it is removed before the transaction ends, so that no crash leaves one that lacks a text.
func (x *wordIndex) amend(w *writer, changes []wordChange) error {
	for i := range changes {
		c := &changes[i]
		switch {
		case !c.gone && !c.late:
		case x.memory():
			_ = os.Remove(x.path()) //nolint:errcheck // there may be none
			return nil
		case c.n > x.upto.Load():
		case c.gone:
			if err := w.exec("INSERT INTO words (words, rowid, text, room) VALUES ('delete', ?, ?, ?)", c.n, terms(c.text), scope(c.room)); err != nil {
				return err
			}
		default:
			if err := w.exec("INSERT INTO words (rowid, text, room) VALUES (?, ?, ?)", c.n, terms(c.text), scope(c.room)); err != nil {
				return err
			}
		}
	}
	return nil
}

// commit is told of what has been committed.
func (x *wordIndex) commit(changes []wordChange) {
	if len(changes) == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.memory() {
		for i := range changes {
			x.newest.Store(max(x.newest.Load(), changes[i].n))
		}
		x.wrote = time.Now()
		if x.later(); x.isDue() {
			x.poke()
		}
		return
	}
	x.queue = append(x.queue, changes...)
	if x.ready {
		x.flush()
	} else if !x.building { // nobody has searched yet: a build will find them
		x.queue = deletions(x.queue)
	}
}

func (x *wordIndex) close() error {
	if x.db == nil {
		return nil
	}
	return x.db.Close()
}
