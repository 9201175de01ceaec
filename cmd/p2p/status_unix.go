//go:build unix && !(darwin || freebsd || netbsd || openbsd || dragonfly)

package main

import (
	"os"
	"syscall"
)

// statusSignals ask for a status line.
var statusSignals = []os.Signal{syscall.SIGUSR1}
