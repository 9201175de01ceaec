package people

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// birthOf returns what tells the file at path from every other that was or will be there, empty where nothing does. Nobody can set when
// a file was born (statx(2)); its number says nothing, the next file may get the same.
func birthOf(path string) string {
	var s unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BTIME, &s); err != nil || s.Mask&unix.STATX_BTIME == 0 || s.Btime.Sec == 0 {
		return ""
	}
	return fmt.Sprintf("%d.%09d", s.Btime.Sec, s.Btime.Nsec)
}
