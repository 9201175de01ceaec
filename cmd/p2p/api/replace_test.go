package api_test

import (
	"os"
	"path/filepath"
	"testing"

	"p2p/cmd/p2p/api"
)

func TestAFileIsReplacedWholeOrStaysAsItWas(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "file")
	if api.Replace(path, []byte("x")) == nil {
		t.Error("it is written where there is no folder")
	}
	if err := os.MkdirAll(filepath.Join(dir, "a", "full", "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"first", "second"} {
		if err := api.Replace(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != text {
			t.Errorf("it has %q: %v", b, err)
		}
	}
	if api.Replace(filepath.Join(dir, "a", "full"), []byte("x")) == nil {
		t.Error("a folder is replaced")
	}
	if all, err := os.ReadDir(filepath.Join(dir, "a")); err != nil || len(all) != 2 {
		t.Errorf("%v is left: %v", all, err)
	}
}
