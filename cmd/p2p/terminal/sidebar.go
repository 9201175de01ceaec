package terminal

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"p2p/cmd/p2p/api/p2pv1"
)

// sidebar is the list of people and rooms on the left; in a narrow window it is shown alone while it has the keys.
type sidebar struct {
	focused bool
	chosen  string // key of the row that the keys are at
	shift   int    // rows that the wheel has moved it by
}

// listed is a row of the sidebar: a heading, a person or a room.
type listed struct {
	heading string
	contact *p2pv1.Contact
	conv    *conversation
}

// key names a row while others come and go.
func (r listed) key() string {
	switch {
	case r.contact != nil:
		return r.contact.GetAccount()
	case r.conv != nil:
		return r.conv.GetId()
	}
	return ""
}

// rows returns the rows of the sidebar: requests, people, rooms, and apart from them those of which this person is no member any more; what
// was active last stands first.
func (s *session) rows() []listed {
	var rows, people, rooms, left []listed
	for _, c := range s.asking() {
		rows = append(rows, listed{contact: c})
	}
	if len(rows) > 0 {
		rows = slices.Insert(rows, 0, listed{heading: s.say.Say("chat.list.requests")})
	}
	air := func() {
		if len(rows) > 0 && s.height >= airyFrom {
			rows = append(rows, listed{heading: " "})
		}
	}
	for _, c := range s.contacts {
		switch c.GetState() {
		case p2pv1.ContactState_CONTACT_STATE_FRIEND, p2pv1.ContactState_CONTACT_STATE_ASKED, p2pv1.ContactState_CONTACT_STATE_REFUSED:
			people = append(people, listed{contact: c, conv: s.conversations[c.GetConversation()]})
		case p2pv1.ContactState_CONTACT_STATE_BLOCKED: // seen while what was said with him is read
			if conv := s.conversations[c.GetConversation()]; conv != nil && conv == s.current {
				people = append(people, listed{contact: c, conv: conv})
			}
		}
	}
	for _, c := range s.conversations {
		switch {
		case c.GetDirect():
		case !c.GetLeft():
			rooms = append(rooms, listed{conv: c})
		case c == s.current || c.GetReason() != nil: // those that he has left himself are shown by showRooms
			left = append(left, listed{conv: c})
		}
	}
	for _, part := range []struct {
		heading string
		rows    []listed
	}{{s.say.Say("chat.list.people"), people}, {s.say.Say("chat.list.rooms"), rooms}, {s.say.Say("chat.list.left"), left}} {
		if len(part.rows) == 0 {
			continue
		}
		slices.SortFunc(part.rows, func(a, b listed) int {
			return cmp.Or(-cmp.Compare(a.active(), b.active()), cmp.Compare(s.rowName(a), s.rowName(b)), cmp.Compare(a.key(), b.key()))
		})
		air()
		rows = append(append(rows, listed{heading: part.heading}), part.rows...)
	}
	return rows
}

func (r listed) active() int64 {
	if r.conv == nil {
		return 0
	}
	return r.conv.GetActive()
}

func (s *session) rowName(r listed) string {
	if r.contact != nil {
		if n := clean(r.contact.GetName()); n != "" {
			return n
		}
		return shortKey(r.contact.GetAccount())
	}
	return s.title(r.conv)
}

// mostRecent returns the conversation that was active last, or nil. Contacts may not be known yet.
func (s *session) mostRecent() *conversation {
	var found *conversation
	for _, c := range s.conversations {
		if c.GetLeft() || s.isOver(c) {
			continue
		}
		if found == nil || cmp.Or(cmp.Compare(c.GetActive(), found.GetActive()), cmp.Compare(c.GetId(), found.GetId())) > 0 {
			found = c
		}
	}
	return found
}

// toSidebar gives the keys to the sidebar, or takes them away. They are at the conversation that is open; at a request, which stands
// above all, when there is one and nothing unread in that conversation.
func (s *session) toSidebar() {
	s.sidebar.focused = !s.sidebar.focused
	s.panel, s.choice, s.sidebar.shift, s.composer.completion = nil, choice{}, 0, completion{}
	s.sidebar.chosen = ""
	asked := len(s.asking()) > 0 && (s.current == nil || s.current.GetUnread() == 0)
	for _, r := range s.rows() {
		if r.conv != nil && r.conv == s.current && !asked || s.sidebar.chosen == "" && r.key() != "" {
			s.sidebar.chosen = r.key()
		}
	}
}

