package main

import (
	"errors"
	"io/fs"
	"os"
)

// mayWrite finds out whether a file can be written, before the work whose outcome it
// is to hold. It leaves what is there as it is, and nothing behind.
func mayWrite(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err == nil {
		return errors.Join(f.Close(), os.Remove(name))
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if f, err = os.OpenFile(name, os.O_WRONLY, 0); err != nil {
		return err
	}
	return f.Close()
}

// mayWriteInto is mayWrite for a file, of whatever name, in a folder.
func mayWriteInto(dir string) error {
	f, err := os.CreateTemp(dir, "p2p-")
	if errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "open", Path: dir, Err: fs.ErrNotExist} // and not the name that was tried in it
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
