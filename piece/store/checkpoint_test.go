package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"p2p/piece"
	"p2p/piece/store"
)

func TestAFullDiskIsReportedAndNothingIsLost(t *testing.T) {
	c := album()
	dir, state := t.TempDir(), t.TempDir()
	s := c.open(t, dir, store.Options{StateDir: state})
	have := resume(t, s)
	n := count(s)
	c.fetchPiece(t, s, have, 0, 1, 4)
	n.failWrite = syscall.ENOSPC
	err := s.WriteAt(c.data[80:96], 80)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), c.path(dir, 4)+".part") {
		t.Fatalf("error %v", err)
	}
	checkpoint(t, s, have)
	closeStore(t, s)
	if pieces, read := again(t, c, dir, state); pieces != 3 || read["t/a"] {
		t.Errorf("%d pieces, read %v", pieces, read)
	}
}

// The kernel reports a failed fsync once, and may have dropped the data. The
// record must not speak of it, neither now nor after the next fsync.
func TestAfterAFailedSyncNoRecordIsWritten(t *testing.T) {
	c := album()
	dir, state := t.TempDir(), t.TempDir()
	s := c.open(t, dir, store.Options{StateDir: state})
	have := resume(t, s)
	n := count(s)
	c.fetchPiece(t, s, have, 0)
	checkpoint(t, s, have)
	record := readFile(t, s.RecordPath())
	c.fetchPiece(t, s, have, 1, 2)
	n.failSync = syscall.EIO
	for range 3 {
		if err := s.Checkpoint(context.Background(), have); !errors.Is(err, syscall.EIO) {
			t.Fatalf("error %v", err)
		}
		n.failSync = nil
	}
	if !bytes.Equal(readFile(t, s.RecordPath()), record) {
		t.Error("the record was changed")
	}
	if exists(c.path(dir, 0)) {
		t.Error("a file got its final name")
	}
}

// watched tells what a store does, and can make it stop dead.
type watched struct {
	store.Handle
	name string
	log  *log
}

type log struct {
	mu     sync.Mutex
	events int
	dieAt  int // event at which everything stops; 0 for never
	dirty  map[string]bool
	onSync func()
}

var errDied = errors.New("the process was killed")

// event counts, and reports whether the process is dead.
func (l *log) event() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events++
	if l.dieAt > 0 && l.events >= l.dieAt {
		return errDied
	}
	return nil
}

func (w *watched) WriteAt(p []byte, off int64) (int, error) {
	if err := w.log.event(); err != nil {
		if w.log.events == w.log.dieAt { // in the middle of it
			_, _ = w.Handle.WriteAt(p[:len(p)/2], off)
		}
		return 0, err
	}
	w.log.mu.Lock()
	w.log.dirty[w.name] = true
	w.log.mu.Unlock()
	return w.Handle.WriteAt(p, off)
}

func (w *watched) Sync() error {
	if err := w.log.event(); err != nil {
		return err
	}
	if w.log.onSync != nil {
		w.log.onSync()
	}
	w.log.mu.Lock()
	delete(w.log.dirty, w.name)
	w.log.mu.Unlock()
	return w.Handle.Sync()
}

func watch(s *store.Store, l *log) {
	l.dirty = map[string]bool{}
	s.OnOpen(func(name string, h store.Handle) store.Handle { return &watched{h, name, l} })
}

// "Data first, then the record": while files are synced the record is the old one
// and no file has got its name, and after that no file is left unsynced.
func TestCheckpointSyncsBeforeItClaims(t *testing.T) {
	c := album()
	dir, state := t.TempDir(), t.TempDir()
	s := c.open(t, dir, store.Options{StateDir: state})
	have := resume(t, s)
	l := &log{}
	watch(s, l)
	checkpoint(t, s, have)
	for p := range have.Len() {
		c.fetchPiece(t, s, have, p)
		before, names := readFile(t, s.RecordPath()), tree(t, dir)
		l.onSync = func() {
			if !bytes.Equal(readFile(t, s.RecordPath()), before) || !slices.Equal(tree(t, dir), names) {
				t.Error("a claim was made before the data was safe")
			}
		}
		checkpoint(t, s, have)
		if len(l.dirty) != 0 {
			t.Errorf("not synced: %v", l.dirty)
		}
		if bytes.Equal(readFile(t, s.RecordPath()), before) {
			t.Error("no record was written")
		}
	}
}

