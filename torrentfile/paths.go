package torrentfile

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// SafePaths returns where each file of the torrent is to be stored, in the order
// of Files: slash-separated paths below the download folder, Name included. They
// are safe on every platform, whatever the torrent says: no path leaves the
// folder, every component is a name of 1 to MaxName bytes that Windows, macOS
// and Linux accept, and no two files, nor a file and a folder, share a path. A
// file whose path is taken gets a number, "a (2).txt"; the same torrent always
// gives the same paths.
//
// fold says that the file system takes "A" and "a" for the same name, so such
// names must differ in more than that. The paths of padding files are listed
// although nobody stores them.
//
// An Info from Parse gives no error. One made by hand may give an *InvalidError.
func (i *Info) SafePaths(fold bool) ([]string, error) {
	if err := checkName(i.Name); err != nil {
		return nil, invalid("info.name", "%v", err)
	}
	root := safeName(i.Name)
	if i.Single {
		return []string{root}, nil
	}
	key := func(s string) string { return s }
	if fold {
		folder := cases.Fold()
		key = func(s string) string { return foldCase(folder, s) }
	}
	paths := make([]string, len(i.Files))
	taken := make(map[string]bool, len(i.Files))
	for n, f := range i.Files {
		if err := checkPath(f.Path); err != nil {
			return nil, within(fmt.Sprintf("info.files[%d]", n), err)
		}
		paths[n] = safePath(root, f.Path)
		takeFolders(taken, paths[n], key)
	}
	p := placer{key: key, taken: taken, next: map[string]int{}}
	// Padding comes last, so that it never takes the name of a real file.
	for _, pad := range []bool{false, true} {
		for n, f := range i.Files {
			if f.Pad == pad {
				paths[n] = p.place(paths[n])
			}
		}
	}
	return paths, nil
}

func safePath(root string, path []string) string {
	var b strings.Builder
	b.WriteString(root)
	for _, name := range path {
		if !skipped(name) {
			b.WriteByte('/')
			b.WriteString(safeName(name))
		}
	}
	return b.String()
}

// takeFolders notes that all folders of path exist, so no file can be called so.
func takeFolders(taken map[string]bool, path string, key func(string) string) {
	for {
		slash := strings.LastIndexByte(path, '/')
		if slash < 0 {
			return
		}
		path = path[:slash]
		k := key(path)
		if taken[k] {
			return
		}
		taken[k] = true
	}
}

// placer gives each file a path of its own.
type placer struct {
	key   func(string) string
	taken map[string]bool
	// next holds the number to try next for a path, so that a torrent with
	// 100000 files of one name does not cost 100000² look-ups (libtorrent's
	// duplicate_files2.torrent).
	next map[string]int
}

// place returns path, or path with the first free number when it is taken.
func (p *placer) place(path string) string {
	k := p.key(path)
	if !p.taken[k] {
		p.taken[k] = true
		return path
	}
	slash := strings.LastIndexByte(path, '/') + 1
	stem, ext := splitExt(path[slash:])
	const longestNumber = len(" (262144)")
	if len(ext) > MaxName/2 {
		stem, ext = path[slash:], ""
	}
	stem = path[:slash] + cutString(stem, MaxName-longestNumber-len(ext))
	// Names that are cut to the same stem share one counter.
	counter := p.key(stem + ext)
	for n := max(p.next[counter], 2); ; n++ {
		numbered := stem + " (" + strconv.Itoa(n) + ")" + ext
		if k := p.key(numbered); !p.taken[k] {
			p.taken[k] = true
			p.next[counter] = n + 1
			return numbered
		}
	}
}

// foldCase maps names that some file system takes for the same to one string. It
// is broader than any of them, which is harmless, as it only numbers a name that
// need not be: the simple mappings of NTFS, exFAT and SMB, in both directions for
// the Turkish i, and what Unicode calls canonical caseless matching, as APFS, HFS+
// and ext4 do.
func foldCase(folder cases.Caser, s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			s = strings.ToLower(strings.ToUpper(s))
			return norm.NFD.String(folder.String(norm.NFD.String(s)))
		}
	}
	return strings.ToLower(s)
}

// OriginalPaths returns the paths of the files as the torrent spells them, Name
// included, in the order of Files, and "" for one that this system cannot have
// or that would leave the folder. They serve to find content that is on disk already, put there by
// another client or by the one who made the torrent; nothing must ever be
// created under them.
func (i *Info) OriginalPaths() []string {
	paths := make([]string, len(i.Files))
	for n, f := range i.Files {
		parts := append([]string{i.Name}, f.Path...)
		if joined := strings.Join(parts, "/"); hasOriginal(parts) && filepath.IsLocal(filepath.FromSlash(joined)) {
			paths[n] = joined
		}
	}
	return paths
}

func hasOriginal(parts []string) bool {
	for _, part := range parts {
		if skipped(part) || part == ".." || len(part) > MaxName || strings.ContainsAny(part, "/\x00") {
			return false
		}
	}
	return true
}
