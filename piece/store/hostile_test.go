package store_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"p2p/piece/store"
	"p2p/torrentfile"
)

func symlink(t *testing.T, to, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, name); err != nil {
		t.Skip(err)
	}
}

// Links stand at every place where one could lead a write astray. outside holds
// what must not change.
func TestNothingIsWrittenThroughALink(t *testing.T) {
	c := album()
	tests := map[string]func(t *testing.T, dir, outside string){
		"folder of the torrent": func(t *testing.T, dir, outside string) { symlink(t, outside, filepath.Join(dir, "t")) },
		"folder below it":       func(t *testing.T, dir, outside string) { symlink(t, outside, filepath.Join(dir, "t", "dir")) },
		"folder, inside":        func(t *testing.T, dir, _ string) { symlink(t, ".", filepath.Join(dir, "t", "dir")) },
		"final name":            func(t *testing.T, dir, outside string) { symlink(t, filepath.Join(outside, "x"), c.path(dir, 1)) },
		"part name": func(t *testing.T, dir, outside string) {
			symlink(t, filepath.Join(outside, "x"), c.path(dir, 1)+".part")
		},
		"part name, inside": func(t *testing.T, dir, _ string) { symlink(t, "../x", c.path(dir, 1)+".part") },
		"leads nowhere":     func(t *testing.T, dir, _ string) { symlink(t, "nothing", c.path(dir, 1)) },
		"leads up":          func(t *testing.T, dir, outside string) { symlink(t, "../../../outside/x", c.path(dir, 1)) },
	}
	for name, lay := range tests {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			dir, outside := filepath.Join(base, "dir"), filepath.Join(base, "outside")
			writeFile(t, filepath.Join(outside, "x"), c.fileData(1))
			writeFile(t, filepath.Join(dir, "t", "x"), make([]byte, 25))
			if strings.HasPrefix(name, "folder of") {
				if err := os.RemoveAll(filepath.Join(dir, "t")); err != nil {
					t.Fatal(err)
				}
			}
			lay(t, dir, outside)
			err := download(c, dir, store.Options{Overwrite: true})
			if err == nil {
				t.Fatal("the download did not mind")
			}
			if strings.HasSuffix(name, "inside") && !errors.Is(err, store.ErrSymlink) {
				t.Errorf("error %v", err)
			}
			if !strings.Contains(err.Error(), dir) {
				t.Errorf("error %q does not name the file", err)
			}
			if names := tree(t, outside); len(names) != 1 {
				t.Errorf("outside are %v", names)
			}
			if got := readFile(t, filepath.Join(outside, "x")); string(got) != string(c.fileData(1)) {
				t.Error("the file outside was changed")
			}
		})
	}
}

// A part is opened late, and may have been replaced by a link since Open looked.
func TestALinkThatAppearsMeanwhileIsNotWrittenThrough(t *testing.T) {
	c := album()
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	writeFile(t, victim, []byte("mine"))
	writeFile(t, c.path(dir, 0)+".part", []byte("begun"))
	s := c.open(t, dir, store.Options{})
	if err := os.Remove(c.path(dir, 0) + ".part"); err != nil {
		t.Fatal(err)
	}
	symlink(t, filepath.Join("..", "victim"), c.path(dir, 0)+".part")
	symlink(t, filepath.Join("..", "victim"), c.path(dir, 4)+".part")
	for _, p := range []int{0, 4} {
		if err := s.WriteAt(c.data[p*16:][:16], int64(p)*16); err == nil {
			t.Errorf("piece %d was written", p)
		}
	}
	if got := readFile(t, victim); string(got) != "mine" {
		t.Errorf("the file was changed to %q", got)
	}
}

// download runs a whole download and returns the first error.
func download(c *content, dir string, o store.Options) error {
	s, err := store.Open(dir, c.info, o)
	if err != nil {
		return err
	}
	defer s.Close()
	have, err := s.Resume(context.Background(), nil)
	if err != nil {
		return err
	}
	for p := range s.Wanted().AndNot(have) {
		if err := s.WriteAt(c.piece(p), s.Layout().Offset(p)); err != nil {
			return err
		}
		have.Set(p)
	}
	return s.Checkpoint(context.Background(), have)
}

