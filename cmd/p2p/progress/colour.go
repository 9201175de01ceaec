package progress

import "strings"

// The colours in use, as SGR parameters. They are the terminal's own, so they
// follow the reader's light or dark theme.
const (
	bold   = "1"
	grey   = "90"
	cyan   = "36"
	green  = "32"
	yellow = "33"
	red    = "31"
)

func (y Style) paint(code, s string) string {
	if !y.Colour || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// Good marks s as success, where there is colour.
func (y Style) Good(s string) string { return y.paint(green, s) }

// Bad marks s as failure, where there is colour.
func (y Style) Bad(s string) string { return y.paint(red, s) }

// Warn marks s as something between the two, where there is colour.
func (y Style) Warn(s string) string { return y.paint(yellow, s) }

// Dim marks s as less important, where there is colour.
func (y Style) Dim(s string) string { return y.paint(grey, s) }

// Strong sets s off from the rest, where there is colour.
func (y Style) Strong(s string) string { return y.paint(bold, s) }

// clipColoured is clip for text with colour codes, which take no cells. It only
// does something on terminals that are narrower than any line can be made.
func clipColoured(s string, width int) string {
	if !strings.Contains(s, "\x1b") {
		return clip(s, width)
	}
	var b strings.Builder
	for s != "" && width > 0 {
		plain, code, found := strings.Cut(s, "\x1b")
		kept := clip(plain, width)
		b.WriteString(kept)
		width -= Width(kept)
		if !found {
			break
		}
		seq, rest, _ := strings.Cut(code, "m")
		b.WriteString("\x1b" + seq + "m")
		s = rest
	}
	if width <= 0 {
		b.WriteString("\x1b[0m")
	}
	return b.String()
}
