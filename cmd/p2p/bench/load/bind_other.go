//go:build !linux

package load

import "syscall"

// lateBind has nothing to say here.
func lateBind(_, _ string, _ syscall.RawConn) error { return nil }
