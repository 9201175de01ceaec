package space

import (
	"errors"
	"slices"
	"syscall"
)

// Full reports whether an error is that a disk, or a quota, is full.
func Full(err error) bool {
	return slices.ContainsFunc(fullErrnos, func(n syscall.Errno) bool { return errors.Is(err, n) })
}
