// Package space tells how much room there is on the disk of a folder.
package space

import (
	"os"
	"path/filepath"
)

// Free returns how many bytes a user's files may still take in a folder, which need not be there yet, and false where that is not known.
func Free(dir string) (bytes int64, known bool) {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return free(dir)
		}
		dir = filepath.Dir(dir)
	}
}
