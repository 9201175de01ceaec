package history

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// paired reports whether r is of a script that is written without spaces between the words, and is
// indexed by pairs.
func paired(r rune) bool {
	return r >= 0x1100 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

// span is a part of a text that is of paired characters throughout, or of none.
type span struct {
	text  string
	pairs bool
}

// single reports whether s is one paired character.
func (s span) single() bool { return s.pairs && utf8.RuneCountInString(s.text) == 1 }

// last returns the last character of s.
func (s span) last() string {
	_, size := utf8.DecodeLastRuneInString(s.text)
	return s.text[len(s.text)-size:]
}

// spans cuts text.
func spans(text string) []span {
	var all []span
	start, pairs := 0, false
	for i, r := range text {
		if p := paired(r); p != pairs {
			if i > start {
				all = append(all, span{text[start:i], pairs})
			}
			start, pairs = i, p
		}
	}
	if start < len(text) {
		all = append(all, span{text[start:], pairs})
	}
	return all
}

// terms returns text as it is given to the index: "我爱Go语言" as "我爱 爱 Go 语言 言". Each
// character begins a term, so one alone is found as the beginning of a word is.
func terms(text string) string {
	if isASCII(text) {
		return text
	}
	var b strings.Builder
	b.Grow(2 * len(text))
	for _, s := range spans(text) {
		b.WriteByte(' ')
		if s.pairs {
			b.WriteString(pairsOf(s.text) + " " + s.last())
		} else {
			b.WriteString(s.text)
		}
	}
	return b.String()
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// pairsOf returns the overlapping pairs of a run, separated by spaces; one character has none.
func pairsOf(run string) string {
	var b strings.Builder
	before := rune(-1)
	for _, r := range run {
		if before >= 0 {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteRune(before)
			b.WriteRune(r)
		}
		before = r
	}
	return b.String()
}

// scope is the term that says which room a text is of.
func scope(n int64) string { return "r" + strconv.FormatInt(n, 10) }

// match returns the question to the index for a text with all words of a search, in room n if that is not
// 0; "" when there is nothing to look for. The last word may be a beginning: somebody is still typing.
// Words in quotes are a phrase. begun returns the words of the index that begin so, all of them or none.
func match(search string, n int64, begun func(beginning string) []string) string {
	var parts []string
	for i, part := range strings.Split(search, `"`) {
		if i%2 == 1 {
			parts = append(parts, phrase(part)...)
			continue
		}
		fields := strings.Fields(part)
		for j, word := range fields {
			typing := j == len(fields)-1 && strings.HasSuffix(search, word) && !endsInSign(word)
			parts = append(parts, wordParts(word, typing, begun)...)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	question := "{text} : (" + strings.Join(parts, " AND ") + ")"
	if n != 0 {
		question += ` AND {room} : "` + scope(n) + `"`
	}
	return question
}

// endsInSign reports whether what is before the end of a word is whole.
func endsInSign(word string) bool {
	last, _ := utf8.DecodeLastRuneInString(word)
	return isSign(last)
}

// quoted makes a string of FTS5 of words without quotes; none when the tokenizer would find nothing in it,
// which would match nothing.
func quoted(words string) []string {
	if !inIndex(words) {
		return nil
	}
	return []string{`"` + strings.ReplaceAll(words, "\x00", " ") + `"`}
}

// phrase returns the question for words that follow each other.
func phrase(text string) []string {
	var b strings.Builder
	all := spans(strings.TrimSpace(text))
	beginning := ""
	for i, s := range all {
		b.WriteByte(' ')
		switch end := i == len(all)-1; {
		case !s.pairs:
			b.WriteString(s.text)
		case !end: // its last character is a term too, which stands between
			b.WriteString(pairsOf(s.text) + " " + s.last())
		case s.single():
			b.WriteString(s.text)
			beginning = " *"
		default:
			b.WriteString(pairsOf(s.text))
		}
	}
	found := quoted(b.String())
	for i := range found {
		found[i] += beginning
	}
	return found
}

// wordParts returns the questions for one word, which is cut where its script changes.
func wordParts(word string, typing bool, begun func(beginning string) []string) []string {
	var parts []string
	all := spans(word)
	for i, s := range all {
		text, beginning := s.text, ""
		if s.single() || !s.pairs && typing && i == len(all)-1 {
			beginning = " *"
		} else if s.pairs {
			text = pairsOf(text)
		}
		if beginning != "" && isLong(text) {
			if words := begun(strings.ToLower(text)); len(words) > 0 {
				parts = append(parts, `("`+strings.Join(words, `" OR "`)+`")`)
				continue
			}
		}
		for _, q := range quoted(text) {
			parts = append(parts, q+beginning)
		}
	}
	return parts
}

// isLong reports whether a beginning is longer than those that the index itself knows, so that it would collect all texts
// with all words that begin so, in a quarter of a second if a million have one. It is of ASCII only: then we know without
// the tokenizer that it is one term, and which.
func isLong(beginning string) bool {
	return len(beginning) > 4 && !strings.ContainsFunc(beginning, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
}
