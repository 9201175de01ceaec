package store_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"p2p/piece/store"
)

// fetched downloads the pieces (all if none are named) to a new folder and returns
// that, the folder of the record, and the record.
func fetched(t *testing.T, c *content, pieces ...int) (dir, state, record string) {
	t.Helper()
	dir, state = t.TempDir(), t.TempDir()
	return dir, state, fetchTo(t, c, c.open(t, dir, store.Options{StateDir: state}), pieces...)
}

// fetchTo is fetched for a store that is open. It closes it.
func fetchTo(t *testing.T, c *content, s *store.Store, pieces ...int) (record string) {
	t.Helper()
	have := resume(t, s)
	if pieces == nil {
		c.fetch(t, s, have)
	}
	c.fetchPiece(t, s, have, pieces...)
	checkpoint(t, s, have)
	closeStore(t, s)
	return s.RecordPath()
}

// again resumes and returns what was found and which files were read for that.
func again(t *testing.T, c *content, dir, state string) (pieces int, read map[string]bool) {
	t.Helper()
	s := c.open(t, dir, store.Options{StateDir: state})
	n := count(s)
	pieces = resume(t, s).Count()
	closeStore(t, s)
	return pieces, n.read
}

func TestWhatIsProvablyUnchangedIsNotReadAgain(t *testing.T) {
	c := album()
	dir, state, _ := fetched(t, c)
	if pieces, read := again(t, c, dir, state); pieces != 7 || len(read) != 0 {
		t.Errorf("complete: %d pieces, read %v", pieces, read)
	}
	dir, state, _ = fetched(t, c, 0, 1, 2, 4)
	if pieces, read := again(t, c, dir, state); pieces != 4 || read["t/a"] || read["t/dir/b"] {
		t.Errorf("incomplete: %d pieces, read %v", pieces, read)
	}
}

// As above, by the real clock: Checkpoint waits until its stamps are proof.
func TestAFreshDownloadIsTrustedByTheNextRun(t *testing.T) {
	c := album()
	dir, state := t.TempDir(), t.TempDir()
	if err := download(c, dir, store.Options{StateDir: state}); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(c.path(dir, 0))
	if err != nil || fi.ModTime().Nanosecond() == 0 {
		t.Skip("times have whole seconds here")
	}
	s, err := store.Open(dir, c.info, store.Options{StateDir: state})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := count(s)
	if have := resume(t, s); !have.Full() || n.reads != 0 {
		t.Errorf("%d pieces, %d reads", have.Count(), n.reads)
	}
}

func TestResumeReportsProgressUpToTheEnd(t *testing.T) {
	c := album()
	dir, state, _ := fetched(t, c, 0, 1, 2, 4)
	s := c.open(t, dir, store.Options{StateDir: state})
	last := int64(-1)
	_, err := s.Resume(context.Background(), func(bytes int64) {
		if bytes < last || last < 0 && bytes < 3*16 {
			t.Errorf("%d bytes after %d", bytes, last)
		}
		last = bytes
	})
	if err != nil || last != 100 {
		t.Errorf("ended at %d bytes, error %v", last, err)
	}
}

// A file that was changed in one byte, by a program that put the time back, is
// found out by its change time.
func TestAFileThatWasChangedBehindOurBackIsHashed(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("there is no change time")
	}
	c := album()
	for _, pieces := range [][]int{nil, {0, 1, 2, 3, 4}} {
		dir, state := t.TempDir(), t.TempDir()
		s, err := store.Open(dir, c.info, store.Options{StateDir: state}) // by the real clock
		if err != nil {
			t.Fatal(err)
		}
		fetchTo(t, c, s, pieces...)
		name := c.path(dir, 4)
		if pieces != nil {
			name += ".part"
		}
		before, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt([]byte{^c.data[70]}, 20)
		if err := errors.Join(err, f.Close(), os.Chtimes(name, before.ModTime(), before.ModTime())); err != nil {
			t.Fatal(err)
		}
		s = c.open(t, dir, store.Options{StateDir: state})
		have, err := s.Resume(context.Background(), nil)
		if pieces == nil {
			wantExists(t, err, c.path(dir, 4), 3, 1)
		} else if err != nil || have.Has(s.Layout().MustIndex(4)) || have.Count() != 4 {
			t.Errorf("%d pieces, error %v", have.Count(), err)
		}
	}
}

