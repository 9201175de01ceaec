// Package selection reads which files of a torrent somebody wants: the value of
// --select, such as "1-3,8,*.srt".
package selection

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Why a selection cannot be followed: what an *Error wraps.
var (
	ErrEmpty   = errors.New("selects nothing")
	ErrRange   = errors.New("no range of files, which count from 1")
	ErrPattern = errors.New("no pattern")
	ErrNoMatch = errors.New("no such file in the torrent") // only from Files
)

// Error is the error of Parse and Files.
type Error struct {
	Part string // of the selection, or all of it
	Err  error  // one of those above
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%q: %v", e.Part, e.Err) }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Selection is a parsed --select. The zero value selects nothing.
type Selection struct{ items []item }

// item is one part between commas: a range of numbers, or a pattern.
type item struct {
	text        string
	first, last int // from 1; 0 = it is a pattern. last = maxFile: to the end
	pattern     string
}

// maxFile is past the number of any file.
const maxFile = int(^uint32(0) >> 1)

// Parse reads parts separated by commas. A part is a number as `p2p get -l`
// lists them, a range such as 2-5 or 7-, a pattern with * ? [ ] for the name of
// the file or its whole path, or a path or the folder above it.
func Parse(s string) (Selection, error) {
	var sel Selection
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		it, err := parseItem(part)
		if err != nil {
			return Selection{}, err
		}
		sel.items = append(sel.items, it)
	}
	if len(sel.items) == 0 {
		return Selection{}, &Error{s, ErrEmpty}
	}
	return sel, nil
}

func parseItem(part string) (item, error) {
	from, to, isRange := strings.Cut(part, "-")
	if first, ok := number(from); ok {
		last := first
		switch {
		case isRange && to == "":
			last = maxFile
		case isRange:
			n, ok := number(to)
			if !ok {
				return pattern(part) // a name such as 1-a.txt
			}
			last = n
		}
		if first < 1 || last < first {
			return item{}, &Error{part, ErrRange}
		}
		return item{text: part, first: first, last: last}, nil
	}
	return pattern(part)
}

func pattern(part string) (item, error) {
	if _, err := path.Match(part, ""); err != nil {
		return item{}, &Error{part, ErrPattern}
	}
	return item{text: part, pattern: strings.TrimSuffix(part, "/")}, nil
}

// number reads a plain decimal number of a size that files can have.
func number(s string) (int, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	if err != nil || n >= maxFile {
		return maxFile, true // past every torrent, like any number too large
	}
	return n, true
}

// Files returns for each of the paths, which are slash-separated, whether it is
// selected. A part that fits none is an error: it is nearly always a typing
// mistake, and the download would be an incomplete one.
func (s Selection) Files(paths []string) ([]bool, error) {
	wanted := make([]bool, len(paths))
	for _, it := range s.items {
		if !it.mark(paths, wanted) {
			return nil, &Error{it.text, ErrNoMatch}
		}
	}
	return wanted, nil
}

// mark sets what it selects and reports whether that is anything. A range must
// begin and, when it says so, end inside the torrent.
func (it item) mark(paths []string, wanted []bool) bool {
	if it.first > 0 {
		last := it.last
		if last == maxFile {
			last = len(paths)
		}
		if it.first > len(paths) || last > len(paths) {
			return false
		}
		for n := it.first; n <= last; n++ {
			wanted[n-1] = true
		}
		return true
	}
	found := false
	for n, p := range paths {
		if it.fits(p) {
			wanted[n], found = true, true
		}
	}
	return found
}

// fits compares the pattern with the whole path, with each folder above the
// file, and, when it has no slash, with every name in the path.
func (it item) fits(p string) bool {
	for end := len(p); end > 0; end = strings.LastIndexByte(p[:end], '/') {
		if equal(it.pattern, p[:end]) {
			return true
		}
		if !strings.Contains(it.pattern, "/") && equal(it.pattern, path.Base(p[:end])) {
			return true
		}
	}
	return false
}

func equal(pattern, name string) bool {
	if pattern == name { // a name may hold the signs of patterns itself
		return true
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}
