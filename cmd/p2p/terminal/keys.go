package terminal

import (
	"slices"
	"strings"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/emoji"
)

// key does what a key does: first those that work everywhere, then those of what has the keys.
func (s *session) key(k key) {
	if s.goesOn(k) {
		return
	}
	if do, ok := everywhere[k.name]; ok {
		do(s)
		return
	}
	switch {
	case s.panel != nil:
		s.panelKey(k)
	case s.sidebar.focused:
		s.sidebarKey(k)
	case s.chosen() != nil:
		s.choiceKey(k)
	default:
		s.composerKey(k)
	}
}

// everywhere are the keys that work whatever is on the screen.
var everywhere = map[string]func(*session){
	"ctrl+c":    (*session).leave,
	"f1":        func(s *session) { s.showHelp("") },
	"ctrl+f":    func(s *session) { s.panel = nil; s.choice = choice{}; s.composer.enter(searching, "", "") },
	"ctrl+y":    (*session).acknowledge,
	"ctrl+l":    func(s *session) { s.do(repaint{}) },
	"ctrl+z":    (*session).suspend,
	"ctrl+b":    (*session).toSidebar,
	"ctrl+o":    (*session).seekNext,
	"ctrl+g":    (*session).toUnread,
	"ctrl+up":   func(s *session) { s.neighbour(-1) },
	"ctrl+down": func(s *session) { s.neighbour(1) },
	"alt+up":    func(s *session) { s.neighbour(-1) },
	"alt+down":  func(s *session) { s.neighbour(1) },
}

// leave ends the session; what was being written is saved first.
func (s *session) leave() {
	s.close()
	s.do(quit{})
}

// suspend gives the terminal to the shell for a while; what is being written is saved first, since it may be for good.
func (s *session) suspend() {
	if c := s.current; c != nil {
		s.keepDraft()
		s.saveDraft(pause{c.GetId(), c.wording})
	} else {
		s.keepLoose()
	}
	s.do(suspend{})
}

// composerKeys are the keys of the composer besides those that type.
var composerKeys = map[string]func(*session, *editor){
	"enter":           func(s *session, _ *editor) { s.submit() },
	"alt+enter":       func(_ *session, e *editor) { e.insert("\n") },
	"shift+enter":     func(_ *session, e *editor) { e.insert("\n") },
	"ctrl+j":          func(_ *session, e *editor) { e.insert("\n") },
	"tab":             func(s *session, _ *editor) { s.complete(1) },
	"shift+tab":       func(s *session, _ *editor) { s.complete(-1) },
	"backspace":       func(_ *session, e *editor) { e.deleteLeft() },
	"shift+backspace": func(_ *session, e *editor) { e.deleteLeft() },
	"delete":          func(_ *session, e *editor) { e.deleteRight() },
	"left":            func(_ *session, e *editor) { e.left() },
	"right":           func(_ *session, e *editor) { e.right() },
	"ctrl+left":       func(_ *session, e *editor) { e.wordLeft() },
	"alt+b":           func(_ *session, e *editor) { e.wordLeft() },
	"alt+left":        func(_ *session, e *editor) { e.wordLeft() },
	"ctrl+right":      func(_ *session, e *editor) { e.wordRight() },
	"alt+f":           func(_ *session, e *editor) { e.wordRight() },
	"alt+right":       func(_ *session, e *editor) { e.wordRight() },
	"home":            func(_ *session, e *editor) { e.lineStart() },
	"ctrl+a":          func(_ *session, e *editor) { e.lineStart() },
	"end":             func(_ *session, e *editor) { e.lineEnd() },
	"ctrl+e":          func(_ *session, e *editor) { e.lineEnd() },
	"ctrl+w":          func(_ *session, e *editor) { e.deleteWordLeft() },
	"alt+backspace":   func(_ *session, e *editor) { e.deleteWordLeft() },
	"ctrl+u":          func(_ *session, e *editor) { e.deleteLineStart() },
	"ctrl+k":          func(_ *session, e *editor) { e.deleteLineEnd() },
	"ctrl+x":          func(s *session, _ *editor) { s.composer.take() },
	"ctrl+p":          func(s *session, _ *editor) { s.composer.recallTyped(-1) },
	"ctrl+n":          func(s *session, _ *editor) { s.composer.recallTyped(1) },
	"up":              func(s *session, _ *editor) { s.composerUp() },
	"down":            func(s *session, _ *editor) { s.composerDown() },
	"pgup":            func(s *session, _ *editor) { s.scrollBy(-s.place().list.height + 1) },
	"pgdown":          func(s *session, _ *editor) { s.scrollBy(s.place().list.height - 1) },
	"ctrl+end":        func(s *session, _ *editor) { s.toEnd() },
	"esc":             func(s *session, _ *editor) { s.escape() },
	"ctrl+d": func(s *session, e *editor) {
		if e.empty() {
			s.leave()
		} else {
			e.deleteRight()
		}
	},
}

