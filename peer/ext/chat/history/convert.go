package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/crypto/chacha20poly1305"

	"p2p/peer/ext/chat/room"
)

// Conversion is what Convert does.
type Conversion struct {
	// From is the passphrase that the archive has, and To the one that it gets. One of them is empty: none.
	From, To []byte
	// Without are settings that the new archive is not to have: they say something of the file that the old one is.
	Without []string
	// Read is that of Options, nil for the same default.
	Read func(kind room.Kind, body []byte) Content
	// Progress, if not nil, is told now and then how many bytes are done, as far as that can be said beforehand. It is called
	// on the goroutine of the caller, who waits for it.
	Progress func(done, total int64)
}

// SpaceError is that the disk has no room for an archive beside the old one.
type SpaceError struct {
	Bytes int64 // that have to be free, about
	Err   error
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("there is no room for a second history; it takes about %d bytes: %v", e.Bytes, e.Err)
}

func (e *SpaceError) Unwrap() error { return e.Err }

// Convert encrypts the archive at path, which nobody may have open, or takes its passphrase away. All that is in it stays as it
// is but for Without, the numbers too. To replace a passphrase, ChangePassphrase is enough.
//
// The new archive is made aside, is on the disk as a whole, and then takes the name of the old one, which is overwritten and
// removed. So whoever kills it at any moment leaves the one or the other, whole; Open and Convert clean up what is
// half done. When ctx ends before the new one has that name, nothing has changed. Overwriting does not reach what the file system or the disk has put
// elsewhere before: old blocks of flash memory and of file systems that copy when they write, snapshots and backups; and
// it is not done where the file system has no second names for a file (hard links).
//
// Errors: those of Open, ErrPlain too when From is given in vain; fs.ErrNotExist; *SpaceError.
func Convert(ctx context.Context, path string, c Conversion) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("convert history: %w", err)
	}
	l, err := takeLock(path + ".lock")
	if err != nil {
		return fmt.Errorf("convert history: %w", err)
	}
	if err := errors.Join(c.run(ctx, path), l.release()); err != nil {
		return fmt.Errorf("convert history: %w", err)
	}
	return nil
}

// What lies beside an archive while it is converted. A person does not give a file of his own such a name: these are removed.
const (
	madeAside = ".p2p-new" // the new one, while it is written
	wornOut   = ".p2p-old" // a second name of the old one, to overwrite it when the new one has its name
)

// ofDatabase are the files of one of SQLite, by what is behind its name.
var ofDatabase = []string{"-wal", "-shm", ""}

func (c *Conversion) run(ctx context.Context, path string) error {
	if c.Progress == nil {
		c.Progress = func(int64, int64) {}
	}
	if err := settle(path, untold); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	size, room := info.Size(), info.Size()+logBytes
	err = c.write(ctx, path, func(done, events int64) {
		room = size + events*sealBytes + logBytes
		c.Progress(size*done/max(events, 1), size+size/wipes)
	})
	if err != nil {
		if errors.Is(err, syscall.ENOSPC) {
			err = &SpaceError{room, err}
		}
		return errors.Join(err, settle(path, untold))
	}
	if err := replace(path); err != nil {
		return err
	}
	return settle(path, func(done int64) { c.Progress(size+done/wipes, size+size/wipes) })
}

// What a new archive may take that the old one does not: for each event, and the write-ahead log.
const (
	sealBytes = 2 * (chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead) // of header and body
	logBytes  = 8 << 20
)

// wipes is how many times faster an archive is overwritten than it is written anew, about.
const wipes = 16

