package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"p2p/piece"
	"p2p/torrentfile/infohash"
)

// openState locks the download, unless there is no StateDir, and finds out where
// its record is.
func (s *Store) openState(o Options, description [sha256.Size]byte) error {
	if o.StateDir == "" {
		return nil
	}
	if err := os.MkdirAll(o.StateDir, 0o700); err != nil {
		return err
	}
	folder, err := filepath.EvalSymlinks(s.dir)
	if err != nil {
		return err
	}
	h := sha256.New()
	h.Write(description[:])
	h.Write([]byte(folder))
	s.identity = [sha256.Size]byte(h.Sum(nil))

	id := o.InfoHash
	if id.IsZero() {
		id = infohash.T(description[:])
	}
	base := filepath.Join(o.StateDir, id.String()+"-"+hex.EncodeToString(s.identity[:8]))
	// The record itself cannot carry the lock, since it is replaced by a new file.
	s.lock, err = takeLock(base+".lock", s.readOnly)
	if errors.Is(err, ErrBusy) {
		return fmt.Errorf("%s: %w", s.dir, err)
	}
	if err != nil {
		return err
	}
	s.recordPath = base + ".resume"
	if !s.readOnly {
		removeLeftovers(s.recordPath)
	}
	return nil
}

// removeLeftovers removes what a crash left of a record that was being written.
// Failure does no harm.
func removeLeftovers(record string) {
	left, err := filepath.Glob(escapeGlob(record) + tmpPattern)
	if err != nil {
		return
	}
	for _, name := range left {
		_ = os.Remove(name)
	}
}

// escapeGlob makes filepath.Glob take s literally. On Windows, where nothing can
// be escaped, a folder with such characters finds no leftovers.
func escapeGlob(s string) string {
	if os.PathSeparator == '\\' {
		return s
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

// trusted returns the pieces that the record of an earlier run says are verified
// and that cannot have changed since.
func (s *Store) trusted() (*piece.Bitfield, error) {
	none := piece.NewBitfield(s.layout.Pieces())
	if s.recordPath == "" {
		return none, nil
	}
	r, err := readRecord(s.recordPath, recordSize(s.layout.Pieces(), len(s.files)+1))
	if err != nil || r == nil {
		return none, err
	}
	if r.identity != s.identity || r.have.Len() != s.layout.Pieces() {
		return none, nil
	}
	unchanged := s.unchanged(r)
	have := r.have.Clone()
	for i := range s.files {
		f := &s.files[i]
		if f.length == 0 || f.pad || unchanged[uint32(i)] {
			continue
		}
		keep := f.slots.Load() && f.formNow() == absent && unchanged[partsEntry]
		s.each(f, func(p piece.Index) {
			if _, ok := s.borders.slot(p.Int()); !ok || !keep {
				have.Clear(p)
			}
		})
	}
	return have, nil
}

// unchanged returns the numbers of the files that are as the record describes
// them.
func (s *Store) unchanged(r *record) map[uint32]bool {
	same := make(map[uint32]bool, len(r.files))
	for _, e := range r.files {
		var f *file
		switch {
		case e.file == partsEntry:
			f = s.parts
		case e.file < uint32(len(s.files)):
			f = &s.files[e.file]
		default:
			continue
		}
		if f.formNow() == e.form && e.form != absent && f.stamp == e.stamp {
			same[e.file] = true
		}
	}
	return same
}
