// Package socket makes Unix sockets that only their own user can open: a door to a
// program without a password to lose, a port to scan, or anything that a web page could reach.
package socket

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// ErrTaken is the error of a path on which another program answers.
var ErrTaken = errors.New("another program answers there")

// Listen makes the socket at path with mode 0600. One that was left there by a process that is gone is
// replaced. Closing the listener removes the socket. The system limits the path to about a hundred
// bytes.
func Listen(path string) (net.Listener, error) {
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return nil, fmt.Errorf("socket %s: %w", path, ErrTaken)
	}
	// The socket is made in a folder of its own and moved when it has its mode,
	// so that nobody else can connect in between.
	dir, err := os.MkdirTemp(filepath.Dir(path), ".p2p-")
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	defer os.RemoveAll(dir)
	made := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	l.SetUnlinkOnClose(false) // it would look for the old path
	if err = os.Chmod(made, 0o600); err == nil {
		err = os.Rename(made, path)
	}
	if err != nil {
		return nil, fmt.Errorf("socket: %w", errors.Join(err, l.Close()))
	}
	return &listener{UnixListener: l, path: path}, nil
}

// listener removes its socket.
type listener struct {
	*net.UnixListener
	path string
	once sync.Once
}

// Close removes the socket before nobody answers there any more: whoever comes next then makes his own.
func (l *listener) Close() (err error) {
	l.once.Do(func() { err = errors.Join(os.Remove(l.path), l.UnixListener.Close()) })
	return err
}
