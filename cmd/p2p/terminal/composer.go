package terminal

import (
	"strings"
	"time"
	"unicode/utf8"

	"p2p/cmd/p2p/api/p2pv1"
)

const (
	pauseTime   = 100 * time.Millisecond // after which a draft is saved
	saveEvery   = 200 * time.Millisecond // after which one is saved that does not pause
	layTime     = 300 * time.Millisecond // how long what is sent waits for a disk that stalls, on which it is to lie first
	typingEvery = 4 * time.Second        // how often the others are told that somebody writes
	maxHistory  = 200                    // of what was typed
	maxMessage  = 24 << 10               // bytes of a text that the node takes
	maxInput    = 1 << 20                // bytes of what is pasted: more cannot be said, and is not kept
)

// mode is what the composer is for.
type mode int

const (
	writing   mode = iota
	replying       // to target
	editing        // target
	reacting       // to target
	searching      // through the history
)

// composer is what is being written.
type composer struct {
	editor  editor
	mode    mode
	target  string // message
	aside   string // what was being written before an edit, a reaction or a search
	was     string // what stood in the composer when the mode began
	said    string // by the message that is edited when that began, as the node has it
	history []string
	typedAt int    // place in history, -1: not in it
	unsaved string // what was being written when it was gone into
	ticking bool
	completion
}

// enter begins a mode with a text of its own; what was being written comes back after it.
func (c *composer) enter(m mode, target, text string) {
	c.leaveMode()
	c.mode, c.target = m, target
	if m != replying {
		c.aside, c.was = c.written(), text
		c.begin(text)
	}
}

func (c *composer) leaveMode() {
	if c.mode != writing && c.mode != replying {
		c.begin(c.aside)
	}
	c.mode, c.target, c.aside, c.was, c.said = writing, "", "", "", ""
	c.completion = completion{}
}

// edited follows a change of the text: the draft is saved when the person pauses, and meanwhile now and then, since this
// program may end at any moment; and the others are told that he writes.
func (s *session) edited() {
	c := s.current
	if c == nil {
		s.in(pauseTime, pause{wording: wording{draft: s.loose()}})
		return
	}
	if s.composer.mode > editing {
		return
	}
	if c.wording == c.saved {
		c.unsavedSince = s.now
	}
	s.keepDraft()
	now := pause{c.GetId(), c.wording}
	if s.in(pauseTime, now); s.now.Sub(c.unsavedSince) >= saveEvery {
		s.saveDraft(now)
	}
	switch {
	case s.composer.mode == editing:
	case c.draft == "" || strings.HasPrefix(c.draft, "/") || s.blocked(c):
		s.stopTyping()
	case s.now.Sub(c.lastTyping) >= typingEvery:
		c.lastTyping = s.now
		s.ask(&p2pv1.TypingRequest{Where: c.GetId(), Typing: true})
	}
}

func (s *session) stopTyping() {
	if c := s.current; c != nil && !c.lastTyping.IsZero() {
		c.lastTyping = time.Time{}
		s.ask(&p2pv1.TypingRequest{Where: c.GetId()})
	}
}

// keepDraft notes what is being written in the current conversation.
func (s *session) keepDraft() {
	c := s.current
	if c == nil || s.plain { // lines are typed whole
		return
	}
	c.draft = s.composer.draft()
	if b := s.composer.begun(); b != (begun{}) || !c.resuming {
		c.begun, c.resuming = b, false
	}
}

// draft returns the text that is being written, for an edit what was being written before it.
func (c *composer) draft() string {
	if c.mode <= replying {
		return c.written()
	}
	return c.aside
}

// saveDraft saves a draft that has not changed since its pause began.
func (s *session) saveDraft(p pause) {
	if p.conversation == "" {
		if p.draft == s.loose() {
			s.keepLoose()
		}
		return
	}
	c := s.conversations[p.conversation]
	if c == nil || c.wording != p.wording || c.saved == p.wording {
		return
	}
	c.saved = c.wording
	s.keep()
}

// submitCommand does a command. It is taken out of the input where a draft of it may have been kept before it is done: if that came
// back after a crash, Enter would do it once more. What is none, or could not be done with its text, stays to be mended.
func (s *session) submitCommand(text string) {
	do, args := s.commandIn(text)
	if do == nil {
		return
	}
	s.composer.take()
	s.composer.leaveMode()
	s.edited()
	if c := s.current; c != nil {
		s.saveDraft(pause{c.GetId(), c.wording})
	}
	if s.plain {
		s.keep()
	}
	refused := s.refusals
	if do.run(s, args); s.refusals != refused && !s.plain {
		s.composer.leaveMode()
		s.composer.begin(joined(text, s.composer.written()))
		s.edited()
	}
}

