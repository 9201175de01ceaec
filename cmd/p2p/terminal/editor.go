package terminal

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// editor is the text that is being written, and where the cursor is in it. It
// moves by characters as a reader sees them (grapheme clusters), not by code points: a flag
// or a family is one step, and one stroke deletes it.
type editor struct {
	before, after string // of the cursor
}

func (e *editor) text() string     { return e.before + e.after }
func (e *editor) empty() bool      { return e.before == "" && e.after == "" }
func (e *editor) set(s string)     { e.before, e.after = s, "" }
func (e *editor) insert(s string)  { e.before += s }
func (e *editor) moveTo(at int)    { s := e.text(); e.before, e.after = s[:at], s[at:] }
func (e *editor) deleteTo(at int)  { e.before = e.before[:at] }
func (e *editor) lineStart()       { e.moveTo(strings.LastIndexByte(e.before, '\n') + 1) }
func (e *editor) lineEnd()         { e.moveTo(len(e.before) + lineLength(e.after)) }
func (e *editor) left()            { e.moveTo(len(e.before) - len(lastCluster(e.before))) }
func (e *editor) right()           { e.moveTo(len(e.before) + len(firstCluster(e.after))) }
func (e *editor) wordLeft()        { e.moveTo(wordStart(e.before)) }
func (e *editor) wordRight()       { e.moveTo(len(e.before) + wordEnd(e.after)) }
func (e *editor) deleteLeft()      { e.deleteTo(len(e.before) - len(lastCluster(e.before))) }
func (e *editor) deleteRight()     { e.after = e.after[len(firstCluster(e.after)):] }
func (e *editor) deleteWordLeft()  { e.deleteTo(wordStart(e.before)) }
func (e *editor) deleteLineStart() { e.deleteTo(strings.LastIndexByte(e.before, '\n') + 1) }
func (e *editor) deleteLineEnd()   { e.after = e.after[lineLength(e.after):] }

func lineLength(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}

func firstCluster(s string) string {
	if s == "" {
		return ""
	}
	cluster, _ := ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
	return cluster
}

// lastCluster looks at the last line alone, since a line break ends every cluster.
func lastCluster(s string) string {
	if s == "" {
		return ""
	}
	from := strings.LastIndexByte(s[:len(s)-1], '\n') + 1
	last := ""
	for rest := s[from:]; rest != ""; rest = rest[len(last):] {
		last = firstCluster(rest)
	}
	return last
}

func wordStart(s string) int {
	trimmed := strings.TrimRightFunc(s, unicode.IsSpace)
	at := strings.LastIndexFunc(trimmed, unicode.IsSpace)
	if at < 0 {
		return 0
	}
	_, size := utf8.DecodeRuneInString(trimmed[at:])
	return at + size
}

func wordEnd(s string) int {
	lead := len(s) - len(strings.TrimLeftFunc(s, unicode.IsSpace))
	if at := strings.IndexFunc(s[lead:], unicode.IsSpace); at >= 0 {
		return lead + at
	}
	return len(s)
}

// word returns what stands between the last blank and the cursor.
func (e *editor) word() string {
	at := strings.LastIndexFunc(e.before, unicode.IsSpace)
	if at < 0 {
		return e.before
	}
	_, size := utf8.DecodeRuneInString(e.before[at:])
	return e.before[at+size:]
}

// row is one line of the editor as it is shown.
type row struct {
	text  string
	start int // in bytes of the whole text
}

// rows wraps the text at width columns, character by character: what is typed does not
// jump to another line with the words around it. It returns where the cursor is.
func (e *editor) rows(width int, m measure) (rows []row, x, y int) {
	width = max(width, 2)
	whole, column, start := e.text(), 0, 0
	cut := func(end, next int) {
		rows = append(rows, row{whole[start:end], start})
		start, column = next, 0
	}
	for at := 0; at < len(whole); {
		if at == len(e.before) {
			x, y = column, len(rows)
		}
		if whole[at] == '\n' {
			cut(at, at+1)
			at++
			continue
		}
		cluster, w := ansi.FirstGraphemeCluster(whole[at:], m)
		if column+w > width {
			cut(at, at)
			if at == len(e.before) {
				x, y = 0, len(rows)
			}
		}
		column += w
		at += len(cluster)
	}
	if len(e.before) == len(whole) {
		if x, y = column, len(rows); x >= width { // the cursor stands behind a full row
			cut(len(whole), len(whole))
			x, y = 0, len(rows)
		}
	}
	return append(rows, row{whole[start:], start}), x, y
}

// vertical moves the cursor by rows as they are shown, and says whether there was one.
func (e *editor) vertical(by, width int, m measure) bool {
	rows, x, y := e.rows(width, m)
	to := y + by
	if to < 0 || to >= len(rows) {
		return false
	}
	at, column := rows[to].start, 0
	for rest := rows[to].text; rest != ""; {
		cluster, w := ansi.FirstGraphemeCluster(rest, m)
		if column+w > x {
			break
		}
		column += w
		at += len(cluster)
		rest = rest[len(cluster):]
	}
	e.moveTo(at)
	return true
}
