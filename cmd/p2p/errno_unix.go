//go:build unix

package main

import "syscall"

// portBusyErrnos is the system's number for a port that somebody else has.
var portBusyErrnos = []syscall.Errno{syscall.EADDRINUSE}
