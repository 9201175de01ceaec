package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable makes a string that came from a stranger, such as a file name in a
// torrent or a tracker's reason, safe to show on one line of a terminal:
// control characters could move the cursor, retitle the window or fake a line
// of output, and direction marks could make "gpj.exe" read as "exe.jpg". Each
// of them, and each byte that is not UTF-8, becomes U+FFFD; line breaks become
// blanks.
func Printable(s string) string {
	clean := func(r rune) bool { return r != utf8.RuneError && !hidden(r) }
	if strings.IndexFunc(s, func(r rune) bool { return !clean(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			b.WriteByte(' ')
		case clean(r):
			b.WriteRune(r)
		default:
			b.WriteRune(utf8.RuneError)
		}
	}
	return b.String()
}

// hidden reports whether r is a control or format character, or a line or
// paragraph separator. The joiners stay: names in Indic scripts, Persian and
// emoji need them.
func hidden(r rune) bool {
	const zeroWidthNonJoiner, zeroWidthJoiner = '\u200c', '\u200d'
	if r == zeroWidthNonJoiner || r == zeroWidthJoiner {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
