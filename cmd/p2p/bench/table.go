package bench

import (
	"strings"

	"p2p/cmd/p2p/progress"
)

// Table is rows of cells below a head.
type Table struct {
	Left int // columns of text, which come first; the others are numbers
	Head []string
	Rows [][]string
}

// String returns the table with its columns aligned, text on the left and
// numbers on the right, two blanks between them, and a line break after each
// row. A row may be shorter than the head.
func (t Table) String() string {
	widths := make([]int, len(t.Head))
	all := append([][]string{t.Head}, t.Rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], progress.Width(cell))
		}
	}
	var b strings.Builder
	for _, row := range all {
		var line strings.Builder
		for i, cell := range row {
			if i > 0 {
				line.WriteString("  ")
			}
			if i < t.Left {
				line.WriteString(progress.Pad(cell, widths[i]))
			} else {
				line.WriteString(progress.PadLeft(cell, widths[i]))
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}
