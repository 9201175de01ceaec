package store

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"
)

// lookEvery is after how many files Options.Look is told of them: on a cold disk that is
// some tenths of a second.
const lookEvery = 100

// survey finds out in which form each file is on disk.
func (s *Store) survey(tell func(files int) error) error {
	now := s.now()
	for i := range s.files {
		if tell != nil && i%lookEvery == 0 {
			if err := tell(i); err != nil {
				return err
			}
		}
		f := &s.files[i]
		if f.pad {
			continue
		}
		if err := s.look(f, now); err != nil {
			if !f.wanted {
				continue // whatever it is, it is left alone
			}
			return err
		}
		if s.readOnly && f.form == absent {
			f.slots.Store(true) // an earlier run may not have wanted it
		}
	}
	fi, err := s.lstat(s.parts.part)
	if err != nil || fi == nil {
		return err
	}
	if err := regular(fi); err != nil {
		return s.fail("open", s.parts.part, err)
	}
	s.parts.form = part
	s.parts.setStamp(fi, now)
	return nil
}

// look finds out in which form f is on disk.
func (s *Store) look(f *file, now time.Time) error {
	full, err := s.statFinal(f)
	if err != nil {
		return err
	}
	if full != nil && s.readOnly {
		s.setForm(f, final)
		f.setStamp(full, now)
		return nil
	}
	begun, err := s.lstat(f.part)
	if err != nil {
		return err
	}
	if begun != nil {
		if err := regular(begun); err != nil {
			return s.fail("open", f.part, err)
		}
	}
	if full != nil && begun != nil && sameFile(full, begun) {
		// A crash came between the two steps of giveName.
		if err := s.remove(f.part); err != nil {
			return s.fail("remove", f.part, err)
		}
		s.folders.changed(f.part)
		begun = nil
		if full, err = s.statFinal(f); err != nil {
			return err
		}
	}
	s.setForm(f, s.choose(full, begun))
	switch f.form {
	case final:
		f.setStamp(full, now)
	case part:
		f.setStamp(begun, now)
	}
	return nil
}

// choose returns the form of a file when full is what stands under its final name
// and begun what stands under its part name; nil means nothing.
func (s *Store) choose(full, begun fs.FileInfo) form {
	switch {
	case full != nil && begun != nil && s.overwrite:
		return part // the other may be overwritten, and this is what we fetched for that
	case full != nil:
		return final
	case begun != nil:
		return part
	}
	return absent
}

// statFinal describes what stands under the final name of f, nil for nothing. A
// symbolic link there is followed, inside the root, since it is only read; but if
// it leads nowhere, nothing could be made in its place either.
func (s *Store) statFinal(f *file) (fs.FileInfo, error) {
	fi, err := s.lstat(f.path)
	if err != nil || fi == nil {
		return nil, err
	}
	if fi.Mode()&fs.ModeSymlink != 0 {
		fi, err = s.stat(f.path)
		switch {
		case isAbsent(err) && s.readOnly:
			return nil, nil
		case isAbsent(err):
			return nil, s.fail("open", f.path, ErrSymlink)
		case err != nil:
			return nil, s.fail("open", f.path, err)
		}
	}
	if err := regular(fi); err != nil {
		return nil, s.fail("open", f.path, err)
	}
	return fi, nil
}

// lstat describes name itself; nil if there is nothing.
func (s *Store) lstat(name string) (fi fs.FileInfo, err error) {
	err = s.at(name, func(dir *os.Root, name string) (err error) {
		if fi, err = dir.Lstat(name); isAbsent(err) {
			return nil // and do not look again
		}
		return err
	})
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, s.fail("open", name, err)
	}
	return fi, nil
}

// stat describes what name leads to.
func (s *Store) stat(name string) (fi fs.FileInfo, err error) {
	err = s.at(name, func(dir *os.Root, name string) (err error) {
		fi, err = dir.Stat(name)
		return err
	})
	return fi, err
}

// remove removes the file name.
func (s *Store) remove(name string) error {
	return s.at(name, func(dir *os.Root, name string) error { return dir.Remove(name) })
}

// link gives the file from a second name, unless that is taken.
func (s *Store) link(from, to string) error {
	if path.Dir(from) != path.Dir(to) {
		return s.root.Link(from, to)
	}
	return s.at(from, func(dir *os.Root, name string) error {
		return dir.Link(name, path.Join(path.Dir(name), path.Base(to)))
	})
}

// isAbsent reports whether err says that a name does not exist, be it because a
// folder above it is a file.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// giveName renames a file and fails with fs.ErrExist when the new name is taken.
// The package comment says why it does not use rename(2).
func (s *Store) giveName(from, to string) error {
	if err := s.onlyFile(from); err != nil {
		return err
	}
	err := s.link(from, to)
	switch {
	case err == nil:
		err = s.remove(from)
	case errors.Is(err, fs.ErrExist):
	default:
		// No hard links here, or not for us. What else may be wrong, the rename tells.
		if _, exists := s.root.Lstat(to); exists == nil {
			err = fs.ErrExist
		} else {
			err = s.root.Rename(from, to)
		}
	}
	if err != nil {
		return s.fail("rename", to, err)
	}
	s.folders.changed(from)
	s.folders.changed(to)
	return nil
}

// reopenAsPart turns a file that has its final name and differs into a part. What
// was fetched of it already moves there from the parts file, before anybody else
// sees the part. The caller has made sure that Options.Overwrite allows it.
func (s *Store) reopenAsPart(f *file) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := s.pool.drop(f); err != nil {
		return s.fail("close", f.path, err)
	}
	if err := s.giveName(f.path, f.part); err != nil {
		return err
	}
	s.setForm(f, part)
	f.dirty.Store(true)
	if !f.elsewhere() {
		return nil
	}
	h, err := s.openFile(f.part, os.O_RDWR)
	if err != nil {
		return s.fail("open", f.part, err)
	}
	if err := errors.Join(s.fromSlots(f, h), h.Close()); err != nil {
		return s.fail("write", f.part, err)
	}
	return nil
}

// adopt moves bytes of files that are wanted now, and were not in an earlier run,
// from the parts file to where they belong. Whether they are right is for hashing
// to find out.
func (s *Store) adopt() error {
	if s.readOnly || s.parts.formNow() == absent {
		return nil
	}
	for _, f := range s.spans {
		if f.pad || !f.wanted || f.formNow() != absent {
			continue
		}
		if err := s.borders.shared(f, func(slot int) error { return s.adoptSlot(f, slot) }); err != nil {
			return err
		}
	}
	return nil
}

// adoptSlot copies what the slot holds of f to f.
func (s *Store) adoptSlot(f *file, slot int) error {
	err := s.eachInSlot(f, slot, func(p []byte, off int64) error {
		if allZero(p) {
			return nil // a hole, most likely: do not make a file for that
		}
		return s.writeFile(f, p, off)
	})
	if isMissing(err) {
		return nil // not all there, so the piece will be fetched
	}
	return err
}

func allZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}

// makeEmpty makes a file without bytes, which no write ever would.
func (s *Store) makeEmpty(f *file) error {
	if err := s.makeFolders(path.Dir(f.path)); err != nil {
		return err
	}
	h, err := s.openFile(f.path, createFlags)
	if err != nil {
		return s.fail("create", f.path, err)
	}
	s.folders.changed(f.path)
	f.mu.Lock()
	s.setForm(f, final)
	f.mu.Unlock()
	if f.exec {
		err = makeExecutable(h)
	}
	if err = errors.Join(err, h.Close()); err != nil {
		return s.fail("create", f.path, err)
	}
	return nil
}
