package memory

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Save writes a snapshot to the file at path, which only this user may read. The
// file is replaced when all of the new one is on the disk, so that there is always a
// whole one. One Save at a time may write to a path. It rests for rest after every 128
// KiB or so: a goroutine that only yields is preferred to packets that wait in the
// system.
func (s *Store) Save(path string, now time.Time, rest time.Duration) error {
	// A name that does not change, so that a crash leaves one file at most; made
	// anew, so that nobody can have put a link to another file there.
	name := path + ".tmp"
	_ = os.Remove(name)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("save peers: %w", err)
	}
	err = s.Snapshot(resting{f, rest}, now)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(name, path)
	}
	if err != nil {
		return fmt.Errorf("save peers: %w", errors.Join(err, os.Remove(name)))
	}
	// The new name is on the disk when the folder is. Some systems cannot do
	// that to a folder; a crash then leaves the old file.
	if d, err := os.Open(filepath.Dir(path)); err == nil {
		d.Sync()
		d.Close()
	}
	return nil
}

// resting is a file that is not in a hurry.
type resting struct {
	*os.File
	rest time.Duration
}

// Write implements io.Writer.
func (r resting) Write(b []byte) (int, error) {
	time.Sleep(r.rest)
	return r.File.Write(b)
}

// Load reads the snapshot at path; see Restore. The error is fs.ErrNotExist when
// there is none, ErrSnapshot when it is damaged, and ErrForeign too when the file is
// somebody else's.
func (s *Store) Load(path string, before, now time.Time) (peers int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("load peers: %w", err)
	}
	defer f.Close()
	peers, err = s.Restore(bufio.NewReaderSize(f, 64<<10), before, now)
	if err != nil {
		return peers, fmt.Errorf("load peers: %w", err)
	}
	return peers, nil
}
