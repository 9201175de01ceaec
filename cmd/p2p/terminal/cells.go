package terminal

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"github.com/rivo/uniseg"

	"p2p/cmd/p2p/text"
)

// A line is what stands on one line of the screen: spans of text, each in one style. The
// text of a span holds no control characters; whoever makes a span of what others wrote cleans it.
type line []span

type span struct {
	text  string
	style style
}

// measure says how many columns text takes. Terminals differ: those that know mode 2027 count a cluster of code points
// as one character, the others add up what wcwidth says, see unjoined.
type measure = ansi.Method

// plainly returns a line of one span.
func plainly(s string, st style) line { return line{{s, st}} }

func (l line) text() string {
	if len(l) == 1 {
		return l[0].text
	}
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.text)
	}
	return b.String()
}

func (l line) width(m measure) int {
	n := 0
	for _, s := range l {
		n += m.StringWidth(s.text)
	}
	return n
}

// slice returns the bytes [from, to) of the line's text in their styles.
func (l line) slice(from, to int) line {
	var part line
	at := 0
	for _, s := range l {
		low, high := max(from-at, 0), min(to-at, len(s.text))
		if low < high {
			part = append(part, span{s.text[low:high], s.style})
		}
		at += len(s.text)
	}
	return part
}

// wrap breaks a line into lines of at most width columns, where Unicode (UAX #14) allows it, which is
// between any two Chinese characters but not before a full stop; what is too long for a line is
// broken between any two characters.
func (l line) wrap(width int, m measure) []line {
	width = max(width, 2) // a wide character must fit
	whole := l.text()
	if len(whole) <= width && isASCII(whole) {
		return []line{l}
	}
	var lines []line
	start, at, column, state := 0, 0, 0, -1
	breakAt := func(end int) {
		lines = append(lines, l.slice(start, start+len(strings.TrimRight(whole[start:end], " "))))
		start, column = end, 0
	}
	slash := "" // that belongs to the next segment, whatever Unicode says
	for rest := whole; rest != ""; {
		var segment string
		segment, rest, _, state = uniseg.FirstLineSegmentInString(rest, state)
		segment, slash = slash+segment, ""
		if rest != "" && opensCommand(segment) {
			segment, slash = segment[:len(segment)-1], "/"
		}
		wide := m.StringWidth(strings.TrimRight(segment, " "))
		if column > 0 && column+wide > width {
			breakAt(at)
		}
		if wide <= width {
			column += m.StringWidth(segment)
			at += len(segment)
			continue
		}
		for piece, w := range pieces(segment, width, m) {
			if column > 0 && column+w > width {
				breakAt(at)
			}
			column += w
			at += len(piece)
		}
	}
	breakAt(len(whole))
	return lines
}

// hang wraps a line of two columns, between which there are two blanks or more: what goes on stands below the second one. A line of one
// column goes on below where it begins.
func (l line) hang(width int, m measure) []line {
	whole := l.text()
	lead := len(whole) - len(strings.TrimLeft(whole, " "))
	at := lead
	if gap := strings.Index(whole[lead:], "  "); gap >= 0 {
		at = len(whole) - len(strings.TrimLeft(whole[lead+gap:], " "))
	}
	indent := m.StringWidth(whole[:at])
	if indent > width/2 || m.StringWidth(whole) <= width {
		return l.wrap(width, m)
	}
	lines := l.slice(at, len(whole)).wrap(width-indent, m)
	for i, rest := range lines {
		if i == 0 {
			lines[i] = append(l.slice(0, at), rest...)
		} else {
			lines[i] = append(line{{strings.Repeat(" ", indent), style{}}}, rest...)
		}
	}
	return lines
}

// opensCommand reports whether a segment ends with the slash of a command, as /verify: it follows nothing, or no letter or digit,
// after which it would be one of a path or of a choice.
func opensCommand(segment string) bool {
	before, found := strings.CutSuffix(segment, "/")
	r, _ := utf8.DecodeLastRuneInString(before)
	return found && (before == "" || r != '/' && r != ':' && (unicode.IsSpace(r) || unicode.IsPunct(r)))
}

// pieces yields what is not broken at the end of a row of width columns, with the columns that it takes: clusters, and of one that
// is wider than the row its code points. Where a terminal adds up what wcwidth says, forty joined emoji are one cluster of eighty columns.
func pieces(s string, width int, m measure) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for s != "" {
			cluster, w := ansi.FirstGraphemeCluster(s, m)
			s = s[len(cluster):]
			for cluster != "" {
				piece := cluster
				if w > width {
					_, size := utf8.DecodeRuneInString(cluster)
					piece = cluster[:size]
				}
				if cluster = cluster[len(piece):]; !yield(piece, m.StringWidth(piece)) {
					return
				}
			}
		}
	}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// cut shortens a line to width columns and shows with an ellipsis that it did.
func (l line) cut(width int, m measure) line {
	if l.width(m) <= width {
		return l
	}
	var short line
	room := width - 1
	for _, s := range l {
		fits := 0
		for piece, w := range pieces(s.text, width, m) {
			if room -= w; room < 0 {
				return append(short, span{s.text[:fits] + strings.Repeat("…", min(width, 1)), s.style})
			}
			fits += len(piece)
		}
		short = append(short, s)
	}
	return short
}

// fit makes a line exactly width columns wide.
func (l line) fit(width int, m measure, pad style) line {
	l = l.cut(width, m)
	if n := width - l.width(m); n > 0 {
		l = append(l[:len(l):len(l)], span{strings.Repeat(" ", n), pad})
	}
	return l
}

// apart puts left and right at the two ends of a line of width columns; left gives way.
func apart(left, right line, width int, m measure, pad style) line {
	room := max(width-right.width(m), 0)
	if room == 0 {
		return right.fit(width, m, pad)
	}
	return append(left.fit(room, m, pad), right...)
}

// with returns the line with a change of the style of all its spans.
func (l line) with(change func(*style)) line {
	changed := make(line, len(l))
	for i, s := range l {
		change(&s.style)
		changed[i] = s
	}
	return changed
}

// clean makes text from others safe to show on one line.
func clean(s string) string { return text.Printable(s) }

// marks are the signs that stay in what is written: those of unseen, and those that turn the direction of writing.
const marks = "\u200e\u200f\u061c\u200b\u00ad\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

// unseen are marks that keyboards and web pages put into texts, and that have no effect on the text around them which a terminal would show:
// for who writes from right to left, for where a word may be broken, for the order of bytes.
var unseen = strings.NewReplacer("\u200e", "", "\u200f", "", "\u061c", "", "\u200b", "", "\u00ad", "", "\ufeff", "")

// cleanLines makes what others say safe to show, and keeps its lines; tabs become blanks. In names each mark that is not seen is
// shown (clean): two that differ by it alone are two.
func cleanLines(s string) string {
	s = unseen.Replace(s)
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\t", "    ")
	if !strings.Contains(s, "\n") {
		return clean(s)
	}
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}
