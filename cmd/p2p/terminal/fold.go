package terminal

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// findFolded returns where a word stands in a text, or -1, whatever the case and the accents of the two are: a search does not look at
// them.
func findFolded(text, word string) (at, end int) {
	folded, from := foldedWith(text)
	look, _ := foldedWith(word)
	if at = strings.Index(folded, look); at < 0 || look == "" {
		return -1, -1
	}
	return from[at], from[at+len(look)]
}

// foldedWith returns a text in lower case without accents, and for each of its bytes, and for its end, where that was in the text.
func foldedWith(text string) (string, []int) {
	var b strings.Builder
	var from []int
	for i, r := range text {
		for _, part := range norm.NFD.String(string(r)) {
			if !unicode.Is(unicode.Mn, part) {
				b.WriteRune(unicode.ToLower(part))
			}
		}
		for len(from) < b.Len() {
			from = append(from, i)
		}
	}
	return b.String(), append(from, len(text))
}
