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

func (e *editor) text() string    { return e.before + e.after }
func (e *editor) empty() bool     { return e.before == "" && e.after == "" }
func (e *editor) set(s string)    { e.before, e.after = s, "" }
func (e *editor) insert(s string) { e.before += s }
func (e *editor) moveTo(at int)   { s := e.text(); e.before, e.after = s[:at], s[at:] }
func (e *editor) deleteTo(at int) { e.before = e.before[:at] }
func (e *editor) lineStart()      { e.moveTo(strings.LastIndexByte(e.before, '\n') + 1) }
func (e *editor) lineEnd()        { e.moveTo(len(e.before) + lineLength(e.after)) }
func (e *editor) left()           { e.moveTo(len(e.before) - len(lastCluster(e.before))) }
func (e *editor) right()          { e.moveTo(len(e.before) + len(firstCluster(e.after))) }
func (e *editor) wordLeft()       { e.moveTo(wordStart(e.before)) }
func (e *editor) wordRight()      { e.moveTo(len(e.before) + wordEnd(e.after)) }
func (e *editor) deleteLeft()     { e.deleteTo(len(e.before) - len(lastCluster(e.before))) }
func (e *editor) deleteRight()    { e.after = e.after[len(firstCluster(e.after)):] }
func (e *editor) deleteWordLeft() { e.deleteTo(wordStart(e.before)) }

// deleteLineStart deletes what stands in the line before the cursor; where nothing does, it joins the line to the one above.
func (e *editor) deleteLineStart() {
	e.deleteTo(min(strings.LastIndexByte(e.before, '\n')+1, max(len(e.before)-1, 0)))
}

// deleteLineEnd deletes what stands in the line behind the cursor; where nothing does, it joins the line below.
func (e *editor) deleteLineEnd() { e.after = e.after[min(max(lineLength(e.after), 1), len(e.after)):] }

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

// editable makes a text one that can be written on: its lines end alike, and no control but the tab is in it. What is drawn of it is
// cleaned once more (cleanLines); what is sent has its tabs, and the marks of who writes from right to left.
func editable(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	stays := func(r rune) bool { return r == '\n' || r == '\t' || strings.ContainsRune(marks, r) }
	var b strings.Builder
	for s != "" {
		at := strings.IndexFunc(s, stays)
		if at < 0 {
			at = len(s)
		}
		b.WriteString(clean(s[:at]))
		s = s[at:]
		kept := strings.IndexFunc(s, func(r rune) bool { return !stays(r) })
		if kept < 0 {
			kept = len(s)
		}
		b.WriteString(s[:kept])
		s = s[kept:]
	}
	return b.String()
}

// columns returns how wide a piece of w columns is as it is drawn.
func columns(piece string, w, width int, m measure) int {
	if len(piece) == 1 && piece != "\t" {
		return w
	}
	return min(m.StringWidth(cleanLines(piece)), max(width, 2))
}

// rows wraps the text at width columns, between words where it can. It returns where the cursor is.
func (e *editor) rows(width int, m measure) (rows []row, x, y int) {
	width = max(width, 2)
	whole, start, column := e.text(), 0, 0
	word, before := 0, 0 // where the last word of the row begins, and what stands before it in the row, in cells
	cut := func(end, next, left int) {
		rows = append(rows, row{whole[start:end], start})
		start, word, column, before = next, next, left, 0
	}
	at := 0
	for piece, w := range pieces(whole, width, m) {
		w = columns(piece, w, width, m)
		if piece == "\n" {
			cut(at, at+1, 0)
			at++
			continue
		}
		blank := piece == " " || piece == "\t"
		if w > 1 && !blank { // a row of Chinese ends anywhere
			word, before = at, column
		}
		for column+w > width {
			if word > start && !blank {
				cut(word, word, column-before)
			} else {
				cut(at, at, 0)
			}
		}
		column += w
		at += len(piece)
		if blank || w > 1 {
			word, before = at, column
		}
	}
	rows = append(rows, row{whole[start:], start})
	for y = len(rows) - 1; rows[y].start > len(e.before); y-- {
	}
	if x = m.StringWidth(cleanLines(whole[rows[y].start:len(e.before)])); x >= width && e.after == "" { // the cursor stands behind a full row
		rows = append(rows, row{"", len(whole)})
		x, y = 0, y+1
	}
	return rows, min(x, width-1), y
}

// vertical moves the cursor by rows as they are shown, and says whether there was one.
func (e *editor) vertical(by, width int, m measure) bool {
	rows, x, y := e.rows(width, m)
	to := y + by
	if to < 0 || to >= len(rows) {
		return false
	}
	e.moveToCell(rows[to], x, width, m)
	return true
}

// moveToCell moves the cursor to a column of a row.
func (e *editor) moveToCell(r row, x, width int, m measure) {
	at, column := r.start, 0
	for piece, w := range pieces(r.text, max(width, 2), m) {
		if w = columns(piece, w, width, m); column+w > x {
			break
		}
		column += w
		at += len(piece)
	}
	e.moveTo(at)
}
