package api

import (
	"errors"
	"os"
	"path/filepath"
)

// Replace puts text into the file at path, in place of what was there. Whoever reads it meanwhile, or after a crash of the
// program, finds the old text or the new one, whole; nobody but the user can.
func Replace(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
