package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// quotaPeriod is how often a process that has used its time up gets more, in microseconds. A long one would
// have it answer in bursts.
const quotaPeriod = 10_000

// limit puts a process into a control group of its own, of either version. undo takes the group away again when the
// process has ended.
func limit(pid int, cores float64) (undo func(), err error) {
	const root = "/sys/fs/cgroup"
	quota := strconv.Itoa(int(cores * quotaPeriod))
	settings := [][2]string{{"cpu.cfs_period_us", strconv.Itoa(quotaPeriod)}, {"cpu.cfs_quota_us", quota}}
	dir := filepath.Join(root, "cpu", fmt.Sprintf("p2p-bench-%d", pid))
	if _, err := os.Stat(filepath.Join(root, "cpu", "cgroup.procs")); errors.Is(err, fs.ErrNotExist) {
		dir = filepath.Join(root, filepath.Base(dir))
		settings = [][2]string{{"cpu.max", quota + " " + strconv.Itoa(quotaPeriod)}}
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	undo = func() { os.Remove(dir) }
	for _, s := range append(settings, [2]string{"cgroup.procs", strconv.Itoa(pid)}) {
		if err := os.WriteFile(filepath.Join(dir, s[0]), []byte(s[1]), 0o644); err != nil {
			undo()
			return nil, err
		}
	}
	return undo, nil
}