func (s *session) composerKey(k key) {
	before := s.composer.editor.text()
	do, known := composerKeys[k.name]
	if k.name != "tab" && k.name != "shift+tab" {
		s.composer.completion = completion{}
	}
	switch {
	case known:
		do(s, &s.composer.editor)
	case k.text != "":
		s.composer.editor.insert(editable(k.text))
		if k.text == ":" {
			s.composer.editor.closeEmoji()
		}
	default:
		return
	}
	if s.composer.editor.text() != before && k.name != "enter" {
		s.edited()
	}
}

// composerUp moves up in the text; from the line above which there is none to what was typed before, or, when nothing is written, to the
// messages. Of a text of several lines somebody only wants to see the first one.
func (s *session) composerUp() {
	e, width := &s.composer.editor, s.place().input.width
	rows, _, _ := e.rows(width, s.m)
	switch {
	case e.vertical(-1, width, s.m):
	case e.empty() && s.composer.mode == writing:
		s.chooseBy(-1)
	case len(rows) == 1 || s.composer.looksBack():
		s.composer.recallTyped(-1)
	}
}

// composerDown moves down in the text, and from the last line of what was typed before towards what is being written.
func (s *session) composerDown() {
	if !s.composer.editor.vertical(1, s.place().input.width, s.m) && s.composer.looksBack() {
		s.composer.recallTyped(1)
	}
}

// escape leaves what has been begun, the innermost first.
func (s *session) escape() {
	switch c := s.current; {
	case s.composer.mode != writing:
		s.composer.leaveMode()
		s.edited()
	case c != nil && !c.scroll.follow:
		s.toEnd()
	}
}

// choiceKeys are the keys while a message is selected.
var choiceKeys = map[string]func(*session, *item){
	"up":     func(s *session, _ *item) { s.chooseBy(-1) },
	"k":      func(s *session, _ *item) { s.chooseBy(-1) },
	"down":   func(s *session, _ *item) { s.chooseBy(1) },
	"j":      func(s *session, _ *item) { s.chooseBy(1) },
	"pgup":   func(s *session, _ *item) { s.chooseBy(-10) },
	"pgdown": func(s *session, _ *item) { s.chooseBy(10) },
	"home":   func(s *session, _ *item) { s.choose(s.current.items[0].GetId()) },
	"end":    func(s *session, _ *item) { s.toEnd() },
	"esc":    func(s *session, _ *item) { s.choice = choice{} },
	"q":      func(s *session, _ *item) { s.choice = choice{} },
	"r":      (*session).replyTo,
	"enter":  (*session).replyTo,
	"e":      (*session).editIt,
	"d":      (*session).deleteIt,
	"delete": (*session).deleteHeld,
	"+":      func(s *session, it *item) { s.choice = choice{}; s.composer.enter(reacting, it.GetId(), ":") },
	"y":      func(s *session, it *item) { s.do(copyText{it.GetId()}); s.word("chat.copied.id", shortID(it.GetId())) },
	"c":      func(s *session, it *item) { s.do(copyText{s.textOf(it.Message)}); s.word("chat.copied.text") },
	"a":      (*session).acceptIt,
	"x":      (*session).cancelIt,
	"o":      func(s *session, it *item) { s.toOriginal(it) },
	"i":      (*session).showDetails,
}

