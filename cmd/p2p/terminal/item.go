package terminal

import (
	"fmt"
	"strings"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/units"
)

// layout is what the lines of a message depend on besides the message.
type layout struct {
	width                     int
	m                         measure
	day, unread, head, chosen bool
	airy                      bool   // a blank line stands above: between people, and around notices
	today                     int    // day of the year, where a date is shown: yesterday it had another name
	name, quoted              string // of its author, and of that of the message which it answers: people are renamed
	text, state               string // what it is to say, and how it stands with what is done to it, as session.changing says
}

// airyFrom is from how many lines of the window on there is room for blank ones.
const airyFrom = 20

// together is how long after the last one a message of the same person stands below the same name.
const together = 5 * time.Minute

// lines returns the lines of a message.
func (s *session) lines(c *conversation, at int) []line {
	it := c.items[at]
	want := layout{width: s.mainWidth(), m: s.m, unread: it.GetId() == c.unreadFrom, chosen: it.GetId() == s.choice.id}
	want.text, want.state = s.changing(c, it.GetId())
	var before *item
	if at > 0 {
		before = c.items[at-1]
	}
	return s.linesBelow(before, it, want)
}

// linesBelow returns the lines of a message below another one, which is nil for the first, from the cache when nothing has
// changed. Of w it fills in what follows from the two.
func (s *session) linesBelow(before, it *item, w layout) []line {
	if w.day = before == nil || s.day(before) != s.day(it); w.day {
		w.today = s.now.In(s.loc).YearDay()
	}
	notice := it.GetNotice() != nil
	w.head = w.day || w.unread || before.GetAccount() != it.GetAccount() || notice || before.GetNotice() != nil ||
		time.Duration(it.GetWritten()-before.GetWritten())*time.Millisecond > together || it.GetLate()
	w.airy = w.head && before != nil && s.height >= airyFrom
	if notice && before != nil && before.GetNotice() != nil { // one list
		w.airy = w.airy && (w.day || w.unread)
	}
	w.name, w.quoted = s.nameIn(it.Message), s.quotedName(it.Message)
	if it.lines == nil || it.drawn != w {
		it.lines, it.drawn = s.layOut(it, w), w
	}
	return it.lines
}

func (s *session) day(it *item) int {
	t := s.ms(it.GetWritten())
	return t.Year()*1000 + t.YearDay()
}

func (s *session) layOut(it *item, w layout) []line {
	var lines []line
	if w.airy {
		lines = append(lines, nil)
	}
	if w.day {
		lines = append(lines, divider(s.say.Say("chat.day", s.date(s.ms(it.GetWritten()))), w, faint))
	}
	if w.unread {
		lines = append(lines, divider(s.say.Say("chat.unread"), w, failure))
	}
	if it.GetLate() {
		lines = append(lines, plainly("┄ "+s.say.Say("chat.late"), style{role: away}).cut(w.width, w.m))
	}
	above := len(lines)
	switch {
	case it.GetNotice() != nil:
		text := "· " + s.noticeText(it.Message) + "  " + s.clock(it.GetWritten())
		lines = append(lines, plainly(text, style{role: faint, italic: true}).wrap(w.width, w.m)...)
	default:
		if w.head {
			lines = append(lines, s.headLine(it, w))
		}
		lines = append(lines, s.body(it, w)...)
	}
	if w.chosen {
		for i := above; i < len(lines); i++ {
			lines[i] = lines[i].fit(w.width, w.m, style{}).with(func(st *style) { st.chosen = true })
		}
	}
	return lines
}

// divider is a rule with a word in it.
func divider(word string, w layout, r role) line {
	word = " " + word + " "
	rest := max(w.width-w.m.StringWidth(word)-3, 0)
	return plainly("───"+word+strings.Repeat("─", rest), style{role: r}).cut(w.width, w.m)
}

func (s *session) headLine(it *item, w layout) line {
	name := span{clean(w.name), style{role: nameRole(it.GetAccount()), bold: true}}
	left := line{name, {"  " + s.clock(it.GetWritten()), style{role: faint}}}
	if it.GetMentionsMe() {
		left = append(left, span{"  @", style{role: mention}})
	}
	return left.cut(w.width, w.m)
}

// indent is what stands before the text of messages.
const indent = "  "

// quotedName is who wrote the message that another one answers, as he is called now where the message is here.
func (s *session) quotedName(m *p2pv1.Message) string {
	if m.GetReplyTo() == "" {
		return ""
	}
	if c := s.conversations[m.GetConversation()]; c != nil && c.byID[m.GetReplyTo()] != nil {
		return clean(s.nameIn(c.byID[m.GetReplyTo()].Message))
	}
	return clean(m.GetReplyName())
}

