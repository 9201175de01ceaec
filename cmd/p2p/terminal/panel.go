package terminal

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// panel is a page that lies over the conversation: help, members, what a search has found. Lines that can be
// chosen lead to a message.
type panel struct {
	title  string
	lines  []line
	code   []string // a QR code; Enter shows it alone
	link   string   // which that is of; Enter shows it alone then
	whole  whole
	jumps  map[int]target
	asks   string // account of whose request it shows
	warns  bool   // it shows the alert
	top    int    // first line on the screen
	chosen int    // line, when there are jumps
	query  *p2pv1.SearchRequest
	next   int64 // page of the search behind this one
}

// whole is what fills the window instead of the panel.
type whole int

const (
	wholePanel whole = iota // nothing: the panel is one part of it
	wholeCode
	wholeLink // at the left edge, where it can be selected without what stands beside it
)

type target struct{ conversation, message string }

// show opens a panel; in plain mode its lines are printed.
func (s *session) show(p *panel) {
	s.panel, s.composer.completion = p, completion{}
	s.told = append(s.told, plainly(p.title, style{bold: true}))
	s.told = append(s.told, p.lines...)
	if p.code != nil { // which is nothing to read out
		p.lines = append(p.lines, nil, plainly(s.say.Say("chat.invite.code"), style{role: accent}))
	}
	if len(p.jumps) > 0 {
		p.chosen = slices.Min(keysOf(p.jumps))
	}
}

