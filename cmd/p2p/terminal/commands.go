package terminal

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/naming"
)

// command is what a line that begins with / can be.
type command struct {
	name string
	args string // as the help shows them: capitals stand for something, brackets for what may be missing
	help string // key of what it does
	min  int    // arguments that it needs
	run  func(s *session, args string)
}

// commands are all of them, in the order of the help.
var commands []command

func init() { // and not above: the help reads the list itself
	commands = []command{
		{"help", "[COMMAND]", "chat.help.help", 0, (*session).showHelp},
		{"open", "NAME", "chat.help.open", 1, (*session).openNamed},
		{"add", "NAME|LINK [NOTE]", "chat.help.add", 1, (*session).add},
		{"accept", "[NAME]", "chat.help.accept", 0, answering(p2pv1.AnswerContactRequest_ANSWER_ACCEPT)},
		{"refuse", "[NAME]", "chat.help.refuse", 0, answering(p2pv1.AnswerContactRequest_ANSWER_REFUSE)},
		{"block", "[NAME|LINK]", "chat.help.block", 0, answering(p2pv1.AnswerContactRequest_ANSWER_BLOCK)},
		{"unblock", "NAME", "chat.help.unblock", 1, answering(p2pv1.AnswerContactRequest_ANSWER_UNBLOCK)},
		{"remove", "NAME", "chat.help.remove", 1, (*session).remove},
		{"rename", "[NAME] NEW", "chat.help.rename", 1, (*session).rename},
		{"verify", "[NAME] [same|differ|new]", "chat.help.verify", 0, (*session).verify},
		{"invite", "[room]", "chat.help.invite", 0, (*session).invite},
		{"devices", "", "chat.help.devices", 0, func(s *session, _ string) { s.ask(&p2pv1.ListDevicesRequest{}) }},
		{"room", "NAME [LIMIT]", "chat.help.room", 1, (*session).createRoom},
		{"rooms", "", "chat.help.rooms", 0, (*session).showRooms},
		{"join", "LINK", "chat.help.join", 1, func(s *session, link string) { s.ask(&p2pv1.JoinRoomRequest{Link: link}) }},
		{"members", "", "chat.help.members", 0, (*session).showMembers},
		{"bring", "NAME", "chat.help.bring", 1, changing(p2pv1.ChangeMemberRequest_CHANGE_ADD)},
		{"kick", "NAME", "chat.help.kick", 1, changing(p2pv1.ChangeMemberRequest_CHANGE_KICK)},
		{"role", "NAME owner|moderator|member", "chat.help.role", 2, (*session).setRole},
		{"title", "NAME", "chat.help.title", 1, (*session).renameRoom},
		{"leave", "", "chat.help.leave", 0, (*session).leaveRoom},
		{"reply", "TEXT", "chat.help.reply", 1, (*session).replyNow},
		{"edit", "TEXT", "chat.help.edit", 1, (*session).editNow},
		{"delete", "", "chat.help.delete", 0, (*session).deleteNow},
		{"react", "EMOJI", "chat.help.react", 1, (*session).reactNow},
		{"info", "", "chat.help.info", 0, (*session).infoNow},
		{"me", "TEXT", "chat.help.me", 1, func(s *session, text string) { s.send("*" + s.myName() + " " + text + "*") }},
		{"send", "FILE|FOLDER", "chat.help.send", 1, (*session).offer},
		{"get", "[NAME]", "chat.help.get", 0, (*session).get},
		{"cancel", "[NAME]", "chat.help.cancel", 0, (*session).cancel},
		{"files", "", "chat.help.files", 0, (*session).showFiles},
		{"search", "WORDS", "chat.help.search", 1, func(s *session, words string) { s.search(words, "") }},
		{"find", "WORDS", "chat.help.find", 1, (*session).searchHere},
		{"unread", "", "chat.help.unread", 0, (*session).showWaits},
		{"log", "[NUMBER]", "chat.help.log", 0, (*session).sayLog},
		{"who", "", "chat.help.who", 0, (*session).showWho},
		{"nick", "NAME", "chat.help.nick", 1, func(s *session, name string) { s.ask(&p2pv1.SetPresenceRequest{DisplayName: &name}) }},
		{"away", "[TEXT]", "chat.help.away", 0, being(p2pv1.Presence_PRESENCE_AWAY)},
		{"back", "", "chat.help.back", 0, being(p2pv1.Presence_PRESENCE_UNSPECIFIED)},
		{"mute", "", "chat.help.mute", 0, (*session).mute},
		{"ok", "", "chat.help.ok", 0, func(s *session, _ string) { s.acknowledge() }},
		{"colour", "dark|light|contrast|none", "chat.help.colour", 1, (*session).setColour},
		{"quit", "", "chat.help.quit", 0, func(s *session, _ string) { s.leave() }},
	}
}

