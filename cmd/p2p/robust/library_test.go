//go:build unix

package robust

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"p2p/cmd/p2p/drive"
)

// collection is a folder of torrents, and the folder that has their content.
type collection struct {
	*share
	torrents string
}

func newCollection(t *testing.T) *collection {
	t.Helper()
	dir := t.TempDir()
	c := &collection{
		share:    &share{t: t, source: filepath.Join(dir, "content"), state: filepath.Join(dir, "state")},
		torrents: filepath.Join(dir, "torrents"),
	}
	if err := os.Mkdir(c.torrents, 0o755); err != nil {
		t.Fatal(err)
	}
	return c
}

// put makes a file and its torrent, which appears in the folder at once, complete.
func (c *collection) put(name string, seed uint64) (torrent string) {
	c.t.Helper()
	drive.MakeTree(c.t, c.source, seed, drive.File{Path: name, Size: mib})
	made := filepath.Join(filepath.Dir(c.torrents), name+".torrent")
	c.run("create", filepath.Join(c.source, name), "-o", made, "--piece-length", "64K", "-q").WantExit(0, soon)
	torrent = filepath.Join(c.torrents, name+".torrent")
	if err := os.Rename(made, torrent); err != nil {
		c.t.Fatal(err)
	}
	return torrent
}

// open starts to seed the collection, and waits until n of it are shared.
func (c *collection) open(n int) {
	c.t.Helper()
	c.seeder = c.run("seed", "--library", c.torrents, "-o", c.source, "--listen", "127.0.0.1:0", "-j")
	c.at = c.seeder.Started(soon).Listen
	c.shares(n)
}

func (c *collection) shares(n int) {
	c.t.Helper()
	drive.Eventually(c.t, soon, fmt.Sprintf("%d torrents are not shared", n), func() bool {
		last, ok := drive.Last(c.t, c.seeder, "status")
		return ok && last.Library.Shared == n
	})
}

// fetch downloads a torrent from the seeder and compares the file.
func (c *collection) fetch(name, torrent string) {
	c.t.Helper()
	dir := c.t.TempDir()
	c.run("get", torrent, "-o", dir, "--listen", "127.0.0.1:0", "--peer", c.at, "-q").WantExit(0, soon)
	drive.SameTree(c.t, filepath.Join(c.source, name), filepath.Join(dir, name))
}

func TestALibraryIsSharedWhateverIsWrongWithSomeOfIt(t *testing.T) {
	c := newCollection(t)
	for i := range uint64(5) {
		c.put(fmt.Sprint("file", i), i)
	}
	bad := c.put("bad", 7)
	if err := os.Truncate(filepath.Join(c.source, "bad"), 1000); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.torrents, "junk.torrent"), []byte("<html>"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.open(5)
	c.fetch("file3", filepath.Join(c.torrents, "file3.torrent"))
	late := c.put("late", 8)
	c.shares(6)
	c.fetch("late", late)
	if err := os.Remove(filepath.Join(c.torrents, "file0.torrent")); err != nil {
		t.Fatal(err)
	}
	c.shares(5)
	c.seeder.Signal(syscall.SIGUSR1)
	c.seeder.Await("seeding torrents=5", soon)
	c.seeder.Signal(os.Interrupt)
	c.seeder.WantExit(1, soon) // they failed for different reasons

	failed := map[string]bool{}
	for _, m := range c.seeder.Messages() {
		if m.Kind == "torrent_failed" {
			failed[filepath.Base(m.Detail.Path)] = m.Detail.Error != ""
		}
	}
	if len(failed) != 2 || !failed["bad.torrent"] || !failed["junk.torrent"] {
		t.Errorf("failed are %v", failed)
	}
	if s := c.seeder.Summary(); s.Complete || s.Uploaded < 2*mib || s.ExitCode != 1 {
		t.Errorf("summary: %+v", s)
	}
	if err := os.Remove(filepath.Join(c.torrents, "junk.torrent")); err != nil {
		t.Fatal(err)
	}
	c.open(5)
	c.seeder.Signal(os.Interrupt)
	c.seeder.WantExit(32, soon) // what does not match its torrent, and nothing else
	if err := os.Remove(bad); err != nil {
		t.Fatal(err)
	}
	c.open(5)
	c.seeder.Signal(os.Interrupt)
	c.seeder.WantExit(0, soon)
}

// A torrent that nobody wants costs no goroutine, in the real process too.
func TestTorrentsThatNobodyWantsCostNoGoroutine(t *testing.T) {
	c := newCollection(t)
	c.put("file0", 0)
	c.open(1)
	goroutines := func() int {
		last, _ := drive.Last(t, c.seeder, "status")
		return last.Library.Goroutines
	}
	with1 := goroutines()
	for i := range uint64(20) {
		c.put(fmt.Sprint("file", i+1), i+1)
	}
	c.shares(21)
	drive.Eventually(t, soon, "goroutines of torrents that nobody wants", func() bool { return goroutines() <= with1 })
}

func TestTorrentsThatCannotAllBeSharedDoNotStopTheOthers(t *testing.T) {
	c := newCollection(t)
	good := c.put("good", 1)
	p := c.run("seed", good, filepath.Join(c.torrents, "absent.torrent"), "-o", c.source, "--listen", "127.0.0.1:0")
	p.Await("+ "+good, soon)
	p.Signal(os.Interrupt)
	p.WantExit(3, soon)
	if !strings.Contains(p.Errs(), "absent.torrent") || !strings.Contains(p.Errs(), "1 torrent could not be shared") {
		t.Errorf("it says %q", p.Errs())
	}
	p = c.run("seed", filepath.Join(c.torrents, "absent.torrent"), filepath.Join(c.torrents, "gone.torrent"), "--listen", "127.0.0.1:0")
	p.WantExit(3, soon) // nothing is left to wait for
	c.run("seed", good, c.source, "--listen", "127.0.0.1:0").WantExit(2, soon)
	c.run("seed", "--library", filepath.Join(c.torrents, "absent"), "--listen", "127.0.0.1:0").WantExit(3, soon)
	c.run("seed", "--library", c.torrents, "--name", "x", "--listen", "127.0.0.1:0").WantExit(2, soon)
}
