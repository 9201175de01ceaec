package api

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// detach takes the console from cmd, so that it does not end with that.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP}
}
