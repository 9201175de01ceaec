package people

import (
	"fmt"
	"syscall"
)

// birthOf returns what tells the file at path from every other that was or will be there, empty where nothing does. What puts a backup
// back may set when a file was born, but not its number, of which APFS gives none twice.
func birthOf(path string) string {
	var s syscall.Stat_t
	if err := syscall.Stat(path, &s); err != nil || s.Birthtimespec.Sec <= 0 {
		return ""
	}
	return fmt.Sprintf("%d.%09d-%d", s.Birthtimespec.Sec, s.Birthtimespec.Nsec, s.Ino)
}
