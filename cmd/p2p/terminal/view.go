package terminal

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"p2p/cmd/p2p/api"
)

// frame is a screen that is drawn.
type frame struct {
	content string
	title   string // of the window
	x, y    int    // cursor; shown when cursor
	cursor  bool
}

// area is where a part of the screen lies.
type area struct{ x, y, width, height int }

func (a area) holds(x, y int) bool {
	return x >= a.x && x < a.x+a.width && y >= a.y && y < a.y+a.height
}

// places are the parts of the screen: the sidebar, and from above the header, alerts, the list, a line for what
// happens now, the input and the status line.
type places struct {
	side, header, alert, list, info, input, status area
}

// lowest is below how many lines of the window there is none for what happens now, while nothing does.
const lowest = 7

// narrow is below how many columns the sidebar is shown only when it is asked for.
const narrow = 64

func (s *session) sideWidth() int {
	if s.width < narrow {
		return 0
	}
	return min(max(s.width/4, 18), 32)
}

// mainWidth returns the columns of the conversation.
func (s *session) mainWidth() int {
	if side := s.sideWidth(); side > 0 {
		return s.width - side - 1
	}
	return max(s.width, 4)
}

// promptWidth is the columns before the text in the input.
const promptWidth = 2

func (s *session) place() places {
	width, height := s.mainWidth(), max(s.height, 4)
	x := s.width - width
	rows, _, _ := s.composer.editor.rows(width-promptWidth, s.m)
	input := min(len(rows), max(height/3, 1))
	word, _ := s.info()
	header, status := 1, 1
	if height < lowest { // what is said takes the place of what always stands there
		if word != "" || len(s.alerts) > 0 {
			status = 0
		}
		if s.flash.text != "" || len(s.alerts) > 0 {
			header = 0
		}
	}
	free := height - header - status - input - 1 // the list keeps a line
	info := 0
	if height >= lowest || word != "" {
		info = len(s.infoLines(width, max(min(free, max(height/3, 3), 8), 1)))
	}
	alert := min(len(s.alertLines(width)), max(height/2-2, min(4, height-5), 1), max(free-info, 0))
	list := max(free+1-alert-info, 1)
	p := places{side: area{0, 0, s.sideWidth(), height - status}}
	y := 0
	next := func(height int) area {
		a := area{x, y, width, height}
		y += height
		return a
	}
	p.header, p.alert, p.list, p.info, p.input = next(header), next(alert), next(list), next(info), next(input)
	p.input.x, p.input.width = x+promptWidth, width-promptWidth
	p.status = area{0, y, s.width, status}
	if s.sidebar.focused && p.side.width == 0 {
		p.side = area{0, 0, s.width, height - status}
	}
	return p
}

// draw draws the session.
func (s *session) draw(t *theme) frame {
	p := s.place()
	var lines []line
	f := frame{title: s.windowTitle()}
	if s.panel != nil && s.panel.whole != wholePanel {
		f.content = linesOf(t, s.wholeLines())
		return f
	}
	if p.side.width == s.width && s.width > 0 {
		lines = s.sidebarLines(p.side.width, p.side.height)
	} else {
		lines = s.mainLines(p)
		if p.side.width > 0 {
			beside(lines, s.sidebarLines(p.side.width, p.side.height))
		}
		f.x, f.y, f.cursor = s.cursor(p)
	}
	if p.status.height > 0 {
		lines = append(lines, s.statusLine(s.width))
	}
	f.content = s.unjoined(linesOf(t, lines[:min(len(lines), max(s.height, 1))]))
	return f
}

// linesOf draws lines in the colours of a theme.
func linesOf(t *theme, lines []line) string {
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		t.draw(&b, l)
	}
	return b.String()
}

// wholeLines draws what fills the window.
func (s *session) wholeLines() []line {
	if s.panel.whole == wholeCode {
		return s.codeLines()
	}
	lines, column := []line{nil}, 0
	for piece, w := range pieces(s.panel.link, max(s.width, 1), s.m) {
		if column += w; column > s.width {
			lines, column = append(lines, nil), w
		}
		last := len(lines) - 1
		lines[last] = append(lines[last], span{piece, style{}})
	}
	return lines[:min(len(lines), max(s.height, 1))]
}

