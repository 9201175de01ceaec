package space_test

import (
	"path/filepath"
	"runtime"
	"testing"

	"p2p/cmd/p2p/space"
)

func TestAFolderThatIsNotThereYetHasTheRoomOfTheOneThatItWillBeIn(t *testing.T) {
	dir := t.TempDir()
	free, known := space.Free(filepath.Join(dir, "not", "there"))
	if known != (runtime.GOOS == "linux" || runtime.GOOS == "darwin") || known && free <= 0 {
		t.Errorf("it has %d bytes, known: %v", free, known)
	}
}
