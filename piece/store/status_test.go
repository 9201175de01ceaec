package store_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"p2p/piece/store"
)

func TestWhatSomebodyWroteToIsNotIntact(t *testing.T) {
	for name, o := range map[string]store.Options{"shared": {ReadOnly: true}, "fetched": {StateDir: t.TempDir()}} {
		c := album()
		dir := t.TempDir()
		if o.ReadOnly {
			c.saveAll(t, dir)
		}
		s := c.open(t, dir, o)
		have := resume(t, s)
		if !o.ReadOnly {
			c.fetchPiece(t, s, have, 0, 1, 2, 3, 4, 5, 6)
			checkpoint(t, s, have)
		}
		file := c.path(dir, 4)
		for _, step := range []struct {
			do   func() error
			want error
		}{
			{func() error { return nil }, nil},
			{func() error { return os.Chmod(file, 0o400) }, nil}, // which changes no content
			{func() error { return os.Chtimes(file, time.Time{}, time.Unix(1, 0)) }, store.ErrChanged},
			{func() error { return os.Remove(file) }, fs.ErrNotExist},
			{func() error { return os.WriteFile(file, []byte("short"), 0o600) }, store.ErrChanged},
			{func() error { return os.Rename(dir, dir+".away") }, fs.ErrNotExist},
			{func() error { return os.Mkdir(dir, 0o700) }, fs.ErrNotExist}, // another one
			{func() error { return errors.Join(os.Remove(dir), os.Rename(dir+".away", dir)) }, store.ErrChanged},
		} {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			if err := s.Intact(); !errors.Is(err, step.want) {
				t.Errorf("%s: %v; want %v", name, err, step.want)
			}
		}
	}
}
