package library

import (
	"errors"
	"io/fs"
)

// Compare is what a look at a folder does with the entries that it read.
func (l *Library) Compare(dir string, entries []fs.DirEntry) []*item { return l.compare(dir, entries) }

// FailsLate tries a torrent whose content is wrong, and calls meanwhile after that was read. It reports whether looks at what
// failed find that it has changed since.
func (l *Library) FailsLate(path string, meanwhile func()) bool {
	it := &item{path: path}
	l.items[path] = it
	o, err := l.read(it)
	if err == nil {
		err = o.store.Close()
	}
	meanwhile()
	l.fail(it, errors.Join(ErrChanging, err))
	return len(l.changed())+len(l.changed()) > 0
}
