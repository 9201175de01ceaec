package store

import (
	"time"

	"p2p/torrentfile"
)

// Handle is what tests may put in the place of an open file.
type Handle = handle

// OnOpen makes s open files through open, which gets what would have been opened.
func (s *Store) OnOpen(wrap func(name string, h Handle) Handle) {
	inner := s.openFile
	s.openFile = func(name string, flag int) (handle, error) {
		h, err := inner(name, flag)
		if err != nil {
			return nil, err
		}
		return wrap(name, h), nil
	}
}

// OpenFiles returns how many files are open.
func (s *Store) OpenFiles() int {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	return len(s.pool.open)
}

// OpenFolders returns how many folders below the root are open.
func (s *Store) OpenFolders() int {
	s.folders.mu.Lock()
	defer s.folders.mu.Unlock()
	return len(s.folders.open)
}

// RecordedFiles returns the numbers of the files that the record of s vouches for.
func (s *Store) RecordedFiles() (files []int, err error) {
	r, err := readRecord(s.recordPath, recordSize(s.layout.Pieces(), len(s.files)+1))
	if err != nil || r == nil {
		return nil, err
	}
	for _, e := range r.files {
		files = append(files, int(e.file))
	}
	return files, nil
}

// RecordPath returns where the record is.
func (s *Store) RecordPath() string { return s.recordPath }

// PartsName returns the name of the parts file.
func (s *Store) PartsName() string { return s.parts.part }

// OpenAt is Open at another time.
func OpenAt(dir string, info *torrentfile.Info, o Options, now time.Time) (*Store, error) {
	return open(dir, info, o, func() time.Time { return now })
}

// FailOpen makes every opening of a file fail with err.
func (s *Store) FailOpen(err error) {
	s.openFile = func(string, int) (handle, error) { return nil, err }
}

// Settled reports whether a stamp with these times, taken at now, is proof.
func Settled(mtime, ctime, now time.Time) bool {
	st := stamp{mtime: mtime.UnixNano(), ctime: ctime.UnixNano()}
	return st.settled(now)
}

const (
	MaxOpen    = maxOpen
	MaxFolders = maxFolders
)

var PartNames = partNames

// ReencodeRecord parses b as a record and encodes it again. It returns how many
// pieces and files it speaks of.
func ReencodeRecord(b []byte) (again []byte, pieces, files int, err error) {
	r, err := parseRecord(b)
	if err != nil {
		return nil, 0, 0, err
	}
	return r.encode(), r.have.Len(), len(r.files), nil
}
