package lab

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAFolderWhoseProcessWasKilledIsRemovedByTheNext(t *testing.T) {
	parent := t.TempDir()
	old := time.Now().Add(-time.Hour)
	folder := func(name string) string {
		dir := filepath.Join(parent, name)
		if err := os.MkdirAll(filepath.Join(dir, "seed"), 0o700); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	locked := func(name string, at time.Time) string {
		dir := folder(name)
		if err := os.WriteFile(filepath.Join(dir, lockName), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, lockName), at, at); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	dead := locked("p2p-bench-1", old)
	others := []string{folder("p2p-bench-2"), locked("p2p-bench-3", time.Now()), locked("other-4", old)}
	elsewhere := filepath.Join(parent, "elsewhere")
	if err := os.Rename(locked("p2p-bench-5", old), elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(parent, "p2p-bench-5")); err != nil {
		t.Skip(err)
	}
	live, err := MakeFolder(parent)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(live.Path, lockName), old, old); err != nil {
		t.Fatal(err)
	}
	next, err := MakeFolder(parent)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(dead); err == nil {
		t.Error("what was left is still there")
	}
	for _, dir := range append(others, elsewhere, live.Path, next.Path) {
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
	}
	for _, f := range []*Folder{live, next, nil} {
		if err := f.Remove(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(live.Path); err == nil {
		t.Error("Remove left it")
	}
}
