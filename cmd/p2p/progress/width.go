package progress

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// cells measures text as terminals draw it: Chinese characters take two cells.
// Characters of ambiguous width (arrows, blocks) take one, which is what
// terminals of today do in every locale; the package's own default would change
// with the environment.
var cells = &runewidth.Condition{StrictEmojiNeutral: true}

// Width returns the number of terminal cells that s takes.
func Width(s string) int { return cells.StringWidth(s) }

// Shorten cuts s in the middle, where names differ least, to at most width
// cells: "ubuntu-26.04…amd64.iso".
func Shorten(s string, width int) string {
	total := Width(s)
	if total <= width {
		return s
	}
	if width < 1 {
		return ""
	}
	tail := (width - 1) / 2
	head := cells.Truncate(s, width-1-tail, "")
	rest := strings.TrimLeft(cells.TruncateLeft(s, total-tail, ""), " ")
	return head + "…" + rest
}

// Wrap breaks s into lines of at most width cells, between words where it can: Chinese has no blanks.
func Wrap(s string, width int) (lines []string) {
	for _, word := range strings.Fields(s) {
		if last := len(lines) - 1; last >= 0 && Width(lines[last])+1+Width(word) <= width {
			lines[last] += " " + word
			continue
		}
		lines = append(lines, strings.Split(cells.Wrap(word, max(width, 2)), "\n")...)
	}
	return lines
}

// Pad fills s with blanks on the right up to width cells.
func Pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-Width(s)))
}

// PadLeft fills s with blanks on the left up to width cells.
func PadLeft(s string, width int) string {
	return strings.Repeat(" ", max(0, width-Width(s))) + s
}

// clip cuts s on the right to at most width cells.
func clip(s string, width int) string { return cells.Truncate(s, max(width, 0), "") }
