package main

import (
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// enableANSI makes the console behind stderr obey cursor movements, which
// Windows consoles do only when asked to.
func enableANSI() bool {
	handle, mode := windows.Handle(os.Stderr.Fd()), uint32(0)
	if windows.GetConsoleMode(handle, &mode) != nil {
		return false
	}
	return windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}

// systemLocale returns the language of the user's Windows, such as "zh-CN".
func systemLocale() string {
	languages, err := windows.GetUserPreferredUILanguages(windows.MUI_LANGUAGE_NAME)
	if err != nil || len(languages) == 0 {
		return ""
	}
	return languages[0]
}

func stopSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

// statusSignals is empty: Windows has no such signal.
var statusSignals []os.Signal

func surviveBrokenPipe() {}

// portBusyErrnos is the number of Windows for what Unix calls EADDRINUSE; package syscall
// has invented one of its own for this name, which the system never returns.
var portBusyErrnos = []syscall.Errno{windows.WSAEADDRINUSE, syscall.EADDRINUSE}
