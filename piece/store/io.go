package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
)

// ReadAt fills p with the torrent's bytes from offset off on. It may be called
// by any goroutine. What lies within one file is read with one pread.
//
// The error names the file. It wraps fs.ErrNotExist or io.ErrUnexpectedEOF when
// bytes were never written or a file was cut short behind our back.
func (s *Store) ReadAt(p []byte, off int64) error {
	if err := s.inside(p, off); err != nil {
		return fmt.Errorf("read piece data: %w", err)
	}
	for i := s.find(off); len(p) > 0; i++ {
		f := s.spans[i]
		n := min(int64(len(p)), f.offset+f.length-off)
		if err := s.readSpan(f, p[:n], off-f.offset); err != nil {
			return fmt.Errorf("read piece data: %w", err)
		}
		p, off = p[n:], off+n
	}
	return nil
}

// WriteAt writes p at the torrent's offset off. It may be called by any goroutine
// while no other writes to the same bytes. Files and folders are made on first
// use; what lies within one file is written with one pwrite. It keeps no
// reference to p.
//
// The bytes need not be verified yet, and ReadAt returns them from then on. The
// error names the file and wraps what the system said: syscall.ENOSPC,
// fs.ErrPermission. It is an *ExistsError for other bytes than a file under its
// final name has, in pieces that lie in that file alone; what shares a piece with
// other files is kept aside until Checkpoint knows that the piece is verified.
func (s *Store) WriteAt(p []byte, off int64) error {
	if s.readOnly {
		return fmt.Errorf("write piece data: %s: %w", s.dir, ErrReadOnly)
	}
	if err := s.inside(p, off); err != nil {
		return fmt.Errorf("write piece data: %w", err)
	}
	for i := s.find(off); len(p) > 0; i++ {
		f := s.spans[i]
		n := min(int64(len(p)), f.offset+f.length-off)
		if err := s.writeSpan(f, p[:n], off-f.offset); err != nil {
			return fmt.Errorf("write piece data: %w", err)
		}
		p, off = p[n:], off+n
	}
	return nil
}

// inside checks that the torrent has the bytes that p stands for.
func (s *Store) inside(p []byte, off int64) error {
	if off < 0 || int64(len(p)) > s.layout.Total()-off {
		return fmt.Errorf("%d bytes at offset %d of a torrent of %d bytes", len(p), off, s.layout.Total())
	}
	return nil
}

// find returns the number of the span that holds offset off, or how many there
// are if off is the end of the torrent.
func (s *Store) find(off int64) int {
	return sort.Search(len(s.spans), func(i int) bool { return s.spans[i].offset+s.spans[i].length > off })
}

// readSpan reads the bytes of one file, wherever they lie. The offset is in the
// file.
func (s *Store) readSpan(f *file, p []byte, off int64) error {
	if f.pad {
		clear(p)
		return nil
	}
	if !f.slots.Load() {
		return s.readFile(f, p, off)
	}
	return s.split(f, p, off, func(p []byte, off int64) error { return s.readAside(f, p, off) })
}

// readAside reads bytes, all in one piece, that may lie in the parts file.
func (s *Store) readAside(f *file, p []byte, off int64) error {
	piece, at, border := s.slotAt(f.offset + off)
	// Held so that the bytes do not move while they are read.
	f.mu.RLock()
	if border && f.inSlot(piece) {
		defer f.mu.RUnlock()
		return s.readFile(s.parts, p, at)
	}
	nowhere := f.form == absent && !f.wanted
	f.mu.RUnlock()
	if nowhere {
		return s.fail("read", f.path, errors.Join(ErrUnwanted, fs.ErrNotExist))
	}
	return s.readFile(f, p, off)
}

// writeSpan writes the bytes of one file to where they belong.
func (s *Store) writeSpan(f *file, p []byte, off int64) error {
	if f.pad {
		return nil
	}
	if f.wanted {
		if err := s.writeFile(f, p, off); !errors.Is(err, errFinal) {
			return err
		}
	}
	return s.split(f, p, off, func(p []byte, off int64) error { return s.writeAside(f, p, off) })
}

// writeAside writes bytes, all in one piece, of a file that may be unwanted or
// have its final name.
func (s *Store) writeAside(f *file, p []byte, off int64) error {
	piece, at, border := s.slotAt(f.offset + off)
	f.mu.RLock()
	now := f.form
	if border && now != part {
		defer f.mu.RUnlock()
		if now == final {
			f.setAside(piece)
		}
		return s.writeFile(s.parts, p, at)
	}
	f.mu.RUnlock()
	switch now {
	case part:
		return s.writeFile(f, p, off)
	case final:
		return s.writeFinal(f, p, off)
	}
	return s.fail("write", f.path, ErrUnwanted)
}

// split calls visit for the parts of p that lie in one piece each. The offsets
// are in f.
func (s *Store) split(f *file, p []byte, off int64, visit func(p []byte, off int64) error) error {
	for len(p) > 0 {
		left := s.layout.PieceLen() - (f.offset+off)%s.layout.PieceLen()
		n := min(int64(len(p)), left)
		if err := visit(p[:n], off); err != nil {
			return err
		}
		p, off = p[n:], off+n
	}
	return nil
}

// readFile reads from f itself.
func (s *Store) readFile(f *file, p []byte, off int64) error {
	h, err := s.acquire(f, false)
	if err != nil {
		return err
	}
	n, err := h.ReadAt(p, off)
	name := f.name()
	f.mu.RUnlock()
	switch {
	case n == len(p):
		return nil
	case errors.Is(err, io.EOF):
		return s.fail("read", name, io.ErrUnexpectedEOF)
	}
	return s.fail("read", name, err)
}

// writeFile writes to f itself. The error is errFinal if f has its final name.
func (s *Store) writeFile(f *file, p []byte, off int64) error {
	h, err := s.acquire(f, true)
	if err != nil {
		return err
	}
	_, err = h.WriteAt(p, off)
	// After the write and not before: Checkpoint takes the mark away before it
	// syncs, and what is in its set of pieces has been through here.
	f.dirty.Store(true)
	name := f.name()
	f.mu.RUnlock()
	if err != nil {
		return s.fail("write", name, err)
	}
	return nil
}

// writeFinal deals with bytes of a file that has its final name, in a piece that
// no other file shares. Resume has found such pieces good, or made the file a part.
func (s *Store) writeFinal(f *file, p []byte, off int64) error {
	if same, err := s.holds(f, p, off); same || err != nil {
		return err
	}
	return &ExistsError{Path: s.onDisk(f.path), Bad: 1, Files: 1}
}

// holds reports whether f holds the bytes p at offset off.
func (s *Store) holds(f *file, p []byte, off int64) (bool, error) {
	have := make([]byte, min(len(p), 64<<10))
	for len(p) > 0 {
		n := min(len(p), len(have))
		switch err := s.readFile(f, have[:n], off); {
		case isMissing(err):
			return false, nil
		case err != nil:
			return false, err
		case !bytes.Equal(have[:n], p[:n]):
			return false, nil
		}
		p, off = p[n:], off+int64(n)
	}
	return true, nil
}

// isMissing reports whether err says that bytes are not on disk, as opposed to
// that they cannot be read.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, io.ErrUnexpectedEOF)
}
