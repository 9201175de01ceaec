package store

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"p2p/piece"
	"p2p/torrentfile"
	"p2p/torrentfile/infohash"
)

// Options says how a torrent is kept on disk. The zero value downloads all files
// and keeps no record.
type Options struct {
	// Wanted says which files are wanted, one entry per file of the torrent; nil
	// means all.
	Wanted []bool
	// ReadOnly is for seeding and verifying: nothing in the download folder is
	// made, written or renamed, so it may be a folder without write permission. A
	// record is still read from, and written to, StateDir.
	ReadOnly bool
	// StateDir is the folder for resume records and locks; it is made when needed.
	// "" keeps none: Resume hashes everything, and nothing prevents two processes
	// from writing to the same download.
	StateDir string
	// Root is the path of the content itself, file or folder, when it does not
	// have the torrent's name below the download folder. The folder is ignored
	// then.
	Root string
	// Overwrite allows an existing file that differs to be repaired in place.
	Overwrite bool
	// Look, if not nil, is told by Open now and then how many files it has looked at. An
	// error of it ends Open, which wraps it. It must not block.
	Look func(files int) error
	// InfoHash names the torrent in the parts file and in the record. The zero
	// value takes a digest of the torrent's description instead.
	InfoHash infohash.T
}

// Store is the content of one torrent on disk. Its methods may be called by any
// goroutine, except that Close must be the last.
type Store struct {
	layout    piece.Layout
	info      *torrentfile.Info
	dir       string // the folder that root is open on, absolute
	root      *os.Root
	readOnly  bool
	overwrite bool

	files   []file  // one per file of the torrent
	spans   []*file // those that have bytes, pad files included, by offset
	borders borders
	parts   *file        // bytes of unwanted files
	names   int          // wanted files
	named   atomic.Int64 // those of them that have their final names
	pool    pool
	folders folders
	zeros   zeroHash

	lock       *lock  // nil without StateDir
	recordPath string // "" without StateDir
	identity   [sha256.Size]byte
	closed     atomic.Bool

	// books is held by those that keep the books: Resume and Checkpoint. It guards
	// the stamps of all files and broken.
	books  sync.Mutex
	broken error // why no record may be written any more

	// Replaced by tests.
	openFile func(name string, flag int) (handle, error)
	now      func() time.Time
}

// Open opens the content of the torrent described by info in the folder dir,
// which is made when it does not exist (unless Options.ReadOnly). The Store keeps
// info and only reads it. No file of the torrent is made before the first write to
// it.
//
// The error wraps ErrBusy when the download is open elsewhere, and names the file
// when something unfit stands where one should be (ErrSymlink, ErrNotFile).
func Open(dir string, info *torrentfile.Info, o Options) (*Store, error) {
	s, err := open(dir, info, o, time.Now)
	if err != nil {
		return nil, fmt.Errorf("open download: %w", err)
	}
	return s, nil
}

