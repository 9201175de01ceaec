package terminal

import (
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"p2p/cmd/p2p/api/p2pv1"
)

func texts(lines []line) []string {
	var all []string
	for _, l := range lines {
		all = append(all, l.text())
	}
	return all
}

func TestLinesBreakWhereReadersExpectIt(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"to be or not to be", 9, []string{"to be or", "not to be"}},
		{"incomprehensibilities", 8, []string{"incompre", "hensibil", "ities"}},
		{"你好世界", 4, []string{"你好", "世界"}},
		{"你好世界。", 8, []string{"你好世", "界。"}}, // no full stop begins a line
		{"汉字 and 字母", 6, []string{"汉字", "and 字", "母"}},
		{"a 👩‍👩‍👧 b", 4, []string{"a 👩‍👩‍👧", "b"}},
		{"in doubt. /verify it", 12, []string{"in doubt.", "/verify it"}}, // a command stays whole
		{"相同：/verify A same", 8, []string{"相同：", "/verify", "A same"}},
		{"名字、/命令", 8, []string{"名字、", "/命令"}},
		{"a https://example.org/x", 12, []string{"a https://", "example.org/", "x"}}, // a path breaks behind its slashes
		{"", 5, []string{""}},
	} {
		got := texts(plainly(c.text, style{}).wrap(c.width, ansi.GraphemeWidth))
		if !slices.Equal(got, c.want) {
			t.Errorf("%q at %d is %q; want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestWrappingKeepsStyles(t *testing.T) {
	l := line{{"plain ", style{}}, {"bold words", style{bold: true}}, {" end", style{}}}
	lines := l.wrap(10, ansi.WcWidth)
	if got := texts(lines); !slices.Equal(got, []string{"plain bold", "words end"}) {
		t.Fatal(got)
	}
	if s := lines[1][0]; s.text != "words" || !s.style.bold || lines[1][1].style.bold {
		t.Errorf("the second line is %+v", lines[1])
	}
}

func TestCutLinesShowThatTheyAre(t *testing.T) {
	for _, c := range []struct {
		text, want string
		width      int
	}{{"abcdef", "abc…", 4}, {"abcd", "abcd", 4}, {"你好世界", "你好…", 5}, {"你好世界", "你…", 4}} {
		if got := plainly(c.text, style{}).cut(c.width, ansi.WcWidth).text(); got != c.want {
			t.Errorf("%q cut to %d is %q; want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestTheComposerMovesByCharactersAsReadersSeeThem(t *testing.T) {
	var e editor
	e.insert("a👩‍👩‍👧🇨🇳é")
	for _, want := range []string{"a👩‍👩‍👧🇨🇳", "a👩‍👩‍👧", "a", ""} {
		if e.deleteLeft(); e.text() != want {
			t.Fatalf("after a backspace there is %q; want %q", e.text(), want)
		}
	}
	e.deleteLeft()
	e.set("一二\n三四")
	e.left()
	e.left()
	e.left()
	if e.before != "一二" {
		t.Errorf("three to the left of the end is behind %q", e.before)
	}
	e.right()
	e.insert("x")
	if e.text() != "一二\nx三四" {
		t.Errorf("the text is %q", e.text())
	}
	e.deleteLineStart()
	e.deleteLineEnd()
	if e.text() != "一二\n" {
		t.Errorf("the text is %q", e.text())
	}
	e.set("one two  three")
	e.deleteWordLeft()
	e.wordLeft()
	if e.before != "one " || e.after != "two  " {
		t.Errorf("the cursor is between %q and %q", e.before, e.after)
	}
}

func TestTheCursorStandsWhereTheNextCharacterWillBe(t *testing.T) {
	for _, c := range []struct {
		before, after string
		width, x, y   int
	}{
		{"", "", 10, 0, 0}, {"abc", "", 10, 3, 0}, {"你好", "", 10, 4, 0}, {"你好你好你", "", 10, 0, 1}, {"ab\n", "", 10, 0, 1},
		{"ab\nc", "d", 10, 1, 1}, {"你好世", "界", 7, 0, 1}, {"你好世界", "吗", 7, 2, 1}, {"abc", "defg", 3, 0, 1},
		{"\ta", "b", 10, 5, 0}, {"a\u200fb\u202e", "", 10, 3, 0},
	} {
		e := editor{c.before, c.after}
		rows, x, y := e.rows(c.width, ansi.WcWidth)
		if x != c.x || y != c.y || y >= len(rows) {
			t.Errorf("behind %q the cursor is at %d,%d of %d rows; want %d,%d", c.before, x, y, len(rows), c.x, c.y)
		}
	}
}

func TestWordsAreNotBrokenWhileTheyAreWritten(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"one two three", "one two |three"}, {"one two  three", "one two |" + " three"}, {"a verylongword", "a |verylong|word"}, {"hi 你好世界吗", "hi 你好|世界吗"},
		{"12345678 9", "12345678|" + " 9"}, {"one\ntwo three four", "one|two |three |four"}, {"", ""},
	} {
		e := editor{c.text, ""}
		rows, _, _ := e.rows(8, ansi.WcWidth)
		var got []string
		for _, r := range rows {
			if got = append(got, r.text); !strings.HasPrefix(c.text[r.start:], r.text) {
				t.Errorf("%q: the row %q begins at %d", c.text, r.text, r.start)
			}
		}
		if s := strings.Join(got, "|"); s != c.want && s != c.want+"|" {
			t.Errorf("%q is shown as %q, want %q", c.text, s, c.want)
		}
	}
}

func TestTheCursorKeepsItsColumnFromRowToRow(t *testing.T) {
	e := editor{"你好abc\nd", "efg"}
	if !e.vertical(-1, 20, ansi.WcWidth) || e.before != "" {
		t.Errorf("above it is behind %q", e.before) // half of 你 is no place for a cursor
	}
	e.lineEnd()
	if e.vertical(-1, 20, ansi.WcWidth) {
		t.Error("there is a row above the first")
	}
	if !e.vertical(1, 20, ansi.WcWidth) || e.after != "" {
		t.Errorf("below it is before %q", e.after)
	}
}

func TestMarkdownIsShown(t *testing.T) {
	for _, c := range []struct {
		source string
		want   string // the styles in brackets
	}{
		{"some *leaning* and **heavy** words", "some [i]leaning[] and [b]heavy[] words"},
		{"`x := 1` ~~gone~~", "[code]x := 1[] [s]gone"},
		{"[here](https://a.example/x)", "[link]here[quiet] <https://a.example/x>"},
		{"<https://a.example>", "[link]https://a.example"},
		{"https://a.example/?q=1", "[link]https://a.example/?q=1"},
		{"> said\n> so\n\nno", "[quiet]▎[]said\n[quiet]▎[]so\n\nno"},
		{"- one\n- two\n  - three", "[link]• []one\n[link]• []two\n  [link]• []three"},
		{"3. three\n4. four", "[link]3. []three\n[link]4. []four"},
		{"```go\nfunc main() {\n\tx()\n}\n```", "[quiet]│ [code]func main() {\n[quiet]│ [code]    x()\n[quiet]│ [code]}"},
		{"# Title", "[b]Title"},
		{"first\nsecond", "first\nsecond"},
		{`\*no emphasis\*`, "*no emphasis*"},
		{"<b>x</b>", "<b>x</b>"},
		{"a &amp; b", "a &amp; b"},
		{"\ufeffso\u200b ca\u00adlled\u200e\u200f\u061c \u202egpj", "so called \ufffdgpj"}, // but what turns the text around it
	} {
		if got := marked(renderMarkdown(c.source, 40, ansi.WcWidth)); got != c.want {
			t.Errorf("%q is\n%q; want\n%q", c.source, got, c.want)
		}
	}
}

// marked writes lines with the changes of style between brackets.
func marked(lines []line) string {
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		last := ""
		for _, s := range l {
			name := map[role]string{code: "code", accent: "link", faint: "quiet"}[s.style.role]
			for on, n := range map[bool]string{s.style.bold: "b", s.style.italic && !s.style.bold: "i", s.style.strike: "s"} {
				if on {
					name += n
				}
			}
			if name != last {
				b.WriteString("[" + name + "]")
				last = name
			}
			b.WriteString(s.text)
		}
	}
	return b.String()
}

// widens reports whether a text holds a sign that makes the one before it wider, across what Unicode lets a line end behind: whoever draws
// such a line cuts it.
func widens(s string, m measure) bool { return m != ansi.WcWidth && strings.Contains(s, "\ufe0f") }

// FuzzMarkdown checks that nothing that somebody writes reaches the terminal as a control sequence, breaks the
// width of the window, or makes much more of it than it is.
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{
		"**a** [x](http://y) `c`", "\x1b[31mred\x1b]0;title\a", "> > > > > > > > - - - x", "```\n\x9b2J\n```", "[\u202eexe.jpg](http://\u202e)",
		strings.Repeat(">", 3000), strings.Repeat("[", 2000), strings.Repeat("* ", 2000), "&#27;[2J &#x9b;2J", "![a](b)", "<script>\x00</script>", "1. a\n   1. b",
	} {
		f.Add(s, uint8(20))
	}
	f.Add(joined45, uint8(20))
	f.Fuzz(func(t *testing.T, source string, width uint8) {
		for _, m := range []measure{ansi.WcWidth, ansi.GraphemeWidth} {
			lines := renderMarkdown(source, int(width), m)
			if len(lines) > 10*len(source)+10 {
				t.Errorf("%d bytes became %d lines", len(source), len(lines))
			}
			for _, l := range lines {
				text := l.text()
				if text != clean(text) {
					t.Errorf("%q became %q", source, text)
				}
				if w := l.width(m); w > max(int(width), 4) && !widens(source, m) {
					t.Errorf("a line has %d columns: %q", w, text)
				}
			}
		}
	})
}

// joined45 is one cluster, which takes 90 columns where a terminal does not know clusters.
var joined45 = strings.TrimSuffix(strings.Repeat("👨\u200d", 45), "\u200d")

// FuzzRows checks that what is written, and what is cut or wrapped, stands on rows that are as wide as they may be, all of it, with the cursor
// among it: also what no row can hold.
func FuzzRows(f *testing.F) {
	for _, s := range []string{joined45, "a " + joined45 + " b\n" + joined45, "👩‍👩‍👧‍👦 family", "你好 world, a verylongword\n\n", "🇨🇳🇨🇳 ☺️ e\u0301", "क्षि หน้า\u200b", "all:\n\tgo build\t\u200fשלום\u202e", "\t\t\t", strings.Repeat("\u0301", 100)} {
		f.Add(s, uint8(78), uint16(0))
		f.Add(s, uint8(3), uint16(20))
	}
	f.Fuzz(rowsHold)
}

func rowsHold(t *testing.T, text string, columns uint8, at uint16) {
	text = editable(text)
	cursor := min(int(at), len(text))
	width := max(int(columns), 2)
	for _, m := range []measure{ansi.WcWidth, ansi.GraphemeWidth} {
		e := editor{text[:cursor], text[cursor:]}
		rows, x, y := e.rows(int(columns), m)
		if y < 0 || y >= len(rows) || x < 0 || x >= width || len(rows) > len(text)+2 {
			t.Errorf("the cursor is at %d,%d of %d rows of %d columns", x, y, len(rows), width)
		}
		end := 0
		for _, r := range rows {
			if r.start != end && (r.start != end+1 || text[end] != '\n') {
				t.Errorf("%q: a row begins at %d, the last one ended at %d", text, r.start, end)
			}
			if end = r.start + len(r.text); m.StringWidth(cleanLines(r.text)) > width && (width >= 4 || !strings.Contains(r.text, "\t")) { // a tab is cut where it is drawn
				t.Errorf("a row of %d columns: %q", m.StringWidth(r.text), r.text)
			}
		}
		if end != len(text) {
			t.Errorf("%q is shown up to %d", text, end)
		}
		e.vertical(-1, int(columns), m)
		e.vertical(1, int(columns), m)
		for l := range strings.SplitSeq(text, "\n") {
			var kept strings.Builder
			for _, part := range plainly(l, style{}).wrap(int(columns), m) {
				if kept.WriteString(part.text()); part.width(m) > width && !widens(text, m) {
					t.Errorf("a line of %d columns: %q", part.width(m), part.text())
				}
			}
			if strings.ReplaceAll(kept.String(), " ", "") != strings.ReplaceAll(l, " ", "") {
				t.Errorf("%q is wrapped to %q", l, kept.String())
			}
			if short := (line{{l, style{}}, {l, style{}}}).fit(int(columns), m, style{}); short.width(m) != int(columns) && !widens(text, m) {
				t.Errorf("%q fits %d columns as %q", l, columns, short.text())
			}
		}
	}
}

func TestJoinersAreDrawnOnlyWhereATerminalCountsWhatTheyJoinAsOne(t *testing.T) {
	st := usual(t)
	m := st.node.add("c-anna", "anna", "x\u200dy 👩\u200d💻", at, nil)
	st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: m}}).keys("'👩\u200d💻")
	for _, c := range []struct {
		m    measure
		want int
	}{{ansi.WcWidth, 0}, {ansi.GraphemeWidth, 3}} {
		if got := strings.Count(st.in(metric{c.m}).s.draw(newTheme(None)).content, "\u200d"); got != c.want {
			t.Errorf("measured by %v it draws %d joiners, not %d", c.m, got, c.want)
		}
	}
	if st.s.composer.editor.text() != "👩\u200d💻" {
		t.Error("what is typed is not sent as it is")
	}
}
