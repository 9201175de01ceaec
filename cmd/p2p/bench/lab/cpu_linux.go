package lab

import (
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Cores returns the numbers of the cores that this process may use; none where
// that is not known, and then nothing is pinned.
func Cores() []int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return nil
	}
	var all []int
	for i := range len(set) * strconv.IntSize {
		if set.IsSet(i) {
			all = append(all, i)
		}
	}
	return all
}

// StayOn moves all threads of this process to cores, and with them those that
// they start later; none leaves things as they are.
func StayOn(cores []int) {
	if len(cores) == 0 {
		return
	}
	set := setOf(cores)
	for range 2 { // a thread may have been started while the first round was on
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return
		}
		for _, t := range threads {
			if id, err := strconv.Atoi(t.Name()); err == nil {
				unix.SchedSetaffinity(id, &set) // a thread that has ended is on no core
			}
		}
	}
}

// startOn calls f, which starts a process, on a thread of the cores: a process
// begins life where its parent is, and the runtime of Go counts the cores then.
func startOn(cores []int, f func() error) error {
	if len(cores) == 0 {
		return f()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if unix.SchedGetaffinity(0, &before) != nil {
		return f()
	}
	set := setOf(cores)
	if unix.SchedSetaffinity(0, &set) != nil {
		return f()
	}
	defer unix.SchedSetaffinity(0, &before)
	return f()
}

func setOf(cores []int) unix.CPUSet {
	var set unix.CPUSet
	for _, c := range cores {
		set.Set(c)
	}
	return set
}
