package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func says(t *testing.T, all string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(all, part) {
			t.Errorf("it does not say %q:\n%s", part, all)
		}
	}
}

// overwrite changes some bytes in the middle of a file, and nothing of its size. The times of files have ticks: what was written
// within the one in which the file was made looks as it did.
func overwrite(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	modified := func() time.Time {
		fi, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		return fi.ModTime()
	}
	for was := modified(); modified().Equal(was); {
		if _, err := f.WriteAt([]byte("ruin"), 50_000); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsTouchedWhileItIsSharedIsCheckedAndSharedOn(t *testing.T) {
	t.Parallel()
	seed, dir, torrent := share(t)
	file := filepath.Join(dir, "film", "film.mkv")
	now := time.Now()
	if err := os.Chtimes(file, now, now); err != nil {
		t.Fatal(err)
	}
	seed.errs.until(t, file+" has changed")
	seed.errs.until(t, "it is what it was: sharing on")
	to := t.TempDir()
	p2p(t, exitDone, "get", torrent, "-o", to, "--listen", "127.0.0.1:0")
	sameFolder(t, dir, to, filmFiles...)
	if code := seed.interrupt(); code != exitDone {
		t.Errorf("seed exits with %d", code)
	}
	says(t, seed.errs.String(), "sent 117.2 KiB, ratio 1.00")
}

func TestWhatIsOverwrittenWhileItIsSharedEndsTheSeeding(t *testing.T) {
	t.Parallel()
	seed, dir, torrent := share(t)
	to := t.TempDir()
	p2p(t, exitDone, "get", torrent, "-o", to, "--listen", "127.0.0.1:0")
	overwrite(t, filepath.Join(dir, "film", "film.mkv"))
	if code := seed.wait(); code != exitMismatch {
		t.Errorf("seed exits with %d", code)
	}
	says(t, seed.errs.String(), "film.mkv has changed", "1 piece of 8 missing or bad", "seed it again", "sent 117.2 KiB")
}

func TestATorrentOfWhichAFileIsDeletedIsNotSharedAnyMore(t *testing.T) {
	t.Parallel()
	dir, torrent := film(t)
	seed := start(t, []string{"seed", torrent, "-o", dir, "--listen", "127.0.0.1:0", "-j"})
	seed.out.until(t, `"ready"`)
	if err := os.Remove(filepath.Join(dir, "film", "film.mkv")); err != nil {
		t.Fatal(err)
	}
	if code := seed.wait(); code != exitMismatch {
		t.Errorf("seed exits with %d", code)
	}
	lines := objects(t, seed.out.String())
	var told map[string]any
	for _, l := range lines {
		if l["kind"] == "content_changed" {
			told = l["detail"].(map[string]any)
		}
	}
	if told["missing"] != true || told["path"] != filepath.Join(dir, "film", "film.mkv") {
		t.Errorf("told is %v", told)
	}
	last := lines[len(lines)-1]
	if done := last["bytes_done"].(float64); last["complete"] != false || last["exit_code"] != float64(exitMismatch) || done == 0 || done >= 100_000 {
		t.Errorf("the last line is %v", last)
	}
	says(t, object(t, seed.errs.String())["message"].(string), "p2p get --overwrite "+torrent)
}

func TestAFolderThatIsMovedAwayIsNotSharedAnyMoreUnlessItComesBack(t *testing.T) {
	t.Parallel()
	seed, dir, _ := share(t)
	here, away := filepath.Join(dir, "film"), filepath.Join(dir, "away")
	move := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	move(here, away)
	seed.errs.until(t, here+" is not there any more")
	move(away, here)
	seed.errs.until(t, "sharing on")
	move(here, away)
	if code := seed.wait(); code != exitNotFound {
		t.Errorf("seed exits with %d", code)
	}
	says(t, seed.errs.String(), "there is no file "+here)
}

// What get has fetched and shares on is its owner's too.
func TestWhatWasFetchedAndIsOverwrittenIsNotSharedOn(t *testing.T) {
	t.Parallel()
	_, _, torrent := share(t)
	to := t.TempDir()
	get := start(t, []string{"get", torrent, "-o", to, "--listen", "127.0.0.1:0", "--seed"})
	get.errs.until(t, "seeding until stopped")
	overwrite(t, filepath.Join(to, "film", "film.mkv"))
	if code := get.wait(); code != exitExists {
		t.Errorf("get exits with %d", code)
	}
	says(t, get.errs.String(), "film.mkv has changed", "--overwrite")
}
