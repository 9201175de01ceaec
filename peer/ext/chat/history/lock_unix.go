//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package history

import (
	"errors"
	"os"
	"syscall"
)

// lock keeps other programs away from an archive. The system gives it up when the process dies. The
// file stays, since removing it could take it away from under somebody who has just opened it.
type lock struct{ file *os.File }

// takeLock locks the file at path, which it makes when needed.
func takeLock(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrBusy
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &lock{f}, nil
}

func (l *lock) release() error { return l.file.Close() }