// unjoined takes the joiners out of what is drawn for a terminal that adds up what wcwidth says. Such terminals differ in what they do with
// them: some show what is joined as one character of two columns, or put any letter behind a joiner into the cell before it, and what stands right
// of it, later also on other lines, is not where the program believes. Without joiners all come to the same columns.
func (s *session) unjoined(content string) string {
	if s.m != ansi.WcWidth {
		return content
	}
	return strings.ReplaceAll(content, "\u200d", "")
}

// codeLines draws the QR code of a panel over the whole window, white on black, which all scanners take; if it does not fit, how large
// the window must be.
func (s *session) codeLines() []line {
	code := s.panel.code
	width := s.m.StringWidth(code[0])
	if width > s.width || len(code) > s.height {
		lines := plainly(s.say.Say("chat.invite.small", width, len(code)), style{role: failure}).wrap(s.width, s.m)
		return lines[:min(len(lines), max(s.height, 1))]
	}
	left := strings.Repeat(" ", (s.width-width)/2)
	var lines []line
	for _, l := range code {
		lines = append(lines, line{{left, style{}}, {clean(l), style{role: picture}}})
	}
	return lines
}

// beside puts the sidebar to the left of lines.
func beside(lines, side []line) {
	for i := range lines {
		if i < len(side) {
			lines[i] = append(append(side[i][:len(side[i]):len(side[i])], span{"│", style{role: faint}}), lines[i]...)
		}
	}
}

// mainLines draws all but the sidebar and the status line.
func (s *session) mainLines(p places) []line {
	var lines []line
	if p.header.height > 0 {
		lines = append(lines, s.headerLine(p.header.width))
	}
	if p.alert.height > 0 {
		all := s.alertLines(p.alert.width)
		lines = append(lines, all[:p.alert.height-1]...)
		lines = append(lines, all[len(all)-1]) // how it goes away is always seen
	}
	if s.panel != nil {
		lines = append(lines, s.panelLines(p.list)...)
	} else {
		lines = append(lines, s.listLines(p.list)...)
	}
	if p.info.height > 0 {
		lines = append(lines, s.infoLines(p.info.width, p.info.height)...)
	}
	return append(lines, s.inputLines(p)...)
}

func (s *session) listLines(a area) []line {
	var lines []line
	switch c := s.current; {
	case c == nil:
		welcome := "chat.welcome"
		if len(s.rows()) > 0 {
			welcome = "chat.choose"
		}
		for l := range strings.SplitSeq(s.say.Say(welcome), "\n") {
			lines = append(lines, plainly(l, style{role: faint}).hang(a.width, s.m)...)
		}
	case c.GetReason() != nil && len(c.items) == 0:
		lines = plainly(s.say.Say("chat.refused", s.whyLeft(c.Conversation)), style{role: failure}).wrap(a.width, s.m)
	case c.GetWaiting() != "" && len(c.items) == 0:
		key, args := api.Waiting(s.say, c.Conversation, clean(c.GetWaiting()))
		lines = plainly(s.say.Say(key, args...), style{role: away}).wrap(a.width, s.m)
	case c.loaded && len(c.items) == 0 && len(c.pending)+len(c.said) == 0:
		lines = plainly(s.say.Say("chat.empty"), style{role: faint}).wrap(a.width, s.m)
	default:
		for _, v := range s.seen(c, a.height) {
			lines = append(lines, v.line)
		}
	}
	lines = lines[:min(len(lines), a.height)]
	lines = append(make([]line, a.height-len(lines)), lines...)
	for i := range lines {
		lines[i] = lines[i].fit(a.width, s.m, style{})
	}
	return lines
}

// panelLines draws a panel and keeps what is chosen on it in view.
func (s *session) panelLines(a area) []line {
	p := s.panel
	rows, of := p.wrapped(a.width, s.m)
	height := max(a.height-1, 1)
	if len(p.jumps) > 0 {
		first := 0
		for first < len(of) && of[first] < p.chosen {
			first++
		}
		if first < p.top {
			p.top = first
		}
		if first+2 > p.top+height {
			p.top = first + 2 - height
		}
	}
	p.top = max(min(p.top, len(rows)-height), 0)
	lines := []line{plainly(p.title, style{role: accent, bold: true}).fit(a.width, s.m, style{})}
	for i := p.top; i < len(rows) && len(lines) <= height; i++ {
		l := rows[i].fit(a.width, s.m, style{})
		if _, ok := p.jumps[p.chosen]; ok && (of[i] == p.chosen || of[i] == p.chosen+1) {
			l = l.with(func(st *style) { st.chosen = true })
		}
		lines = append(lines, l)
	}
	for len(lines) < a.height {
		lines = append(lines, line{}.fit(a.width, s.m, style{}))
	}
	return lines[:a.height]
}

