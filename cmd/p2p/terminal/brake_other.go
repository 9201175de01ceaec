//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package terminal

// brake is nothing: on Windows no program is stopped.
type brake struct{}

func newBrake(func(any)) *brake { return &brake{} }

func (*brake) stop() {}

func (*brake) letGo() {}