func (s *session) sidebarKey(k key) {
	at, rows := s.sidebarAt()
	switch k.name {
	case "esc":
		s.sidebar.focused = false
	case "up":
		s.sidebarMove(rows, at, -1)
	case "down":
		s.sidebarMove(rows, at, 1)
	case "pgup":
		s.sidebarMove(rows, at, -max(s.place().side.height-2, 1))
	case "pgdown":
		s.sidebarMove(rows, at, max(s.place().side.height-2, 1))
	case "home":
		s.sidebarMove(rows, at, -len(rows))
	case "end":
		s.sidebarMove(rows, at, len(rows))
	case "enter", "right":
		if at >= 0 {
			s.pick(rows[at])
		}
	default: // a letter is the first one of a message, and never an answer to a request that the list is at
		if k.text != "" {
			s.sidebar.focused = false
			s.composerKey(k)
		}
	}
}

func (s *session) sidebarAt() (int, []listed) {
	rows := s.rows()
	return slices.IndexFunc(rows, func(r listed) bool { return r.key() != "" && r.key() == s.sidebar.chosen }), rows
}

// sidebarMove moves the keys by rows that can be chosen, or as far as there are any.
func (s *session) sidebarMove(rows []listed, at, by int) {
	s.sidebar.shift = 0
	step := 1
	if by < 0 {
		step, by = -1, -by
	}
	for at += step; at >= 0 && at < len(rows) && by > 0; at += step {
		if rows[at].key() != "" {
			s.sidebar.chosen = rows[at].key()
			by--
		}
	}
}

// pick opens the conversation of a row, or says what can be done with a request.
func (s *session) pick(r listed) {
	switch {
	case r.contact.GetState() == p2pv1.ContactState_CONTACT_STATE_ASKS:
		s.sidebar.focused = false
		s.showRequest(r.contact)
		return
	case r.conv != nil:
		s.open(r.conv)
	case r.contact.GetConversation() != "":
		s.askFor(opening{}, &p2pv1.ListConversationsRequest{Where: r.contact.GetConversation()})
	}
	s.sidebar.focused, s.panel = false, nil
}

// showRequest says who asks to be a contact, and how that is answered.
func (s *session) showRequest(c *p2pv1.Contact) {
	name := s.rowName(listed{contact: c})
	p := &panel{title: s.say.Say("chat.contact.asks", name)}
	if note := clean(c.GetNote()); note != "" {
		p.lines = append(p.lines, plainly(note, style{role: quote}))
	}
	p.lines = append(p.lines, plainly(clean(c.GetAccount()), style{role: faint}), nil)
	if by := c.GetLinkUsedBy(); by != "" {
		p.lines = append(p.lines, plainly(s.say.Say("contact.link_used", clean(by)), style{role: shout}), nil)
	}
	for l := range strings.SplitSeq(s.say.Say("chat.contact.answers", name), "\n") {
		p.lines = append(p.lines, plainly(l, style{}))
	}
	s.show(p)
	p.asks = c.GetAccount()
	p.lines = append(p.lines, nil, plainly(s.say.Say("chat.contact.keys"), style{role: accent})) // which nobody has who reads lines
}

// answersOf are the keys of the page that shows a request.
var answersOf = map[string]p2pv1.AnswerContactRequest_Answer{
	"a": p2pv1.AnswerContactRequest_ANSWER_ACCEPT, "r": p2pv1.AnswerContactRequest_ANSWER_REFUSE, "b": p2pv1.AnswerContactRequest_ANSWER_BLOCK,
}

// answers returns how a key answers the request that is shown.
func (s *session) answers(name string) (answer p2pv1.AnswerContactRequest_Answer) {
	if s.contacts[s.panel.asks].GetState() == p2pv1.ContactState_CONTACT_STATE_ASKS {
		answer = answersOf[name]
	}
	return answer
}

