package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"p2p/cmd/p2p/space"
	"p2p/cmd/p2p/units"
	"p2p/piece/store"
)

// systemWords are the messages for what a system says of a file, which it says in its
// own language. The first row that fits wins.
var systemWords = []struct {
	fits func(error) bool
	key  string
}{
	{is(fs.ErrExist), "file.exists"},
	{is(fs.ErrNotExist), "file.missing"},
	{is(fs.ErrPermission), "file.forbidden"},
	{space.Full, "file.no_room"},
	{isErrno([]syscall.Errno{syscall.EROFS}), "file.read_only"},
	{isErrno([]syscall.Errno{syscall.EISDIR}), "file.folder"},
	{isErrno([]syscall.Errno{syscall.ENOTDIR}), "file.not_folder"},
}

// words says what is wrong.
func (a *app) words(err error) string {
	if e, ok := errors.AsType[*store.ExistsError](err); ok {
		return a.inTheWay(e)
	}
	e, ok := errors.AsType[*fs.PathError](err)
	if !ok || !strings.HasSuffix(err.Error(), e.Error()) {
		return err.Error() // what is wrapped has more to say
	}
	before := strings.TrimSuffix(err.Error(), e.Error())
	if !strings.HasPrefix(before, "--") { // a flag is the same in every language
		before = ""
	}
	for _, w := range systemWords {
		if !w.fits(e) {
			continue
		}
		if dir := filepath.Dir(e.Path); w.key == "file.missing" && !exists(dir) {
			return before + a.text.Say("file.no_folder", dir)
		}
		return before + a.text.Say(w.key, e.Path)
	}
	return err.Error()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// inTheWay says how a file differs from the one of the torrent.
func (a *app) inTheWay(e *store.ExistsError) string {
	s := a.text.Say("file.differs", e.Path, e.Good, e.Good+e.Bad)
	if e.TooLong > 0 {
		s = a.text.Say("file.too_long", e.Path, units.FormatBytes(e.TooLong))
	}
	if e.Files > 1 {
		s += a.text.Say("file.and_more", e.Files-1)
	}
	return s
}
