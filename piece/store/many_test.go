package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"p2p/piece/store"
)

// many is a torrent of n files of 16 bytes, each a piece of its own, in folders of
// ten.
func many(n int) *content {
	var entries []entry
	for i := range n {
		entries = append(entries, entry{path: fmt.Sprintf("dir%02d/f%04d", i/10, i), length: 16})
	}
	return newContent(16, entries...)
}

func TestFilesOfOneFolderShareItOpen(t *testing.T) {
	c := many(10)
	s := c.open(t, t.TempDir(), store.Options{})
	c.fetch(t, s, resume(t, s))
	if n := s.OpenFolders(); n != 1 {
		t.Errorf("%d folders are open", n)
	}
}

func TestOpenFoldersAreBounded(t *testing.T) {
	c := many(40 * store.MaxFolders)
	dir := t.TempDir()
	s := c.open(t, dir, store.Options{})
	have := resume(t, s)
	var group sync.WaitGroup
	for part := range 4 {
		group.Go(func() {
			for p := part; p < have.Len(); p += 4 {
				i := s.Layout().MustIndex(p)
				if err := s.WriteAt(c.piece(i), s.Layout().Offset(i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	have.SetAll()
	checkpoint(t, s, have)
	if n := s.OpenFolders(); n == 0 || n > store.MaxFolders {
		t.Errorf("%d folders are open", n)
	}
	for i := range c.info.Files {
		c.complete(t, dir, i)
	}
	closeStore(t, s)
	if n := s.OpenFolders(); n != 0 {
		t.Errorf("%d folders are open after Close", n)
	}
}

// What is open is not for ever what has the name.
func TestAFolderThatWasReplacedIsFoundAgain(t *testing.T) {
	c := many(10)
	dir := t.TempDir()
	s := c.open(t, dir, store.Options{})
	have := resume(t, s)
	c.fetchPiece(t, s, have, 0)
	folder := filepath.Dir(c.path(dir, 0))
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	c.fetchPiece(t, s, have, 1)
	if !exists(c.path(dir, 1) + ".part") {
		t.Errorf("files %v", tree(t, dir))
	}
}

// A file that was written long ago is opened once more, to be synced and named.
func TestAFileIsOpenedOnceToBeFinished(t *testing.T) {
	c := many(4 * store.MaxOpen)
	dir := t.TempDir()
	s := c.open(t, dir, store.Options{})
	var mu sync.Mutex
	opened := map[string]int{}
	s.OnOpen(func(name string, h store.Handle) store.Handle {
		mu.Lock()
		defer mu.Unlock()
		opened[name]++
		return h
	})
	have := resume(t, s)
	c.fetch(t, s, have)
	checkpoint(t, s, have)
	for name, n := range opened {
		if n > 2 {
			t.Fatalf("%s was opened %d times", name, n)
		}
	}
}

func TestNamedCountsTheWantedFilesThatHaveTheirNames(t *testing.T) {
	c := album()
	dir := t.TempDir()
	c.save(t, dir, 4)
	s := c.open(t, dir, store.Options{Wanted: []bool{true, true, false, true, true}})
	have := resume(t, s)
	is := func(want int) {
		t.Helper()
		if done, total := s.Named(); done != want || total != 4 {
			t.Errorf("%d of %d, want %d of 4", done, total, want)
		}
	}
	is(1)
	c.fetchPiece(t, s, have, 0, 1)
	is(1)
	checkpoint(t, s, have)
	is(3) // a, and e, which is empty
	c.fetchPiece(t, s, have, 2)
	checkpoint(t, s, have)
	is(4)
}

func TestToLookForFilesCanBeStopped(t *testing.T) {
	c := many(400)
	var told []int
	o := store.Options{Look: func(files int) error {
		told = append(told, files)
		return nil
	}}
	c.open(t, t.TempDir(), o)
	if !slices.Equal(told, []int{0, 100, 200, 300}) {
		t.Errorf("told of %v files", told)
	}
	o.Look = func(int) error { return context.Canceled }
	if _, err := store.Open(t.TempDir(), c.info, o); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// stoppedAt makes the sync with this number end a context.
func stoppedAt(s *store.Store, n int) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	l := &log{}
	watch(s, l)
	var syncs atomic.Int32
	l.onSync = func() {
		if int(syncs.Add(1)) == n {
			cancel()
		}
	}
	return ctx
}

// A checkpoint of many files is stopped at its n-th sync. What it did until then is
// recorded, the rest is found by hashing, and the next one goes on.
func TestACheckpointThatIsStoppedIsGoneOnWith(t *testing.T) {
	c := many(2 * store.MaxOpen)
	for n := 1; n < c.info.Layout().Pieces(); n += store.MaxOpen/2 + 7 {
		dir, state := t.TempDir(), t.TempDir()
		s := c.open(t, dir, store.Options{StateDir: state})
		have := resume(t, s)
		ctx := stoppedAt(s, n)
		c.fetch(t, s, have)
		if err := s.Checkpoint(ctx, have); !errors.Is(err, context.Canceled) {
			t.Fatalf("error %v", err)
		}
		named, _ := s.Named()
		if named > n || named < n-store.MaxOpen {
			t.Errorf("%d files have their names after %d syncs", named, n)
		}
		closeStore(t, s)

		s = c.open(t, dir, store.Options{StateDir: state})
		read := count(s).read
		have = resume(t, s)
		if !have.Full() {
			t.Fatalf("stopped at sync %d: %d pieces", n, have.Count())
		}
		// Some were on their way when it stopped.
		if hashed := len(read); hashed > have.Len()-n || hashed < have.Len()-n-16 {
			t.Errorf("stopped at sync %d: %d files were hashed", n, hashed)
		}
		checkpoint(t, s, have)
		if names := tree(t, dir); slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(n, ".part") }) {
			t.Errorf("stopped at sync %d: not all are named", n)
		}
		for i := range c.info.Files {
			c.complete(t, dir, i)
		}
		closeStore(t, s)
	}
}

// A power cut may take the bytes that were not synced, and the new times of their file
// with them: then the file has the stamp of an earlier record, and a newer one that
// has both the stamp and the new pieces would be believed.
func TestAStoppedCheckpointClaimsNothingThatIsNotSynced(t *testing.T) {
	c := newContent(16, entry{path: "a", length: 16}, entry{path: "b", length: 48})
	dir, state := t.TempDir(), t.TempDir()
	s := c.open(t, dir, store.Options{StateDir: state})
	have := resume(t, s)
	c.fetchPiece(t, s, have, 1)
	checkpoint(t, s, have)
	c.fetchPiece(t, s, have, 0, 2)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Checkpoint(ended, have); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if files, err := s.RecordedFiles(); err != nil || len(files) != 0 {
		t.Errorf("the record speaks of files %v, error %v", files, err)
	}
	checkpoint(t, s, have)
	if files, err := s.RecordedFiles(); err != nil || !slices.Equal(files, []int{0, 1}) {
		t.Errorf("the next record speaks of files %v, error %v", files, err)
	}
}

// A run that dies among many files has named some of them, and no record says so.
func TestARunThatIsKilledWhileItFinishesIsGoneOnWith(t *testing.T) {
	c := many(2 * store.MaxOpen)
	for n := 1; n < c.info.Layout().Pieces(); n += store.MaxOpen / 2 {
		dir, state := t.TempDir(), t.TempDir()
		s := c.open(t, dir, store.Options{StateDir: state})
		have := resume(t, s)
		c.fetch(t, s, have)
		l := &log{dieAt: n}
		watch(s, l)
		if err := s.Checkpoint(t.Context(), have); err == nil {
			t.Fatal("it did not die")
		}
		closeStore(t, s)
		s = c.open(t, dir, store.Options{StateDir: state})
		if have = resume(t, s); !have.Full() {
			t.Fatalf("killed at sync %d: %d pieces", n, have.Count())
		}
		checkpoint(t, s, have)
		for i := range c.info.Files {
			c.complete(t, dir, i)
		}
		closeStore(t, s)
	}
}
