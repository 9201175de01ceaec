package lab

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// clockTick is the unit of times in /proc: USER_HZ, which is 100 on every
// platform that Go has.
const clockTick = time.Second / 100

// liveUsage returns what a running process has used so far, from proc(5).
func liveUsage(pid int) (Usage, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Usage{}, false
	}
	// The name of the program is in parentheses and may hold anything; utime
	// and stime are the 12th and 13th fields after it.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return Usage{}, false
	}
	user, _ := strconv.ParseInt(string(fields[11]), 10, 64) // the kernel wrote it
	system, _ := strconv.ParseInt(string(fields[12]), 10, 64)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Usage{}, false
	}
	u := Usage{CPU: time.Duration(user+system) * clockTick}
	if _, after, found := bytes.Cut(status, []byte("\nVmHWM:")); found {
		kilobytes, _ := strconv.ParseInt(string(bytes.Fields(after)[0]), 10, 64)
		u.Peak = kilobytes << 10
	}
	return u, u.Peak > 0
}

// Memory is a folder whose files are in memory; "" where there is none.
const Memory = "/dev/shm"
