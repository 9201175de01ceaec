package terminal

import (
	"strconv"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
)

// What a message may cost to draw: text beyond these is shown as it was written. Nesting
// is what a stranger could make a parser or a narrow window suffer from.
const (
	maxMarkdown = 32 << 10
	maxNesting  = 6
)

var markdown = goldmark.New(goldmark.WithExtensions(extension.Strikethrough, extension.Linkify))

// renderMarkdown turns what somebody wrote into lines of at most width columns: bold, italic,
// struck out, code, links with where they lead, quotes, lists, code blocks. What
// else Markdown knows is shown as text.
func renderMarkdown(source string, width int, m measure) []line {
	source = cleanLines(source)
	w := writer{source: []byte(source), width: max(width, 4), m: m}
	if len(source) > maxMarkdown || strings.Count(source, "\n>")+strings.Count(source, ">>") > 1000 {
		for raw := range strings.SplitSeq(source, "\n") {
			w.paragraph(plainly(raw, style{}))
		}
		return w.lines
	}
	w.blocks(markdown.Parser().Parse(text.NewReader(w.source)), 0)
	return w.lines
}

// writer collects lines. What stands before a line (the mark of a quote, of an item) is prefix;
// first takes its place once.
type writer struct {
	source []byte
	width  int
	m      measure
	lines  []line
	prefix line
	first  line
}

// emit adds lines that are narrow enough to stand behind the prefix.
func (w *writer) emit(l line) {
	before := w.prefix
	if w.first != nil {
		before, w.first = w.first, nil
	}
	w.lines = append(w.lines, append(before[:len(before):len(before)], l...))
}

func (w *writer) paragraph(l line) {
	for _, part := range l.wrap(w.width-w.prefix.width(w.m), w.m) {
		w.emit(part)
	}
}

// within writes blocks behind a longer prefix.
func (w *writer) within(first, rest line, f func()) {
	outer, outerFirst := w.prefix, w.first
	start := outer
	if outerFirst != nil {
		start = outerFirst
	}
	w.first = append(start[:len(start):len(start)], first...)
	w.prefix = append(outer[:len(outer):len(outer)], rest...)
	f()
	w.prefix, w.first = outer, nil
}

// blocks writes the blocks below n. A blank line stands between two of them when one stood
// there in the source.
func (w *writer) blocks(n ast.Node, depth int) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if before := c.PreviousSibling(); before != nil && c.HasBlankPreviousLines() && before.Kind() != ast.KindFencedCodeBlock { // whose fence counts as one
			w.emit(nil)
		}
		w.block(c, depth)
	}
}

func (w *writer) block(n ast.Node, depth int) {
	switch n := n.(type) {
	case *ast.Paragraph, *ast.TextBlock:
		w.inlineLines(n, style{})
	case *ast.Heading:
		w.inlineLines(n, style{bold: true})
	case *ast.Blockquote:
		mark := line{{"▎", style{role: faint}}}
		w.nested(mark, mark, n, depth)
	case *ast.List:
		w.list(n, depth)
	case *ast.FencedCodeBlock, *ast.CodeBlock:
		w.codeBlock(n)
	case *ast.ThematicBreak:
		w.emit(plainly(strings.Repeat("─", max(w.width-w.prefix.width(w.m), 1)), style{role: faint}))
	default: // HTML and what later versions may bring: as it was written
		for i := range n.Lines().Len() {
			seg := n.Lines().At(i)
			w.paragraph(plainly(strings.TrimRight(string(seg.Value(w.source)), "\n"), style{}))
		}
	}
}

// nested writes the blocks below n behind marks; what is nested too deep goes without more marks.
func (w *writer) nested(first, rest line, n ast.Node, depth int) {
	if depth >= maxNesting || w.prefix.width(w.m)+rest.width(w.m)+4 > w.width {
		if depth < 100 {
			w.blocks(n, depth+1)
		}
		return
	}
	w.within(first, rest, func() { w.blocks(n, depth+1) })
}

func (w *writer) list(n *ast.List, depth int) {
	number := n.Start
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		if item.PreviousSibling() != nil && item.HasBlankPreviousLines() {
			w.emit(nil)
		}
		mark := "• "
		if n.IsOrdered() {
			mark = strconv.Itoa(number) + ". "
			number++
		}
		w.nested(plainly(mark, style{role: accent}), plainly(strings.Repeat(" ", w.m.StringWidth(mark)), style{}), item, depth)
	}
}

func (w *writer) codeBlock(n ast.Node) {
	mark := line{{"│ ", style{role: faint}}}
	w.within(mark, mark, func() {
		for i := range n.Lines().Len() {
			seg := n.Lines().At(i)
			w.paragraph(plainly(strings.TrimRight(string(seg.Value(w.source)), "\n"), style{role: code}))
		}
	})
}

// inlineLines writes the text below n; a line break in the source is one on the screen, as people
// who chat expect.
func (w *writer) inlineLines(n ast.Node, st style) {
	current := line{}
	flush := func() {
		w.paragraph(current)
		current = line{}
	}
	w.inlines(n, st, &current, flush)
	flush()
}

func (w *writer) inlines(n ast.Node, st style, to *line, flush func()) {
	add := func(s string, st style) {
		if s != "" {
			*to = append(*to, span{s, st})
		}
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		inner := st
		switch c := c.(type) {
		case *ast.Text:
			add(clean(unescape(c, w.source)), st) // the line breaks within code are blanks (CommonMark 6.1)
			if c.SoftLineBreak() || c.HardLineBreak() {
				flush()
			}
			continue
		case *ast.String:
			add(clean(string(c.Value)), st)
			continue
		case *ast.RawHTML:
			for i := range c.Segments.Len() {
				seg := c.Segments.At(i)
				add(clean(string(seg.Value(w.source))), st)
			}
			continue
		case *ast.AutoLink:
			add(clean(string(c.Label(w.source))), linkStyle(st))
			continue
		case *ast.Emphasis:
			inner.bold, inner.italic = st.bold || c.Level > 1, st.italic || c.Level == 1
		case *extast.Strikethrough:
			inner.strike = true
		case *ast.CodeSpan:
			inner.role = code
		case *ast.Link:
			w.link(c, string(c.Destination), st, to, flush)
			continue
		case *ast.Image:
			w.link(c, string(c.Destination), st, to, flush)
			continue
		}
		w.inlines(c, inner, to, flush)
	}
}

func linkStyle(st style) style {
	st.role, st.underline = accent, true
	return st
}

// link writes a link with its target behind it, for a text that names another place than it leads to is
// how people are lured.
func (w *writer) link(n ast.Node, target string, st style, to *line, flush func()) {
	from := len(*to)
	w.inlines(n, linkStyle(st), to, flush)
	shown := ""
	if from <= len(*to) {
		shown = (*to)[from:].text()
	}
	if target = clean(target); shown != target {
		st.role = faint
		*to = append(*to, span{" <" + target + ">", st})
	}
}

// unescape returns a text without the backslashes before punctuation, which Markdown lets stand in the source.
func unescape(n *ast.Text, source []byte) string {
	s := string(n.Segment.Value(source))
	if n.IsRaw() || !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", s[i+1]) >= 0 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
