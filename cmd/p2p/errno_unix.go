//go:build unix

package main

import "syscall"

// The system's numbers for a disk or a quota that is full, and for a port that
// somebody else has.
var (
	diskFullErrnos = []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT}
	portBusyErrnos = []syscall.Errno{syscall.EADDRINUSE}
)
