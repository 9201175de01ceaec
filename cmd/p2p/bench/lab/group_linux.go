package lab

import (
	"os/exec"
	"syscall"
)

// setGroup keeps Ctrl-C at the terminal from the process, because we end it
// ourselves, and has the system end it when we are killed and cannot.
func setGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
