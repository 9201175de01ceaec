package ext

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxInfo is the longest info dictionary, in bytes, that people tell each other of: of what is offered, promised, fetched
// and given.
const MaxInfo = 16 << 20

// Allowance is how much a peer may do: Most at once, and one more each Every. Every extension bounds
// strangers with one for each thing that costs us something. The zero value allows nothing.
type Allowance struct {
	Most  int
	Every time.Duration

	full time.Time // when all of it is back
}

// Has reports whether one is left.
func (a *Allowance) Has(now time.Time) bool {
	return a.Most > 0 && a.full.Sub(now) <= time.Duration(a.Most-1)*a.Every
}

// Take uses one up, if one is left.
func (a *Allowance) Take(now time.Time) bool {
	if !a.Has(now) {
		return false
	}
	if a.full.Before(now) {
		a.full = now
	}
	a.full = a.full.Add(a.Every)
	return true
}

// Full reports whether nothing of it is used up: it may be forgotten.
func (a *Allowance) Full(now time.Time) bool { return !a.full.After(now) }

// Line makes s a line of text of at most most bytes that is safe to show: valid UTF-8 without control characters,
// which a terminal obeys, and without those that turn the direction of writing around. A
// receiver refuses what Line would change.
func Line(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.In(r, unicode.Zl, unicode.Zp):
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
