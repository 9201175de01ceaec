package store

import (
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"p2p/torrentfile"
)

// partSuffix marks the name of a file that is not complete.
const partSuffix = ".part"

// partNames returns the name of each file while it is incomplete: its path with
// a suffix. The suffix is one that no name of the torrent ends with, so that no
// part can take the place of another file or folder; a hostile torrent may well
// hold both "a" and "a.part". The result depends on paths alone, and so it is
// the same in every run.
//
// A name that would become longer than file systems allow is cut and made unique
// with the number of its file. Those have a suffix of their own, since a cut name
// could be that of another file.
func partNames(paths []string) []string {
	used := suffixesIn(paths)
	suffix, next := unusedSuffix(used, 1)
	cutSuffix, _ := unusedSuffix(used, next)
	parts := make([]string, len(paths))
	for i, p := range paths {
		if base := path.Base(p); len(base)+len(suffix) > torrentfile.MaxName {
			tail := "." + strconv.Itoa(i) + cutSuffix
			parts[i] = path.Join(path.Dir(p), cut(base, torrentfile.MaxName-len(tail))+tail)
			continue
		}
		parts[i] = p + suffix
	}
	return parts
}

// suffixesIn returns which part suffixes the names in paths end with, by number:
// 1 is ".part", 2 is ".part2". Letter case does not count, because it does not
// for some file systems.
func suffixesIn(paths []string) map[int]bool {
	used := map[int]bool{}
	for _, p := range paths {
		for name := range strings.SplitSeq(p, "/") {
			stem := strings.TrimRight(name, "0123456789")
			if len(stem) < len(partSuffix) || !strings.EqualFold(stem[len(stem)-len(partSuffix):], partSuffix) {
				continue
			}
			if digits := name[len(stem):]; digits == "" {
				used[1] = true
			} else if n, err := strconv.Atoi(digits); err == nil {
				used[n] = true
			}
		}
	}
	return used
}

// unusedSuffix returns the first suffix from number n on that is not used, and
// the number after it.
func unusedSuffix(used map[int]bool, n int) (string, int) {
	for used[n] {
		n++
	}
	if n == 1 {
		return partSuffix, 2
	}
	return partSuffix + strconv.Itoa(n), n + 1
}

// cut returns the longest beginning of s of at most limit bytes that does not
// split a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
