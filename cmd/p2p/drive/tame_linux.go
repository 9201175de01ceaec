package drive

import (
	"os/exec"
	"syscall"
)

// tame has the process killed when the test program is, which can then clean up
// nothing itself, and makes it run as a user.
func tame(cmd *exec.Cmd, user uint32) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if user != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: user, Gid: user}
	}
}
