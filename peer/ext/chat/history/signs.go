package history

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// The index has words and numbers alone. What else a search asks for, an emoji or the signs of "C++" and "50%", is looked for in
// the texts themselves: in those that have its words, or, where it has none, in all of them, the newest first.

// signsOf returns what a text must hold besides the words of a search, folded.
func signsOf(search string) (all []string) {
	for i, part := range strings.Split(search, `"`) {
		if i%2 == 1 {
			part = strings.Join(strings.Fields(part), " ")
			all = append(all, signed(part)...)
			continue
		}
		for _, word := range strings.Fields(part) {
			all = append(all, signed(word)...)
		}
	}
	return all
}

// signed returns a word as it must stand in a text if it has signs, or no letter and no digit. Punctuation at its ends is none of it,
// as long as there is a word between.
func signed(word string) []string {
	if inIndex(word) {
		word = strings.TrimFunc(word, punctuation)
		if !strings.ContainsFunc(word, isSign) {
			return nil
		}
	}
	if word = folded(word); word == "" {
		return nil
	}
	return []string{word}
}

// inIndex reports whether the tokenizer finds something in words.
func inIndex(words string) bool {
	return strings.ContainsFunc(words, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Co, r) })
}

// isSign reports whether a word with r in it is meant as it stands: emoji are symbols, and so is what makes 1️⃣ of 1.
func isSign(r rune) bool {
	return unicode.IsSymbol(r) || unicode.Is(unicode.Me, r) || strings.ContainsRune(`%#@&*\/`, r)
}

func punctuation(r rune) bool { return unicode.IsPunct(r) && !isSign(r) }

// folded is text without capitals, accents, and the marks that have an emoji shown in colour or not.
func folded(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(text)))
}

// holds reports whether a text holds all of signsOf.
func holds(text string, signs []string) bool {
	if len(signs) == 0 {
		return true
	}
	text = folded(text)
	for _, s := range signs {
		if !strings.Contains(text, s) {
			return false
		}
	}
	return true
}

// maxScanned is how many texts a search for signs alone looks into; scanAtOnce of them are read at once.
var maxScanned = 10_000

const scanAtOnce = 500

// scan is Search for signs alone, in a room by its number if that is not 0.
func (a *Archive) scan(ctx context.Context, signs []string, room, before int64, limit int) (found []Entry, next int64, err error) {
	for range maxScanned / scanAtOnce {
		numbers, last, err := a.holding(ctx, signs, room, before)
		for _, n := range numbers {
			if err == nil {
				found, err = a.find(ctx, found, n, nil)
			}
			if len(found) == limit {
				return found, n, nil
			}
		}
		if err != nil {
			return nil, 0, fmt.Errorf("search: %w", err)
		}
		if before = last; before == 0 {
			return found, 0, nil
		}
	}
	return found, before, nil
}

// holding returns the numbers of those of the next texts that hold signs, the last first, and of the last text that it has read: 0 if there
// are no more.
func (a *Archive) holding(ctx context.Context, signs []string, room, before int64) (numbers []int64, last int64, err error) {
	const text = `SELECT e.n, e.room, e.kind, e.key, e.counts AND e.gone = 0, b.body FROM bodies b JOIN events e ON e.n = b.event
		WHERE b.event < ? ORDER BY b.event DESC LIMIT 0+?`
	read := 0
	err = a.read.rows(ctx, text, []any{before, scanAtOnce}, func(scan func(...any) error) error {
		var in, kind int64
		var key, sealed []byte
		var there bool
		if err := scan(&last, &in, &kind, &key, &there, &sealed); err != nil {
			return err
		}
		read++
		if !there || room != 0 && in != room {
			return nil
		}
		body, err := a.box.open(sealedBody, key, sealed)
		if err == nil && holds(a.textOf(kind, body), signs) {
			numbers = append(numbers, last)
		}
		return err
	})
	if read < scanAtOnce {
		last = 0
	}
	return numbers, last, err
}