// answered is the line above an answer.
func (s *session) answered(m *p2pv1.Message, name string) line {
	of := span{"┌ " + name + ": ", style{role: faint, bold: true}}
	switch {
	case m.GetReplyDeleted():
		return line{of, {s.say.Say("chat.reply.deleted"), style{role: faint, italic: true}}}
	case m.GetReplyText() == "":
		return line{{"┌ " + s.say.Say("chat.reply.gone"), style{role: faint, italic: true}}}
	}
	return line{of, {preview(m.GetReplyText()), style{role: faint}}}
}

func (s *session) body(it *item, w layout) []line {
	inner := w.width - len(indent)
	var lines []line
	if it.GetReplyTo() != "" {
		lines = append(lines, s.answered(it.Message, w.quoted).cut(inner, w.m))
	}
	switch {
	case it.GetDeleted():
		lines = append(lines, plainly(s.deleted(it.Message), style{role: faint, italic: true}))
	case it.GetWithheld():
		lines = append(lines, plainly(s.say.Say("chat.withheld"), style{role: faint, italic: true}).wrap(inner, w.m)...)
	default:
		lines = append(lines, s.textLines(it.Message, inner, w)...)
		if it.GetFile() != nil {
			lines = append(lines, s.fileLines(it.Message, inner)...)
		}
	}
	marks := s.marks(it.Message)
	if w.state != "" {
		marks = append(marks, span{" … " + w.state, style{role: faint}})
	}
	if len(marks) > 0 {
		lines = suffix(lines, marks, inner, w.m)
	}
	if r := s.reactions(it.Message); r != nil {
		lines = append(lines, r.wrap(inner, w.m)...)
	}
	for i := range lines {
		lines[i] = append(line{{indent, style{}}}, lines[i]...)
	}
	return lines
}

// textLines returns the text of a message; one that the node has not confirmed is faint.
func (s *session) textLines(m *p2pv1.Message, width int, w layout) []line {
	switch {
	case w.text != "":
		lines := renderMarkdown(w.text, width, w.m)
		for i, l := range lines {
			lines[i] = l.with(func(st *style) { st.role = faint })
		}
		return lines
	case m.GetText() != "":
		return renderMarkdown(m.GetText(), width, w.m)
	}
	return nil
}

// suffix puts marks behind the last line, or below it when there is no room.
func suffix(lines []line, marks line, width int, m measure) []line {
	if n := len(lines); n > 0 && lines[n-1].width(m)+marks.width(m) < width {
		last := lines[n-1]
		lines[n-1] = append(append(last[:len(last):len(last)], span{" ", style{}}), marks...)
		return lines
	}
	return append(lines, marks.cut(width, m))
}

// marks says how far a message has come. One tick: stored on this device; two: on a device of everybody; two bright ones: read.
func (s *session) marks(m *p2pv1.Message) line {
	var l line
	if m.GetEdited() && !m.GetDeleted() {
		l = append(l, span{s.say.Say("chat.edited"), style{role: faint, italic: true}})
	}
	if !m.GetMine() || m.GetDeleted() {
		return l
	}
	if l != nil {
		l = append(l, span{" ", style{}})
	}
	switch m.GetDelivery() {
	case p2pv1.Delivery_DELIVERY_READ:
		return append(l, span{"✓✓", style{role: online, bold: true}})
	case p2pv1.Delivery_DELIVERY_DELIVERED:
		return append(l, span{"✓✓", style{role: faint}})
	}
	tick := "✓"
	if n := len(m.GetDeliveredTo()); n > 0 {
		tick = fmt.Sprintf("✓%d", n)
	}
	return append(l, span{tick, style{role: faint}})
}

func (s *session) reactions(m *p2pv1.Message) line {
	var l line
	for _, r := range m.GetReactions() {
		st := style{role: faint}
		for _, a := range r.GetAccounts() {
			if a == s.me.GetAccount() {
				st.role = accent
			}
		}
		l = append(l, span{fmt.Sprintf("%s %d  ", clean(r.GetEmoji()), len(r.GetAccounts())), st})
	}
	return l
}

// fileLines shows what is offered, and how far its transfer is.
func (s *session) fileLines(m *p2pv1.Message, width int) []line {
	f, t := m.GetFile(), s.transferOf(m)
	name := line{{"▤ ", style{role: accent}}, {clean(f.GetName()), style{bold: true}}, {"  " + s.fileSize(f), style{role: faint}}}
	state, r := s.transferState(m, t), faint
	if t.GetState() == p2pv1.Transfer_STATE_FAILED {
		r = failure
	}
	lines := []line{name.cut(width, s.m)}
	switch t.GetState() {
	case p2pv1.Transfer_STATE_DOWNLOADING, p2pv1.Transfer_STATE_CHECKING, p2pv1.Transfer_STATE_HASHING, p2pv1.Transfer_STATE_FINISHING:
		return append(lines, line{{gauge(t.GetDone(), f.GetSize(), min(20, width/3)), style{role: accent}}, {" " + state, style{role: r}}}.cut(width, s.m))
	}
	return append(lines, plainly(state, style{role: r}).wrap(width, s.m)...)
}

