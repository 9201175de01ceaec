package dirwire

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/secure/bidirule"
	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

// The length of a name in characters.
const (
	MinName = 2
	MaxName = 32
)

// maxTyped bounds what is looked at, in bytes: some characters become fewer in form NFKC.
const maxTyped = 4 * MaxName * utf8.UTFMax

// Name is a name that keeps the rules. The zero value is none.
type Name struct {
	shown, folded, skeleton string
}

// ParseName checks a name that somebody has typed. What differs in width or form alone (NFKC) is
// one name. The error is a *NameError.
func ParseName(typed string) (Name, error) {
	if len(typed) > maxTyped || !utf8.ValidString(typed) {
		return Name{}, &NameError{NameLength}
	}
	shown := norm.NFKC.String(strings.TrimSpace(typed))
	for _, r := range nameRules {
		if r.broken(shown) {
			return Name{}, &NameError{r.rule}
		}
	}
	n := Name{shown: shown, folded: norm.NFKC.String(cases.Fold().String(shown))}
	n.skeleton = lookAlikes.Replace(n.folded)
	if reserved[n.skeleton] {
		return Name{}, &NameError{NameReserved}
	}
	return n, nil
}

// String returns the name as the person writes it.
func (n Name) String() string { return n.shown }

// Same reports whether both are one name, in whatever case.
func (n Name) Same(other Name) bool { return n.folded == other.folded }

// Key returns what no two people may share: names that look alike have the same. It is made of
// letters, digits, "-" and "_", at most 172 bytes.
func (n Name) Key() string { return base64.RawURLEncoding.EncodeToString([]byte(n.skeleton)) }

// Skeleton returns what texts have in common that people may take for one another: names, and what keeps none of their rules. It
// is not for people to see; empty for what nobody sees.
func Skeleton(s string) string {
	s = lookAlikes.Replace(norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s))))
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || separator(r) || !unicode.IsGraphic(r) || unicode.Is(unicode.Variation_Selector, r) {
			return -1
		}
		return r
	}, s)
}

// NameRule is one of the rules of names.
type NameRule string

// The rules. Their values travel.
const (
	NameLength     NameRule = "length"
	NameCharacters NameRule = "characters"
	NameSeparators NameRule = "separators"
	NameScripts    NameRule = "scripts"
	NameDirection  NameRule = "direction"
	NameReserved   NameRule = "reserved"
)

var ruleTexts = map[NameRule]string{
	NameLength:     fmt.Sprintf("a name has %d to %d characters", MinName, MaxName),
	NameCharacters: `a name is made of letters, the digits 0 to 9, ".", "_" and "-"`,
	NameSeparators: `a name begins and ends with a letter or a digit, and between two of them is at most one ".", "_" or "-"`,
	NameScripts:    "the letters of a name are of one script",
	NameDirection:  "the name reads from left to right and from right to left at once",
	NameReserved:   "the name is reserved",
}

// NameError is that a name breaks a rule.
type NameError struct{ Rule NameRule }

// Error implements error.
func (e *NameError) Error() string {
	if text, ok := ruleTexts[e.Rule]; ok {
		return text
	}
	return "the directory does not accept the name"
}

// nameRules are checked in this order, on a name in form NFKC.
var nameRules = []struct {
	rule   NameRule
	broken func(string) bool
}{
	{NameLength, func(s string) bool { n := utf8.RuneCountInString(s); return n < MinName || n > MaxName }},
	{NameCharacters, func(s string) bool { return strings.ContainsFunc(s, foreign) }},
	{NameSeparators, badlySeparated},
	{NameScripts, mixed},
	{NameDirection, func(s string) bool { return strings.ContainsFunc(s, leftward) && !bidirule.ValidString(s) }},
	{NameLength, func(s string) bool { return len(cases.Fold().String(s)) > 4*MaxName }}, // folding can lengthen
}

func separator(r rune) bool { return r == '.' || r == '_' || r == '-' }
func digit(r rune) bool     { return r >= '0' && r <= '9' }

// foreign reports whether r has no place in a name. Marks are what vowels are in Hindi or Thai.
func foreign(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.Mn, unicode.Mc) && !digit(r) && !separator(r)
}

// leftward reports whether r is what makes RFC 5893 look at the direction of a label at all (section 1.4); without one
// there is only one direction, and "4chan" may begin as it does.
func leftward(r rune) bool {
	p, _ := bidi.LookupRune(r)
	switch p.Class() {
	case bidi.R, bidi.AL, bidi.AN:
		return true
	}
	return false
}

// badlySeparated reports whether two separators, or marks beyond two, stand side by side, or
// something else than a letter or a digit at an end.
func badlySeparated(s string) bool {
	separated, marks := true, 0
	for _, r := range s {
		switch {
		case separator(r) && separated:
			return true
		case separator(r):
			separated, marks = true, 0
		case unicode.In(r, unicode.Mn, unicode.Mc):
			if marks++; separated || marks > 2 {
				return true
			}
		default:
			separated, marks = false, 0
		}
	}
	return separated
}

// together are scripts that are written in one word: those of Japanese, Korean and Chinese, also
// with Latin. This is the level "highly restrictive" of Unicode Technical Standard 39, section 5.2.
var together = [][]*unicode.RangeTable{
	{unicode.Latin, unicode.Han, unicode.Hiragana, unicode.Katakana},
	{unicode.Latin, unicode.Han, unicode.Hangul},
	{unicode.Latin, unicode.Han, unicode.Bopomofo},
}

// mixed reports whether the letters of s are of scripts that nobody writes together: so a
// name cannot borrow one letter that looks like another.
func mixed(s string) bool {
	letters := strings.Map(func(r rune) rune {
		if digit(r) || separator(r) || unicode.In(r, unicode.Common, unicode.Inherited) {
			return -1
		}
		return r
	}, s)
	within := func(tables ...*unicode.RangeTable) bool {
		return !strings.ContainsFunc(letters, func(r rune) bool { return !unicode.In(r, tables...) })
	}
	for _, tables := range together {
		if within(tables...) {
			return false
		}
	}
	for _, table := range unicode.Scripts {
		if within(table) {
			return false
		}
	}
	return true
}

// lookAlikes makes one of letters that look the same in one of their cases, in whole words too: of
// Latin, Cyrillic and Greek, after folding. It is the part of the table of UTS 39 that matters where scripts
// do not mix.
var lookAlikes = strings.NewReplacer(
	"0", "o", "1", "l", "i", "l", "ı", "l",
	"а", "a", "в", "b", "е", "e", "ё", "ë", "һ", "h", "і", "l", "ї", "ï", "ј", "j", "к", "k", "м", "m", "н", "h", "о", "o",
	"р", "p", "ԛ", "q", "с", "c", "ѕ", "s", "т", "t", "у", "y", "х", "x", "ԝ", "w", "ԁ", "d",
	"α", "a", "β", "b", "ε", "e", "ζ", "z", "η", "h", "ι", "l", "κ", "k", "μ", "m", "ν", "v", "ο", "o", "ρ", "p", "τ", "t",
	"υ", "y", "χ", "x",
)

// reserved are words under which somebody could pass for the service, or that programs
// understand in another way.
var reserved = func() map[string]bool {
	all := map[string]bool{}
	for word := range strings.FieldsSeq(`admin administrator all anonymous channel directory everybody everyone help here
		host info login me moderator nobody null official operator owner p2p people register root room security self
		service staff support system test tracker undefined unknown you`) {
		all[lookAlikes.Replace(word)] = true
	}
	return all
}()