// choiceDoes returns what a key does with the message that is selected, nil for nothing.
func choiceDoes(name string) func(*session, *item) {
	if len(name) == 1 && name[0] >= '1' && int(name[0]-'1') < len(quickEmoji) {
		return func(s *session, it *item) { s.react(it.GetId(), quickEmoji[name[0]-'1']) }
	}
	return choiceKeys[name]
}

func (s *session) choiceKey(k key) {
	if k.name != "d" && k.name != "delete" {
		s.choice.delete = false
	}
	name := k.name
	if k.text != "" {
		name = k.text
	}
	switch do := choiceDoes(name); {
	case do == nil && k.text != "": // somebody wants to write
		s.choice = choice{}
		s.composerKey(k)
	case do == nil:
	case k.text != "" && s.pressed(name, strings.Contains("jkq", name)): // until it is known that no word follows
	default:
		do(s, s.chosen())
	}
}

// quickEmoji are what the digits react with.
var quickEmoji = []string{"👍", "😂", "🎉", "😮", "😢", "🙏"}

func (s *session) replyTo(it *item) {
	s.choice = choice{}
	if it.GetNotice() == nil {
		s.composer.enter(replying, it.GetId(), "")
	}
}

func (s *session) editIt(it *item) {
	if !it.GetMine() || it.GetDeleted() || it.GetNotice() != nil {
		s.complain("chat.error.not_yours")
		return
	}
	s.choice = choice{}
	s.composer.enter(editing, it.GetId(), editable(it.GetText()))
	s.composer.said = it.GetText()
}

func (s *session) deleteIt(it *item) {
	switch {
	case it.GetDeleted() || it.GetNotice() != nil:
	case !it.GetMine() && s.current.GetRole() < p2pv1.Role_ROLE_MODERATOR:
		s.complain("chat.error.not_yours")
	case !s.choice.delete:
		s.choice.delete, s.choice.asked = true, s.now
	default:
		s.choice.delete = false
		s.change(it.GetId(), &p2pv1.DeleteRequest{Message: it.GetId()})
	}
}

// deleteHeld is deleteIt for a key that does not type, and is known to be held down by how soon it comes again.
func (s *session) deleteHeld(it *item) {
	if s.choice.delete && s.now.Sub(s.choice.asked) < twice {
		s.choice.asked = s.now
		return
	}
	s.deleteIt(it)
}

func (s *session) acceptIt(it *item) {
	if it.GetFile() == nil {
		s.complain("chat.error.no_file")
		return
	}
	s.ask(&p2pv1.AcceptRequest{Message: it.GetId()})
}

func (s *session) cancelIt(it *item) {
	if it.GetFile() == nil {
		s.complain("chat.error.no_file")
		return
	}
	s.ask(&p2pv1.CancelRequest{Message: it.GetId()})
}

func (s *session) toOriginal(it *item) {
	if it.GetReplyTo() != "" {
		s.jump(it.GetConversation(), it.GetReplyTo())
	}
}

// react adds an emoji to a message, or takes it back.
// reactWith reacts with what was typed: an emoji or its :name:.
func (s *session) reactWith(message, typed string) {
	symbol, is := emoji.Of(typed)
	if !is && s.current != nil && s.current.byID[message] != nil { // an older program may have put any text: it is taken back
		is = slices.ContainsFunc(s.current.byID[message].GetReactions(), func(r *p2pv1.Reaction) bool {
			return r.GetEmoji() == symbol && slices.Contains(r.GetAccounts(), s.me.GetAccount())
		})
	}
	switch {
	case strings.Trim(typed, ": ") == "":
	case !is:
		s.complain("chat.error.emoji", typed)
	default:
		s.react(message, symbol)
	}
}

func (s *session) react(message, emoji string) {
	back := false
	if s.current != nil && s.current.byID[message] != nil {
		for _, r := range s.current.byID[message].GetReactions() {
			if r.GetEmoji() == emoji {
				for _, a := range r.GetAccounts() {
					back = back || a == s.me.GetAccount()
				}
			}
		}
	}
	s.change(message, &p2pv1.ReactRequest{Message: message, Emoji: emoji, TakeBack: back})
}
