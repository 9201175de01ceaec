package library

import "io/fs"

// Compare is what a look at a folder does with the entries that it read.
func (l *Library) Compare(dir string, entries []fs.DirEntry) []*item { return l.compare(dir, entries) }
