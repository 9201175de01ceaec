package store

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"sync/atomic"
)

// form is how a file stands on disk.
type form uint8

const (
	absent form = iota
	part        // incomplete, under its part name
	final       // under its final name; never written to
)

// handle is what the store needs of an *os.File.
type handle interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(size int64) error
	Chmod(mode fs.FileMode) error
	Stat() (fs.FileInfo, error)
}

// file is one file of the torrent, or the parts file.
type file struct {
	path, part     string // final and part name: slash-separated, below the root
	offset, length int64  // its bytes in the torrent
	first, last    int    // pieces that it overlaps, when it has bytes
	pad, exec      bool
	wanted         bool

	// slots says that some of its bytes may lie in the parts file; setAside says
	// what the others are.
	slots, firstAside, lastAside atomic.Bool

	// mu is held for reading during every access through handle and for writing by
	// who changes handle or form, so a file is never renamed or closed under one
	// that reads it.
	mu     sync.RWMutex
	form   form
	handle handle      // nil while closed; open for writing if form is part
	used   atomic.Bool // since the pool looked the last time
	dirty  atomic.Bool // written to since the last fsync

	// Guarded by Store.books.
	stamp   stamp // as it was when its pieces were verified; zero when not known
	settled bool  // stamp was taken long enough after the last change to be proof
	moved   bool  // stamp must be taken anew, since we wrote to the file or renamed it
	// unsynced says that what dirty said when it was looked at last still waits for an
	// fsync. The stamp is not taken before: it could outlive the bytes.
	unsynced bool
}

// name returns the path of f on disk. The caller holds f.mu.
func (f *file) name() string {
	if f.form == part {
		return f.part
	}
	return f.path
}

// formNow returns the form of f for callers that do not hold f.mu.
func (f *file) formNow() form {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.form
}

// setForm gives f another form. The caller holds f.mu for writing, or nobody else
// knows of f yet.
func (s *Store) setForm(f *file, now form) {
	if f.wanted && !f.pad && (f.form == final) != (now == final) {
		if now == final {
			s.named.Add(1)
		} else {
			s.named.Add(-1)
		}
	}
	f.form = now
}

// errFinal is returned by acquire when the file has its final name and so cannot
// be written to.
var errFinal = errors.New("file has its final name")

// acquire opens f if necessary and returns its handle with f.mu held for reading,
// unless there is an error.
func (s *Store) acquire(f *file, write bool) (handle, error) {
	for {
		f.mu.RLock()
		if write && f.form == final {
			f.mu.RUnlock()
			return nil, errFinal
		}
		if f.handle != nil {
			if !f.used.Load() {
				f.used.Store(true)
			}
			return f.handle, nil
		}
		f.mu.RUnlock()
		if err := s.openHandle(f, write); err != nil {
			return nil, err
		}
	}
}

// openHandle opens f, and makes it if write is set and it is absent.
func (s *Store) openHandle(f *file, write bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.handle != nil {
		return nil
	}
	if s.closed.Load() {
		return s.fail("open", f.name(), fs.ErrClosed)
	}
	flag := os.O_RDONLY
	switch {
	case f.form == absent && write:
		if err := s.makeFolders(path.Dir(f.part)); err != nil {
			return err
		}
		// O_EXCL: neither follows a link nor takes over a file that appeared since
		// Open looked.
		flag = os.O_RDWR | os.O_CREATE | os.O_EXCL
	case f.form == absent:
		return s.fail("open", f.path, fs.ErrNotExist)
	case f.form == part && !s.readOnly:
		if err := s.onlyFile(f.part); err != nil {
			return err
		}
		flag = os.O_RDWR
	}
	name := f.name()
	if f.form == absent {
		name = f.part
	}
	h, err := s.openFile(name, flag)
	if err != nil {
		return s.fail("open", name, err)
	}
	if f.form == absent {
		f.form = part
		s.folders.changed(name)
	}
	s.pool.add(f, h)
	return nil
}

func (s *Store) openInRoot(name string, flag int) (handle, error) {
	var f *os.File
	err := s.at(name, func(dir *os.Root, name string) (err error) {
		f, err = dir.OpenFile(name, flag, 0o666)
		return err
	})
	if err != nil {
		return nil, err // not f: a nil *os.File is no nil handle
	}
	return f, nil
}

// onlyFile returns an error unless name is a regular file and no link to one.
func (s *Store) onlyFile(name string) error {
	fi, err := s.lstat(name)
	if err != nil {
		return err
	}
	if fi == nil {
		return s.fail("open", name, fs.ErrNotExist)
	}
	if err := regular(fi); err != nil {
		return s.fail("open", name, err)
	}
	return nil
}

// regular returns an error unless fi is a regular file.
func regular(fi fs.FileInfo) error {
	switch {
	case fi.Mode()&fs.ModeSymlink != 0:
		return ErrSymlink
	case !fi.Mode().IsRegular():
		return ErrNotFile
	}
	return nil
}

// maxOpen is the most files that are kept open. More are open for moments only,
// while that many goroutines are busy with different ones.
const maxOpen = 64

// pool bounds the number of open files. It closes those that were not used for
// the longest time, as far as one bit per file can tell (the clock algorithm):
// what a reader pays for it is one atomic load.
type pool struct {
	mu   sync.Mutex
	open []*file // those whose handle is not nil
	hand int     // where the clock stands in open
}

// add gives f the handle h and closes others to make room. The caller holds f.mu
// for writing.
func (p *pool) add(f *file, h handle) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.open) >= maxOpen && p.evict() {
	}
	f.handle = h
	f.used.Store(true)
	p.open = append(p.open, f)
}

// evict closes one file that nobody is using. It reports false when there is
// none.
func (p *pool) evict() bool {
	for range 2 * len(p.open) {
		p.hand = (p.hand + 1) % len(p.open)
		f := p.open[p.hand]
		if f.used.Swap(false) || !f.mu.TryLock() {
			continue
		}
		// What close may report here, a delayed write error, comes again from the
		// fsync of Checkpoint.
		_ = f.handle.Close()
		f.handle = nil
		p.remove(p.hand)
		f.mu.Unlock()
		return true
	}
	return false
}

// drop closes f. The caller holds f.mu for writing.
func (p *pool) drop(f *file) error {
	if f.handle == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.open {
		if other == f {
			p.remove(i)
			break
		}
	}
	err := f.handle.Close()
	f.handle = nil
	return err
}

func (p *pool) remove(i int) {
	end := len(p.open) - 1
	p.open[i] = p.open[end]
	p.open[end] = nil
	p.open = p.open[:end]
}