// write writes the new archive beside the old one, and closes both.
func (c *Conversion) write(ctx context.Context, path string, told func(done, events int64)) error {
	old, err := openTables(path, c.From, c.Read, "wal_autocheckpoint(0)", "secure_delete(ON)")
	if err != nil {
		return err
	}
	fresh, err := openTables(path+madeAside, c.To, c.Read, asidePragmas...)
	if err != nil {
		return errors.Join(err, old.close())
	}
	t := transcript{from: old, to: fresh, told: told}
	err = t.copy(ctx)
	for i := 0; i < len(c.Without) && err == nil; i++ {
		err = fresh.write.exec("DELETE FROM settings WHERE name = ?", c.Without[i])
	}
	for _, a := range []*Archive{fresh, old} {
		if err == nil {
			err = a.emptyLog()
		}
		err = errors.Join(err, a.close())
		if info, gone := os.Stat(a.path + "-wal"); err == nil && gone == nil && info.Size() > 0 {
			err = fmt.Errorf("%s-wal was not removed", a.path) // SQLite would take it for that of the other one
		}
	}
	return err
}

// asidePragmas are those of the writer of the new archive: ids come in no order, and are looked up all the while.
var asidePragmas = []string{"cache_size(-65536)"} // KiB

// openTables opens what of an archive is needed to read and write its tables. Its lock is the caller's.
func openTables(path string, passphrase []byte, read func(room.Kind, []byte) Content, pragmas ...string) (*Archive, error) {
	a := &Archive{options: Options{Read: read, Passphrase: passphrase}.withDefaults(), path: path}
	if err := a.openTables(pragmas...); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

// emptyLog has the write-ahead log in the database, and overwrites it: there is text in it. Nobody else may use the archive.
func (a *Archive) emptyLog() error {
	var busy, pages, copied int
	if err := a.write.conn.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(RESTART)").Scan(&busy, &pages, &copied); err != nil {
		return asFull(err)
	}
	if busy != 0 {
		return ErrBusy
	}
	return wipe(a.path+"-wal", untold)
}

// replace gives the new archive the name of the old one, of which a second name is left, where the file system knows such.
func replace(path string) error {
	err := errors.Join(remove(path+".words"), onDisk(path+madeAside)) // the index of words is made anew
	if err != nil {
		return errors.Join(err, settle(path, untold))
	}
	_ = os.Link(path, path+wornOut) //nolint:errcheck // it cannot be overwritten then
	if err := os.Rename(path+madeAside, path); err != nil {
		return errors.Join(err, settle(path, untold))
	}
	return onDisk(path)
}

// onDisk waits until a file and its name are on the disk, as far as the system offers that: Windows has no call for names, but a
// journal of them and of all else that is known of a file, which is written in its order.
func onDisk(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil || runtime.GOOS == "windows" {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, dir.Close())
}

// settle removes what a conversion has left, the last one or one that was killed: a new archive that has not got its name, or the
// old one when the new one has.
func settle(path string, told func(done int64)) error {
	for _, end := range ofDatabase {
		if err := remove(path + madeAside + end); err != nil {
			return err
		}
	}
	old, err := os.Stat(path + wornOut)
	if err != nil {
		return absent(err)
	}
	now, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist): // somebody has removed the new one
		return os.Rename(path+wornOut, path)
	case err != nil:
		return err
	case os.SameFile(old, now), old.Size() == now.Size() && old.ModTime().Equal(now.ModTime()): // some file systems number the names of one file apart
		return os.Remove(path + wornOut)
	}
	if err := onDisk(path); err != nil { // before the other one is of no use any more
		return err
	}
	if err := wipe(path+wornOut, told); err != nil {
		return err
	}
	return os.Remove(path + wornOut)
}

// untold is for who need not know how far it is.
func untold(int64) {}

// wipe overwrites a file, if it is there, with zeros.
func wipe(path string, told func(done int64)) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return absent(err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	zeros := make([]byte, 1<<20)
	for done := int64(0); done < info.Size() && err == nil; done += int64(len(zeros)) {
		told(done)
		_, err = f.Write(zeros[:min(info.Size()-done, int64(len(zeros)))])
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// remove removes a file, if it is there.
func remove(path string) error { return absent(os.Remove(path)) }

// absent is err unless that says that something is not there.
func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
