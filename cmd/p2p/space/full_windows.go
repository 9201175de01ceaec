package space

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// What the system calls it, and the number that package syscall has invented for the same, which the history gives.
var fullErrnos = []syscall.Errno{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, syscall.ENOSPC}
