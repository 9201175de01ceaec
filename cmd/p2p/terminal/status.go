package terminal

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/units"
)

// headerLine says whose conversation it is, and how he is reached.
func (s *session) headerLine(width int) line {
	c := s.current
	if c == nil {
		return plainly(" "+s.say.Say("chat.title"), style{role: bar, bold: true}).fit(width, s.m, style{role: bar})
	}
	left := line{{" ", style{role: bar}}}
	if contact := s.contacts[c.GetWith()]; c.GetDirect() {
		state := span{"  " + s.contactState(contact), style{role: bar}}
		if c.GetReason() != nil { // that he is no contact any more was his will
			state = span{"  " + s.whyLeft(c.Conversation), style{role: bar, bold: true}}
		}
		if s.blocked(c) {
			state = span{"  " + s.say.Say("chat.header.blocked", s.title(c)), style{role: bar, bold: true}}
		}
		left = append(left, presenceMark(contact.GetPresence()), span{" " + s.title(c), style{role: bar, bold: true}}, state)
		if p := s.problem(contact.GetProblem()); p != "" {
			left = append(left, span{"  " + p, style{role: bar, italic: true}})
		}
	} else {
		here := 0
		for _, m := range c.GetMembers() {
			if m.GetMe() || m.GetPath() != p2pv1.Path_PATH_UNSPECIFIED { // who is there, and whom nothing reaches, is not
				here++
			}
		}
		left = append(left, span{"# " + s.titleApart(c), style{role: bar, bold: true}})
		if doubt := s.doubtLine(c); doubt != "" {
			left = append(left, span{"  " + doubt, style{role: failure, bold: true}})
		}
		if c.GetLeft() { // and does not know who is there
			left = append(left, span{"  " + s.whyLeft(c.Conversation), style{role: bar, bold: true}})
		} else {
			left = append(left, span{"  " + s.say.Say("chat.header.room", here, len(c.GetMembers())), style{role: bar}})
		}
	}
	if unread := s.unread(c); unread > 0 && s.sideWidth() == 0 { // nothing else would say so
		left = append(line{{fmt.Sprintf(" (%d)", unread), style{role: badge, bold: true}}}, left...)
	}
	return left.with(func(st *style) { st.onBar = true }).fit(width, s.m, style{role: bar})
}

// infoLines say what happens now: a word to the person, what the composer is for, who types, that newer
// messages are below. What went wrong is said to its end, in as many lines as there is room for.
func (s *session) infoLines(width, room int) []line {
	word, r := s.info()
	if word == "" {
		return []line{plainly(strings.Repeat("─", width), style{role: faint})}
	}
	lines := []line{plainly(word, style{role: r})}
	if r == failure || word == s.flash.text {
		if lines = lines[0].wrap(max(width-3, 1), s.m); len(lines) > room {
			lines = append(lines[:room-1], append(lines[room-1], span{" " + lines[room].text(), style{role: r}}))
		}
	}
	for i, l := range lines {
		l = append(append(line{{"─ ", style{role: faint}}}, l...), span{" ", style{}}).cut(width, s.m)
		if rest := width - l.width(s.m); rest > 0 {
			l = append(l, span{strings.Repeat("─", rest), style{role: faint}})
		}
		lines[i] = l
	}
	return lines
}

func (s *session) info() (string, role) {
	c := s.current
	switch {
	case len(s.composer.choices) > 0:
		return s.choicesText(), accent
	case s.chosen() != nil && s.choice.delete:
		return s.say.Say("chat.choice.delete"), failure
	case s.flash.text != "":
		if s.flash.failed {
			return s.flash.text, failure
		}
		return s.flash.text, accent
	case s.panel != nil && len(s.panel.jumps) > 0:
		return s.say.Say("chat.info.results"), accent
	case s.panel != nil:
		return s.say.Say("chat.info.panel"), accent
	case s.sidebar.focused:
		return s.say.Say("chat.info.list"), accent
	case s.chosen() != nil:
		return s.say.Say("chat.info.choice"), accent
	case s.composer.mode == replying && c.byID[s.composer.target] != nil:
		m := c.byID[s.composer.target].Message
		return s.say.Say("chat.info.reply", clean(s.nameIn(m)), preview(s.textOf(m))), accent
	case s.composer.mode == editing:
		return s.say.Say("chat.info.edit"), accent
	case s.composer.mode != writing:
		return s.say.Say("chat.info.mode"), accent
	case c != nil && !c.scroll.follow:
		if n := c.GetUnread(); n > 0 {
			return s.say.Count("chat.info.below", int(n)), badge
		}
		return s.say.Say("chat.info.scrolled"), faint
	case c != nil:
		return s.typingText(c), faint
	}
	return "", faint
}

