package terminal

import (
	"maps"
	"slices"
	"time"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// typingTime is how long somebody counts as typing who does not say that he has stopped.
const typingTime = 8 * time.Second

// event takes in what the node tells.
func (s *session) event(e *p2pv1.Event) {
	switch what := e.GetWhat().(type) {
	case *p2pv1.Event_Hello:
		s.hello(what.Hello)
	case *p2pv1.Event_Message:
		s.message(what.Message)
	case *p2pv1.Event_Said:
		s.said(what.Said)
	case *p2pv1.Event_Contact:
		s.contact(what.Contact)
	case *p2pv1.Event_Conversation:
		s.conversation(what.Conversation)
	case *p2pv1.Event_Typing:
		s.someoneTypes(what.Typing)
	case *p2pv1.Event_Transfer:
		s.transfer(what.Transfer)
	case *p2pv1.Event_Directory:
		s.directory(what.Directory)
	case *p2pv1.Event_Alert:
		s.alert(what.Alert)
	}
}

// hello begins: all is asked for anew, for much may have happened while the node was away.
func (s *session) hello(h *p2pv1.Hello) {
	if s.lostErr != nil && (s.flash.text == "" || !s.flash.failed || s.flash.link) { // why something was not done stays to be read
		s.word("chat.link.back")
	}
	if s.me.GetAccount() == "" { // the first one
		s.since = h.GetCursor()
	}
	if was := s.me.GetAccount(); was != "" && was != h.GetMe().GetAccount() {
		s.forget()
	}
	s.linked, s.starting, s.rests, s.lostErr = true, false, false, nil
	s.me, s.editsOnce = h.GetMe(), h.GetEditsOnce()
	if s.seal = h.GetSeal(); len(s.seal) == 0 { // it may have had a passphrase
		s.seal = nil
	}
	s.unseal()
	s.do(s.allUnsent(true)) // sealed as it is to be now
	s.do(seek{plain: s.plain, seal: s.seal})
	if s.current != nil {
		s.seekFor(s.current)
	}
	s.ask(&p2pv1.ListContactsRequest{})
	s.ask(&p2pv1.ListConversationsRequest{})
	s.ask(&p2pv1.ListTransfersRequest{})
	maps.DeleteFunc(s.transfers, func(_ string, t *p2pv1.Transfer) bool { // it goes on telling of that, if it lives
		return t.GetState() == p2pv1.Transfer_STATE_HASHING
	})
	for _, c := range s.conversations {
		c.loading = false
		if !h.GetResumed() && c.loaded { // there may be a hole behind what is known
			c.loaded = false
		}
		s.load(c)
		s.sendPending(c)
		s.sendChanges(c)
	}
	if c := s.current; c != nil && c.resuming {
		s.resume()
	}
	if c := s.current; c != nil && c.seeking() {
		s.showUnread(c)
	}
	s.startTicking()
}

// forget takes all away that was of another person: the profile is somebody else's now, or nobody's.
func (s *session) forget() {
	s.contacts, s.conversations, s.transfers = map[string]*p2pv1.Contact{}, map[string]*conversation{}, map[string]*p2pv1.Transfer{}
	clear(s.moving)
	s.me, s.current, s.panel, s.choice, s.alerts = &p2pv1.WhoamiResponse{}, nil, nil, choice{}, nil
	s.composer.leaveMode()
	s.composer.begin("")
	clear(s.before)
	s.keptLoose = ""
	clear(s.muted)
}

func (s *session) message(m *p2pv1.Message) {
	c := s.conversations[m.GetConversation()]
	switch {
	case m.GetGone():
		s.gone(c, m)
		return
	case c == nil:
		s.askFor(unasked{}, &p2pv1.ListConversationsRequest{Where: m.GetConversation()})
		return
	}
	fresh := m.GetNumber() > s.since && c.byID[m.GetId()] == nil && !c.told[m.GetNumber()]
	if c.put(m); fresh {
		c.told[m.GetNumber()] = true
	}
	if m.GetMine() {
		c.confirm(m)
	}
	if !fresh {
		if m.GetChange() != nil {
			s.told = append(s.told, s.changeLine(m, s.current != c))
		}
		return
	}
	counted := c.GetLast().GetNumber() >= m.GetNumber() // the conversation was told before its message
	c.Last, c.Active = m, max(c.GetActive(), m.GetArrived())
	delete(c.typing, m.GetAccount())
	s.told = append(s.told, s.sentence(m, s.current != c))
	if !countsUnread(m) {
		return
	}
	seen := s.focused && s.current == c && c.scroll.follow && !c.moreAfter
	if !counted {
		c.Unread++
		if m.GetMentionsMe() {
			c.Mentions++
		}
	}
	if seen {
		s.markRead()
		return
	}
	if s.current == c && c.unreadFrom == "" {
		c.unreadFrom = m.GetId()
	}
	if !s.muted[c.GetId()] && !(s.focused && s.current == c) {
		said := preview(s.textOf(m))
		if !c.GetDirect() { // else the title is the name
			said = clean(s.nameIn(m)) + ": " + said
		}
		s.ringFor(c, said)
	}
}

// gone takes away a message that does not count any more, wherever the person has seen it.
func (s *session) gone(c *conversation, m *p2pv1.Message) {
	if c == nil || !c.strike(m.GetId()) && !c.told[m.GetNumber()] {
		return
	}
	if s.choice.id == m.GetId() {
		s.choice = choice{}
	}
	s.told = append(s.told, s.changeLine(m, s.current != c))
}

func (s *session) contact(c *p2pv1.Contact) {
	before := s.contacts[c.GetAccount()]
	s.contacts[c.GetAccount()] = c
	s.suspect(c)
	if before == nil || before.GetState() != c.GetState() {
		switch c.GetState() {
		case p2pv1.ContactState_CONTACT_STATE_ASKS:
			s.tell(s.asksText(c), false)
			s.do(ring{s.say.Say("chat.title"), s.flash.text})
		case p2pv1.ContactState_CONTACT_STATE_FRIEND:
			switch before.GetState() {
			case p2pv1.ContactState_CONTACT_STATE_ASKED:
				s.word("chat.contact.friend", c.GetName())
			case p2pv1.ContactState_CONTACT_STATE_ASKS, p2pv1.ContactState_CONTACT_STATE_REMOVED:
				s.word("chat.contact.now", c.GetName())
			}
		case p2pv1.ContactState_CONTACT_STATE_BLOCKED:
			s.word("chat.done.block", c.GetName())
		case p2pv1.ContactState_CONTACT_STATE_REFUSED:
			s.word("chat.contact.refused", c.GetName())
		}
		return
	}
	if before.GetPresence() != c.GetPresence() || before.GetPresenceText() != c.GetPresenceText() {
		word := s.presenceIn(c.GetPresence(), c.GetPresenceText())
		s.told = append(s.told, plainly(s.say.Say("chat.plain.presence", clean(c.GetName()), word), style{role: faint}))
	}
}

// conversation takes in how a conversation stands now.
func (s *session) conversation(n *p2pv1.Conversation) { s.learn(n, true) }

// learn is conversation; what was so before this program began is no news: the list and the header show it.
func (s *session) learn(n *p2pv1.Conversation, news bool) {
	c := s.conversations[n.GetId()]
	if n.GetBecame() != "" {
		s.moved(c, n.GetBecame())
		return
	}
	if n.GetGone() {
		s.lacks(c)
		return
	}
	if c == nil {
		c = newConversation(n)
		s.conversations[n.GetId()] = c
		s.restore(c)
		if news && n.GetReason() != nil && !n.GetDirect() { // such as a link that led nowhere
			s.expelled(n)
		}
	} else {
		if n.GetReason() != nil && c.GetReason() == nil {
			s.expelled(n)
		}
		read := c == s.current && c.GetUnread() == 0 && s.focused && c.scroll.follow && !c.moreAfter
		c.Conversation = n
		if read {
			s.markRead() // counted before the node took in that it was read
		}
	}
	c.undoubt()
	clear(c.typing)
	for _, account := range n.GetTyping() {
		s.types(c, account)
	}
	s.sendPending(c)
	s.sendChanges(c)
	s.openWanted(c)
}

// lacks follows that a conversation is no more. What is being written there belongs to no conversation then; what waits does for one
// that comes back.
func (s *session) lacks(c *conversation) {
	if c == nil {
		return
	}
	delete(s.conversations, c.GetId())
	current := c == s.current
	if current {
		s.current, c.wording = nil, wording{}
	}
	if s.setAside(c, c.GetId()); current { // first, for what belongs to nothing is taken off the disk
		s.keepLoose()
	}
	s.keep()
}

// moved goes on in the conversation that another one has become, with what was being written.
func (s *session) moved(from *conversation, to string) {
	if from == nil {
		return
	}
	s.keepDraft()
	delete(s.conversations, from.GetId())
	s.setAside(from, to)
	s.keep()
	if from == s.current {
		s.current, s.wanted = nil, to
		s.composer.leaveMode()
		s.composer.begin("")
	}
	if known := s.conversations[to]; known != nil {
		s.restore(known)
		s.openWanted(known)
		return
	}
	s.askFor(unasked{}, &p2pv1.ListConversationsRequest{Where: to})
}

// whyLeft says why this person is not in a room.
func (s *session) whyLeft(c *p2pv1.Conversation) string {
	if why, known := api.ExplainReason(s.say, c.GetReason()); known {
		return clean(why)
	}
	return s.say.Say("chat.header.left")
}

// expelled tells that this person is not in a room, and why. A room that he has never seen has no name.
func (s *session) expelled(n *p2pv1.Conversation) {
	if n.GetName() == "" {
		s.tell(s.whyLeft(n), true)
		return
	}
	s.tell(s.say.Say("chat.out", clean(n.GetName()), s.whyLeft(n)), true)
}

// openWanted opens the conversation that the person asked for when it becomes known.
func (s *session) openWanted(c *conversation) {
	if s.wanted == c.GetId() {
		s.open(c)
	}
}

func (s *session) someoneTypes(t *p2pv1.Typing) {
	c := s.conversations[t.GetConversation()]
	switch {
	case c == nil:
	case t.GetTyping():
		s.types(c, t.GetAccount())
	default:
		delete(c.typing, t.GetAccount())
	}
}

func (s *session) types(c *conversation, account string) {
	if account == s.me.GetAccount() {
		return
	}
	c.typing[account] = s.now.Add(typingTime)
	s.in(typingTime, expire{c.GetId(), account})
}

func (s *session) transfer(t *p2pv1.Transfer) {
	moved := s.moving[t.GetInfoHash()]
	s.moves(t)
	name := clean(t.GetFile().GetName())
	switch {
	case t.GetState() == p2pv1.Transfer_STATE_DONE:
		if delete(s.moving, t.GetInfoHash()); moved {
			s.word("chat.file.done", name, clean(t.GetPath()))
		}
	case t.GetState() == p2pv1.Transfer_STATE_FAILED:
		if delete(s.moving, t.GetInfoHash()); moved {
			s.complain("chat.file.failed", name, s.problem(t.GetProblem()))
		}
	}
}

// moves takes in how far a transfer is.
func (s *session) moves(t *p2pv1.Transfer) {
	if t.GetState() == p2pv1.Transfer_STATE_HASHING {
		s.transfers[hashing(t)] = t
		return
	}
	delete(s.transfers, hashing(t))
	if t.GetInfoHash() == "" {
		return // nothing became of it
	}
	s.transfers[t.GetInfoHash()] = t
	switch t.GetState() {
	case p2pv1.Transfer_STATE_SHARING:
		s.moving[t.GetInfoHash()] = true
	case p2pv1.Transfer_STATE_DOWNLOADING, p2pv1.Transfer_STATE_WAITING: // a node that begins has old ones pass through these
		if t.GetDone() < t.GetFile().GetSize() {
			s.moving[t.GetInfoHash()] = true
		}
	}
	if c := s.conversations[t.GetConversation()]; c != nil {
		c.moves(t)
	}
}

// moves has the messages drawn anew that offer what a transfer fetches or gives: several may offer the same.
func (c *conversation) moves(t *p2pv1.Transfer) {
	if it := c.byID[t.GetMessage()]; it != nil {
		it.Transfer = t
	}
	for _, it := range c.items {
		if it.GetFile().GetInfoHash() == t.GetInfoHash() {
			it.lines = nil
		}
	}
}

// hashing is the key of what is hashed at the path of t: until that is done it has no other.
func hashing(t *p2pv1.Transfer) string { return "hashing " + t.GetConversation() + " " + t.GetPath() }

func (s *session) directory(d *p2pv1.Directory) {
	if before := s.me.GetDirectory().GetConnected(); before != d.GetConnected() && d.GetUrl() != "" {
		switch {
		case d.GetProblem().GetKey() == api.DeviceRevoked: // also logged out: no login helps
			s.complain("reason.revoked_here")
			s.missed, s.flash.link = true, true
		case d.GetLoggedOut():
			s.complain("reason.logged_out")
			s.missed, s.flash.link = true, true
		case !d.GetConnected() && d.GetProblem() == nil: // nobody has tried yet
		case !d.GetConnected():
			s.complain("chat.directory.lost", s.problem(d.GetProblem()))
			s.missed, s.flash.link = true, true
		case s.missed: // else it was not looked for long
			s.missed = false
			if back := s.say.Say("chat.directory.back"); s.flash.failed && s.flash.text != "" && !s.flash.link { // why something was not done stays to be read
				s.told = append(s.told, plainly(back, style{}))
			} else {
				s.tell(back, false)
			}
		}
	}
	s.me.Directory = d
	if s.me.GetName() == "" && d.GetUrl() != "" { // somebody has registered, or logged in
		s.ask(&p2pv1.WhoamiRequest{})
	}
	s.startTicking()
}

// alert takes in what must not be overlooked: it stays until the person says that he has seen it.
func (s *session) alert(a *p2pv1.Alert) {
	switch a.GetKind() {
	case p2pv1.Alert_KIND_REQUEST, p2pv1.Alert_KIND_ANSWERED, p2pv1.Alert_KIND_REMOVED: // the contact, or the room, which comes too, says it
		return
	case p2pv1.Alert_KIND_LEFT_OUT, // a shell that offers a folder has told it; who does so here has to take note, see leftOut
		p2pv1.Alert_KIND_CALLED:
		s.tell(s.alertText(a), false)
		return
	case p2pv1.Alert_KIND_DISK_AGAIN:
		s.alerts = slices.DeleteFunc(s.alerts, func(o *p2pv1.Alert) bool { return o.GetKind() == p2pv1.Alert_KIND_DISK_FULL })
		s.word("chat.disk.again")
		return
	}
	if a.GetKind() == p2pv1.Alert_KIND_UNHEARD && a.GetText() != "" && !s.plain { // the node keeps it to be written
		s.askFor(claiming{}, &p2pv1.ListConversationsRequest{Where: a.GetConversation()})
	}
	same := func(o *p2pv1.Alert) bool {
		once := a.GetKind() == p2pv1.Alert_KIND_KEY_CHANGED || a.GetKind() == p2pv1.Alert_KIND_DISK_FULL
		return once && o.GetKind() == a.GetKind() && o.GetAccount() == a.GetAccount()
	}
	what := s.alertText(a)
	if at := slices.IndexFunc(s.alerts, same); at >= 0 {
		if s.alertText(s.alerts[at]) == what { // by suspect, or the node that began anew
			return
		}
		s.alerts = slices.Delete(s.alerts, at, at+1) // it says no more than this one
	}
	if a.GetKind() == p2pv1.Alert_KIND_KEY_CHANGED { // whatever else is shown first could hide it
		s.alerts = slices.Insert(s.alerts, 0, a)
	} else {
		s.alerts = append(s.alerts, a)
	}
	s.told = append(s.told, plainly(what, style{role: failure}))
	s.do(ring{s.say.Say("chat.title"), what})
}

// suspect has a contact whose key has changed stand there as long as nobody has decided which one is right, also
// when it was found out before this program began.
func (s *session) suspect(c *p2pv1.Contact) {
	is := func(a *p2pv1.Alert) bool {
		return a.GetKind() == p2pv1.Alert_KIND_KEY_CHANGED && a.GetAccount() == c.GetAccount()
	}
	switch key := c.GetChangedKey(); {
	case key == "":
		if s.doubts[c.GetAccount()] != "" {
			s.alerts = slices.DeleteFunc(s.alerts, is)
			delete(s.doubts, c.GetAccount())
		}
	case s.doubts[c.GetAccount()] != key:
		s.doubts[c.GetAccount()] = key
		if !slices.ContainsFunc(s.alerts, is) {
			s.alert(&p2pv1.Alert{Kind: p2pv1.Alert_KIND_KEY_CHANGED, Account: c.GetAccount(), Name: c.GetName(), Text: shortKey(key)})
		}
	}
}

// leftOut has what others do not get of a folder that was offered here stand there until somebody has taken note.
func (s *session) leftOut(path string, got *p2pv1.OfferResponse) {
	if count := int(got.GetLeftOutCount()); count > 0 {
		s.alerts = append(s.alerts, &p2pv1.Alert{Kind: p2pv1.Alert_KIND_LEFT_OUT, Reason: api.LeftOutOf(path, got.GetLeftOut(), count)})
	}
}

func (s *session) alertText(a *p2pv1.Alert) string {
	if a.GetKind() != p2pv1.Alert_KIND_KEY_CHANGED {
		if why, known := api.ExplainReason(s.say, a.GetReason()); known {
			return clean(why)
		}
	}
	name := clean(a.GetName())
	if name == "" {
		name = s.nameOf(a.GetAccount())
	}
	what := clean(a.GetText())
	switch a.GetKind() {
	case p2pv1.Alert_KIND_KEY_CHANGED:
		return s.say.Say("chat.alert.key", name, what)
	case p2pv1.Alert_KIND_NEW_DEVICE:
		return s.say.Say("chat.alert.device", name, what)
	case p2pv1.Alert_KIND_DEVICE_LIES:
		return s.say.Say("chat.alert.lies", name, what)
	case p2pv1.Alert_KIND_DISK_FULL:
		return s.say.Say("chat.alert.disk")
	case p2pv1.Alert_KIND_CLOCK:
		return s.say.Say("chat.alert.clock", s.duration((time.Duration(a.GetByMillis()) * time.Millisecond).Abs()))
	}
	return s.say.Say("chat.alert.other", what)
}

// acknowledge takes away the alert that is shown. One for which the window has no room is shown on a page first.
func (s *session) acknowledge() {
	switch area := s.place().alert; {
	case len(s.alerts) == 0:
		s.word("chat.alert.none")
		return
	case s.panel != nil && s.panel.warns:
		s.panel = nil
	case !s.plain && area.height < len(s.alertLines(area.width)):
		s.flash.text = ""
		s.show(&panel{title: s.say.Count("chat.alert.how", len(s.alerts)), lines: []line{plainly(s.alertText(s.alerts[0]), style{role: shout})}, warns: true})
		return
	}
	s.alerts = s.alerts[1:]
}
