package history

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
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

// memoryWords is the table in memory. It needs no physical deletion, and takes the same text twice.
const memoryWords = "CREATE VIRTUAL TABLE words USING fts5(text, room, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2', prefix='1 2 3 4')"

// memoryVocabulary is that of memoryWords; one that was kept by an older version has none.
const memoryVocabulary = "CREATE VIRTUAL TABLE IF NOT EXISTS vocabulary USING fts5vocab(words, instance)"

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

// follow starts the goroutine that keeps the table up to date.
func (x *wordIndex) follow() error {
	// Of each text that is in the table, this one of its own tables has a row. What comes after the last was not taken in.
	var upto, newest int64
	_, err := x.archive.write.row("SELECT (SELECT coalesce(max(id), 0) FROM words_docsize), (SELECT coalesce(max(event), 0) FROM bodies)", nil, &upto, &newest)
	if err != nil {
		return err
	}
	x.upto.Store(upto)
	x.newest.Store(newest)
	x.start(indexPause, x.catchUp)
	return nil
}

// When the table is brought up to date: after indexPause without new texts, since it takes as long as what it waits for. When
// there are indexMost of them a few are taken in once in that time, though more come; and all when there are twice as many,
// as whoever searches then has to wait for it.
const (
	indexPause = time.Second
	indexMost  = 32_768
)

// catchUp takes in what there is, and merges what has come together; a few only while somebody writes.
func (x *wordIndex) catchUp() {
	for more := true; more && !x.stopping(); {
		texts, err := x.take(takeAtOnce)
		if err != nil {
			return // a search tries it again, and tells
		}
		parts, err := x.merge()
		if err != nil {
			return
		}
		x.mu.Lock()
		x.taken = time.Now()
		more = (texts || parts) && (x.taken.Sub(x.wrote) >= indexPause || x.isDue())
		x.mu.Unlock()
	}
}

// isDue reports whether texts are to be taken in though more come. The caller holds mu.
func (x *wordIndex) isDue() bool {
	n := x.newest.Load() - x.upto.Load()
	return n >= 2*x.most || n >= x.most && time.Since(x.taken) >= indexPause
}

// takeAtOnce is how many texts the table takes in at a time: a message that is written meanwhile waits for that, a
// millisecond or two. A search, for which somebody waits, takes more.
const takeAtOnce = 64

// mergeSome has FTS5 write 16 pages of merged parts, which takes five to ten milliseconds. All that was taken in at one time
// is a part, each of which a search looks into; eight of a size become one of the next (schema/4.sql).
const mergeSome = "INSERT INTO words (words, rank) VALUES ('merge', 16)"

// merge merges some parts of the table, and reports whether there may be more.
func (x *wordIndex) merge() (more bool, err error) {
	w := x.archive.write
	err = w.transaction(false, func() error {
		var before, after int64
		const changes = "SELECT total_changes()"
		if _, err := w.row(changes, nil, &before); err != nil {
			return err
		}
		if err := w.exec(mergeSome); err != nil {
			return err
		}
		_, err := w.row(changes, nil, &after)
		more = after-before > 1 // one is the command itself
		return err
	}, nil)
	return more, err
}

// take takes the next texts into the table, n at most, and reports whether there may be more.
func (x *wordIndex) take(n int) (more bool, err error) {
	w, upto, texts := x.archive.write, int64(0), 0
	err = w.transaction(false, func() error {
		newest := x.newest.Load()
		changes, last, err := x.texts(w.rows, x.upto.Load(), n)
		if err != nil {
			return err
		}
		upto, texts = last, len(changes)
		if texts < n { // of what is newer nothing is left
			upto = max(upto, newest)
		}
		for i := range changes {
			if c := &changes[i]; c.text != "" {
				if err := w.exec("INSERT INTO words (rowid, text, room) VALUES (?, ?, ?)", c.n, terms(c.text), scope(c.room)); err != nil {
					return err
				}
			}
		}
		return nil
	}, func() { x.upto.Store(max(x.upto.Load(), upto)) })
	if texts > 0 {
		x.archive.ink.wrote(texts, false)
	}
	return err == nil && texts == n, err
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
			if err == nil && kind >= int64(room.Delete) {
				c.text = a.options.Read(room.Kind(kind), body).Text
			}
			changes, from = append(changes, c), c.n
			return err
		})
	return changes, from, err
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

func deletions(changes []wordChange) []wordChange {
	var gone []wordChange
	for _, c := range changes {
		if c.gone {
			gone = append(gone, wordChange{n: c.n, gone: true})
		}
	}
	return gone
}

// flush writes the queue. When that fails, there is no memory left; the index is then made anew
// by the next search.
func (x *wordIndex) flush() {
	if err := x.put(x.queue); err != nil {
		x.ready = false
	}
	x.queue = nil
}