func keysOf(m map[int]target) []int {
	var keys []int
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (s *session) panelKey(k key) {
	p, page := s.panel, max(s.place().list.height-2, 1)
	if p.whole != wholePanel {
		if k.name == "enter" {
			p.whole = (p.whole + 1) % (wholeLink + 1)
		} else {
			p.whole = wholePanel
		}
		return
	}
	if len(k.text) == 1 && strings.Contains("qkj ", k.text) {
		s.pressed(k.text, true)
	}
	switch k.name {
	case "esc", "q":
		s.panel = nil
	case "up", "k":
		s.panelMove(-1)
	case "down", "j":
		s.panelMove(1)
	case "pgup":
		s.panelMove(-page)
	case "pgdown", "space":
		s.panelMove(page)
	case "enter":
		if t, ok := p.jumps[p.chosen]; ok {
			s.jump(t.conversation, t.message)
		} else if p.code != nil {
			p.whole = wholeCode
		} else {
			s.panel = nil
		}
	default:
		switch {
		case k.text == "":
		case s.answers(k.text) != p2pv1.AnswerContactRequest_ANSWER_UNSPECIFIED:
			s.pressed(k.text, false)
		default:
			s.panel, s.choice = nil, choice{}
			s.composerKey(k)
		}
	}
}

// panelMove moves the choice, or the page when there is nothing to choose.
func (s *session) panelMove(by int) {
	p := s.panel
	keys := keysOf(p.jumps)
	if len(keys) == 0 {
		p.top = max(p.top+by, 0)
		return
	}
	at, _ := slices.BinarySearch(keys, p.chosen)
	if by > 1 || by < -1 {
		by /= 2 // a result takes two lines
	}
	if at+by >= len(keys) && p.next > 0 {
		s.searchMore()
	}
	p.chosen = keys[min(max(at+by, 0), len(keys)-1)]
}

func (s *session) showHelp(name string) {
	switch c := commandNamed(strings.TrimPrefix(name, "/")); {
	case name == "":
	case c == nil:
		s.complain("chat.error.command", strings.TrimPrefix(name, "/"))
		return
	default:
		s.show(&panel{title: "/" + s.usage(c), lines: []line{plainly(s.say.Say(c.help), style{})}})
		return
	}
	p := &panel{title: s.say.Say("chat.page.help")}
	heading := func(key string) { p.lines = append(p.lines, nil, plainly(s.say.Say(key), style{bold: true})) }
	heading("chat.help.keys")
	for l := range strings.SplitSeq(s.say.Say("chat.help.keylist"), "\n") {
		name, what, _ := strings.Cut(l, "  ")
		p.lines = append(p.lines, entry(name, what, s.m))
	}
	heading("chat.help.commands")
	for _, c := range commands {
		p.lines = append(p.lines, entry("/"+s.usage(&c), s.say.Say(c.help), s.m))
	}
	heading("chat.help.marks")
	for l := range strings.SplitSeq(s.say.Say("chat.help.marklist"), "\n") {
		name, what, _ := strings.Cut(l, "  ")
		p.lines = append(p.lines, entry(name, what, s.m))
	}
	p.lines = p.lines[1:]
	s.show(p)
}

// entry is a line of a list with what it means.
func entry(name, what string, m measure) line {
	return line{{name + strings.Repeat(" ", max(26-m.StringWidth(name), 0)), style{role: accent}}, {"  " + strings.TrimSpace(what), style{}}}
}

func (s *session) showMembers(string) {
	c := s.here()
	if c == nil {
		return
	}
	p := &panel{title: s.title(c)}
	if !c.GetDirect() {
		p.title = s.say.Say("chat.members.title", s.title(c), len(c.GetMembers()), c.GetLimit())
	}
	for _, m := range c.GetMembers() {
		name := clean(m.GetName())
		if m.GetInvited() {
			name = s.say.Say("room.members.invited", name)
		}
		l := line{presenceMark(m.GetPresence()), {" " + name, style{role: nameRole(m.GetAccount()), bold: true}}}
		if !c.GetDirect() {
			l = append(l, span{"  " + api.RoleWord(s.say, m.GetRole()), style{role: faint}})
		}
		if m.GetMe() {
			l = append(l, span{"  " + s.say.Say("chat.me"), style{role: faint}})
		} else if path := s.pathWord(m.GetPath(), m.GetRttMicros()); path != "" {
			l = append(l, span{"  " + path, style{role: faint}})
		}
		if m.GetInDoubt() {
			l = append(l, span{"  " + s.say.Say("chat.members.doubt"), style{role: failure, bold: true}})
		}
		p.lines = append(p.lines, l)
	}
	s.show(p)
}

// showRooms lists the rooms, and apart those of which this person is no member any more.
func (s *session) showRooms(string) {
	p := &panel{title: s.say.Say("chat.rooms.title")}
	var left []line
	for _, c := range slices.SortedFunc(maps.Values(s.conversations), func(a, b *conversation) int {
		return cmp.Or(-cmp.Compare(a.GetActive(), b.GetActive()), cmp.Compare(a.GetId(), b.GetId()))
	}) {
		name := span{"#" + s.titleApart(c), style{bold: true}}
		switch {
		case c.GetDirect():
		case c.GetLeft():
			left = append(left, line{name, {"  " + s.whyLeft(c.Conversation), style{role: faint}}})
		default:
			p.lines = append(p.lines, line{name, {"  " + s.say.Say("chat.members.count", len(c.GetMembers()), c.GetLimit()), style{role: faint}}})
		}
	}
	if len(p.lines) == 0 {
		p.lines = append(p.lines, plainly(s.say.Say("chat.rooms.none"), style{role: faint}))
	}
	if len(left) > 0 {
		p.lines = append(append(p.lines, nil, plainly(s.say.Say("chat.rooms.left"), style{role: faint})), left...)
	}
	s.show(p)
}

// showWho lists the contacts and how each is reached.
func (s *session) showWho(string) {
	p := &panel{title: s.say.Say("chat.who.title")}
	for _, r := range s.rows() {
		if r.contact == nil {
			continue
		}
		c := r.contact
		l := line{presenceMark(c.GetPresence()), {" " + clean(c.GetName()), style{bold: true}}, {"  " + s.contactState(c), style{role: faint}}}
		if was := clean(c.GetFormerName()); was != "" {
			l = append(l, span{"  " + s.say.Say("contact.former", was), style{role: faint}})
		}
		p.lines = append(p.lines, l)
		if problem := s.problem(c.GetProblem()); problem != "" {
			p.lines = append(p.lines, plainly("    "+problem, style{role: away}))
		}
	}
	s.show(p)
}

// contactState says in words how things stand with a contact.
func (s *session) contactState(c *p2pv1.Contact) string {
	switch c.GetState() {
	case p2pv1.ContactState_CONTACT_STATE_ASKED:
		return s.say.Say("chat.state.asked")
	case p2pv1.ContactState_CONTACT_STATE_ASKS:
		return s.say.Say("chat.state.asks")
	case p2pv1.ContactState_CONTACT_STATE_REFUSED:
		return s.say.Say("chat.state.refused")
	case p2pv1.ContactState_CONTACT_STATE_BLOCKED:
		return s.say.Say("chat.state.blocked")
	case p2pv1.ContactState_CONTACT_STATE_REMOVED:
		return s.say.Say("chat.state.removed")
	}
	words := s.presenceIn(c.GetPresence(), c.GetPresenceText())
	if c.GetPresence() == p2pv1.Presence_PRESENCE_OFFLINE && c.GetLastSeen() != 0 {
		words = s.say.Say("chat.state.last_seen", s.ago(c.GetLastSeen()))
		if s.now.Sub(s.ms(c.GetLastSeen())) < time.Minute {
			words = s.say.Say("chat.state.seen_now")
		}
	}
	if path := s.pathWord(c.GetPath(), c.GetRttMicros()); path != "" {
		words = s.say.Say("chat.pair", words, path)
	}
	if c.GetChangedKey() != "" {
		words = s.say.Say("chat.pair", words, s.say.Say("chat.state.changed"))
	}
	switch {
	case c.GetDiffers():
		words = s.say.Say("chat.pair", words, s.say.Say("chat.state.differs"))
	case c.GetVerified():
		words = s.say.Say("chat.pair", words, s.say.Say("chat.state.verified"))
	case c.GetState() == p2pv1.ContactState_CONTACT_STATE_FRIEND: // whose key it is was said by a directory, or by who had a link
		words = s.say.Say("chat.pair", words, s.say.Say("chat.state.unverified"))
	}
	return words
}

func (s *session) showSafety(v *p2pv1.VerifyContactResponse) {
	c := v.GetContact()
	s.contact(c)
	name := clean(c.GetName())
	state, r := "chat.verify.open", away
	if v.GetVerified() {
		state, r = "chat.verify.done", online
	}
	if c.GetDiffers() {
		state, r = "chat.verify.differs", failure
	}
	p := &panel{title: s.say.Say("chat.verify.title", name)}
	p.lines = append(p.lines, plainly(clean(v.GetSafetyNumber()), style{bold: true}), nil)
	if v.GetNewSafetyNumber() != "" {
		p.lines = append(p.lines, plainly(s.say.Say("chat.verify.two", name), style{role: failure}), plainly(clean(v.GetNewSafetyNumber()), style{bold: true}), nil,
			plainly(s.say.Say("chat.verify.choose", name), style{role: faint}))
		s.show(p)
		return
	}
	p.lines = append(p.lines, plainly(s.say.Say(state, name), style{role: r}), plainly(s.say.Say("chat.verify.how", name), style{role: faint}))
	s.show(p)
}

func (s *session) showInvite(i *p2pv1.InviteResponse) {
	p := &panel{title: s.say.Say("chat.invite.title")}
	p.lines = append(p.lines, plainly(s.say.Say("chat.invite.how"), style{}), plainly(clean(i.GetLink()), style{role: accent}))
	if s.clipboard {
		p.lines = append(p.lines, plainly(s.say.Say("chat.invite.copied"), style{role: faint}))
	}
	if i.GetUntil() != 0 {
		p.lines = append(p.lines, plainly(s.say.Say("chat.invite.until", s.ms(i.GetUntil()).Format("2006-01-02 15:04")), style{role: faint}))
	}
	if len(s.me.GetTrackers()) == 0 {
		p.lines = append(p.lines, plainly(s.say.Say("chat.invite.untracked"), style{role: away}))
	}
	if qr := i.GetQr(); qr != "" {
		p.code, p.link = strings.Split(strings.TrimSuffix(qr, "\n"), "\n"), clean(i.GetLink())
	}
	s.do(copyText{i.GetLink()})
	s.show(p)
}

func (s *session) showDevices(d *p2pv1.ListDevicesResponse) {
	p := &panel{title: s.say.Say("chat.devices.title")}
	for _, dev := range d.GetDevices() {
		mark := presenceMark(p2pv1.Presence_PRESENCE_OFFLINE)
		if dev.GetOnline() || dev.GetThisOne() {
			mark = presenceMark(p2pv1.Presence_PRESENCE_ONLINE)
		}
		l := line{mark, {" " + clean(dev.GetLabel()), style{bold: true}}, {"  " + shortKey(dev.GetKey()) + "  " + s.ms(dev.GetCertified()).Format("2006-01-02"), style{role: faint}}}
		if dev.GetThisOne() {
			l = append(l, span{"  " + s.say.Say("chat.devices.this"), style{role: accent}})
		}
		if dev.GetRevoked() {
			l = append(l, span{"  " + s.say.Say("chat.devices.revoked"), style{role: failure}})
		}
		p.lines = append(p.lines, l)
	}
	s.show(p)
}

func (s *session) showFiles(string) {
	p := &panel{title: s.say.Say("chat.files.title"), jumps: map[int]target{}}
	all := make([]*p2pv1.Transfer, 0, len(s.transfers))
	for _, t := range s.transfers {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *p2pv1.Transfer) int {
		return strings.Compare(a.GetFile().GetName()+a.GetInfoHash(), b.GetFile().GetName()+b.GetInfoHash())
	})
	for _, t := range all {
		p.jumps[len(p.lines)] = target{t.GetConversation(), t.GetMessage()}
		m := &p2pv1.Message{File: t.GetFile(), Transfer: t}
		p.lines = append(p.lines, s.fileLines(m, s.mainWidth()-2)...)
	}
	if len(all) == 0 {
		p.lines = append(p.lines, plainly(s.say.Say("chat.files.none"), style{role: faint}))
	}
	s.show(p)
}

