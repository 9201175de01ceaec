//go:build unix

package lab

import (
	"os"
	"runtime"
	"syscall"
)

// maxRSS returns the peak memory of a process that has ended, from getrusage(2):
// in KiB everywhere but on macOS.
func maxRSS(s *os.ProcessState) int64 {
	usage, ok := s.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(usage.Maxrss)
	}
	return int64(usage.Maxrss) << 10
}
