package store

import (
	"io/fs"
	"syscall"
)

// stampOf returns the stamp of the file that fi describes.
func stampOf(fi fs.FileInfo) stamp {
	st := stamp{size: fi.Size(), mtime: fi.ModTime().UnixNano()}
	if sys, ok := fi.Sys().(*syscall.Stat_t); ok {
		st.ctime = sys.Ctim.Nano()
		st.inode = sys.Ino
	}
	return st
}
