package store

import (
	"os"
	"strings"
)

// adoptOriginals makes the store use files that are on disk under the very names
// that the torrent gives them, where those are not the names that it would give
// them itself: content that is shared from where it was made, or that another
// client put there. No file is ever made under such a name.
//
// A name belongs to one file. Of "a:b" and "a_b" the first is made safe as "a_b",
// which is the second's own name: it is the second's where "a:b" is on disk too,
// and what was fetched of the first where it is not. A file that a path was kept
// from has a number in its own and comes after the one that holds it, so one pass
// in the torrent's order decides.
func (s *Store) adoptOriginals(root string) {
	if root != "" && s.info.Single {
		return // the user has named the file itself
	}
	originals := s.originals(root)
	holder, named := s.claims(originals)
	for i, original := range originals {
		f := &s.files[i]
		if original == "" || original == f.path || !s.regular(original) {
			continue
		}
		// Whoever holds it has been decided on: it is free if he is found elsewhere.
		if h := holder[sameName(original)]; h != nil && s.same(h.path, original) {
			continue
		}
		if s.regular(f.path) && !named[sameName(f.path)] {
			continue
		}
		f.path = original
	}
}

// originals returns the path below the root that the torrent itself gives each
// file, "" for one that is never on disk or that has none here.
func (s *Store) originals(root string) []string {
	paths := s.info.OriginalPaths()
	for i := range paths {
		if root != "" {
			_, paths[i], _ = strings.Cut(paths[i], "/")
		}
		if s.files[i].pad {
			paths[i] = ""
		}
	}
	return paths
}

// claims returns which file has which safe path, and which paths are originals; of
// those only that may be in question.
func (s *Store) claims(originals []string) (holder map[string]*file, named map[string]bool) {
	holder, named = map[string]*file{}, map[string]bool{}
	odd := false
	for i, original := range originals {
		odd = odd || original != "" && original != s.files[i].path
	}
	if !odd {
		return holder, named // nearly always
	}
	for i, original := range originals {
		if f := &s.files[i]; !f.pad {
			holder[sameName(f.path)] = f
			named[sameName(original)] = true
		}
	}
	return holder, named
}

// same reports whether two names that sameName may take for one are one file: not
// every volume of a system that folds case does.
func (s *Store) same(a, b string) bool {
	if a == b || !foldsCase {
		return a == b
	}
	x, err := s.root.Stat(a)
	y, err2 := s.root.Stat(b)
	return err == nil && err2 == nil && os.SameFile(x, y)
}

// sameName returns what is equal for names that may be one file here.
func sameName(name string) string {
	if foldsCase {
		return strings.ToLower(name)
	}
	return name
}
