package store

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"sync"
	"syscall"
)

// maxFolders is the most folders that are kept open. What is done at one time
// lies in few: a piece in neighbours, and so what is synced and named.
const maxFolders = 8

// folders is what is known about the folders below the root, and those of them
// that are open. A path costs a system call for each folder that it leads
// through, every time; from the folder itself, a name costs one.
type folders struct {
	mu    sync.Mutex
	ready map[string]bool // exist, and are no links
	dirty map[string]bool // got or lost a name since the last fsync
	open  []*folder       // the one used last is the last
}

// folder is an open one. The mutex of folders guards users and closed.
type folder struct {
	name   string
	root   *os.Root
	users  int
	closed bool // the last user closes it
}

// at calls do with the folder that name is in and the last element of name. If
// that fails it calls do with the root and name itself, whose word counts: an
// open folder may be another one than has its name by now, and what is a way out
// of it for a link need not be one out of the root.
func (s *Store) at(name string, do func(dir *os.Root, name string) error) error {
	parent := path.Dir(name)
	if parent == "." {
		return do(s.root, name)
	}
	d, err := s.folders.enter(s.root, parent)
	if isAbsent(err) {
		return err
	}
	if err == nil {
		err = do(d.root, path.Base(name))
		s.folders.leave(d)
	}
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return do(s.root, name)
}

// enter returns the folder name, open. The caller gives it back with leave.
func (d *folders) enter(root *os.Root, name string) (*folder, error) {
	if f := d.find(name); f != nil {
		return f, nil
	}
	dir, err := root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.take(name); f != nil { // somebody was faster
		return f, dir.Close()
	}
	if len(d.open) >= maxFolders {
		d.forget(0)
	}
	f := &folder{name: name, root: dir, users: 1}
	d.open = append(d.open, f)
	return f, nil
}

// find returns the folder name if it is open.
func (d *folders) find(name string) *folder {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.take(name)
}

// take is find for a caller that holds mu.
func (d *folders) take(name string) *folder {
	i := slices.IndexFunc(d.open, func(f *folder) bool { return f.name == name })
	if i < 0 {
		return nil
	}
	f := d.open[i]
	d.open = append(slices.Delete(d.open, i, i+1), f)
	f.users++
	return f
}

// leave gives back what enter returned.
func (d *folders) leave(f *folder) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f.users--; f.users == 0 && f.closed {
		_ = f.root.Close() // nothing was written through it
	}
}

// forget closes the i-th of the open folders, as soon as nobody uses it. The caller holds mu.
func (d *folders) forget(i int) {
	f := d.open[i]
	d.open = slices.Delete(d.open, i, i+1)
	if f.closed = true; f.users == 0 {
		_ = f.root.Close()
	}
}

// close closes all folders.
func (d *folders) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.open) > 0 {
		d.forget(0)
	}
}

// changed notes that a name was added to or removed from the folder of name.
func (d *folders) changed(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dirty == nil {
		d.dirty = map[string]bool{}
	}
	d.dirty[path.Dir(name)] = true
}

// takeDirty returns the folders that are to be synced, and forgets that they are.
func (d *folders) takeDirty() map[string]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	dirty := d.dirty
	d.dirty = nil
	return dirty
}

// makeFolders makes the folder name and those above it. A symbolic link is not
// accepted as a folder, even if it stays inside the root: two paths that lead to
// one folder could make two files of the torrent overwrite each other.
func (s *Store) makeFolders(name string) error {
	s.folders.mu.Lock()
	ready := name == "." || s.folders.ready[name]
	s.folders.mu.Unlock()
	if ready {
		return nil
	}
	if err := s.makeFolders(path.Dir(name)); err != nil {
		return err
	}
	err := s.root.Mkdir(name, 0o777)
	switch {
	case err == nil:
		s.folders.changed(name)
	case errors.Is(err, fs.ErrExist):
		fi, err := s.root.Lstat(name)
		if err != nil {
			return s.fail("mkdir", name, err)
		}
		if fi.Mode()&fs.ModeSymlink != 0 {
			return s.fail("mkdir", name, ErrSymlink)
		}
		if !fi.IsDir() {
			return s.fail("mkdir", name, syscall.ENOTDIR)
		}
	default:
		return s.fail("mkdir", name, err)
	}
	s.folders.mu.Lock()
	defer s.folders.mu.Unlock()
	if s.folders.ready == nil {
		s.folders.ready = map[string]bool{}
	}
	s.folders.ready[name] = true
	return nil
}