// showDetails says all that is known of a message.
func (s *session) showDetails(it *item) {
	p := &panel{title: s.say.Say("chat.details.title"), lines: []line{plainly(preview(s.textOf(it.Message)), style{role: quote})}}
	add := func(key, value string) {
		if value != "" {
			p.lines = append(p.lines, entry(s.say.Say(key), value, s.m))
		}
	}
	names := func(accounts []string) string {
		var n []string
		for _, a := range accounts {
			n = append(n, s.nameOf(a))
		}
		return s.say.List(n)
	}
	add("chat.details.from", clean(s.nameIn(it.Message)))
	add("chat.details.written", s.ms(it.GetWritten()).Format("2006-01-02 15:04:05"))
	add("chat.details.arrived", s.ms(it.GetArrived()).Format("2006-01-02 15:04:05"))
	add("chat.details.state", api.DeliveryWord(s.say, it.Message))
	add("chat.details.delivered", names(it.GetDeliveredTo()))
	add("chat.details.read", names(it.GetReadBy()))
	for _, r := range it.GetReactions() {
		p.lines = append(p.lines, entry(clean(r.GetEmoji()), names(r.GetAccounts()), s.m))
	}
	add("chat.details.device", clean(it.GetDevice()))
	add("chat.details.id", clean(it.GetId()))
	s.show(p)
}

