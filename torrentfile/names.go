package torrentfile

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkName refuses the names that only an attack has: a parent folder, with
// either separator, and a NUL, at which C programs end a string. Everything else
// can be made safe by safeName.
func checkName(name string) error {
	if strings.IndexByte(name, 0) >= 0 {
		return fmt.Errorf("%.100q contains a NUL", name)
	}
	if !strings.Contains(name, "..") {
		return nil
	}
	for part := range strings.FieldsFuncSeq(name, isSeparator) {
		if part == ".." {
			return fmt.Errorf("%.100q leads out of the download folder", name)
		}
	}
	return nil
}

func isSeparator(r rune) bool { return r == '/' || r == '\\' }

// checkPath is checkName for all of a path, of which something must be left.
func checkPath(path []string) error {
	length, named := 0, false
	for _, name := range path {
		if err := checkName(name); err != nil {
			return invalid("path", "%v", err)
		}
		if skipped(name) {
			continue
		}
		named = true
		length += min(len(name), MaxName) + 1
	}
	switch {
	case !named:
		return invalid("path", "names no file")
	case len(path) > MaxFolders:
		return invalid("path", "more than %d folders deep", MaxFolders)
	case length > MaxPath:
		return invalid("path", "longer than %d bytes", MaxPath)
	}
	return nil
}

// skipped reports whether a component of a path says nothing: all clients read
// "a//b" and "a/./b" as "a/b".
func skipped(name string) bool { return name == "" || name == "." }

// reserved characters of Windows and, with '/', of everybody.
const reserved = `<>:"/\|?*`

// safeName turns one component of a path into a name that every file system
// takes and that shows as what it is: at most MaxName bytes of valid UTF-8, no
// separators, control or invisible characters, not a device, no dot or space at
// the end, which Windows drops. Characters that must go become '_'.
func safeName(name string) string { return SafeName(name, MaxName) }

// SafeName returns name as SafePaths does a component of a path, but with at most
// limit bytes, for who needs room for more in it. A name that is cut keeps its
// extension, one that is empty is "_". A dot at the beginning stays. limit is at
// least 16.
func SafeName(name string, limit int) string {
	name = replaceOdd(name)
	name = strings.TrimRight(name, ". ")
	name = cutName(name, limit)
	if isDevice(name) {
		name = cutName("_"+name, limit)
	}
	if name == "" {
		return "_"
	}
	return name
}

// replaceOdd replaces each character that must not be in a name by '_'.
func replaceOdd(name string) string {
	if !strings.ContainsFunc(name, isOdd) && utf8.ValidString(name) {
		return name
	}
	var b strings.Builder
	var before rune
	for i, r := range name {
		size := utf8.RuneLen(r)
		invalid := r == utf8.RuneError && !strings.HasPrefix(name[i:], "\uFFFD")
		switch {
		case isJoiner(r) && before > unicode.MaxASCII && followedByLetter(name[i+size:]):
			b.WriteRune(r)
		case invalid || isOdd(r):
			b.WriteByte('_')
		default:
			b.WriteRune(r)
		}
		before = r
	}
	return b.String()
}

// isOdd reports whether r makes a name that some system refuses or that does not
// look like what it is: control characters, separators of lines, the overrides
// of writing direction behind "gpj.exe" shown as "exe.jpg", and characters
// without width.
func isOdd(r rune) bool {
	if r < utf8.RuneSelf {
		return r < 0x20 || r == 0x7f || strings.ContainsRune(reserved, r)
	}
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Noncharacter_Code_Point,
		unicode.Other_Default_Ignorable_Code_Point) ||
		unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// isJoiner reports whether r is one of the two characters without width that
// ordinary names need: Persian and Indic words and many emoji are written with
// them. They stay between characters outside ASCII and so cannot split "exe".
func isJoiner(r rune) bool { return r == '\u200c' || r == '\u200d' }

func followedByLetter(rest string) bool {
	r, _ := utf8.DecodeRuneInString(rest)
	return r > unicode.MaxASCII && r != utf8.RuneError && !isOdd(r)
}

// isDevice reports whether Windows takes name for a device, as it does with any
// extension and with spaces before it: "CON", "nul.txt", "com1 .tar.gz".
func isDevice(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return true
	}
	digit, isPort := strings.CutPrefix(base, "COM")
	if !isPort {
		digit, isPort = strings.CutPrefix(base, "LPT")
	}
	return isPort && utf8.RuneCountInString(digit) == 1 && strings.Contains("0123456789¹²³", digit)
}

// cutName shortens name to at most limit bytes. It keeps the extension, which
// says what to open the file with, and never splits a character.
func cutName(name string, limit int) string {
	if len(name) <= limit {
		return name
	}
	stem, ext := splitExt(name)
	if len(ext) > limit/2 {
		stem, ext = name, ""
	}
	return cutString(stem, limit-len(ext)) + ext
}

// splitExt splits off the last extension with its dot. A dot that begins the
// name is none.
func splitExt(name string) (stem, ext string) {
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		return name[:dot], name[dot:]
	}
	return name, ""
}

// cutString returns the longest start of s that has at most limit bytes, ends
// with a whole character and not with a dot or space.
func cutString(s string, limit int) string {
	if len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit]
	}
	return strings.TrimRight(s, ". ")
}
