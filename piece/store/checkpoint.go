package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"p2p/piece"
)

// createFlags open a file that must not exist yet.
const createFlags = os.O_RDWR | os.O_CREATE | os.O_EXCL

// Checkpoint makes what is verified durable: it syncs what was written, gives
// finished files their final names, makes wanted files without bytes, and writes
// the record. have are the pieces that are verified and whose WriteAt has
// returned; it is only read, and must not change meanwhile. Any goroutine may call
// it while others read and write. It may take as long as the disk needs to write
// all that is in its cache, and up to 50 ms more; Named tells how far it is.
//
// When ctx ends, no other file is synced or named: what was is recorded, and the
// error wraps ctx.Err(). The next Checkpoint goes on, be it in another process.
//
// An *ExistsError tells of a wanted file that is not the torrent's, or that has
// taken the final name of one; all else has been done then. Other errors name the
// file and wrap what the system said, or ErrChanged. Once the disk has failed,
// the same error comes back every time and no record is written any more; the
// package comment explains why.
func (s *Store) Checkpoint(ctx context.Context, have *piece.Bitfield) error {
	s.books.Lock()
	defer s.books.Unlock()
	if err := s.checkpoint(ctx, have); err != nil {
		return fmt.Errorf("save download: %w", err)
	}
	return nil
}

func (s *Store) checkpoint(ctx context.Context, have *piece.Bitfield) error {
	if s.broken != nil {
		return s.broken
	}
	var incomplete error
	if !s.readOnly {
		incomplete = s.secure(ctx, have)
	}
	if s.broken != nil {
		return s.broken
	}
	err := s.record(have) // of what was done, if not all was
	if !onlyExists(incomplete) {
		return incomplete
	}
	if err != nil {
		return err
	}
	return errors.Join(incomplete, s.dropParts())
}

// onlyExists reports whether err is nothing worse than an *ExistsError.
func onlyExists(err error) bool {
	return err == nil || errors.As(err, new(*ExistsError))
}

// secure syncs what was written and gives finished files their final names. That
// goes by as many files as may be open at once, so that each of them is opened once for
// it, and some have their names when ctx ends.
func (s *Store) secure(ctx context.Context, have *piece.Bitfield) error {
	differs := s.settle(have)
	if !onlyExists(differs) {
		s.broken = differs // bytes of have may have been on the move
		return differs
	}
	finished, others := s.sort(have)
	if err := s.syncAll(ctx, others); err != nil {
		return err
	}
	var taken *ExistsError
	for some := range slices.Chunk(finished, maxOpen) {
		if err := s.trimAll(some); err != nil {
			return err
		}
		if err := s.syncAll(ctx, some); err != nil {
			return err
		}
		var err error
		if taken, err = s.finish(some, have, taken); err != nil {
			return err
		}
	}
	if err := s.syncFolders(ctx); err != nil {
		return err
	}
	if differs != nil {
		return differs
	}
	return taken.orNil()
}

// sort returns the files that are to get their final names: the parts of which every piece
// is verified, and the wanted files without bytes that are not there yet. And it
// returns the others that are to be synced. Until they are, no record speaks of them.
func (s *Store) sort(have *piece.Bitfield) (finished, others []*file) {
	for i := range s.files {
		f := &s.files[i]
		unsynced := f.mark()
		now := f.formNow()
		switch {
		case f.pad, now == final:
		case f.length == 0 && f.wanted, f.length > 0 && now == part && s.complete(f, have):
			finished = append(finished, f)
		case unsynced:
			others = append(others, f)
		}
	}
	if s.parts.mark() {
		others = append(others, s.parts)
	}
	return finished, others
}

// mark notes whether f was written to since it was last synced, and reports it.
func (f *file) mark() bool {
	if f.dirty.Swap(false) {
		f.moved, f.unsynced = true, true
	}
	return f.unsynced
}

// complete reports whether every piece that overlaps f is in have.
func (s *Store) complete(f *file, have *piece.Bitfield) bool {
	for p := f.first; p <= f.last; p++ {
		if !have.Has(s.layout.MustIndex(p)) {
			return false
		}
	}
	return true
}

// syncers is how many files are synced at once. File systems with a journal bring
// many to the disk in one go, if only they are asked for together.
const syncers = 8

// syncAll syncs those of the files that were written to, until ctx ends. A failure of the
// disk is noted in broken.
func (s *Store) syncAll(ctx context.Context, files []*file) error {
	var group errgroup.Group
	group.SetLimit(syncers)
	for _, f := range files {
		if f.mark() && ctx.Err() == nil {
			group.Go(func() error { return s.sync(f) })
		}
	}
	if s.broken = group.Wait(); s.broken != nil {
		return s.broken
	}
	return ctx.Err()
}

// sync brings what was written to f to the disk.
func (s *Store) sync(f *file) error {
	h, err := s.acquire(f, false)
	if err != nil {
		return err
	}
	defer f.mu.RUnlock()
	if err := h.Sync(); err != nil {
		return s.fail("sync", f.name(), err)
	}
	f.unsynced = false
	return nil
}