// paste inserts what was pasted, with its lines, and saves it: it is more than a person types again.
func (s *session) paste(text string) {
	if n := len(s.composer.editor.text()) + len(text); n > maxInput {
		s.complain("chat.error.long", n, maxMessage)
		return
	}
	if s.letter.waits {
		s.writeLetter()
	}
	s.panel, s.choice, s.sidebar.focused = nil, choice{}, false // Enter is for what is seen in the input
	s.composer.completion = completion{}
	s.composer.editor.insert(editable(text))
	s.edited()
	if c := s.current; c != nil {
		s.saveDraft(pause{c.GetId(), c.wording})
	}
}

// submit does what Enter does.
func (s *session) submit() {
	c := &s.composer
	text := strings.TrimSpace(c.editor.text())
	c.completion = completion{}
	if s.rests { // whatever it is that he wants, he is there
		s.do(wake{})
	}
	switch {
	case c.mode == searching:
		c.leaveMode()
		s.search(text, "")
	case c.mode == reacting:
		target := c.target
		c.leaveMode()
		s.reactWith(target, text)
	case text == "" && c.mode == editing:
		c.leaveMode()
		s.edited()
	case text == "":
	case c.mode == editing:
		despite, ok := s.mayBeSaid(s.current, text)
		if !ok {
			return
		}
		target, said := c.target, c.said
		c.take()
		c.remember(c.editor.text()) // what this edit was before
		c.leaveMode()
		s.edited()
		s.edit(target, text, said, despite)
	case isCommand(text):
		s.submitCommand(text)
	case isCommand(strings.TrimPrefix(text, "/")): // it has two slashes, since it is to be said
		s.send(text[1:])
	default:
		s.send(text)
	}
}

// send sends a text to the current conversation. It is kept as sent before the node is told, and until it has confirmed it: a crash
// in between loses nothing, and says nothing twice.
func (s *session) send(text string) {
	conv, c := s.current, &s.composer
	despite, ok := s.mayBeSaid(conv, text)
	if !ok {
		s.refusals++
		return
	}
	s.flash.text, s.unsure = "", meantTwice{} // what was wrong with the last one, or asked
	out := outgoing{key: s.newKey(), text: text, despite: despite}
	if c.mode == replying {
		out.replyTo = c.target
	}
	c.take()
	c.leaveMode()
	s.keepDraft()
	conv.unreadFrom, conv.lastTyping = "", time.Time{} // that it was sent ends the typing
	conv.pending = append(conv.pending, out)
	s.toEnd()
	conv.saved = conv.wording
	s.keep() // also what waits behind one that is on its way
	if s.sendPending(conv); !s.linked {
		s.do(wake{})
	}
}

// mayBeSaid reports whether a text can be sent to a conversation, and says why it cannot.
func (s *session) mayBeSaid(conv *conversation, text string) (despite []string, ok bool) {
	switch {
	case conv == nil:
		s.complain("chat.error.nowhere")
	case s.blocked(conv):
		s.complain("chat.error.blocked", s.title(conv))
	case conv.GetLeft():
		s.complain("chat.error.left")
	case conv.GetReason() != nil:
		s.tell(s.whyLeft(conv.Conversation), true)
	case len(text) > maxMessage:
		s.complain("chat.error.long", len(text), maxMessage)
	case !utf8.ValidString(text):
		s.complain("chat.error.encoding")
	case conv.GetDirect() && (s.contacts[conv.GetWith()].GetChangedKey() != "" || s.contacts[conv.GetWith()].GetDiffers()):
		s.complain("chat.error.doubted", s.title(conv))
	case s.doubted(conv):
		s.complain("chat.error.alert")
	default:
		return s.dare(conv, text)
	}
	return nil, false
}

// blocked reports whether a conversation is with somebody who is blocked: what was said is read, and nothing is added.
func (s *session) blocked(c *conversation) bool {
	return c.GetDirect() && s.contacts[c.GetWith()].GetState() == p2pv1.ContactState_CONTACT_STATE_BLOCKED
}

