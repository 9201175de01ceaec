//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package terminal

// openConsole has none: on Windows the console edits the lines itself.
func openConsole(Options) (*console, func()) { return nil, func() {} }
