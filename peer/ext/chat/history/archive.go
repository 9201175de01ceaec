package history

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite" // and the driver of that name
	sqlite3 "modernc.org/sqlite/lib"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// Errors of Open, and ErrClosed.
var (
	ErrBusy       = errors.New("the history is in use by another program")
	ErrForeign    = errors.New("the file is no history")
	ErrNewer      = errors.New("the history was written by a newer version of the program")
	ErrPassphrase = errors.New("the passphrase of the history is wrong, or missing")
	ErrPlain      = errors.New("the history has no passphrase")
	ErrClosed     = errors.New("the history is closed")
)

// Content is what an Archive has to know of a body.
type Content struct {
	Text   string  // to be found by Search
	Target room.ID // the event that it is about, if any
	// Line is set for what has a place of its own in the conversation, unlike an
	// edit or a reaction.
	Line bool
}

// Options of an Archive.
type Options struct {
	// Account is whose archive it is: what it wrote is never unread, and what it has read
	// decides what is late.
	Account identity.Key
	// Device is the one that this program writes as. Commits with its events wait for the disk, and what comes before them afterwards
	// is late.
	Device identity.Key
	// Read says what is in a body, nil for one that was withheld; it gives the same answer to the same body for
	// ever. Nil takes each body of a content event for text, and that of a Delete for the id of its target.
	Read func(kind room.Kind, body []byte) Content
	// Passphrase, if not empty, encrypts a new archive, and is needed to open it again.
	Passphrase []byte
	// Clock says what time it is; nil for time.Now.
	Clock func() time.Time
	// CacheBytes bounds what each Log keeps in memory of its events; 0 for 4 MiB.
	CacheBytes int
}

// Archive is the history of one profile. Its methods may be called by any goroutine.
type Archive struct {
	options Options
	owner   atomic.Pointer[owner] // as Options or Belong said
	path    string
	lock    *lock
	box     box // seals what is stored
	write   *writer
	read    *reader
	index   *wordIndex
	ink     *drain
	recent  recent
	ends    ends
	starts  starts
	numbers sync.Map // of rooms, by room.ID
}

// readers is how many queries run at the same time; more only wait.
const readers = 4

// Open opens the archive at path, which it makes if there is none. Only one program at a time
// can have it open. Beside it lie path-wal, path-shm, path.lock and, with a passphrase, path.words.
func Open(path string, o Options) (*Archive, error) {
	o = o.withDefaults()
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	l, err := takeLock(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	a := &Archive{options: o, path: path, lock: l}
	a.Belong(o.Account, o.Device)
	if err := a.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open history: %w", err), a.close(), l.release())
	}
	return a, nil
}

func (o Options) withDefaults() Options {
	if o.Read == nil {
		o.Read = plainText
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 4 << 20
	}
	return o
}

// plainText is the default of Options.Read.
func plainText(kind room.Kind, body []byte) Content {
	if kind == room.Delete {
		var c Content
		copy(c.Target[:], body)
		return c
	}
	if kind < room.Content {
		return Content{}
	}
	return Content{Text: string(body), Line: true}
}

func (a *Archive) open() error {
	err := settle(a.path, untold)
	if err != nil {
		return err
	}
	err = a.openTables("synchronous(NORMAL)", "wal_autocheckpoint(0)", fmt.Sprintf("journal_size_limit(%d)", keepLog*pageFrame), "secure_delete(ON)")
	if err != nil {
		return err
	}
	if a.ink, err = startDrain(a.source("synchronous(NORMAL)"), a.write, a.path+"-wal"); err != nil {
		return err
	}
	a.index, err = a.openWords()
	return err
}

// openTables opens what reads and writes the tables; pragmas are those of the writer.
func (a *Archive) openTables(pragmas ...string) error {
	// SQLite makes its files as the umask allows; this one they take their mode from.
	f, err := os.OpenFile(a.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if a.write, err = openWriter(a.source(pragmas...)); err != nil {
		if e := (*sqlite.Error)(nil); errors.As(err, &e) && e.Code() == sqlite3.SQLITE_NOTADB {
			err = fmt.Errorf("%w: %w", ErrForeign, err)
		}
		return err
	}
	if err := a.write.migrate(migrations); err != nil {
		return err
	}
	if a.box, err = a.unlock(a.options.Passphrase); err != nil {
		return err
	}
	a.read, err = openReader(a.source("query_only(ON)"))
	return err
}

// source is the archive as the driver wants it named.
func (a *Archive) source(pragmas ...string) string {
	q := url.Values{"_pragma": append([]string{"busy_timeout(10000)", "foreign_keys(ON)", "trusted_schema(OFF)"}, pragmas...)}
	name := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(a.path), RawQuery: q.Encode()}
	return name.String()
}

// Close closes the archive. No Log of it may be used any more.
func (a *Archive) Close() error {
	err := a.index.keep()
	err = errors.Join(err, a.close())
	if err = errors.Join(err, a.lock.release()); err != nil {
		return fmt.Errorf("close history: %w", err)
	}
	return nil
}

// close closes what has been opened.
func (a *Archive) close() error {
	var err error
	if a.index != nil {
		a.index.stop()
	}
	if a.ink != nil {
		err = a.ink.close()
	}
	if a.index != nil {
		err = errors.Join(err, a.index.close())
	}
	if a.read != nil {
		err = errors.Join(err, a.read.close())
	}
	if a.write != nil { // the last one empties the write-ahead log
		err = errors.Join(err, a.write.close())
	}
	return err
}