// trimAll makes finished parts ready for their final names.
func (s *Store) trimAll(finished []*file) error {
	for _, f := range finished {
		if f.formNow() == part {
			if err := s.trim(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// trim makes a part ready for its final name: it cuts off what an overwritten
// file had more, and sets the executable bit.
func (s *Store) trim(f *file) error {
	h, err := s.acquire(f, true)
	if err != nil {
		return err
	}
	defer f.mu.RUnlock()
	fi, err := h.Stat()
	if err != nil {
		return s.fail("stat", f.part, err)
	}
	ours := f.dirty.Load() || f.moved // and so it has changed since the stamp was taken
	if fi.Size() < f.length || !ours && !stampOf(fi).sameContent(f.stamp) {
		return s.fail("finish", f.part, ErrChanged)
	}
	if fi.Size() > f.length {
		f.dirty.Store(true)
		if err := h.Truncate(f.length); err != nil {
			return s.fail("truncate", f.part, err)
		}
	}
	if f.exec {
		f.dirty.Store(true)
		if err := makeExecutable(h); err != nil {
			return s.fail("chmod", f.part, err)
		}
	}
	return nil
}

// makeExecutable lets everybody execute a file who may read it.
func makeExecutable(h handle) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	fi, err := h.Stat()
	if err != nil {
		return err
	}
	mode := fi.Mode().Perm()
	return h.Chmod(mode | mode&0o444>>2)
}

// finish gives the files their final names. It goes on past those whose name is
// taken, and returns an *ExistsError for the first of all.
func (s *Store) finish(finished []*file, have *piece.Bitfield, taken *ExistsError) (*ExistsError, error) {
	for _, f := range finished {
		err := s.finishFile(f)
		switch {
		case err == nil:
		case !errors.Is(err, fs.ErrExist):
			return taken, err
		case f.wanted: // else it is left over from when it was
			taken = taken.and(s, f, have)
		}
	}
	return taken, nil
}

// pieces returns how many pieces overlap f.
func (f *file) pieces() int {
	if f.length == 0 {
		return 0
	}
	return f.last - f.first + 1
}

func (s *Store) finishFile(f *file) error {
	if f.formNow() == absent {
		return s.makeEmpty(f)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dirty.Load() {
		return nil // written to again meanwhile: the next checkpoint syncs and names it
	}
	if err := s.pool.drop(f); err != nil {
		return s.fail("close", f.part, err)
	}
	if s.overwrite && f.wanted {
		if fi, err := s.lstat(f.path); err == nil && fi != nil && fi.Mode().IsRegular() {
			if err := s.remove(f.path); err != nil {
				return s.fail("remove", f.path, err)
			}
		}
	}
	if err := s.giveName(f.part, f.path); err != nil {
		return err
	}
	s.setForm(f, final)
	f.moved = true
	return nil
}

// syncFolders makes the names that were given or taken durable, until ctx ends: the record
// may speak of names before they are, because a file under another name than it says is hashed.
func (s *Store) syncFolders(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(syncers)
	for name := range s.folders.takeDirty() {
		if ctx.Err() != nil {
			s.folders.changed(path.Join(name, "any"))
			continue
		}
		group.Go(func() error { return s.syncFolder(name) })
	}
	if s.broken = group.Wait(); s.broken != nil {
		return s.broken
	}
	return ctx.Err()
}

func (s *Store) syncFolder(name string) error {
	dir, err := s.root.Open(name)
	if err != nil {
		return s.fail("sync", name, err)
	}
	defer dir.Close()
	if err := syncNames(dir); err != nil {
		return s.fail("sync", name, err)
	}
	return nil
}

// record writes the record, if there is to be one.
func (s *Store) record(have *piece.Bitfield) error {
	if s.recordPath == "" {
		return nil
	}
	if err := s.takeStamps(); err != nil {
		return err
	}
	return s.saveRecord(have)
}

// takeStamps takes the stamps of the files that we have written or renamed since
// they were taken last. It waits once until they are proof.
func (s *Store) takeStamps() error {
	soon, err := s.stampMoved()
	if err != nil || !soon {
		return err
	}
	time.Sleep(fineTick)
	_, err = s.stampMoved()
	return err
}

// stampMoved is one round of takeStamps. It reports whether a stamp that is no
// proof yet will be one after fineTick.
func (s *Store) stampMoved() (soon bool, err error) {
	stampIf := func(f *file) error {
		if !f.moved || f.unsynced {
			return nil
		}
		now, name := s.now(), f.nameNow()
		fi, err := s.stat(name)
		if err != nil {
			return s.fail("stat", name, err)
		}
		f.setStamp(fi, now)
		f.moved = !f.settled
		soon = soon || f.moved && f.stamp.tick() == fineTick
		return nil
	}
	for i := range s.files {
		if err := stampIf(&s.files[i]); err != nil {
			return false, err
		}
	}
	return soon, stampIf(s.parts)
}

// nameNow returns the path of f on disk for callers that do not hold f.mu.
func (f *file) nameNow() string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.name()
}

// dropParts removes the parts file once no file can have bytes in it.
func (s *Store) dropParts() error {
	if s.readOnly || s.parts.formNow() == absent {
		return nil
	}
	// WriteAt marks a file as being aside before it writes to the parts file, so no
	// mark can be missed under this lock.
	s.parts.mu.Lock()
	defer s.parts.mu.Unlock()
	for _, f := range s.spans {
		if !f.pad && !f.wanted || f.elsewhere() {
			return nil
		}
	}
	if err := s.pool.drop(s.parts); err != nil {
		return s.fail("close", s.parts.part, err)
	}
	if err := s.root.Remove(s.parts.part); err != nil && !isAbsent(err) {
		return s.fail("remove", s.parts.part, err)
	}
	s.parts.form = absent
	return nil
}

// saveRecord writes the record of have and of the files as their stamps tell.
func (s *Store) saveRecord(have *piece.Bitfield) error {
	r := record{identity: s.identity, have: have}
	for i := range s.files {
		f := &s.files[i]
		if f.length > 0 && !f.pad && f.settled && !f.moved && !f.elsewhere() {
			r.files = append(r.files, entry{file: uint32(i), form: f.formNow(), stamp: f.stamp})
		}
	}
	if s.parts.settled && !s.parts.moved && s.parts.formNow() == part {
		r.files = append(r.files, entry{file: partsEntry, form: part, stamp: s.parts.stamp})
	}
	return r.write(s.recordPath)
}