// usage is how a command is written, its arguments in the words of the person.
func (s *session) usage(c *command) string {
	args := capitals.ReplaceAllStringFunc(c.args, func(word string) string {
		if key := argumentWords[word]; key != "" {
			return s.say.Say(key)
		}
		return word
	})
	return strings.TrimSpace(c.name + " " + args)
}

var capitals = regexp.MustCompile("[A-Z]+")

// argumentWords are the words that stand for something in command.args.
var argumentWords = map[string]string{
	"COMMAND": "chat.word.command", "NEW": "chat.word.new", "NAME": "chat.word.name", "NUMBER": "chat.word.number", "LINK": "chat.word.link", "NOTE": "chat.word.note", "LIMIT": "chat.word.limit",
	"TEXT": "chat.word.text", "EMOJI": "chat.word.emoji", "FILE": "chat.word.file", "FOLDER": "chat.word.folder", "WORDS": "chat.word.words",
}

// commandNamed returns the command of a name or its unambiguous start.
func commandNamed(name string) *command {
	var found *command
	for i := range commands {
		switch c := &commands[i]; {
		case c.name == name:
			return c
		case strings.HasPrefix(c.name, name) && found == nil:
			found = c
		case strings.HasPrefix(c.name, name):
			return nil
		}
	}
	return found
}

// isCommand reports whether a text is for this program and not for the others: a word behind a slash, which is not a path (/usr/bin),
// and not the beginning of several lines that mean something else.
func isCommand(text string) bool {
	rest, slash := strings.CutPrefix(text, "/")
	name, _ := firstWord(rest)
	first, _ := utf8.DecodeRuneInString(rest)
	switch {
	case !slash || rest != "" && !unicode.IsLetter(first) || strings.Contains(name, "/"):
		return false
	case strings.Contains(rest, "\n"):
		c := commandNamed(strings.ToLower(name))
		return c != nil && strings.EqualFold(c.name, name)
	}
	return true
}

// firstWord returns the first word of a text and what follows it.
func firstWord(text string) (word, rest string) {
	if at := strings.IndexFunc(text, unicode.IsSpace); at >= 0 {
		return text[:at], strings.TrimSpace(text[at:])
	}
	return text, ""
}

// commandIn returns the command that a line that begins with a slash names, with its arguments; nil when it says what is wrong with it.
func (s *session) commandIn(text string) (*command, string) {
	name, args := firstWord(strings.TrimPrefix(text, "/"))
	s.flash.text = "" // what was wrong with the last one
	c := commandNamed(strings.ToLower(name))
	if c == nil || c.name != s.unsure.name {
		s.unsure = meantTwice{} // something else was wanted meanwhile
	}
	switch {
	case name == "" || c == nil:
		s.complain("chat.error.command", name)
	case isGrave(c) && !strings.EqualFold(c.name, name):
		s.complain("chat.error.whole", c.name)
	case len(strings.Fields(args)) < c.min, c.args == "" && args != "":
		s.complain("chat.error.usage", s.usage(c))
	default:
		return c, args
	}
	return nil, ""
}

// find returns the conversation that a person wants to see, of those that are known here, also while the node is away. What is over with
// somebody, who was removed and is a contact again, is meant by its id alone.
func (s *session) find(name string) *conversation { return only(s.meant(name)) }

// meant returns all that a name may mean, and whether they have the whole of it.
func (s *session) meant(name string) (found []naming.Candidate[*conversation], exact bool) {
	var all []naming.Candidate[*conversation]
	for _, c := range s.conversations {
		is := naming.Candidate[*conversation]{Name: s.title(c), ID: c.GetId(), Is: c, Rank: naming.Group}
		if c.GetLeft() {
			is.Rank = naming.Former
		}
		if !c.GetDirect() {
			all = append(all, is)
			continue
		}
		if s.isOver(c) {
			is.Name = ""
			all = append(all, is)
			continue
		}
		person, known := is, is
		person.ID, person.Rank = c.GetWith(), min(is.Rank, naming.Own)
		known.Name, known.Rank = s.contacts[c.GetWith()].GetDirectoryName(), naming.Elsewhere
		person.One, known.One = c.GetId(), c.GetId()
		all = append(all, person, known)
	}
	return naming.Look(name, all, func(c *conversation) bool { return !c.GetDirect() })
}

// only returns what is meant if that is one.
func only[T any](found []naming.Candidate[T], _ bool) (is T) {
	if len(found) == 1 {
		is = found[0].Is
	}
	return is
}

// isOver reports whether nothing will be said in a conversation any more, and another one has its name, or may have.
func (s *session) isOver(c *conversation) bool {
	if !c.GetDirect() {
		return c.GetLeft()
	}
	now := s.contacts[c.GetWith()].GetConversation()
	return now != "" && now != c.GetId()
}

// contactNamed returns the contact that a person means; without a name the one whose conversation is open.
func (s *session) contactNamed(name string) *p2pv1.Contact {
	if name == "" {
		if s.current != nil && s.current.GetDirect() {
			return s.contacts[s.current.GetWith()]
		}
		return nil
	}
	if found := s.contactsNamed(name); len(found) == 1 {
		return found[0].Is
	}
	return nil
}

