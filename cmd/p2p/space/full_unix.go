//go:build unix

package space

import "syscall"

var fullErrnos = []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT}
