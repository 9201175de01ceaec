// Package emoji says what an emoji is: what people put to a message of somebody else. It is pure.
package emoji

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/kyokomi/emoji/v2"
	"github.com/rivo/uniseg"
)

// Of returns the one emoji that s is, or has as its name between colons, as :tada:. A text is none, nor are two of them: everybody in
// a room would have to read it below the message of somebody else.
func Of(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if rest, named := strings.CutPrefix(s, ":"); named {
		symbol := strings.TrimSpace(emoji.CodeMap()[":"+strings.TrimSuffix(rest, ":")+":"])
		return symbol, symbol != ""
	}
	return s, isOne(s)
}

// Names are the names of all emoji, with their colons, sorted.
var Names = sync.OnceValue(func() []string {
	names := make([]string, 0, len(emoji.CodeMap()))
	for name := range emoji.CodeMap() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
})

const (
	joiner        = '\u200d'
	asText        = '\ufe0e' // how the one before looks
	asPicture     = '\ufe0f'
	keycap        = '\u20e3'
	letterA       = '\U0001f1e6' // two of these letters are a flag
	letterZ       = '\U0001f1ff'
	pictures      = '\U0001f000' // from here to lastPicture all is an emoji, or will be one: what is newer than this program is in there
	lastPicture   = '\U0001faff'
	tagSpace      = '\U000e0020' // the region of a flag
	tagEnd        = '\U000e007f'
	keys          = "0123456789#*"
	mostCodePoint = 16 // a family of four with skins has 11
)

// isOne reports whether s is one grapheme cluster, and nothing in it but an emoji: marks could be heaped on anything else.
func isOne(s string) bool {
	runes := []rune(s)
	if !utf8.ValidString(s) || len(runes) == 0 || len(runes) > mostCodePoint || uniseg.GraphemeClusterCount(s) != 1 {
		return false
	}
	if isKnown(s) {
		return true
	}
	switch first := runes[0]; {
	case strings.ContainsRune(keys, first):
		return s[1:] == string(keycap) || s[1:] == string(asPicture)+string(keycap)
	case first >= letterA && first <= letterZ:
		return len(runes) == 2
	case !isPicture(first):
		return false
	}
	return !slices.ContainsFunc(runes[1:], func(r rune) bool {
		return !isPicture(r) && r != joiner && r != asText && r != asPicture && (r < tagSpace || r > tagEnd)
	})
}

func isPicture(r rune) bool {
	return r >= pictures && r <= lastPicture || r > unicode.MaxLatin1 && r != utf8.RuneError && unicode.Is(unicode.So, r)
}

// isKnown reports whether s has a name, whether or not it says that it is to look like a picture: some marks do, such as ‼.
func isKnown(s string) bool {
	plain := strings.TrimRight(s, string(asText)+string(asPicture))
	return known()[plain]
}

var known = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for _, symbol := range emoji.CodeMap() {
		all[strings.TrimRight(strings.TrimSpace(symbol), string(asPicture))] = true
	}
	return all
})
