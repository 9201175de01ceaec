package store

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// noDataIn reports whether the file has no data from offset from to offset to:
// there is a hole, or it ends before. False means that there is some, or that the
// system does not tell.
func noDataIn(h handle, from, to int64) bool {
	file, ok := h.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return false
	}
	hole := false
	// The file's own offset is moved by this, but nothing uses it.
	err = raw.Control(func(fd uintptr) {
		data, err := unix.Seek(int(fd), from, unix.SEEK_DATA)
		hole = err == nil && data >= to || errors.Is(err, syscall.ENXIO)
	})
	return err == nil && hole
}
