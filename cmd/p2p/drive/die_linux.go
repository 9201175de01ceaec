package drive

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the process killed when the test program is, which can then
// clean up nothing itself.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