// transferOf returns how far the transfer of what a message offers is, whichever message offers the same too.
func (s *session) transferOf(m *p2pv1.Message) *p2pv1.Transfer {
	f := m.GetFile()
	if latest := s.transfers[f.GetInfoHash()]; latest != nil && !(f.GetTakenBack() && latest.GetMessage() != m.GetId()) {
		return latest
	}
	return m.GetTransfer()
}

func (s *session) fileSize(f *p2pv1.File) string {
	size := units.FormatBytes(f.GetSize())
	if f.GetFolder() {
		size += ", " + s.say.Count("count.files", int(f.GetFiles()))
	}
	return size
}

// gauge is a bar that shows done of whole.
func gauge(done, whole int64, width int) string {
	width = max(width, 4)
	full := 0
	if whole > 0 {
		full = int(float64(width) * float64(min(max(done, 0), whole)) / float64(whole))
	}
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}

func (s *session) transferState(m *p2pv1.Message, t *p2pv1.Transfer) string {
	size := t.GetFile().GetSize()
	if size == 0 {
		size = m.GetFile().GetSize()
	}
	if back := m.GetFile().GetTakenBack() && t.GetState() != p2pv1.Transfer_STATE_DONE; back && m.GetMine() {
		return s.say.Say("chat.file.back_mine")
	} else if back {
		return s.say.Say("chat.file.back", clean(s.nameIn(m)))
	}
	switch t.GetState() {
	case p2pv1.Transfer_STATE_HASHING:
		return s.say.Say("chat.file.hashing", percent(t.GetDone(), size))
	case p2pv1.Transfer_STATE_CHECKING:
		return s.say.Say("chat.file.checking", percent(t.GetDone(), size))
	case p2pv1.Transfer_STATE_SHARING:
		return s.say.Say("chat.file.sharing", units.FormatBytes(t.GetUploaded()), units.FormatRate(t.GetUpRate()))
	case p2pv1.Transfer_STATE_WAITING:
		if p := s.problem(t.GetProblem()); p != "" {
			return s.say.Say("chat.file.waiting_for", percent(t.GetDone(), size), p)
		}
		return s.say.Say("chat.file.waiting", percent(t.GetDone(), size))
	case p2pv1.Transfer_STATE_DOWNLOADING:
		return s.say.Say("chat.file.loading", percent(t.GetDone(), size), units.FormatRate(t.GetDownRate()), s.eta(t), s.say.Count("count.sources", int(t.GetSources())))
	case p2pv1.Transfer_STATE_FINISHING:
		return s.say.Count("progress.finishing", int(t.GetFile().GetFiles()), int(t.GetFilesDone()))
	case p2pv1.Transfer_STATE_DONE:
		return s.say.Say("chat.file.saved", clean(t.GetPath()))
	case p2pv1.Transfer_STATE_FAILED:
		return s.say.Say("chat.file.broken", s.problem(t.GetProblem()))
	case p2pv1.Transfer_STATE_CANCELLED:
		return s.say.Say("chat.file.cancelled")
	case p2pv1.Transfer_STATE_GONE:
		if m.GetMine() {
			return s.problem(t.GetProblem())
		}
		return s.say.Say("chat.file.gone", s.problem(t.GetProblem()))
	}
	if m.GetMine() {
		return s.say.Say("chat.file.offered")
	}
	return s.say.Say("chat.file.ask")
}

func percent(done, whole int64) string {
	if whole <= 0 {
		return "0%"
	}
	return fmt.Sprintf("%d%%", int(100*float64(done)/float64(whole)))
}

func (s *session) eta(t *p2pv1.Transfer) string {
	if t.GetEtaSeconds() < 0 {
		return "?"
	}
	return s.duration(time.Duration(t.GetEtaSeconds()) * time.Second)
}

// slowSend is how long a node may take to answer before the person is told that it is that which takes so long.
const slowSend = 3 * time.Second

// pendingLines shows a message that the node has not confirmed.
func (s *session) pendingLines(o outgoing) []line {
	width := s.mainWidth()
	st := style{role: faint}
	var lines []line
	for _, l := range renderMarkdown(o.text, width-len(indent), s.m) {
		lines = append(lines, append(line{{indent, style{}}}, l.with(func(x *style) { x.role = faint })...))
	}
	return append(lines, plainly(indent+"… "+s.waits(o.began), st).cut(width, s.m))
}
