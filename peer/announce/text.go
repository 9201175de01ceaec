package announce

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is the longest text of a tracker that we keep, in characters: a
// failure reason is a sentence, and it ends up on a terminal.
const maxText = 200

// clean makes text from a tracker safe to show: on one line, without control
// characters (a terminal obeys them) and without the invisible ones that turn
// the direction of writing around, at most maxText characters.
func clean(s string) string {
	var b strings.Builder
	count, space := 0, false
	for _, r := range s {
		switch {
		case r == utf8.RuneError, unicode.Is(unicode.Cf, r):
			continue
		case unicode.IsSpace(r), unicode.IsControl(r):
			space = b.Len() > 0
			continue
		}
		if count >= maxText {
			b.WriteRune('…')
			break
		}
		if space {
			b.WriteByte(' ')
			count++
			space = false
		}
		b.WriteRune(r)
		count++
	}
	return b.String()
}
