package policy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLine is the longest line of a file, in bytes.
const maxLine = 4096

// LineError says which line of a file is wrong.
type LineError struct {
	Line int // from 1
	Err  error
}

// Error implements error.
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns what is wrong with the line.
func (e *LineError) Unwrap() error { return e.Err }

// eachLine calls each for every line of r that has more than blanks and a
// comment, which begins with #. The text has no blanks at its ends and is valid
// until each returns. An error of each becomes a *LineError.
func eachLine(r io.Reader, each func(text, comment []byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	n := 0
	for lines.Scan() {
		n++
		line := lines.Bytes()
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff")) // editors of Windows
		}
		text, comment, _ := bytes.Cut(line, []byte{'#'})
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		if err := each(text, bytes.TrimSpace(comment)); err != nil {
			return &LineError{n, err}
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return &LineError{n + 1, fmt.Errorf("longer than %d bytes", maxLine)}
	} else if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	return nil
}
