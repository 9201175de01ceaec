package drive

import (
	"bytes"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// File is a file that a test makes.
type File struct {
	Path string // with slashes
	Size int
}

// MakeTree makes files of random content, the same for the same seed, in folder
// dir.
func MakeTree(t testing.TB, dir string, seed uint64, files ...File) {
	t.Helper()
	random := rand.NewChaCha8([32]byte{0: byte(seed), 1: byte(seed >> 8)})
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		b := make([]byte, f.Size)
		random.Read(b) // never fails
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// SameTree fails the test unless the files under got are those under want, by
// name and byte by byte, and there are no others. Both may also be single files.
func SameTree(t testing.TB, want, got string) {
	t.Helper()
	wanted, found := readTree(t, want), readTree(t, got)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		b, ok := found[name]
		switch {
		case !ok:
			t.Errorf("%s: %q is missing", got, name)
		case !bytes.Equal(b, wanted[name]):
			t.Errorf("%s: %q differs (%d bytes, want %d)", got, name, len(b), len(wanted[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if _, ok := wanted[name]; !ok {
			t.Errorf("%s: %q should not be there", got, name)
		}
	}
}

// readTree returns what is in the files under root, by their names in it.
func readTree(t testing.TB, root string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		all[filepath.ToSlash(rel)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
