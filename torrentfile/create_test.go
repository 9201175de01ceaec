package torrentfile_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"p2p/torrentfile"
)

// makeFolder writes the folder that the torrents of the corpus were made from.
func makeFolder(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the file system may take A and a for the same name")
	}
	dir := filepath.Join(t.TempDir(), "folder")
	for seed, f := range folderFiles {
		write(t, content(f.size, seed), dir, f.path)
	}
	return dir
}

func create(t *testing.T, path string, o torrentfile.CreateOptions) *torrentfile.Metainfo {
	t.Helper()
	m, err := torrentfile.Create(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCreateMakesTheSameBytesAsMktorrent(t *testing.T) {
	dir := makeFolder(t)
	if err := os.Mkdir(filepath.Join(dir, "empty folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(corpus, "mktorrent-folder.torrent"))
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{1, 2, 7} {
		m := create(t, dir, torrentfile.CreateOptions{
			Announce: [][]string{{"http://tracker.example/announce"}}, PieceLength: 32 << 10, CreatedBy: "mktorrent 1.1", NoDate: true, Workers: workers,
		})
		got, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d workers: got\n%q\nwant\n%q", workers, got, want)
		}
	}
}

func TestCreateMakesTheSameInfoHashAsMktorrentWithAllOptions(t *testing.T) {
	path := write(t, content(100000, 99), t.TempDir(), "single.bin")
	m := create(t, path, torrentfile.CreateOptions{
		Announce:    [][]string{{"http://tracker.example/announce", "http://second.example/announce"}, {"udp://tracker.example:6969"}},
		PieceLength: 32 << 10, Private: true, Source: "SRC", Comment: "a comment", WebSeeds: []string{"http://web.example/single.bin"},
		CreatedBy: "mktorrent 1.1", NoDate: true,
	})
	want, err := torrentfile.Load(filepath.Join(corpus, "mktorrent-single.torrent"))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got  %+v\nwant %+v", m, want)
	}
}

// Names whose order depends on whether '/' counts as a character.
func TestFilesAreInTheByteOrderOfTheirPaths(t *testing.T) {
	dir := makeFolder(t)
	var got []string
	for _, f := range create(t, dir, torrentfile.CreateOptions{}).Info.Files {
		got = append(got, strings.Join(f.Path, "/"))
	}
	want := []string{".dot", ".hidden/f", "A/z", "a b", "a-b/x", "a.txt", "a/x", "b/c-d", "b/c.txt", "b/c/d", "b/empty", "zz", "é", "数据集/第一批.bin"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOddNamesGiveTheInfoHashOfMktorrent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the file system may refuse such names")
	}
	dir := filepath.Join(t.TempDir(), "odd")
	for _, name := range []string{"a\xffb", "Icon\r", "back\\slash", "new\nline", "~", " lead", "A.b", "a.B", "d/é", "d.e", "d-e/f", "tail. ", "con", "a:b?"} {
		write(t, []byte(name), dir, name)
	}
	// That of mktorrent 1.1 -l 15, with these names as contents.
	const want = "7ca849a6d6e62753689393b250b5b8429af580d0"
	m := create(t, dir, torrentfile.CreateOptions{PieceLength: 32 << 10})
	if m.InfoHash.String() != want {
		t.Errorf("got %v, want %s", m.InfoHash, want)
	}
	// Who made the torrent finds its files again, though nobody would store them so.
	for _, p := range m.Info.OriginalPaths() {
		if _, err := os.Stat(filepath.Join(filepath.Dir(dir), p)); err != nil {
			t.Error(err)
		}
	}
}

func TestCreateTakesItsDefaultsFromThePath(t *testing.T) {
	path := write(t, content(50_000, 0), t.TempDir(), "data.bin")
	before := time.Now().Truncate(time.Second)
	m := create(t, path, torrentfile.CreateOptions{})
	if m.Info.Name != "data.bin" || !m.Info.Single || m.Info.PieceLength != 16<<10 || m.Created.Before(before) {
		t.Errorf("got %+v", m)
	}
	date := time.Date(2001, 7, 2, 0, 0, 0, 0, time.UTC)
	m = create(t, path, torrentfile.CreateOptions{Name: "other", Date: date})
	if m.Info.Name != "other" || !m.Created.Equal(date) {
		t.Errorf("got %+v", m)
	}
	t.Chdir(filepath.Dir(path))
	if m := create(t, ".", torrentfile.CreateOptions{}); m.Info.Name != filepath.Base(filepath.Dir(path)) || m.Info.Single {
		t.Errorf("got %+v", m.Info)
	}
}

func TestExcludedFilesAreLeftOut(t *testing.T) {
	dir := t.TempDir()
	for _, p := range []string{"a.txt", "a.bak", "sub/a.bak", "sub/keep", "cache/x", "sub/cache/y", "sub/deep/z.tmp"} {
		write(t, []byte(p), dir, filepath.FromSlash(p))
	}
	tests := []struct{ exclude, want []string }{
		{nil, []string{"a.bak", "a.txt", "cache/x", "sub/a.bak", "sub/cache/y", "sub/deep/z.tmp", "sub/keep"}},
		{[]string{"*.bak"}, []string{"a.txt", "cache/x", "sub/cache/y", "sub/deep/z.tmp", "sub/keep"}},
		{[]string{"cache"}, []string{"a.bak", "a.txt", "sub/a.bak", "sub/deep/z.tmp", "sub/keep"}},
		{[]string{"cache/", "./sub/deep"}, []string{"a.bak", "a.txt", "sub/a.bak", "sub/keep"}},
		{[]string{"sub/*.bak", "*/cache", "sub/*/*.tmp"}, []string{"a.bak", "a.txt", "cache/x", "sub/keep"}},
		{[]string{"[ab].txt", "?.bak"}, []string{"cache/x", "sub/cache/y", "sub/deep/z.tmp", "sub/keep"}},
	}
	for _, tt := range tests {
		var got []string
		for _, f := range create(t, dir, torrentfile.CreateOptions{Exclude: tt.exclude}).Info.Files {
			got = append(got, strings.Join(f.Path, "/"))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("without %q: got %q, want %q", tt.exclude, got, tt.want)
		}
	}
}

func TestCreateRefusesWhatCannotBeATorrent(t *testing.T) {
	dir := t.TempDir()
	file := write(t, []byte("x"), dir, "f", "file")
	write(t, nil, dir, "empty", "file")
	if err := os.MkdirAll(filepath.Join(dir, "folders", "only"), 0o755); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path string
		o          torrentfile.CreateOptions
		is         error  // what the error wraps, or nil
		says       string // and what it says
	}{
		{"nothing there", filepath.Join(dir, "absent"), torrentfile.CreateOptions{}, os.ErrNotExist, "absent"},
		{"an empty file", filepath.Join(dir, "empty", "file"), torrentfile.CreateOptions{}, torrentfile.ErrEmpty, "file"},
		{"empty files only", filepath.Join(dir, "empty"), torrentfile.CreateOptions{}, torrentfile.ErrEmpty, "empty"},
		{"folders only", filepath.Join(dir, "folders"), torrentfile.CreateOptions{}, torrentfile.ErrEmpty, "folders"},
		{"everything excluded", filepath.Join(dir, "f"), torrentfile.CreateOptions{Exclude: []string{"*"}}, torrentfile.ErrEmpty, "f"},
		{"a bad pattern", dir, torrentfile.CreateOptions{Exclude: []string{"[a"}}, nil, `"[a"`},
		{"the root of the file system", string(filepath.Separator), torrentfile.CreateOptions{Exclude: []string{"*"}}, nil, "no name"},
		{"a name that is a path", file, torrentfile.CreateOptions{Name: "a/b"}, nil, `"a/b"`},
		{"a name that climbs", file, torrentfile.CreateOptions{Name: ".."}, nil, `".."`},
		{"a name with a NUL", file, torrentfile.CreateOptions{Name: "a\x00"}, nil, "NUL"},
		{"a piece length of 1 KiB", file, torrentfile.CreateOptions{PieceLength: 1024}, nil, "1024"},
		{"a piece length of 48 KiB", file, torrentfile.CreateOptions{PieceLength: 48 << 10}, nil, "power of two"},
		{"a piece length of 512 MiB", file, torrentfile.CreateOptions{PieceLength: 512 << 20}, nil, "256 MiB"},
		{"a negative piece length", file, torrentfile.CreateOptions{PieceLength: -16384}, nil, "power of two"},
		{"a tracker that is no URL", file, torrentfile.CreateOptions{Announce: [][]string{{"localhost:6969"}}}, nil, `"localhost:6969"`},
		{"a web seed that is no URL", file, torrentfile.CreateOptions{WebSeeds: []string{"a b"}}, nil, `"a b"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := torrentfile.Create(t.Context(), tt.path, tt.o)
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %v that says %q", err, tt.is, tt.says)
			}
		})
	}
}

func TestOnlyFilesAndFoldersGoIntoATorrent(t *testing.T) {
	dir := t.TempDir()
	file := write(t, []byte("content"), dir, "tree", "file")
	tree := filepath.Dir(file)
	link := filepath.Join(tree, "link")
	if err := os.Symlink("file", link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	want := create(t, file, torrentfile.CreateOptions{NoDate: true})
	// The path that the user named may be a link; the name is the one that was given.
	if got := create(t, link, torrentfile.CreateOptions{NoDate: true, Name: "file"}); got.InfoHash != want.InfoHash {
		t.Error("a link to a file makes another torrent than the file")
	}
	if got := create(t, link, torrentfile.CreateOptions{}); got.Info.Name != "link" {
		t.Errorf("got %q", got.Info.Name)
	}
	refuses := func(says, path string) {
		t.Helper()
		_, err := torrentfile.Create(t.Context(), path, torrentfile.CreateOptions{})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, which does not say %q", err, says)
		}
	}
	refuses("link is a symbolic link", tree)
	if got := create(t, tree, torrentfile.CreateOptions{Exclude: []string{"link"}}); len(got.Info.Files) != 1 {
		t.Errorf("got %+v", got.Info.Files)
	}
	treeLink := filepath.Join(dir, "treelink")
	if err := os.Symlink("tree", treeLink); err != nil {
		t.Fatal(err)
	}
	if got := create(t, treeLink, torrentfile.CreateOptions{Exclude: []string{"link"}}); len(got.Info.Files) != 1 || got.Info.Name != "treelink" {
		t.Errorf("got %+v", got.Info)
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(tree, "s"))
	if err != nil {
		t.Skipf("no Unix sockets here: %v", err)
	}
	defer l.Close()
	refuses("a socket", tree)
	if err := os.Symlink("file", link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"empty", "full/of/nothing", "full/er"} { // and full itself has something
		if err := os.MkdirAll(filepath.Join(tree, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out := map[string]fs.FileMode{}
	got := create(t, tree, torrentfile.CreateOptions{LeaveOut: func(path string, mode fs.FileMode) { out[path] = mode }})
	if len(got.Info.Files) != 1 || !maps.Equal(out, map[string]fs.FileMode{
		"link": fs.ModeSymlink, "s": fs.ModeSocket, "empty": fs.ModeDir, "full/of/nothing": fs.ModeDir, "full/er": fs.ModeDir,
	}) {
		t.Errorf("it holds %+v without %v", got.Info.Files, out)
	}
	refuses("a socket", filepath.Join(tree, "s"))
	refuses("a device", os.DevNull)
}

func TestAFileThatCannotBeReadIsAnError(t *testing.T) {
	if os.Geteuid() <= 0 {
		t.Skip("needs a user who may not read everything")
	}
	file := write(t, []byte("x"), t.TempDir(), "d", "file")
	if err := os.Chmod(file, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := torrentfile.Create(t.Context(), filepath.Dir(file), torrentfile.CreateOptions{}); !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v, want ErrPermission", err)
	}
}

func TestAFileThatChangesWhileItIsHashedIsAnError(t *testing.T) {
	changes := map[string]func(path string) error{
		"grows":        func(p string) error { return os.Truncate(p, 200_000) },
		"shrinks":      func(p string) error { return os.Truncate(p, 50_000) },
		"is emptied":   func(p string) error { return os.Truncate(p, 0) },
		"is rewritten": func(p string) error { return os.WriteFile(p, content(100_000, 1), 0o644) },
		"is touched":   func(p string) error { return os.Chtimes(p, time.Time{}, time.Unix(1, 0)) },
		"is replaced": func(p string) error {
			if err := os.WriteFile(p+".new", content(100_000, 2), 0o644); err != nil {
				return err
			}
			return os.Rename(p+".new", p)
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			path := write(t, content(100_000, 0), t.TempDir(), "f")
			if err := os.Chtimes(path, time.Time{}, time.Unix(1_000_000_000, 0)); err != nil {
				t.Fatal(err)
			}
			changed := false
			o := torrentfile.CreateOptions{Workers: 1, PieceLength: 16 << 10, Progress: func(int64, int64) {
				if !changed {
					changed = true
					if err := change(path); err != nil {
						t.Error(err)
					}
				}
			}}
			if _, err := torrentfile.Create(t.Context(), path, o); !errors.Is(err, torrentfile.ErrChanged) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want ErrChanged", err)
			}
		})
	}
	t.Run("is deleted", func(t *testing.T) {
		path := write(t, content(100_000, 0), t.TempDir(), "f")
		o := torrentfile.CreateOptions{Progress: func(int64, int64) { os.Remove(path) }}
		if _, err := torrentfile.Create(t.Context(), path, o); !errors.Is(err, os.ErrNotExist) && runtime.GOOS != "windows" {
			t.Errorf("got %v, want ErrNotExist", err)
		}
	})
}

func TestProgressNeverFallsAndEndsWithEverything(t *testing.T) {
	dir := makeFolder(t)
	var last, total int64
	m := create(t, dir, torrentfile.CreateOptions{Workers: 8, PieceLength: 16 << 10, Progress: func(done, all int64) {
		if done <= last || done > all {
			t.Errorf("%d of %d after %d", done, all, last)
		}
		last, total = done, all
	}})
	if last != m.Info.Total() || total != last {
		t.Errorf("ended with %d of %d", last, total)
	}
}

func TestCreateEndsWithItsContext(t *testing.T) {
	path := write(t, content(1<<20, 0), t.TempDir(), "f")
	ctx, cancel := context.WithCancel(t.Context())
	o := torrentfile.CreateOptions{Workers: 2, PieceLength: 16 << 10, Progress: func(done, total int64) {
		if cancel(); done > total/2 {
			t.Error("it went on")
		}
	}}
	if _, err := torrentfile.Create(ctx, path, o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
	if _, err := torrentfile.Create(ctx, filepath.Dir(path), torrentfile.CreateOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
}

// Pieces that begin and end in the middle of files, files shorter than a piece
// and files of nothing: hashing by hand must agree.
func TestPiecesSpanFiles(t *testing.T) {
	dir := t.TempDir()
	var all []byte
	for i, size := range []int{0, 1, 16384, 0, 16383, 5, 50_000, 0, 1, 1, 1, 300_000, 0} {
		data := content(size, i)
		all = append(all, data...)
		write(t, data, dir, "d", string(rune('a'+i)))
	}
	for _, pieceLength := range []int64{16 << 10, 32 << 10, 256 << 10, 512 << 10} {
		m := create(t, filepath.Join(dir, "d"), torrentfile.CreateOptions{PieceLength: pieceLength, Workers: 3})
		var want []byte
		for piece := range slices.Chunk(all, int(pieceLength)) {
			sum := sha1.Sum(piece)
			want = append(want, sum[:]...)
		}
		if !bytes.Equal(m.Info.Hashes, want) {
			t.Errorf("pieces of %d bytes have other hashes", pieceLength)
		}
	}
}

func TestMemoryOfCreateDoesNotDependOnThePieceLength(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, make([]byte, 20<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	cost := allocated(func() { create(t, path, torrentfile.CreateOptions{PieceLength: 16 << 20, Workers: 2}) })
	if cost > 2<<20 {
		t.Errorf("hashing cost %d bytes of memory", cost)
	}
}

func TestAutomaticPieceLengthMakesAThousandToTwoThousandPieces(t *testing.T) {
	const kib, mib, gib, tib = 1 << 10, 1 << 20, 1 << 30, 1 << 40
	tests := []struct{ total, want int64 }{
		{1, 16 * kib}, {16 * mib, 16 * kib}, {2000 * 16 * kib, 16 * kib}, {2000*16*kib + 1, 32 * kib},
		{100 * mib, 64 * kib}, {700 * mib, 512 * kib}, {gib, 1 * mib}, {4 * gib, 4 * mib}, {33 * gib, 16 * mib}, {tib, 16 * mib},
		{32 * tib, 16 * mib}, {32*tib + 1, 32 * mib}, {256 * tib, 128 * mib}, {1 << 62, 256 * mib},
	}
	for _, tt := range tests {
		if got := torrentfile.PieceLengthFor(tt.total); got != tt.want {
			t.Errorf("%d bytes: got %d, want %d", tt.total, got, tt.want)
		}
	}
	for total := int64(32 * mib); total <= 2000*16*mib; total = total * 5 / 4 {
		if pieces := total / torrentfile.PieceLengthFor(total); pieces < 999 || pieces > 2000 {
			t.Errorf("%d bytes in %d pieces", total, pieces)
		}
	}
}