// search looks for words in all that was ever said, or in one conversation.
func (s *session) search(words, where string) {
	if words = strings.TrimSpace(words); words != "" {
		s.ask(&p2pv1.SearchRequest{Query: words, Where: where, Limit: 50})
	}
}

func (s *session) searchHere(words string) {
	if c := s.here(); c != nil {
		s.search(words, c.GetId())
	}
}

func (s *session) searchMore() {
	p := s.panel
	s.ask(&p2pv1.SearchRequest{Query: p.query.GetQuery(), Where: p.query.GetWhere(), Before: p.next, Limit: 50})
	p.next = 0
}

// found takes in what a search has found: a new page, or more of it.
func (s *session) found(a answer, got *p2pv1.SearchResponse) {
	q := a.ask.(*p2pv1.SearchRequest)
	p := s.panel
	more := q.GetBefore() != 0
	switch {
	case more && (p == nil || p.query.GetQuery() != q.GetQuery()):
		return // closed meanwhile
	case !more:
		p = &panel{query: q, jumps: map[int]target{}}
	}
	p.next = got.GetNext()
	for _, m := range got.GetMessages() {
		where := shortKey(m.GetConversation())
		if c := s.conversations[m.GetConversation()]; c != nil {
			where = s.title(c)
		}
		p.jumps[len(p.lines)] = target{m.GetConversation(), m.GetId()}
		t := s.ms(m.GetWritten())
		p.lines = append(p.lines,
			line{{clean(s.nameIn(m)), style{role: nameRole(m.GetAccount()), bold: true}}, {"  " + s.say.Say("chat.search.where", where, s.date(t), t.Format("15:04")), style{role: faint}}},
			append(line{{"  ", style{}}}, highlight(flat(s.textOf(m)), q.GetQuery())...))
	}
	count := len(p.jumps)
	p.title = s.say.Count("chat.search.found", count, clean(q.GetQuery()))
	if p.next > 0 {
		p.title = s.say.Say("chat.search.more", count, clean(q.GetQuery()))
	}
	if !more {
		s.show(p)
	}
	if p.next > 0 && count == 0 { // there is a bound to how many messages are looked at for a sign at once
		s.searchMore()
	}
}

// highlight marks the first place where a word of the query stands, and begins near it.
func highlight(text, query string) line {
	for _, word := range strings.Fields(query) {
		if at, end := findFolded(text, word); at >= 0 {
			head := text[:at]
			if words := strings.Split(head, " "); len(words) > 4 {
				head = "… " + strings.Join(words[len(words)-4:], " ")
			}
			return line{{head, style{}}, {text[at:end], style{role: badge, underline: true}}, {text[end:], style{}}}
		}
	}
	return plainly(text, style{})
}