// answerRequest answers the request that is shown. It may have been answered elsewhere.
func (s *session) answerRequest(name string) {
	c, answer := s.contacts[s.panel.asks], s.answers(name)
	switch {
	case answer == p2pv1.AnswerContactRequest_ANSWER_UNSPECIFIED:
	case answer == p2pv1.AnswerContactRequest_ANSWER_BLOCK && !s.sure("block", c.GetAccount(), clean(c.GetName())):
	default:
		s.panel = nil
		s.ask(&p2pv1.AnswerContactRequest{Who: c.GetAccount(), Answer: answer})
	}
}

// neighbour opens the conversation above or below the current one.
func (s *session) neighbour(by int) {
	var open []*conversation
	for _, r := range s.rows() {
		if r.conv != nil {
			open = append(open, r.conv)
		}
	}
	if len(open) == 0 {
		return
	}
	at := slices.Index(open, s.current)
	s.sidebar.shift, s.panel = 0, nil
	s.open(open[(at+by+len(open))%len(open)])
}

// toUnread opens the next conversation in which something is unread, those with a mention first.
func (s *session) toUnread() {
	var next *conversation
	for _, r := range s.rows() {
		if r.conv != nil && r.conv != s.current && r.conv.GetUnread() > 0 && (next == nil || next.GetMentions() == 0 && r.conv.GetMentions() > 0) {
			next = r.conv
		}
	}
	if c := s.current; next == nil && c != nil && c.GetUnread() > 0 { // out of sight
		s.panel = nil
		if c.moreAfter {
			c.drop()
		}
		s.load(c)
		s.showUnread(c)
		return
	}
	if next == nil {
		s.word("chat.nothing_unread")
		return
	}
	s.panel = nil
	s.open(next)
}

// sidebarLines draws the rows into width columns and height lines.
func (s *session) sidebarLines(width, height int) []line {
	rows := s.rows()
	var lines []line
	from, to, above, below := s.sidebarWindow(rows, height)
	if above {
		lines = append(lines, s.moreLine("↑", rows[:from], width))
	}
	for _, r := range rows[from:to] {
		lines = append(lines, s.rowLine(r, width))
	}
	if below {
		lines = append(lines, s.moreLine("↓", rows[to:], width))
	}
	if len(rows) == 0 {
		lines = plainly(s.say.Say("chat.list.nobody"), style{role: faint}).wrap(width, s.m)
	}
	for i := range lines {
		lines[i] = lines[i].fit(width, s.m, style{})
	}
	for len(lines) < height {
		lines = append(lines, line{}.fit(width, s.m, style{}))
	}
	return lines[:height]
}

// sidebarTop returns the first row that is shown: such that the current one is seen, but for what the wheel has done.
func (s *session) sidebarTop(rows []listed, height int) int {
	at := slices.IndexFunc(rows, func(r listed) bool {
		if s.sidebar.focused {
			return r.key() == s.sidebar.chosen && r.key() != ""
		}
		return r.conv != nil && r.conv == s.current
	})
	top := max(at-height+2, 0) + s.sidebar.shift
	return max(min(top, len(rows)-height), 0)
}

// sidebarWindow returns the rows that are shown, and whether a line above and below them stands for more.
func (s *session) sidebarWindow(rows []listed, height int) (from, to int, above, below bool) {
	from = s.sidebarTop(rows, height)
	to = min(from+height, len(rows))
	if height < 5 { // there is no room
		return from, to, false, false
	}
	some := func(r listed) bool { return r.key() != "" }
	if above = slices.ContainsFunc(rows[:from], some); above {
		from++
	}
	if below = slices.ContainsFunc(rows[to:], some); below {
		to--
	}
	return from, to, above, below
}

// sidebarClick picks the row at a line of the list, or moves to what a line stands for.
func (s *session) sidebarClick(y, height int) {
	rows := s.rows()
	from, to, above, below := s.sidebarWindow(rows, height)
	switch at := from + y; {
	case above && y == 0:
		s.sidebarShift(2-height, height)
	case below && y == height-1:
		s.sidebarShift(height-2, height)
	default:
		if above {
			at--
		}
		if at < to && rows[at].key() != "" {
			s.pick(rows[at])
		}
	}
}

