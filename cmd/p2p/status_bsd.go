//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package main

import (
	"os"
	"syscall"
)

// statusSignals ask for a status line. SIGINFO is what Ctrl-T sends.
var statusSignals = []os.Signal{syscall.SIGUSR1, syscall.SIGINFO}
