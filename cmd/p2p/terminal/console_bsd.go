//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package terminal

import "golang.org/x/sys/unix"

// noKey is the value of an entry of Termios.Cc for that no key does this (_POSIX_VDISABLE).
const noKey = 0xff

// The requests by which a terminal tells and takes its modes.
const (
	readTermios  = unix.TIOCGETA
	writeTermios = unix.TIOCSETA
)