// sidebarShift moves the list by lines, up is negative.
func (s *session) sidebarShift(by, height int) {
	rows := s.rows()
	s.sidebar.shift = max(min(s.sidebar.shift+by, len(rows)-height), -len(rows))
}

// moreLine counts the rows that are out of sight, and what is unread there.
func (s *session) moreLine(arrow string, hidden []listed, width int) line {
	count := 0
	var unread, mentions int32
	for _, r := range hidden {
		if r.key() != "" {
			count++
		}
		if r.conv != nil && !s.muted[r.conv.GetId()] {
			unread, mentions = unread+r.conv.GetUnread(), mentions+r.conv.GetMentions()
		}
	}
	left, right := plainly(fmt.Sprintf(" %s%d", arrow, count), style{role: faint}), line{}
	if unread > 0 {
		right = append(countOf(unread, mentions, badge), span{" ", style{}})
	}
	return apart(left, right, width, s.m, style{})
}

func (s *session) rowLine(r listed, width int) line {
	if r.heading != "" {
		return plainly(r.heading, style{role: faint, bold: true})
	}
	left, right := line{{" ", style{}}}, line{}
	name := style{}
	if r.contact != nil {
		left = append(left, presenceMark(r.contact.GetPresence()))
		switch r.contact.GetState() {
		case p2pv1.ContactState_CONTACT_STATE_FRIEND:
			if r.contact.GetPresence() <= p2pv1.Presence_PRESENCE_OFFLINE {
				name.role = offline
				right = plainly(s.ago(r.contact.GetLastSeen()), style{role: faint})
			}
		case p2pv1.ContactState_CONTACT_STATE_ASKS:
			left, name.role = line{{" ?", style{role: away, bold: true}}}, away
		default:
			name.role, right = offline, plainly("…", style{role: faint})
		}
		if r.contact.GetChangedKey() != "" || r.contact.GetDiffers() {
			left = line{{" !", style{role: failure, bold: true}}}
		}
	} else {
		left = append(left, span{"#", style{role: faint}})
		if r.conv.GetWaiting() != "" || r.conv.GetLeft() {
			name.role, right = offline, plainly("…", style{role: faint})
		}
	}
	if r.conv != nil {
		name.bold = r.conv.GetUnread() > 0
		if b := s.badge(r.conv); b != nil {
			right = b
		}
		if id := s.apartBy(r.conv); id != "" {
			right = append(line{{id + " ", style{role: faint}}}, right...)
		}
	}
	left = append(left, span{" " + s.rowName(r), name})
	if len(right) > 0 {
		right = append(right, span{" ", style{}})
	}
	l := apart(left, right, width, s.m, style{})
	if r.conv != nil && r.conv == s.current && !s.sidebar.focused || s.sidebar.focused && r.key() == s.sidebar.chosen {
		l = l.with(func(st *style) { st.chosen = true })
	}
	return l
}

// badge counts what is unread, and says who types and what is muted.
func (s *session) badge(c *conversation) line {
	n := c.GetUnread()
	var l line
	if len(c.typing) > 0 && c != s.current {
		l = append(l, span{"✎ ", style{role: accent}})
	}
	if s.muted[c.GetId()] {
		l = append(l, span{"× ", style{role: faint}})
	}
	if n == 0 {
		if len(l) > 0 {
			l[len(l)-1].text = strings.TrimSpace(l[len(l)-1].text)
		}
		return l
	}
	r := badge
	if s.muted[c.GetId()] {
		r = faint
	}
	return append(l, countOf(n, c.GetMentions(), r)...)
}

// countOf writes how much is unread, with @ when some of it names this person.
func countOf(unread, mentions int32, r role) line {
	count := fmt.Sprint(unread)
	if unread >= 1000 {
		count = "999+"
	}
	if mentions > 0 {
		return line{{"@" + count, style{role: mention}}}
	}
	return line{{count, style{role: r}}}
}