// TestAKilledDownloadResumes stops a download at its n-th write or sync, for every
// n. What the next run believes must be true, and must hold what the last
// checkpoint held.
func TestAKilledDownloadResumes(t *testing.T) {
	c := album()
	for n := 1; ; n++ {
		dir, state := t.TempDir(), t.TempDir()
		l := &log{dieAt: n}
		saved, died := runUntilDeath(t, c, dir, state, l)
		s := c.open(t, dir, store.Options{StateDir: state})
		have := resume(t, s)
		for p := range have.All() {
			b := make([]byte, s.Layout().Size(p))
			if err := s.ReadAt(b, s.Layout().Offset(p)); err != nil || !bytes.Equal(b, c.piece(p)) {
				t.Errorf("killed at %d: piece %v is believed and wrong, error %v", n, p, err)
			}
		}
		if saved != nil {
			for p := range saved.AndNot(have) {
				t.Errorf("killed at %d: piece %v was saved and is lost", n, p)
			}
		}
		for i, f := range s.Files() {
			if f.Final {
				c.complete(t, dir, i)
			}
		}
		c.fetch(t, s, have)
		checkpoint(t, s, have)
		c.complete(t, dir, 0, 1, 2, 3, 4)
		closeStore(t, s)
		if t.Failed() || !died {
			break
		}
	}
}

// runUntilDeath downloads, with a checkpoint every other piece, and returns what
// the last one had.
func runUntilDeath(t *testing.T, c *content, dir, state string, l *log) (saved *piece.Bitfield, died bool) {
	t.Helper()
	s := c.open(t, dir, store.Options{StateDir: state})
	defer s.Close()
	have := resume(t, s)
	watch(s, l)
	for _, n := range []int{5, 0, 3, 1, 2, 6, 4} {
		p := s.Layout().MustIndex(n)
		if err := s.WriteAt(c.piece(p), s.Layout().Offset(p)); err != nil {
			return saved, true
		}
		have.Set(p)
		if have.Count()%2 == 1 {
			if err := s.Checkpoint(context.Background(), have); err != nil {
				return saved, true
			}
			saved = have.Clone()
		}
	}
	return saved, false
}

