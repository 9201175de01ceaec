package terminal

import "golang.org/x/sys/unix"

// The requests by which a terminal tells and takes its modes.
const (
	readTermios  = unix.TCGETS
	writeTermios = unix.TCSETS
)
