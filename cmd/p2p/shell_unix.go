//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// enableANSI reports whether the terminal can be made to obey cursor movements;
// on Unix they all do.
func enableANSI() bool { return true }

// systemLocale is empty: on Unix the environment tells the language.
func systemLocale() string { return "" }

// stopSignals are the signals that end the program in an orderly way. A program
// started by nohup has SIGHUP ignored, and must keep it so.
func stopSignals() []os.Signal {
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// surviveBrokenPipe makes a write to a closed stdout or stderr an error where
// it would kill the program on the spot.
func surviveBrokenPipe() { signal.Ignore(syscall.SIGPIPE) }
