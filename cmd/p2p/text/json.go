package text

import (
	"fmt"
	"io"
	"unicode/utf8"
)

// JSONWriter returns a writer for JSON, which writes what Printable takes out as JSON's escapes: package json escapes
// the control characters of ASCII alone, and terminals have others, which come with what strangers say. One goroutine may
// use it.
func JSONWriter(w io.Writer) io.Writer { return &jsonWriter{to: w} }

type jsonWriter struct {
	to    io.Writer
	begun []byte // of a character whose end comes with the next Write
}

// Write implements io.Writer. Only strings of JSON hold what is not ASCII.
func (j *jsonWriter) Write(b []byte) (int, error) {
	clean, rest := make([]byte, 0, len(b)), b
	if len(j.begun) > 0 {
		rest = append(j.begun, b...)
		j.begun = nil
	}
	for len(rest) > 0 {
		if !utf8.FullRune(rest) {
			j.begun = append([]byte(nil), rest...)
			break
		}
		r, size := utf8.DecodeRune(rest)
		if r >= 0x7f && hidden(r) {
			clean = appendEscape(clean, r)
		} else {
			clean = append(clean, rest[:size]...)
		}
		rest = rest[size:]
	}
	if _, err := j.to.Write(clean); err != nil {
		return 0, err
	}
	return len(b), nil
}

func appendEscape(dst []byte, r rune) []byte {
	if r > 0xffff {
		r -= 0x10000
		return fmt.Appendf(dst, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
	}
	return fmt.Appendf(dst, `\u%04x`, r)
}
