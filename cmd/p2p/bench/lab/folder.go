package lab

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

const (
	folderName = "p2p-bench-"
	lockName   = "p2p-bench.lock" // in each; held as long as the process lives that made it
	settled    = time.Minute      // what is younger may be without its lock yet
)

// Folder is a temporary folder of a measurement. A process that is killed cannot
// remove its own, which is in memory perhaps and large: the next one does.
type Folder struct {
	Path string // absolute
	lock *flock.Flock
}

// MakeFolder makes a folder in parent ("" = that of the system). First it removes
// those there that this made for the same user and whose process has died.
func MakeFolder(parent string) (*Folder, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	sweep(parent, time.Now())
	dir, err := os.MkdirTemp(parent, folderName)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	f := &Folder{dir, flock.New(filepath.Join(dir, lockName))}
	if held, err := f.lock.TryLock(); err != nil || !held { // no such thing here: nobody is to find one that is not held
		os.Remove(f.lock.Path())
	}
	return f, nil
}

// Remove removes the folder with all that is in it. A nil one is none.
func (f *Folder) Remove() error {
	if f == nil {
		return nil
	}
	return errors.Join(f.lock.Close(), os.RemoveAll(f.Path))
}

// sweep removes what died with its process. What cannot be removed is no hindrance.
func sweep(parent string, now time.Time) {
	found, err := filepath.Glob(filepath.Join(parent, folderName+"*"))
	if err != nil {
		return
	}
	for _, dir := range found {
		if orphaned(dir, now) {
			os.RemoveAll(dir)
		}
	}
}

// orphaned reports whether MakeFolder made dir, for this user, in a process that is
// gone. One without a lock is somebody else's.
func orphaned(dir string, now time.Time) bool {
	name := filepath.Join(dir, lockName)
	for _, path := range []string{dir, name} {
		st, err := os.Lstat(path) // a link leads to what is not ours
		if err != nil || !ours(st) || st.IsDir() != (path == dir) || path == name && (!st.Mode().IsRegular() || now.Sub(st.ModTime()) < settled) {
			return false
		}
	}
	lock := flock.New(name, flock.SetFlag(os.O_RDWR))
	free, err := lock.TryLock()
	return errors.Join(err, lock.Close()) == nil && free
}
