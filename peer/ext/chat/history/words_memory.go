package history

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// memoryWords is the table in memory. It needs no physical deletion, and takes the same text twice.
const memoryWords = "CREATE VIRTUAL TABLE words USING fts5(text, room, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2', prefix='1 2 3 4')"

// memoryVocabulary is that of memoryWords; one that was kept by an older version has none.
const memoryVocabulary = "CREATE VIRTUAL TABLE IF NOT EXISTS vocabulary USING fts5vocab(words, instance)"

// make makes the index if it is not there, of what is kept or of all texts.
func (x *wordIndex) make(ctx context.Context) error {
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

// flush writes the queue. When that fails, there is no memory left; the index is then made anew
// by the next search.
func (x *wordIndex) flush() {
	if err := x.put(x.queue); err != nil {
		x.ready = false
	}
	x.queue = nil
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

func (x *wordIndex) path() string { return x.archive.path + ".words" }
