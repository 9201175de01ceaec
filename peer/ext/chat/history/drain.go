package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// drain is the goroutine that copies the write-ahead log into the database. The copy is on the disk before the log is
// used again, and whoever has to wait for the disk meanwhile waits for that too: tens of milliseconds. So it is made
// when nobody has written for a while, or when the log has become long.
//
// It also keeps the log's file longer than what is written: a commit then goes to blocks that the file system has given
// out before, and is on the disk in half the time, since it need not wait for the file system's own journal, nor
// for what a download has written to new blocks. SQLite takes zeros behind its last frame for the end.
type drain struct {
	db   *sql.DB
	main *writer // no transaction of it runs while the file is made longer
	path string  // of the log
	lull

	mu   sync.Mutex
	debt int       // pages written since it ran, at most
	last time.Time // when
	wipe bool      // what was deleted is still in the log
	most int       // drainMost
	laid int       // pages that the file has room for
}

// When it copies: after so many pages and nothing more for drainPause, or after drainMost, when the log is some 40 MiB.
const (
	drainSome  = 1000
	drainPause = time.Second
	drainMost  = 20_000
	drainWait  = 200 * time.Millisecond // for readers, while nobody can write
)

// How the log's file is kept, in pages with their headers.
const (
	pageFrame = 4096 + 24
	layFrom   = 100
	layAhead  = 1024
	layStep   = 128 // at a time: commits wait for each, in the worst case
	keepLog   = 2048
)

func startDrain(source string, main *writer, path string) (*drain, error) {
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(fmt.Sprintf("PRAGMA busy_timeout=%d", drainWait.Milliseconds())); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	d := &drain{db: db, main: main, path: path, most: drainMost}
	d.start(drainPause, d.work)
	return d, nil
}

// wrote is called after each transaction, and never waits.
func (d *drain) wrote(rows int, deleted bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.debt += rows + 8 // pages that any transaction writes
	d.last = time.Now()
	d.wipe = d.wipe || deleted
	switch {
	case d.wipe || d.debt >= d.most || d.isShort():
		d.poke()
	case d.debt >= drainSome:
		d.later()
	}
}

// isShort reports whether the file is to be made longer. It is not for a program that writes a line and ends.
func (d *drain) isShort() bool { return d.debt >= layFrom && d.laid < d.debt+layAhead/2 }

func (d *drain) work() {
	d.mu.Lock()
	want := 0
	if d.isShort() {
		want = d.debt + layAhead
	}
	d.mu.Unlock()
	if want > 0 {
		d.lay(want)
	}
	d.mu.Lock()
	due := d.wipe || d.debt >= d.most || d.debt >= drainSome && time.Since(d.last) >= drainPause
	again := !due && d.debt >= drainSome
	d.mu.Unlock()
	switch {
	case due:
		d.copy()
	case again:
		d.later() // the call of it may have been for this
	}
}

// lay makes the log's file so long, a step at a time. If it cannot, the log grows as it is written.
func (d *drain) lay(pages int) {
	f, err := os.OpenFile(d.path, os.O_WRONLY, 0)
	if err == nil {
		defer f.Close()
		for long := true; long && err == nil && !d.stopping(); {
			long, err = d.main.lengthen(f, int64(pages)*pageFrame)
			err = errors.Join(err, f.Sync())
		}
	}
	d.mu.Lock()
	d.laid = pages
	d.mu.Unlock()
}

// still calls f while no transaction runs. A checkpoint that waits for the lock of SQLite itself looks for it now and then,
// and in vain if somebody writes all the time.
func (w *writer) still(f func() bool) bool {
	w.lock()
	defer w.unlock()
	return f()
}

// lengthen writes zeros behind the end of the log, and reports whether more are wanted. A disk that is full gets
// back what was taken.
func (w *writer) lengthen(log *os.File, want int64) (more bool, err error) {
	w.lock()
	defer w.unlock()
	end, err := log.Seek(0, io.SeekEnd)
	if err != nil || end >= want {
		return false, err
	}
	n := min(want-end, layStep*pageFrame)
	if _, err := log.Write(make([]byte, n)); err != nil {
		return false, errors.Join(err, log.Truncate(end))
	}
	return end+n < want, nil
}

// copy copies the log. A copy that fails, since the disk is full or a reader is in the way, is
// tried again after the next transactions, or at Close: the log holds all of it. What was deleted is not left there for
// so long.
func (d *drain) copy() {
	d.mu.Lock()
	wipe, long := d.wipe, d.debt >= d.most
	d.wipe, d.debt, d.laid = false, 0, min(d.laid, keepLog)
	if wipe {
		d.laid = 0
	}
	d.mu.Unlock()
	d.checkpoint("PASSIVE") // nobody waits for this, only for the rest
	switch {
	case wipe:
		if !d.main.still(func() bool { return d.checkpoint("TRUNCATE") }) {
			d.mu.Lock()
			d.wipe = true
			d.mu.Unlock()
			d.later()
		}
	case long: // who never pauses adds to the log all the while: it would grow for ever
		d.main.still(func() bool { return d.checkpoint("RESTART") })
	}
}

// checkpoint reports whether nobody was in the way.
func (d *drain) checkpoint(how string) bool {
	var busy, pages, copied int
	err := d.db.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+how+")").Scan(&busy, &pages, &copied)
	return err == nil && busy == 0
}

func (d *drain) close() error {
	d.stop()
	return d.db.Close()
}