func (x *wordIndex) put(changes []wordChange) error {
	ctx := context.Background()
	tx, err := x.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	insert, err := tx.PrepareContext(ctx, "INSERT OR REPLACE INTO words (rowid, text, room) VALUES (?, ?, ?)")
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	for i := range changes {
		if c := &changes[i]; c.gone {
			_, err = tx.ExecContext(ctx, "DELETE FROM words WHERE rowid = ?", c.n)
		} else {
			_, err = insert.ExecContext(ctx, c.n, terms(c.text), scope(c.room))
		}
		if err != nil {
			return errors.Join(err, insert.Close(), tx.Rollback())
		}
		x.built, x.dirty = max(x.built, changes[i].n), true
	}
	if err := insert.Close(); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if _, err := tx.ExecContext(ctx, mergeSome); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// prepare makes the index in memory if it is not there, and brings the table up to date.
func (x *wordIndex) prepare(ctx context.Context) error {
	if !x.memory() {
		more := x.upto.Load() < x.newest.Load()
		for n := 0; more; n++ {
			var err error
			if more, err = x.take(fillAtOnce); err == nil && n >= maxParts {
				_, err = x.merge()
			}
			if err != nil || ctx.Err() != nil {
				return errors.Join(err, ctx.Err())
			}
		}
		return nil
	}
	x.build.Lock()
	defer x.build.Unlock()
	x.mu.Lock()
	ready := x.ready
	x.building = !ready
	x.mu.Unlock()
	if ready {
		return nil
	}
	defer func() {
		x.mu.Lock()
		x.building = false
		x.mu.Unlock()
	}()
	if !x.load(ctx) {
		if _, err := x.db.ExecContext(ctx, "DROP TABLE IF EXISTS words"); err != nil {
			return err
		}
		if _, err := x.db.ExecContext(ctx, memoryWords+";"+schema4); err != nil {
			return err
		}
		x.built = 0
	}
	if _, err := x.db.ExecContext(ctx, memoryVocabulary); err != nil {
		return err
	}
	for {
		more, err := x.fill(ctx)
		if err != nil {
			return err
		}
		if !more {
			return nil
		}
	}
}

// fillAtOnce is how many texts are read at once. Commits wait while they are written. A search takes in so many maxParts
// times before it merges any, which would take as long: more are missing only when an old archive has come from elsewhere.
const (
	fillAtOnce = 500
	maxParts   = 2 * indexMost / fillAtOnce
)

// fill takes the next texts of the archive in. When there are no more, the index is ready.
func (x *wordIndex) fill(ctx context.Context) (more bool, err error) {
	x.mu.Lock()
	from := x.built
	x.mu.Unlock()
	changes, _, err := x.texts(func(text string, args []any, each func(scan func(...any) error) error) error {
		return x.archive.read.rows(ctx, text, args, each)
	}, from, fillAtOnce)
	if err != nil {
		return false, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(changes) == 0 {
		x.ready = true
		x.flush()
		return false, nil
	}
	return true, x.put(changes)
}

// forget empties the index in memory: there are no events any more.
func (x *wordIndex) forget() error {
	if !x.memory() {
		return nil
	}
	x.build.Lock()
	defer x.build.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.queue, x.built, x.dirty = nil, 0, false
	if err := os.Remove(x.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !x.ready {
		return nil
	}
	_, err := x.db.Exec("INSERT INTO words (words) VALUES ('delete-all')")
	return err
}

func (x *wordIndex) path() string { return x.archive.path + ".words" }

// serializer is what a connection of the driver can do.
type serializer interface {
	Serialize() ([]byte, error)
	Deserialize([]byte) error
}

// raw calls f with the connection to the database in memory.
func (x *wordIndex) raw(ctx context.Context, f func(serializer) error) error {
	conn, err := x.db.Conn(ctx)
	if err != nil {
		return err
	}
	err = conn.Raw(func(c any) error {
		s, ok := c.(serializer)
		if !ok {
			return driver.ErrSkip
		}
		return f(s)
	})
	return errors.Join(err, conn.Close())
}

// load reads the index that keep has kept, and reports whether there was one.
func (x *wordIndex) load(ctx context.Context) bool {
	sealed, err := os.ReadFile(x.path())
	if err != nil {
		return false
	}
	kept, err := x.archive.box.open(sealedWords, nil, sealed)
	if err != nil || len(kept) < 8 {
		return false
	}
	x.built = int64(binary.BigEndian.Uint64(kept))
	var last int64
	if _, err := x.archive.read.row(ctx, "SELECT coalesce(max(n), 0) FROM events", nil, &last); err != nil || x.built > last {
		return false // of another archive
	}
	return x.raw(ctx, func(s serializer) error { return s.Deserialize(kept[8:]) }) == nil
}

// keep writes the index into a file, so that it need not be made again. It is called at the end.
func (x *wordIndex) keep() error {
	if x == nil || !x.memory() || !x.ready || !x.dirty {
		return nil
	}
	kept := binary.BigEndian.AppendUint64(nil, uint64(x.built))
	err := x.raw(context.Background(), func(s serializer) error {
		b, err := s.Serialize()
		kept = append(kept, b...)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep the index of words: %w", err)
	}
	whole := x.path() + ".new"
	if err := os.WriteFile(whole, x.archive.box.seal(sealedWords, nil, kept), 0o600); err != nil {
		return fmt.Errorf("keep the index of words: %w", errors.Join(err, os.Remove(whole)))
	}
	return os.Rename(whole, x.path())
}

func (x *wordIndex) close() error {
	if x.db == nil {
		return nil
	}
	return x.db.Close()
}
