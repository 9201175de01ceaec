//go:build !(linux || darwin || freebsd || openbsd || netbsd || dragonfly || windows)

package history

// lock does nothing where no way to lock a file is known.
type lock struct{}

func takeLock(string) (*lock, error) { return &lock{}, nil }

func (l *lock) release() error { return nil }