// wrapped returns the lines of a panel as they are shown, and of which of its lines each is a part.
func (p *panel) wrapped(width int, m measure) (rows []line, of []int) {
	for i, l := range p.lines {
		parts := []line{l}
		switch {
		case p.jumps != nil: // a result stays on its two lines
		default:
			parts = l.hang(width, m)
		}
		for _, part := range parts {
			rows, of = append(rows, part), append(of, i)
		}
	}
	return rows, of
}

func (s *session) inputLines(p places) []line {
	e := &s.composer.editor
	rows, top := s.inputRows(p)
	prompt := map[mode]string{writing: "> ", replying: "↩ ", editing: "✎ ", reacting: "☺ ", searching: "⌕ "}[s.composer.mode]
	var lines []line
	for i := range p.input.height {
		l := line{{strings.Repeat(" ", promptWidth), style{}}}
		if i == 0 {
			l = plainly(prompt, style{role: accent, bold: true}).fit(promptWidth, s.m, style{})
		}
		switch {
		case e.empty() && i == 0:
			l = append(l, span{s.placeholder(), style{role: faint}})
		case top+i < len(rows):
			l = append(l, span{cleanLines(rows[top+i].text), style{}})
		}
		lines = append(lines, l.fit(p.input.width+promptWidth, s.m, style{}))
	}
	return lines
}

func (s *session) placeholder() string {
	switch s.composer.mode {
	case searching:
		return s.say.Say("chat.input.search")
	case reacting:
		return s.say.Say("chat.input.react")
	}
	switch c := s.current; {
	case s.chosen() != nil:
		return s.say.Say("chat.input.choice")
	case c != nil && s.blocked(c):
		return s.say.Say("chat.header.blocked", s.title(c))
	case c != nil && c.waiting() > 0:
		return s.say.Count("chat.input.others", c.waiting())
	}
	return s.say.Say("chat.input.write")
}

// cursor returns where the cursor stands: where is written, for there an input method opens its window.
func (s *session) cursor(p places) (x, y int, shown bool) {
	if s.panel != nil || s.sidebar.focused || s.chosen() != nil {
		return 0, 0, false
	}
	_, cx, cy := s.composer.editor.rows(p.input.width, s.m)
	_, top := s.inputRows(p)
	return p.input.x + cx, p.input.y + cy - top, true
}

// click does what a click at a cell does.
func (s *session) click(x, y int) {
	p := s.place()
	switch {
	case s.panel != nil && s.panel.whole != wholePanel:
		s.panel.whole = wholePanel
	case p.side.holds(x, y):
		s.sidebarClick(y, p.side.height)
	case p.list.holds(x, y) && s.panel != nil:
		_, of := s.panel.wrapped(p.list.width, s.m)
		if at := s.panel.top + y - p.list.y - 1; at >= 0 && at < len(of) {
			for _, i := range []int{of[at], of[at] - 1} {
				if t, ok := s.panel.jumps[i]; ok {
					s.jump(t.conversation, t.message)
					return
				}
			}
		}
	case p.list.holds(x, y) && s.current != nil:
		seen := s.seen(s.current, p.list.height)
		if at := len(seen) - (p.list.y + p.list.height - y); at >= 0 && at < len(seen) && seen[at].at >= 0 {
			s.choose(s.current.items[seen[at].at].GetId())
		}
	case p.alert.holds(x, y):
		s.acknowledge()
	case p.input.holds(x, y):
		s.panel, s.choice, s.sidebar.focused = nil, choice{}, false
		rows, top := s.inputRows(p)
		s.composer.editor.moveToCell(rows[min(top+y-p.input.y, len(rows)-1)], x-p.input.x, p.input.width, s.m)
	}
}

// inputRows returns the rows of the input, and the first one that is shown.
func (s *session) inputRows(p places) (rows []row, top int) {
	rows, _, y := s.composer.editor.rows(p.input.width, s.m)
	return rows, max(min(y-p.input.height+1, len(rows)-p.input.height), 0)
}

// wheel scrolls what the mouse is over.
func (s *session) wheel(w wheel) {
	switch p := s.place(); {
	case p.side.holds(w.x, w.y):
		s.sidebarShift(w.by, p.side.height)
	case s.panel != nil:
		s.panelMove(w.by)
	default:
		s.scrollBy(w.by)
	}
}
