//go:build unix

package lab

import (
	"io/fs"
	"os"
	"syscall"
)

// ours reports whether a file belongs to the user of this process: root may open all.
func ours(st fs.FileInfo) bool {
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(sys.Uid) == os.Geteuid()
}
