package terminal

import (
	"fmt"
	"strconv"
	"strings"

	"p2p/cmd/p2p/api/p2pv1"
)

// What the plain mode reads out besides what happens. Who has a screen read to him cannot look back: what counts as read was read out, and
// the rest is a command away.

const (
	lastAloud    = 10 // messages of a conversation that is opened, if no more are unread
	earlierAloud = 20 // messages that are gone back by at a time
)

// readOut says which conversation is open, and its messages from the first unread one on.
func (s *session) readOut(c *conversation) []line {
	lines := []line{plainly(s.say.Say("chat.plain.open", s.titleApart(c)), style{bold: true})}
	if doubt := s.doubtLine(c); doubt != "" {
		lines = append(lines, plainly(doubt, style{role: failure}))
	}
	from := max(len(c.items)-lastAloud, 0)
	if at := c.index(c.unreadFrom); at >= 0 {
		from = min(from, at)
	}
	if from > 0 || c.moreBefore {
		lines = append(lines, plainly(s.say.Say("chat.plain.earlier"), style{role: faint}))
	}
	return append(lines, s.stretch(c, from, len(c.items))...)
}

// stretch says the messages [from, to), with the days on which they were written and the unread line.
func (s *session) stretch(c *conversation, from, to int) (lines []line) {
	if at := c.index(c.aloud); from < to && (at < 0 || from < at) {
		c.aloud = c.items[from].GetId()
	}
	day := s.now.In(s.loc)
	before := day.Year()*1000 + day.YearDay()
	for _, it := range c.items[from:to] {
		if s.day(it) != before {
			lines = append(lines, plainly(s.say.Say("chat.day", s.date(s.ms(it.GetWritten()))), style{role: faint}))
		}
		before = s.day(it)
		if it.GetId() == c.unreadFrom {
			lines = append(lines, plainly(s.say.Say("chat.unread"), style{role: failure}))
		}
		lines = append(lines, s.sentence(it.Message, false))
	}
	return lines
}

// logging is the note of a page that is asked for to be read out: so many messages, the last ones or those before what was read out.
type logging struct {
	count int
	last  bool
}

// sayLog reads out earlier messages, further back each time; with a number the last ones again. A screen shows them anyway.
func (s *session) sayLog(args string) {
	n := logging{count: earlierAloud}
	if args != "" {
		count, err := strconv.Atoi(args)
		if err != nil || count < 1 {
			s.complain("chat.error.usage", s.usage(commandNamed("log")))
			return
		}
		n = logging{count, true}
	}
	if c := s.here(); c != nil && c.loaded {
		s.readBack(c, n)
	}
}

// readBack is sayLog, when enough is known.
func (s *session) readBack(c *conversation, n logging) {
	to := len(c.items)
	if at := c.index(c.aloud); at >= 0 && !n.last {
		to = at
	}
	if to < n.count && c.moreBefore && len(c.items) > 0 {
		s.askFor(n, &p2pv1.ListMessagesRequest{Where: c.GetId(), Before: c.items[0].GetId(), Limit: int32(min(max(n.count-to, pageSize), 1<<20))})
		return
	}
	from := max(to-n.count, 0)
	if from == 0 && !c.moreBefore && c.GetOlder() != "" {
		s.told = append(s.told, plainly(s.say.Say("chat.older", shortID(c.GetOlder())), style{role: faint}))
	}
	if from == to {
		s.word("chat.plain.beginning")
		return
	}
	s.told = append(s.told, s.stretch(c, from, to)...)
}

// readMissed reads out what has come while nothing was heard of the node, behind the newest message that was known.
func (s *session) readMissed(c *conversation, newest int64) {
	for _, it := range c.items {
		if it.GetNumber() > newest {
			s.told = append(s.told, s.sentence(it.Message, false))
		}
	}
}

// awaited says what waits for the person elsewhere: unread messages, and who asks.
func (s *session) awaited() (lines []line) {
	var unread []string
	for _, r := range s.rows() {
		if r.conv != nil && r.conv != s.current && r.conv.GetUnread() > 0 {
			unread = append(unread, s.unreadOf(r.conv))
		}
	}
	if len(unread) > 0 {
		lines = append(lines, plainly(s.say.Say("chat.plain.unread", strings.Join(unread, ", ")), style{}))
	}
	for _, c := range s.asking() {
		lines = append(lines, plainly(clean(s.asksText(c)), style{}))
	}
	return lines
}

// unreadOf says how many messages of a conversation are unread.
func (s *session) unreadOf(c *conversation) string {
	return fmt.Sprintf("%s %s", s.titleApart(c), countOf(c.GetUnread(), 0, normal).text())
}

// asksText says that somebody asks to be a contact, and why.
func (s *session) asksText(c *p2pv1.Contact) string {
	if note := flat(c.GetNote()); note != "" {
		return s.say.Say("chat.contact.asking_why", c.GetName(), note)
	}
	return s.say.Say("chat.contact.asking", c.GetName())
}

// showWaits shows what waits.
func (s *session) showWaits(string) {
	lines := s.awaited()
	if len(lines) == 0 {
		s.word("chat.nothing_unread")
		return
	}
	s.show(&panel{title: s.say.Say("chat.waits.title"), lines: lines})
}

// greet is said when it is known how things stand: what waits, and what can be done when no conversation is open.
func (s *session) greet() (lines []line) {
	switch {
	case s.current != nil:
	case len(s.rows()) == 0:
		for l := range strings.SplitSeq(s.say.Say("chat.welcome"), "\n") {
			lines = append(lines, plainly(l, style{}))
		}
	default:
		lines = append(lines, plainly(s.say.Say("chat.plain.nowhere"), style{}))
	}
	return append(lines, s.awaited()...)
}
