package httpwire

import (
	"math"
	"strings"
)

// MaxQuery is the longest query that is parsed, in bytes. A scrape of MaxScrape
// torrents with every byte escaped fits.
const MaxQuery = 8192

// BadRequest says what is wrong with a query. Param and Reason are constants of
// this package and hold nothing that the client sent, so the text is fit for a
// failure reason, a page and a log.
type BadRequest struct {
	Param  string // the parameter in question, "query" for all of it
	Reason string // lower case, follows Param in a sentence
}

// Error implements error.
func (e *BadRequest) Error() string { return e.Param + " " + e.Reason }

// nextPair cuts the first key=value off query. Both may be empty; the value is
// still escaped.
func nextPair(query string) (key, value, rest string) {
	pair, rest, _ := strings.Cut(query, "&")
	key, value, _ = strings.Cut(pair, "=")
	return key, value, rest
}

// unescape decodes the percent encoding of s into dst and returns how many
// bytes that made. It reports false when an escape is broken or dst is too
// short: the caller's array is the limit of what a parameter may hold. "+" is a
// space, as in forms: no client in use leaves a plus sign of its own unescaped.
func unescape(dst []byte, s string) (n int, ok bool) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '%':
			if len(s)-i < 3 {
				return n, false
			}
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi < 0 || lo < 0 {
				return n, false
			}
			c = byte(hi<<4 | lo)
			i += 2
		case '+':
			c = ' '
		}
		if n == len(dst) {
			return n, false
		}
		dst[n] = c
		n++
	}
	return n, true
}

// unhex returns the value of a hexadecimal digit, or -1.
func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// number reads a decimal number. A negative one is negative without a value,
// one that is too large for 63 bits is the largest that is not: the numbers of
// an announce are claims, and only "is it a number" and "is it zero" decide
// anything.
func number(s string) (value int64, ok bool) {
	digits, negative := strings.CutPrefix(s, "-")
	if digits == "" {
		return 0, false
	}
	for i := range len(digits) {
		c := digits[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		if value > (math.MaxInt64-9)/10 {
			value = math.MaxInt64
			continue
		}
		value = value*10 + int64(c-'0')
	}
	if negative {
		return -1, true
	}
	return value, true
}

// appendEscaped appends s with every byte escaped that RFC 3986 does not call
// unreserved.
func appendEscaped[T ~string | ~[]byte](dst []byte, s T) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9',
			c == '-', c == '.', c == '_', c == '~':
			dst = append(dst, c)
		default:
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}