// contactsNamed returns the contacts that a name may mean.
func (s *session) contactsNamed(name string) []naming.Candidate[*p2pv1.Contact] {
	var all []naming.Candidate[*p2pv1.Contact]
	for _, c := range s.contacts {
		is := naming.Candidate[*p2pv1.Contact]{Name: c.GetName(), ID: c.GetAccount(), Is: c}
		if c.GetState() == p2pv1.ContactState_CONTACT_STATE_REMOVED {
			is.Rank = naming.Former
		}
		known := is
		known.Name, known.Rank = c.GetDirectoryName(), max(is.Rank, naming.Elsewhere)
		all = append(all, is, known)
	}
	found, _ := naming.Person(name, all)
	return found
}

// openNamed opens what is called so: what is known here at once, else what the node knows, as what was said with somebody who is
// blocked now.
func (s *session) openNamed(name string) {
	switch found, exact := s.meant(name); {
	case len(found) == 1:
		s.open(found[0].Is)
		return
	case len(found) > 1 && exact: // the node knows no better, and may be away
		var which []string
		for _, c := range found {
			which = append(which, c.Name+" ("+shortID(c.ID)+")")
		}
		slices.Sort(which)
		s.complain("reason.same_name", name, strings.Join(which, ", "))
		return
	}
	if c := s.contactNamed(name); c.GetState() == p2pv1.ContactState_CONTACT_STATE_ASKS {
		s.showRequest(c)
		return
	}
	s.askFor(opening{}, &p2pv1.ListConversationsRequest{Where: name})
}

// opening is the note of a conversation that is asked for to be opened, and there to show a message.
type opening struct{ message string }

// here returns the current conversation, and says so when there is none.
func (s *session) here() *conversation {
	if s.current == nil {
		s.complain("chat.error.nowhere")
	}
	return s.current
}

// room returns the current conversation if it is a room, and says so when it is not.
func (s *session) room() *conversation {
	c := s.here()
	if c != nil && c.GetDirect() {
		s.complain("chat.error.no_room")
		return nil
	}
	return c
}

// subject returns the message that a command is about: the selected one, or the last that fits.
func (s *session) subject(fits func(*item) bool) *item {
	if it := s.chosen(); it != nil {
		return it
	}
	if c := s.here(); c != nil {
		for i := len(c.items) - 1; i >= 0; i-- {
			if fits(c.items[i]) {
				return c.items[i]
			}
		}
		s.complain("chat.error.no_message")
	}
	return nil
}

func isMine(it *item) bool   { return it.GetMine() && !it.GetDeleted() && it.GetNotice() == nil }
func isTheirs(it *item) bool { return !it.GetMine() && !it.GetDeleted() && it.GetNotice() == nil }

func (s *session) replyNow(text string) {
	if it := s.subject(isTheirs); it != nil {
		s.choice = choice{}
		s.composer.enter(replying, it.GetId(), "")
		s.send(text)
	} else {
		s.refusals++
	}
}

func (s *session) editNow(text string) {
	if it := s.subject(isMine); it != nil {
		if despite, ok := s.mayBeSaid(s.current, text); ok {
			s.edit(it.GetId(), text, it.GetText(), despite)
			return
		}
	}
	s.refusals++
}

func (s *session) deleteNow(string) {
	if it := s.subject(isMine); it != nil {
		s.change(it.GetId(), &p2pv1.DeleteRequest{Message: it.GetId()})
	}
}

func (s *session) infoNow(string) {
	if it := s.subject(isMine); it != nil {
		s.showDetails(it)
	}
}

func (s *session) reactNow(symbol string) {
	if it := s.subject(isTheirs); it != nil {
		s.reactWith(it.GetId(), symbol)
	}
}

// mute turns notifications of the current conversation off and on.
func (s *session) mute(string) {
	c := s.here()
	if c == nil {
		return
	}
	if s.muted[c.GetId()] {
		delete(s.muted, c.GetId())
		s.word("chat.mute.off", s.title(c))
	} else {
		s.muted[c.GetId()] = true
		s.word("chat.mute.on", s.title(c))
	}
	s.do(prefer{where: c.GetId(), muted: s.muted[c.GetId()], seal: s.seal})
}

func being(p p2pv1.Presence) func(*session, string) {
	return func(s *session, text string) {
		if p != p2pv1.Presence_PRESENCE_AWAY {
			text = ""
		}
		s.ask(&p2pv1.SetPresenceRequest{Presence: &p, Text: flat(text)})
	}
}

func (s *session) setColour(name string) {
	c, ok := Colours[name]
	if !ok {
		s.complain("chat.error.usage", s.usage(commandNamed("colour")))
		return
	}
	s.scheme = c
	s.do(prefer{colour: name, seal: s.seal})
}
