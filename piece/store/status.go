package store

import (
	"io/fs"
	"os"

	"p2p/piece"
)

// FileStatus is how one file of the torrent is kept.
type FileStatus struct {
	Path    string // where it is now, or would be once complete; with the folder, in the form of this system
	Name    string // its slash-separated path below the folder, once complete
	Length  int64  // bytes in the torrent
	Wanted  bool
	Pad     bool // filler that is never on disk (BEP 47)
	Partial bool // on disk under the name of a part
	Final   bool // on disk under its final name, which alone does not say that it is right
}

// Files returns how each file of the torrent is kept now, in the torrent's order.
func (s *Store) Files() []FileStatus {
	list := make([]FileStatus, len(s.files))
	for i := range s.files {
		f := &s.files[i]
		form := f.formNow()
		name := f.path
		if form == part {
			name = f.part
		}
		list[i] = FileStatus{
			Path: s.onDisk(name), Name: f.path, Length: f.length,
			Wanted: f.wanted, Pad: f.pad, Partial: form == part, Final: form == final,
		}
	}
	return list
}

// Named returns how many of the wanted files have their final names, and how many
// are to get them. Any goroutine may call it; it takes no time.
func (s *Store) Named() (done, total int) { return int(s.named.Load()), s.names }

// FilePieces is what a set of verified pieces means for one file.
type FilePieces struct {
	Pieces int     // that overlap the file
	Good   int     // of those, in the set
	Bytes  int64   // of the file in pieces of the set
	Bad    []Range // the others, in order, as runs
}

// Complete reports whether every piece that overlaps the file is verified.
func (f FilePieces) Complete() bool { return f.Good == f.Pieces }

// Range is a run of pieces, both ends included.
type Range struct{ First, Last piece.Index }

// PerFile tells for each file, in the torrent's order, which of its pieces are in
// have. It looks at nothing on disk.
func (s *Store) PerFile(have *piece.Bitfield) []FilePieces {
	list := make([]FilePieces, len(s.files))
	for i := range s.files {
		if f := &s.files[i]; f.length > 0 {
			list[i] = s.perFile(f, have)
		}
	}
	return list
}

func (s *Store) perFile(f *file, have *piece.Bitfield) FilePieces {
	r := FilePieces{Pieces: f.pieces()}
	s.each(f, func(p piece.Index) {
		switch n := len(r.Bad); {
		case have.Has(p):
			r.Good++
			begin := s.layout.Offset(p)
			r.Bytes += min(begin+int64(s.layout.Size(p)), f.offset+f.length) - max(begin, f.offset)
		case n > 0 && r.Bad[n-1].Last.Int() == p.Int()-1:
			r.Bad[n-1].Last = p
		default:
			r.Bad = append(r.Bad, Range{First: p, Last: p})
		}
	})
	return r
}

// Intact looks at the wanted files that have their final names, and reads none. It returns nil when none of them seems to have
// been written to, moved or deleted since Open or the last Checkpoint; the error names one that has, and wraps fs.ErrNotExist if
// nothing is there and ErrChanged otherwise. Without Options.StateDir, of files that this store has written only the length is
// known. Any goroutine may call it.
func (s *Store) Intact() error {
	s.books.Lock()
	defer s.books.Unlock()
	if err := s.inPlace(); err != nil {
		return err
	}
	for i := range s.files {
		f := &s.files[i]
		if !f.claimed() {
			continue
		}
		fi, err := s.root.Stat(f.path)
		stamped := f.length > 0 && (s.readOnly || s.recordPath != "")
		switch {
		case err != nil:
			return s.fail("look at", f.path, err)
		case fi.Size() != f.length, stamped && !stampOf(fi).sameContent(f.stamp):
			return s.fail("look at", f.path, ErrChanged)
		}
	}
	return nil
}

// inPlace returns an error unless the folder is still where it was opened: what was moved can be read all the same.
func (s *Store) inPlace() error {
	opened, err := s.root.Stat(".")
	if err != nil {
		return s.fail("look at", "", err)
	}
	here, err := os.Stat(s.dir)
	switch {
	case err != nil:
		return s.fail("look at", "", err)
	case !os.SameFile(opened, here):
		return s.fail("look at", "", fs.ErrNotExist)
	}
	return nil
}