func TestALinkInsideIsFollowedForReading(t *testing.T) {
	c := album()
	dir := t.TempDir()
	c.saveAll(t, dir)
	if err := os.Rename(c.path(dir, 1), filepath.Join(dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	symlink(t, filepath.Join("..", "..", "elsewhere"), c.path(dir, 1))
	for _, readOnly := range []bool{true, false} {
		s := c.open(t, dir, store.Options{ReadOnly: readOnly})
		if have := resume(t, s); !have.Full() {
			t.Errorf("read-only %v: %d of %d pieces", readOnly, have.Count(), have.Len())
		}
		closeStore(t, s)
	}
}

func TestALinkToTheOutsideIsNotReadEither(t *testing.T) {
	c := album()
	base := t.TempDir()
	dir := filepath.Join(base, "dir")
	c.saveAll(t, dir)
	if err := os.Rename(c.path(dir, 1), filepath.Join(base, "outside")); err != nil {
		t.Fatal(err)
	}
	symlink(t, filepath.Join("..", "..", "..", "outside"), c.path(dir, 1))
	if err := download(c, dir, store.Options{ReadOnly: true}); err == nil {
		t.Error("the link was followed")
	}
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	c := album()
	for _, name := range []string{"final", "part"} {
		dir := t.TempDir()
		taken := c.path(dir, 1)
		if name == "part" {
			taken += ".part"
		}
		if err := os.MkdirAll(taken, 0o777); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Open(dir, c.info, store.Options{}); !errors.Is(err, store.ErrNotFile) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "t", "dir"), []byte("a file where a folder should be"))
	err := download(c, dir, store.Options{Overwrite: true})
	if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "t", "dir")) {
		t.Errorf("error %v", err)
	}
}

func TestHostileNamesStayInTheFolder(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "dir")
	c := newContent(16, entry{path: "a", length: 20}, entry{path: "b", length: 20}, entry{path: "c", length: 20})
	c.info.Name = ".."
	c.info.Files[0].Path = []string{"..", "..", "up"}
	c.info.Files[1].Path = []string{"/etc/passwd"}
	c.info.Files[2].Path = []string{"C:", "..\\x"}
	// Either is fine: a refusal, or safe names.
	_ = download(c, dir, store.Options{})
	for _, name := range tree(t, base) {
		if !strings.HasPrefix(name, "dir/") {
			t.Errorf("%s lies outside", name)
		}
	}
}

func TestATorrentThatIsNotValidIsRefused(t *testing.T) {
	dir := t.TempDir()
	for name, break_ := range map[string]func(i *torrentfile.Info){
		"too few hashes":  func(i *torrentfile.Info) { i.Hashes = i.Hashes[20:] },
		"no piece length": func(i *torrentfile.Info) { i.PieceLength = 0 },
	} {
		c := album()
		break_(c.info)
		if _, err := store.Open(dir, c.info, store.Options{}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestErrorsOfTheSystemComeThrough(t *testing.T) {
	c := album()
	dir := t.TempDir()
	c.saveAll(t, dir)
	s := c.open(t, dir, store.Options{ReadOnly: true})
	s.FailOpen(&fs.PathError{Op: "openat", Path: "t/a", Err: fs.ErrPermission})
	if _, err := s.Check(context.Background(), nil, nil); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), dir) {
		t.Errorf("check: %v", err)
	}
	if err := s.ReadAt(make([]byte, 1), 0); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("read: %v", err)
	}
	if _, err := store.Open(filepath.Join(dir, "none"), c.info, store.Options{ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("folder that does not exist: %v", err)
	}
}

func TestAFileWithoutPermissionIsAnError(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("there is no file that we may not read")
	}
	c := album()
	dir := t.TempDir()
	c.saveAll(t, dir)
	if err := os.Chmod(c.path(dir, 0), 0); err != nil {
		t.Fatal(err)
	}
	s := c.open(t, dir, store.Options{ReadOnly: true})
	if _, err := s.Check(context.Background(), nil, nil); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error %v", err)
	}
}
