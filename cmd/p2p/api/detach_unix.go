//go:build unix

package api

import (
	"os/exec"
	"syscall"
)

// detach gives cmd a session of its own, so that it does not end with the terminal.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
