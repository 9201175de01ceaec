package people

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"p2p/cmd/p2p/api"
)

func TestAFolderInWhichAFileVanishesIsNotSaidToBeMissing(t *testing.T) {
	folder := t.TempDir()
	gone := filepath.Join(folder, "gone")
	_, err := os.Open(gone)
	for path, want := range map[string]string{folder: api.FileChanging, gone: api.NoSuchPath} {
		if got := api.ReasonOf(unfit(fmt.Errorf("walk: %w", err), path, true)).GetKey(); got != want {
			t.Errorf("of %s it says %s, want %s", path, got, want)
		}
	}
}