func TestAFileThatWasReplacedOrRemovedIsNotTrusted(t *testing.T) {
	c := album()
	for name, change := range map[string]func(name string) error{
		"removed":   os.Remove,
		"shortened": func(name string) error { return os.Truncate(name, 30) },
		"replaced": func(name string) error {
			before, err := os.Stat(name)
			if err != nil {
				return err
			}
			return errors.Join(os.WriteFile(name+"x", make([]byte, 50), 0o666),
				os.Chtimes(name+"x", before.ModTime(), before.ModTime()), os.Rename(name+"x", name))
		},
	} {
		dir, state, _ := fetched(t, c, 0, 1, 2, 3, 4, 5)
		if err := change(c.path(dir, 4) + ".part"); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"removed": 3, "shortened": 5, "replaced": 3}[name]
		if pieces, _ := again(t, c, dir, state); pieces != want {
			t.Errorf("%s: %d pieces, want %d", name, pieces, want)
		}
	}
}

// A stamp that is as young as the tick of the file system's clock proves nothing:
// the file could be changed within the same tick.
func TestAYoungStampIsNoProof(t *testing.T) {
	c := album()
	dir, state := t.TempDir(), t.TempDir()
	c.saveAll(t, dir)
	fi, err := os.Stat(c.path(dir, 4))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		age  time.Duration
		read bool // by the next run
	}{{10 * time.Millisecond, true}, {time.Hour, false}} {
		s, err := store.OpenAt(dir, c.info, store.Options{StateDir: state}, fi.ModTime().Add(test.age))
		if err != nil {
			t.Fatal(err)
		}
		checkpoint(t, s, resume(t, s))
		closeStore(t, s)
		if pieces, read := again(t, c, dir, state); pieces != 7 || read["t/d"] != test.read {
			t.Errorf("aged %v: %d pieces, read %v", test.age, pieces, read)
		}
	}
}

func TestStampsSettleAfterATickOfTheClock(t *testing.T) {
	fine := time.Unix(1700000000, 123456789)
	coarse := time.Unix(1700000000, 0)
	for _, test := range []struct {
		mtime, ctime time.Time
		after        time.Duration // after ctime
		want         bool
	}{
		{fine, fine, 0, false},
		{fine, fine, 40 * time.Millisecond, false},
		{fine, fine, 60 * time.Millisecond, true},
		{coarse, coarse, 60 * time.Millisecond, false},
		{coarse, coarse, 2100 * time.Millisecond, true},
		{fine.Add(-time.Hour), fine, 10 * time.Millisecond, false}, // mtime was put back
		{fine.Add(time.Hour), fine, time.Second, true},             // mtime was put ahead
		{fine, fine, -time.Hour, false},                            // the clock was put back
	} {
		if got := store.Settled(test.mtime, test.ctime, test.ctime.Add(test.after)); got != test.want {
			t.Errorf("%+v: settled %v", test, got)
		}
	}
}