func open(dir string, info *torrentfile.Info, o Options, now func() time.Time) (*Store, error) {
	layout := info.Layout()
	if layout.Total() != info.Total() || len(info.Hashes) != layout.Pieces()*infohash.Size {
		return nil, errors.New("torrent is not valid")
	}
	if o.Wanted != nil && len(o.Wanted) != len(info.Files) {
		return nil, fmt.Errorf("%d choices for %d files", len(o.Wanted), len(info.Files))
	}
	paths, err := info.SafePaths(foldsCase)
	if err != nil {
		return nil, err
	}
	dir, paths, err = place(dir, info, paths, o.Root)
	if err != nil {
		return nil, err
	}
	s := &Store{layout: layout, info: info, dir: dir, readOnly: o.ReadOnly, overwrite: o.Overwrite, now: now}
	s.openFile = s.openInRoot
	s.addFiles(paths, o.Wanted)
	description := s.describe(paths)
	s.parts = &file{path: partsName(o.InfoHash, description), wanted: true}
	s.parts.part = s.parts.path

	if !o.ReadOnly {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
	}
	if s.root, err = os.OpenRoot(dir); err != nil {
		return nil, err
	}
	if err := s.openState(o, description); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.adoptOriginals(o.Root)
	if err := s.survey(o.Look); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// regular reports whether there is a plain file at name.
func (s *Store) regular(name string) bool {
	info, err := s.stat(name)
	return err == nil && info.Mode().IsRegular()
}

// foldsCase says whether names that differ in letter case alone may be the same
// file. That is a property of the file system, but these are the systems where it
// is the rule.
const foldsCase = runtime.GOOS == "windows" || runtime.GOOS == "darwin"

// place returns the folder to open and the paths of the files below it, as they
// are, or moved to root if that is given.
func place(dir string, info *torrentfile.Info, paths []string, root string) (string, []string, error) {
	if root != "" {
		// The user has named this path, so a link that it consists of is followed.
		if resolved, err := filepath.EvalSymlinks(root); err == nil {
			root = resolved
		}
		if dir = root; info.Single {
			dir = filepath.Dir(root)
			paths = []string{filepath.Base(root)}
		} else {
			for i, p := range paths {
				_, paths[i], _ = strings.Cut(p, "/")
			}
		}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", nil, err
	}
	return dir, paths, nil
}

// addFiles fills the tables of files.
func (s *Store) addFiles(paths []string, wanted []bool) {
	names := partNames(paths)
	s.files = make([]file, len(paths))
	for i, entry := range s.info.Files {
		f := &s.files[i]
		f.path, f.part = paths[i], names[i]
		f.offset, f.length = entry.Offset, entry.Length
		f.pad, f.exec = entry.Pad, entry.Executable
		f.wanted = wanted == nil || wanted[i]
		f.slots.Store(!f.wanted)
		if f.wanted && !f.pad {
			s.names++
		}
		if f.length > 0 {
			f.first = int(f.offset / s.layout.PieceLen())
			f.last = int((f.offset + f.length - 1) / s.layout.PieceLen())
			s.spans = append(s.spans, f)
		}
	}
	s.borders = findBorders(s.spans)
}

// describe returns a digest of everything that decides which byte of the torrent
// lies where below the root, and what it must be.
func (s *Store) describe(paths []string) [sha256.Size]byte {
	h := sha256.New()
	var b []byte
	b = binary.BigEndian.AppendUint64(b, uint64(s.layout.Total()))
	b = binary.BigEndian.AppendUint64(b, uint64(s.layout.PieceLen()))
	h.Write(b)
	h.Write(s.info.Hashes)
	for i := range s.files {
		pad := byte(0)
		if s.files[i].pad {
			pad = 1
		}
		b = binary.BigEndian.AppendUint64(b[:0], uint64(s.files[i].length))
		b = append(b, pad)
		b = append(append(b, paths[i]...), 0)
		h.Write(b)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// partsName returns the name of the file for the bytes of unwanted files.
func partsName(id infohash.T, description [sha256.Size]byte) string {
	if id.IsZero() {
		id = infohash.T(description[:])
	}
	return "." + id.String() + ".parts"
}

// Layout returns how the torrent falls into pieces.
func (s *Store) Layout() piece.Layout { return s.layout }

// Wanted returns the pieces that a wanted file needs; all pieces when all files
// are wanted. The caller owns the result.
func (s *Store) Wanted() *piece.Bitfield {
	wanted, all := piece.NewBitfield(s.layout.Pieces()), true
	for i := range s.files {
		all = all && (s.files[i].wanted || s.files[i].pad)
	}
	if all {
		wanted.SetAll()
		return wanted
	}
	for _, f := range s.spans {
		if f.wanted && !f.pad {
			s.each(f, func(p piece.Index) { wanted.Set(p) })
		}
	}
	return wanted
}

// each calls visit with every piece that overlaps f, which has bytes.
func (s *Store) each(f *file, visit func(piece.Index)) {
	for p := f.first; p <= f.last; p++ {
		visit(s.layout.MustIndex(p))
	}
}

// Close closes all files and gives up the lock. It writes nothing: what was not
// saved with Checkpoint is hashed by the next run. A second call does nothing.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	var errs []error
	for i := range s.files {
		errs = append(errs, s.shut(&s.files[i]))
	}
	errs = append(errs, s.shut(s.parts))
	s.folders.close()
	if s.root != nil {
		errs = append(errs, s.root.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.release())
	}
	return errors.Join(errs...)
}

// shut closes the handle of f, if it has one.
func (s *Store) shut(f *file) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return s.pool.drop(f)
}
