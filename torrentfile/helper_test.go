package torrentfile_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"p2p/torrentfile"
	"p2p/torrentfile/benc"
)

// corpus is where the torrents made by other programs are.
const corpus = "../testdata/torrents"

type dict = map[string]any

// single returns the info dictionary of a valid torrent of one file of one piece.
func single() dict {
	return dict{"name": "a.txt", "piece length": 16384, "pieces": strings.Repeat("h", 20), "length": 10}
}

// folder is single with several files, given as "path/to/file"; "a/b" makes the
// path ["a", "b"]. Each has one byte.
func folder(paths ...string) dict {
	files := []any{}
	for _, p := range paths {
		files = append(files, dict{"length": 1, "path": strings.Split(p, "/")})
	}
	return folderOf(files...)
}

func folderOf(files ...any) dict {
	return dict{"name": "root", "piece length": 16384, "pieces": strings.Repeat("h", 20), "files": files}
}

// with returns d with a key set to v, or without the key when v is nil.
func with(d dict, key string, v any) dict {
	if v == nil {
		delete(d, key)
	} else {
		d[key] = v
	}
	return d
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := benc.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// torrent returns a torrent file with this info dictionary.
func torrent(t testing.TB, info dict) []byte { return encode(t, dict{"info": info}) }

func mustParse(t testing.TB, b []byte) *torrentfile.Metainfo {
	t.Helper()
	m, err := torrentfile.Parse(b)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return m
}

// content is the formula of testdata/torrents/make.py.
func content(n, seed int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*131 + (i>>8)*31 + seed*17)
	}
	return b
}

// folderFiles is FOLDER of testdata/torrents/make.py.
var folderFiles = []struct {
	path string
	size int
}{
	{"a/x", 40000}, {"a-b/x", 1}, {"a.txt", 16384}, {"a b", 3}, {"A/z", 70000}, {".hidden/f", 5},
	{".dot", 100}, {"b/c/d", 33000}, {"b/c.txt", 7}, {"b/c-d", 16383}, {"b/empty", 0},
	{"数据集/第一批.bin", 50000}, {"é", 2}, {"zz", 20000},
}

// write makes a file and its folders, and returns its path.
func write(t testing.TB, data []byte, path ...string) string {
	t.Helper()
	p := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// allocated returns how many bytes f allocates in all.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}