// choicesText shows what a word could become, the one that stands there in brackets.
func (s *session) choicesText() string {
	c := s.composer.completion
	var words []string
	for i := c.at; i < len(c.choices) && i < c.at+12; i++ {
		w := c.choices[i]
		if i == c.at {
			w = "[" + w + "]"
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

// statusLine says how things stand with the node, the directory and the transfers.
func (s *session) statusLine(width int) line {
	left := line{{" ", style{role: bar}}}
	part := func(text string, r role) {
		if text == "" {
			return
		}
		if len(left) > 1 {
			left = append(left, span{" · ", style{role: bar}})
		}
		left = append(left, span{text, style{role: r}})
	}
	d := s.me.GetDirectory()
	away := s.linked && d.GetUrl() != "" && !d.GetConnected() // why that is so may take the whole line
	if away {
		part(s.pathStatus(), bar)
	}
	switch {
	case !s.linked && s.starting:
		part(s.say.Say("chat.status.starting"), shout)
	case !s.linked && s.rests:
		part(s.say.Say("chat.status.stopped"), shout)
	case !s.linked && errors.Is(s.lostErr, api.ErrSilent):
		part(s.say.Say("chat.link.lost"), shout)
	case !s.linked && s.lostErr != nil:
		part(s.say.Say("chat.status.no_node", s.until(s.retryAt.UnixMilli())), shout)
	case !s.linked:
		part(s.say.Say("chat.status.connecting"), bar)
	case d.GetUrl() == "":
		part(s.say.Say("chat.status.no_directory"), bar)
	case d.GetConnected() && d.GetProblem() != nil:
		part(s.say.Say("chat.status.ended", s.problem(d.GetProblem())), shout)
	case d.GetConnected():
		part(s.say.Say("chat.status.directory"), bar)
	case d.GetLoggedOut() && d.GetProblem() == nil:
		part(s.say.Say("chat.status.logged_out"), shout)
	case d.GetProblem() == nil && s.me.GetName() == "": // there is nothing to connect with
		part(s.say.Say("chat.status.no_account"), bar)
	case d.GetProblem() == nil:
		part(s.say.Say("chat.status.attending"), bar)
	case d.GetNextTry() == 0: // it will not be otherwise
		part(s.say.Say("chat.status.ended", s.problem(d.GetProblem())), shout)
	default:
		part(s.say.Say("chat.status.lost", s.problem(d.GetProblem()), s.until(d.GetNextTry())), shout)
	}
	part(s.trackerStatus(), shout)
	if !away && s.linked {
		part(s.pathStatus(), bar)
	}
	part(s.transferStatus(), bar)
	right := line{{s.myName() + " ", style{role: bar, bold: true}}}
	if s.width < 50 {
		right = nil
	} else if s.me.GetPresence() == p2pv1.Presence_PRESENCE_AWAY {
		right = append(right, span{s.say.Say("chat.presence.away") + " ", style{role: bar}})
	}
	return apart(left, right, width, s.m, style{role: bar})
}

// trackerStatus says which tracker is of no use, if none answers: then those who are not connected do not find each other. That the
// directory is away says it too, since that is at one.
func (s *session) trackerStatus() string {
	d, all := s.me.GetDirectory(), s.me.GetDirectory().GetTrackers()
	if !s.linked || d.GetProblem() != nil || slices.ContainsFunc(all, func(t *p2pv1.Tracker) bool { return t.GetAnswers() }) {
		return ""
	}
	for _, t := range all {
		host := t.GetUrl()
		if u, err := url.Parse(host); err == nil && u.Host != "" {
			host = u.Host
		}
		switch t.GetProblem().GetKey() {
		case api.TrackerRefuses:
			return s.say.Say("chat.status.tracker_refuses", clean(host))
		case api.TrackerSilent:
			return s.say.Say("chat.status.tracker_silent", clean(host))
		}
	}
	return ""
}

// until returns the time to a moment as a countdown.
func (s *session) until(milli int64) string { return s.duration(max(s.ms(milli).Sub(s.now), 0)) }

// pathStatus says how the people of the conversation are reached.
func (s *session) pathStatus() string {
	c := s.current
	switch {
	case c == nil:
		return ""
	case c.GetDirect():
		contact := s.contacts[c.GetWith()]
		if path := s.pathWord(contact.GetPath(), contact.GetRttMicros()); path != "" {
			return s.title(c) + " " + path
		}
		if contact.GetProblem().GetKey() == api.KeptApart { // the header says why
			return s.say.Say("chat.status.kept_apart", s.title(c))
		}
		return s.say.Say("chat.status.not_connected", s.title(c))
	}
	counts, farthest := map[p2pv1.Path]int{}, map[p2pv1.Path]int64{}
	for _, m := range c.GetMembers() {
		if p := m.GetPath(); !m.GetMe() {
			counts[p]++
			farthest[p] = max(farthest[p], m.GetRttMicros())
		}
	}
	var words []string
	for _, p := range []p2pv1.Path{p2pv1.Path_PATH_LOCAL, p2pv1.Path_PATH_DIRECT, p2pv1.Path_PATH_RELAYED} {
		switch n := counts[p]; {
		case n > 1 && farthest[p] > 0:
			words = append(words, s.say.Say("chat.path.several", n, s.pathWord(p, 0), roundTrip(farthest[p])))
		case n > 0:
			words = append(words, fmt.Sprintf("%d %s", n, s.pathWord(p, farthest[p])))
		}
	}
	return s.say.List(words)
}

// transferStatus sums up the transfers that move.
func (s *session) transferStatus() string {
	var files int
	var done, size, down, up int64
	for _, t := range s.transfers {
		up += t.GetUpRate()
		switch t.GetState() {
		case p2pv1.Transfer_STATE_DOWNLOADING, p2pv1.Transfer_STATE_WAITING, p2pv1.Transfer_STATE_HASHING, p2pv1.Transfer_STATE_CHECKING,
			p2pv1.Transfer_STATE_FINISHING:
			files++
			done += t.GetDone()
			size += t.GetFile().GetSize()
			down += t.GetDownRate()
		}
	}
	switch {
	case files > 0:
		return s.say.Say("chat.status.transfers", s.say.Count("count.files", files), percent(done, size), units.FormatRates(down, up))
	case up > 0:
		return units.FormatRates(down, up)
	}
	return ""
}

// alertLines draws the oldest alert and how it goes away.
func (s *session) alertLines(width int) []line {
	if len(s.alerts) == 0 || s.panel != nil && s.panel.warns {
		return nil
	}
	shouted := style{role: shout}
	lines := plainly("‼ "+s.alertText(s.alerts[0]), shouted).wrap(width, s.m)
	how := s.say.Count("chat.alert.how", len(s.alerts))
	lines = append(lines, plainly(how, shouted))
	for i := range lines {
		lines[i] = lines[i].fit(width, s.m, shouted)
	}
	return lines
}

// windowTitle names the conversation and counts what is unread everywhere.
func (s *session) windowTitle() string {
	title := s.say.Say("chat.title")
	if s.current != nil {
		title = s.title(s.current) + " — " + title
	}
	if unread := s.unread(nil); unread > 0 {
		title = fmt.Sprintf("(%d) %s", unread, title)
	}
	return title
}

// unread returns how many messages wait to be read in all conversations but one, and those that were muted.
func (s *session) unread(but *conversation) (count int32) {
	for id, c := range s.conversations {
		if c != but && !s.muted[id] {
			count += c.GetUnread()
		}
	}
	return count
}