func TestAPartThatWasChangedIsNotCalledComplete(t *testing.T) {
	c := newContent(16, entry{length: 40})
	for name, change := range map[string]func(name string) error{
		"rewritten": func(name string) error { return os.WriteFile(name, make([]byte, 40), 0o666) },
		"shortened": func(name string) error { return os.Truncate(name, 20) },
	} {
		dir := t.TempDir()
		writeFile(t, c.path(dir, 0)+".part", c.data)
		s := c.open(t, dir, store.Options{})
		have := resume(t, s)
		if !have.Full() {
			t.Fatalf("%d pieces", have.Count())
		}
		if err := change(c.path(dir, 0) + ".part"); err != nil {
			t.Fatal(err)
		}
		if err := s.Checkpoint(context.Background(), have); !errors.Is(err, store.ErrChanged) || exists(c.path(dir, 0)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFinishedPartThatIsTooLongIsCut(t *testing.T) {
	c := newContent(16, entry{length: 40})
	dir := t.TempDir()
	writeFile(t, c.path(dir, 0)+".part", append(slices.Clone(c.data), "more"...))
	s := c.open(t, dir, store.Options{})
	checkpoint(t, s, resume(t, s))
	c.complete(t, dir, 0)
}

func TestTheExecutableBitIsHonoured(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is none")
	}
	c := newContent(16, entry{path: "run", length: 20}, entry{path: "read", length: 20}, entry{path: "empty"})
	c.info.Files[0].Executable, c.info.Files[2].Executable = true, true
	dir := t.TempDir()
	s := c.open(t, dir, store.Options{})
	have := resume(t, s)
	c.fetch(t, s, have)
	checkpoint(t, s, have)
	for i, want := range []bool{true, false, true} {
		fi, err := os.Stat(c.path(dir, i))
		if err != nil || fi.Mode()&0o111 != 0 != want {
			t.Errorf("file %d: mode %v, error %v", i, fi.Mode(), err)
		}
	}
}

func TestATorrentWithoutBytesIsMadeByCheckpoint(t *testing.T) {
	c := newContent(16, entry{path: "x/a"}, entry{path: "b"}, entry{path: "c"})
	dir := t.TempDir()
	s := c.open(t, dir, store.Options{Wanted: []bool{true, true, false}, StateDir: t.TempDir()})
	checkpoint(t, s, resume(t, s))
	if names := tree(t, dir); !slices.Equal(names, []string{"t/b", "t/x/a"}) {
		t.Errorf("files %v", names)
	}
}

// TestReadOnlyChangesNothing looks at names and times, since a test that runs as
// root can write to any folder.
func TestReadOnlyChangesNothing(t *testing.T) {
	c := album()
	dir, state := t.TempDir(), t.TempDir()
	c.save(t, dir, 0, 1, 4)
	writeFile(t, c.path(dir, 2)+".part", c.fileData(2))
	bad := slices.Clone(c.fileData(4))
	bad[49] ^= 1
	writeFile(t, c.path(dir, 4), bad)
	folders := []string{dir, filepath.Join(dir, "t"), filepath.Join(dir, "t", "dir")}
	before := describe(t, folders)
	for _, name := range folders {
		if err := os.Chmod(name, 0o555); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(name, 0o777) })
	}
	for range 2 {
		s := c.open(t, dir, store.Options{ReadOnly: true, StateDir: state, Overwrite: true})
		n := count(s)
		have := resume(t, s)
		expect(t, have, 0, 1, 2, 3, 4, 5)
		if err := s.WriteAt(make([]byte, 1), 0); !errors.Is(err, store.ErrReadOnly) {
			t.Errorf("write: %v", err)
		}
		checkpoint(t, s, have)
		closeStore(t, s)
		if n.writes+n.syncs != 0 {
			t.Error("something was written")
		}
	}
	if after := describe(t, folders); after != before {
		t.Errorf("before:\n%safter:\n%s", before, after)
	}
}

// describe lists what is in the folders, with times.
func describe(t *testing.T, folders []string) string {
	t.Helper()
	var b strings.Builder
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			fi, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&b, filepath.Join(folder, e.Name()), fi.Size(), fi.ModTime())
		}
	}
	return b.String()
}

func TestFilesTellWhereTheyAre(t *testing.T) {
	c := album()
	dir := t.TempDir()
	s := c.open(t, dir, store.Options{Wanted: []bool{true, true, true, true, false}})
	have := resume(t, s)
	c.fetchPiece(t, s, have, 0, 1)
	checkpoint(t, s, have)
	files := s.Files()
	want := []store.FileStatus{
		{Path: c.path(dir, 0), Name: "t/a", Length: 20, Wanted: true, Final: true},
		{Path: c.path(dir, 1) + ".part", Name: "t/dir/b", Length: 25, Wanted: true, Partial: true},
		{Path: c.path(dir, 2), Name: "t/dir/c", Length: 5, Wanted: true},
		{Path: c.path(dir, 3), Name: "t/e", Wanted: true, Final: true},
		{Path: c.path(dir, 4), Name: "t/d", Length: 50},
	}
	for i := range want {
		if files[i] != want[i] {
			t.Errorf("file %d: %+v, want %+v", i, files[i], want[i])
		}
	}
}

func TestPerFileTellsWhichPiecesAreBad(t *testing.T) {
	c := album()
	s := c.open(t, t.TempDir(), store.Options{})
	list := s.PerFile(only(s, 0, 1, 4))
	got := fmt.Sprint(list)
	want := "[{2 2 20 []} {2 1 12 [{2 2}]} {2 0 0 [{2 3}]} {0 0 0 []} {4 1 16 [{3 3} {5 6}]}]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for i, complete := range []bool{true, false, false, true, false} {
		if list[i].Complete() != complete {
			t.Errorf("file %d: complete %v", i, list[i].Complete())
		}
	}
	good, err := s.Check(context.Background(), nil, nil)
	if err != nil || good.Count() != 0 {
		t.Errorf("check of nothing: %v", err)
	}
}