func TestARecordThatIsNoneIsIgnored(t *testing.T) {
	c := album()
	other := newContent(16, entry{path: "a", length: 20}, entry{path: "dir/b", length: 25},
		entry{path: "dir/c", length: 5}, entry{path: "e"}, entry{path: "d", length: 51})
	_, _, foreign := fetched(t, other)
	_, _, elsewhere := fetched(t, c)
	for name, spoil := range map[string]func(record []byte) []byte{
		"torn":            func(b []byte) []byte { return b[:len(b)/2] },
		"empty":           func([]byte) []byte { return nil },
		"one bit":         func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"other torrent":   func([]byte) []byte { return readFile(t, foreign) },
		"other folder":    func([]byte) []byte { return readFile(t, elsewhere) },
		"far too long":    func(b []byte) []byte { return append(b, make([]byte, 1<<20)...) },
		"version 2":       func(b []byte) []byte { b[7] = 2; return b },
		"something else":  func([]byte) []byte { return []byte("d4:infod4:name1:aee") },
		"two of them":     func(b []byte) []byte { return append(b, b...) },
		"end of the disk": func(b []byte) []byte { clear(b[40:]); return b },
	} {
		dir, state, record := fetched(t, c)
		writeFile(t, record, spoil(readFile(t, record)))
		if pieces, read := again(t, c, dir, state); pieces != 7 || len(read) != 4 {
			t.Errorf("%s: %d pieces, read %v", name, pieces, read)
		}
	}
}

// Two torrents of the same files, of which one has another fourth piece: nothing
// but the identity in the record tells them apart.
func TestARecordIsOfOneTorrentOnly(t *testing.T) {
	c, other := album(), album()
	other.data[70] ^= 1
	other.rehash()
	dir, state, record := fetched(t, c)
	s := other.open(t, dir, store.Options{StateDir: state})
	writeFile(t, s.RecordPath(), readFile(t, record))
	_, err := s.Resume(context.Background(), nil)
	wantExists(t, err, c.path(dir, 4), 3, 1)
}

func TestLeftoversOfARecordAreRemoved(t *testing.T) {
	c := album()
	dir, state, record := fetched(t, c)
	writeFile(t, record+".123.tmp", []byte("torn"))
	writeFile(t, filepath.Join(state, "other.123.tmp"), nil)
	again(t, c, dir, state)
	if exists(record+".123.tmp") || !exists(filepath.Join(state, "other.123.tmp")) {
		t.Errorf("left are %v", tree(t, state))
	}
}

func TestOnlyOneMayWriteToADownload(t *testing.T) {
	c := album()
	dir, state := t.TempDir(), t.TempDir()
	c.saveAll(t, dir)
	readers := store.Options{StateDir: state, ReadOnly: true}
	writer := store.Options{StateDir: state}

	s := c.open(t, dir, writer)
	for _, o := range []store.Options{readers, writer} {
		if _, err := store.Open(filepath.Join(dir, "."), c.info, o); !errors.Is(err, store.ErrBusy) {
			t.Errorf("second store: %v", err)
		}
	}
	c.open(t, t.TempDir(), writer)
	closeStore(t, s)

	s = c.open(t, dir, readers)
	second := c.open(t, dir, readers)
	checkpoint(t, s, resume(t, s))
	checkpoint(t, second, resume(t, second))
	if _, err := store.Open(dir, c.info, writer); !errors.Is(err, store.ErrBusy) {
		t.Errorf("writer beside readers: %v", err)
	}
	closeStore(t, s)
	closeStore(t, second)
	closeStore(t, c.open(t, dir, writer))
}

// TestHoldDownload is the other process of the next test.
func TestHoldDownload(t *testing.T) {
	dir := os.Getenv("STORE_TEST_HOLD")
	if dir == "" {
		t.Skip("for use by another test")
	}
	album().open(t, dir, store.Options{StateDir: filepath.Join(dir, "state")})
	_, _ = os.Stdout.WriteString("ready\n")
	select {}
}

func TestTheLockOfAKilledProcessIsFree(t *testing.T) {
	c := album()
	dir := t.TempDir()
	other := exec.Command(os.Args[0], "-test.run=^TestHoldDownload$")
	other.Env = append(os.Environ(), "STORE_TEST_HOLD="+dir)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Skip(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	o := store.Options{StateDir: filepath.Join(dir, "state")}
	if _, busy := store.Open(dir, c.info, o); !errors.Is(busy, store.ErrBusy) {
		t.Errorf("while it runs (%q, %v): %v", line, err, busy)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait() // killed
	c.open(t, dir, o)
}
