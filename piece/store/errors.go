package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"p2p/piece"
)

var (
	// ErrBusy is wrapped by the error of Open when another Store, usually that of
	// another process, has the same download open.
	ErrBusy = errors.New("another process is using this download")
	// ErrSymlink is wrapped when a symbolic link stands where a file or folder
	// would have to be written.
	ErrSymlink = errors.New("is a symbolic link, which is never written through")
	// ErrNotFile is wrapped when a folder, device or pipe stands where a file
	// should be.
	ErrNotFile = errors.New("is not a regular file")
	// ErrChanged is wrapped when a file was changed by somebody else between the
	// time it was verified and the time it would have been called complete.
	ErrChanged = errors.New("was changed by another program")
	// ErrReadOnly is wrapped by WriteAt on a store opened with Options.ReadOnly.
	ErrReadOnly = errors.New("opened for reading only")
	// ErrUnwanted is wrapped by reads and writes of bytes that the store keeps
	// nowhere: those of an unwanted file inside pieces that touch no other file.
	ErrUnwanted = errors.New("belongs to a file that is not wanted")
)

// Touched reports whether an error of Intact or ReadAt says that somebody else seems to have changed, cut short, moved or deleted
// the file that it names.
func Touched(err error) bool { return errors.Is(err, ErrChanged) || isMissing(err) }

// ExistsError says that a file stands under its final name and is not the file
// of the torrent. It is somebody's data, so it is not touched without
// Options.Overwrite. errors.Is(err, fs.ErrExist) holds.
type ExistsError struct {
	Path    string // on disk
	Good    int    // pieces that overlap the file and are verified
	Bad     int    // the others, as far as they have been looked at
	TooLong int64  // bytes that follow where the file of the torrent ends
	Files   int    // how many files of the torrent are in the way, this one included
}

// Error implements error.
func (e *ExistsError) Error() string {
	s := fmt.Sprintf("%s exists and differs from the file of the torrent: %d of its %d pieces match",
		e.Path, e.Good, e.Good+e.Bad)
	if e.TooLong > 0 {
		s = fmt.Sprintf("%s exists and is %d bytes longer than the file of the torrent", e.Path, e.TooLong)
	}
	if e.Files > 1 {
		s += fmt.Sprintf(" (and so it is with %d more)", e.Files-1)
	}
	return s
}

// Unwrap returns fs.ErrExist.
func (e *ExistsError) Unwrap() error { return fs.ErrExist }

// and returns e with f as one more file that is in the way; e may be nil.
func (e *ExistsError) and(s *Store, f *file, have *piece.Bitfield) *ExistsError {
	if e != nil {
		e.Files++
		return e
	}
	good := s.countGood(f, have)
	e = &ExistsError{Path: s.onDisk(f.path), Good: good, Bad: f.pieces() - good, Files: 1}
	if f.claimed() {
		e.TooLong = max(0, f.stamp.size-f.length)
	}
	return e
}

// orNil returns e as an error that is nil if e is.
func (e *ExistsError) orNil() error {
	if e == nil {
		return nil
	}
	return e
}

// fail returns err as an *fs.PathError that names the file by its path on disk.
// The errors of os.Root name it relative to the root, and their operation by the
// system call; that is replaced.
func (s *Store) fail(op, name string, err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return &fs.PathError{Op: op, Path: s.onDisk(name), Err: err}
}

// onDisk returns the path of name, which is slash-separated and below the root.
func (s *Store) onDisk(name string) string {
	return filepath.Join(s.dir, filepath.FromSlash(name))
}
