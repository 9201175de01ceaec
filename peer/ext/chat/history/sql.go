package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// statements are the prepared statements of one database, by their text. They say "LIMIT 0+?": the plan of one that says
// "LIMIT ?" depends on what is bound, so SQLite prepares it anew for every use, which takes longer than most of ours.
type statements struct {
	mu       sync.Mutex
	prepare  func(ctx context.Context, text string) (*sql.Stmt, error)
	prepared map[string]*sql.Stmt
}

func (s *statements) of(text string) (*sql.Stmt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.prepared[text]; st != nil {
		return st, nil
	}
	st, err := s.prepare(context.Background(), text)
	if err == nil {
		s.prepared[text] = st
	}
	return st, err
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for _, st := range s.prepared {
		err = errors.Join(err, st.Close())
	}
	return err
}

// reader is the connections that only read: they see what has been committed, and wait for nobody.
type reader struct {
	db *sql.DB
	statements
}

func openReader(source string) (*reader, error) {
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(readers)
	db.SetMaxIdleConns(readers)
	return &reader{db: db, statements: statements{prepare: db.PrepareContext, prepared: map[string]*sql.Stmt{}}}, nil
}

func (r *reader) close() error { return errors.Join(r.statements.close(), r.db.Close()) }

// row reads one row into dst, and reports whether there is one.
func (r *reader) row(ctx context.Context, text string, args []any, dst ...any) (bool, error) {
	st, err := r.begin(ctx, text)
	if err != nil {
		return false, err
	}
	return scanRow(st.QueryRowContext(context.Background(), args...), dst...)
}

// begin returns the statement unless ctx has ended. A query is not cancelled half-way: all of them are short, and for one that
// can be, database/sql and the driver each start a goroutine, which takes longer than most queries.
func (r *reader) begin(ctx context.Context, text string) (*sql.Stmt, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return r.of(text)
}

func scanRow(row *sql.Row, dst ...any) (bool, error) {
	err := row.Scan(dst...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// rows calls each for every row of a query.
func (r *reader) rows(ctx context.Context, text string, args []any, each func(scan func(...any) error) error) error {
	st, err := r.begin(ctx, text)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(context.Background(), args...)
	if err != nil {
		return err
	}
	return eachRow(rows, each)
}

func eachRow(rows *sql.Rows, each func(scan func(...any) error) error) error {
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// writer is the one connection that writes. A transaction is not cancelled half-way by a context: it
// is short, and who waits for it has said something that must not be lost.
type writer struct {
	mu   sync.Mutex                // of one transaction
	busy atomic.Pointer[time.Time] // since when it runs; nil while none does
	db   *sql.DB
	conn *sql.Conn
	statements
	full bool // it waits for the disk

	between func() // if not nil, is called when a transaction can be read, before done: tests look what others see then
}

func openWriter(source string) (*writer, error) {
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(context.Background())
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &writer{db: db, conn: conn, statements: statements{prepare: conn.PrepareContext, prepared: map[string]*sql.Stmt{}}}, nil
}

// lock is held by who writes.
func (w *writer) lock() {
	w.mu.Lock()
	now := time.Now()
	w.busy.Store(&now)
}

func (w *writer) unlock() {
	w.busy.Store(nil)
	w.mu.Unlock()
}

// Writing returns how long what is being written has taken so far, 0 when nothing is. A disk that does not answer shows in it, as nothing
// else is written before. It does not wait.
func (a *Archive) Writing() time.Duration {
	if since := a.write.busy.Load(); since != nil {
		return time.Since(*since)
	}
	return 0
}

func (w *writer) close() error {
	w.lock()
	defer w.unlock()
	return errors.Join(w.statements.close(), w.conn.Close(), w.db.Close())
}

// transaction calls f, and commits what it has written; all or nothing. With full it is on the
// disk when transaction returns. When it is committed, done is called, if not nil, before the next transaction begins.
func (w *writer) transaction(full bool, f func() error, done func()) error {
	w.lock()
	defer w.unlock()
	if full != w.full {
		text := "PRAGMA synchronous=NORMAL"
		if full {
			text = "PRAGMA synchronous=FULL"
		}
		if err := w.exec(text); err != nil {
			return err
		}
		w.full = full
	}
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		err = w.exec("COMMIT")
	}
	if err = asFull(err); err != nil {
		// Some errors, such as that of a full disk, have rolled back by themselves.
		_, _ = w.conn.ExecContext(context.Background(), "ROLLBACK")
		return err
	}
	if w.between != nil {
		w.between()
	}
	if done != nil {
		done()
	}
	return nil
}

// asFull returns err, which says it as any other writer of files when the disk is full.
func asFull(err error) error {
	if e := (*sqlite.Error)(nil); errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_FULL {
		return fmt.Errorf("%w: %w", syscall.ENOSPC, err)
	}
	return err
}

// exec runs a statement. Like insert, row and rows it is called within a transaction.
func (w *writer) exec(text string, args ...any) error {
	st, err := w.of(text)
	if err != nil {
		return err
	}
	_, err = st.ExecContext(context.Background(), args...)
	return err
}

// insert runs an INSERT and returns the number of the new row.
func (w *writer) insert(text string, args ...any) (int64, error) {
	st, err := w.of(text)
	if err != nil {
		return 0, err
	}
	result, err := st.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

func (w *writer) row(text string, args []any, dst ...any) (bool, error) {
	st, err := w.of(text)
	if err != nil {
		return false, err
	}
	return scanRow(st.QueryRowContext(context.Background(), args...), dst...)
}

// rows calls each for every row; each must not write, as the query is still open.
func (w *writer) rows(text string, args []any, each func(scan func(...any) error) error) error {
	st, err := w.of(text)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(context.Background(), args...)
	if err != nil {
		return err
	}
	return eachRow(rows, each)
}