// doubted reports whether the key of the person in a conversation has changed and nobody has said
// that he has seen it: what is written now might be for somebody else.
func (s *session) doubted(c *conversation) bool {
	for _, a := range s.alerts {
		if a.GetKind() == p2pv1.Alert_KIND_KEY_CHANGED && c.GetDirect() && a.GetAccount() == c.GetWith() {
			return true
		}
	}
	return false
}

// sendPending sends the oldest message that waits; the next one goes when it is confirmed, so that
// they arrive in the order in which they were written.
func (s *session) sendPending(c *conversation) {
	if len(c.pending) == 0 || c.pending[0].sending() || !s.linked {
		return
	}
	p := &c.pending[0]
	if p.doubt {
		if !p.asking {
			p.asking = true
			s.askFor(settle{p.key}, &p2pv1.ListMessagesRequest{Where: c.GetId(), Limit: pageSize})
		}
		return
	}
	if p.after == 0 {
		p.after = max(c.newest, c.GetLast().GetNumber())
	}
	p.began = s.now
	s.keep()
	s.startTicking()
	s.ask(&p2pv1.SendRequest{Where: c.GetId(), Text: p.text, ReplyTo: p.replyTo, Key: p.key, Despite: p.despite})
}

// confirm notes that the node has a message, and reports whether it was one that waited here. Which one it was is
// known by its text: one is on its way at a time.
func (c *conversation) confirm(m *p2pv1.Message) bool {
	if len(c.pending) == 0 || !c.pending[0].sending() || c.pending[0].text != m.GetText() {
		return false
	}
	c.pending = c.pending[1:]
	return true
}

// sent follows the node's answer to a message.
func (s *session) sent(q *p2pv1.SendRequest, m *p2pv1.Message) {
	s.message(m)
	c := s.conversations[q.GetWhere()]
	if c == nil {
		return
	}
	if len(c.pending) > 0 && c.pending[0].key == q.GetKey() {
		c.pending = c.pending[1:]
	}
	s.keep()
	s.sendPending(c)
}

// unsent follows a message that the node did not take. When it could not be asked it waits; when it
// refused, the text goes back to where it was written.
func (s *session) unsent(q *p2pv1.SendRequest, err error) {
	c := s.conversations[q.GetWhere()]
	if c == nil || len(c.pending) == 0 || c.pending[0].key != q.GetKey() {
		return
	}
	c.pending[0].began = time.Time{}
	if unreachable(err) {
		c.pending[0].doubt = c.pending[0].doubt || !gone(err)
		s.in(time.Second, retry{c.GetId()})
		return
	}
	s.refusals++
	text := c.pending[0].text
	c.pending = c.pending[1:]
	s.giveBack(c, text)
	s.keep()
	s.tell(s.say.Say("chat.error.unsent", s.reason(err)), true)
	s.sendPending(c)
}

// giveBack puts a text back to where it was written.
func (s *session) giveBack(c *conversation, text string) {
	c.draft = joined(text, c.draft)
	switch {
	case c != s.current:
	case s.composer.mode > replying: // it comes back when that has ended
		s.composer.aside = c.draft
	default:
		s.composer.leaveMode()
		s.composer.begin(c.draft)
	}
}

// settle is the note of the last messages of a conversation that are asked for to see whether a message is among them.
type settle struct{ key string }

// settled ends the doubt whether the node has a message: it has, or it is sent again. Without an answer it is asked again.
func (s *session) settled(c *conversation, n settle, got *p2pv1.ListMessagesResponse) {
	if len(c.pending) == 0 || c.pending[0].key != n.key {
		return
	}
	p := &c.pending[0]
	p.asking = false
	if got == nil {
		s.in(time.Second, retry{c.GetId()})
		return
	}
	p.doubt = false
	for _, m := range got.GetMessages() {
		if m.GetMine() && m.GetNumber() > p.after && m.GetText() == p.text && m.GetReplyTo() == p.replyTo {
			s.sent(&p2pv1.SendRequest{Where: c.GetId(), Key: p.key}, m)
			return
		}
	}
	s.sendPending(c)
}

// retry is an input: the first message that waits is sent again, and what is shown is asked for if it never came.
type retry struct{ conversation string }

func (s *session) retry(r retry) {
	if c := s.conversations[r.conversation]; c != nil {
		s.load(c)
		s.sendPending(c)
		s.sendChanges(c)
	}
}
