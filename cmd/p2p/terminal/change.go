package terminal

import (
	"time"

	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// change is what this person does to a message that was said: an edit, a deletion, a reaction. It is asked for again until the node
// says what became of it. A deletion that is done twice is as done once; an edit would undo a newer one, which another terminal or device
// has made meanwhile: the node does it once, and only over what this person has seen.
type change struct {
	message string
	ask     proto.Message
	began   time.Time // to be asked for, zero while it is not on its way
	doubt   bool      // it may have been done already
}

// newText returns what a message is to say, empty for a change that is no edit.
func (ch *change) newText() string {
	q, _ := ch.ask.(*p2pv1.EditRequest)
	return q.GetText()
}

// risky reports whether a change may not be asked for again: it may have been done, and who asks for it again may do it again.
func (ch *change) risky(once bool) bool {
	q, edit := ch.ask.(*p2pv1.EditRequest)
	return edit && ch.doubt && (!once || q.GetKey() == "" || q.Replaces == nil)
}

// edit has a message of the current conversation say a text in place of what it said when the person began.
func (s *session) edit(message, text, was string, despite []string) {
	for i := range s.current.changes {
		if ch := &s.current.changes[i]; ch.message == message && ch.newText() != "" { // it will have been done by then
			was = ch.newText()
		}
	}
	s.change(message, &p2pv1.EditRequest{Message: message, Text: text, Despite: despite, Key: s.newKey(), Replaces: &was})
}

// change does something to a message of the current conversation. A text is kept until the node has it.
func (s *session) change(message string, ask proto.Message) {
	c := s.current
	c.changes = append(c.changes, change{message: message, ask: ask})
	s.keep()
	if s.sendChanges(c); !s.linked {
		s.do(wake{})
	}
}

// sendChanges asks for the oldest change that waits; the next one goes when it is answered, so that of two edits the later one stays.
func (s *session) sendChanges(c *conversation) {
	if len(c.changes) == 0 || !c.changes[0].began.IsZero() || !s.linked {
		return
	}
	if was := c.changes[0]; was.risky(s.editsOnce) {
		c.changes = c.changes[1:]
		s.uncertain(c, was)
		s.keep()
		s.sendChanges(c)
		return
	}
	c.changes[0].began = s.now
	s.startTicking()
	s.ask(c.changes[0].ask)
}

// changed takes in what the node said to a change, and reports whether it said it to one.
func (s *session) changed(a answer) bool {
	for _, c := range s.conversations {
		if len(c.changes) == 0 || c.changes[0].ask != a.ask {
			continue
		}
		if unreachable(a.err) && a.err != nil {
			c.changes[0].began = time.Time{}
			c.changes[0].doubt = c.changes[0].doubt || !gone(a.err)
			s.in(time.Second, retry{c.GetId()})
			return true
		}
		was := c.changes[0]
		c.changes = c.changes[1:]
		if a.err != nil {
			s.unchanged(c, was, a.err)
		}
		s.keep()
		s.sendChanges(c)
		return true
	}
	return false
}

// unchanged follows a change that the node refused. The text of an edit goes back to where it was written, as an edit; when its message
// is gone, as a draft.
func (s *session) unchanged(c *conversation, was change, err error) {
	text := was.newText()
	if text == "" {
		s.tell(s.reason(err), true)
		return
	}
	s.refusals++
	switch {
	case api.ReasonOf(err).GetKey() == api.NoSuchMessage:
		s.giveBack(c, text)
		s.complain("chat.begun.edit_gone")
		return
	case s.plain && !was.doubt: // lines are typed whole
	case !s.beginAgain(c, was):
		s.tell(s.say.Say("chat.error.unedited_beside", s.reason(err)), true)
		return
	}
	s.tell(s.say.Say("chat.error.unedited", s.reason(err)), true)
}

// uncertain follows an edit that an older node may have done, and would do again over a newer one: the person sees to it, if the message
// does not say it already.
func (s *session) uncertain(c *conversation, was change) {
	c.uncertain = was.message
	s.beginAgain(c, was)
}

// beginAgain has an edit be one that is begun, and reports whether it is the one that is gone on with: while something else is begun in
// the conversation it waits beside that.
func (s *session) beginAgain(c *conversation, was change) bool {
	b := begun{was.message, true, was.newText()}
	if s.plain {
		s.told = append(s.told, plainly(s.say.Say("chat.begun.kept", clean(flat(b.Text))), style{role: faint}))
	}
	if (c.begun != begun{}) || c == s.current && s.composer.mode != writing {
		name := ""
		c.others = append(c.others, sheet{name: s.sheetName(&name), Conversation: c.GetId(), Begun: b})
		s.tellOthers()
		return false
	}
	if c.begun = b; c == s.current {
		s.resume()
	}
	return true
}

// changing says what a message is to say, if it is being edited, and how it stands with what is done to it.
func (s *session) changing(c *conversation, message string) (text, state string) {
	for i := range c.changes {
		if ch := &c.changes[i]; ch.message == message {
			if t := ch.newText(); t != "" {
				text = t
			}
			state = s.waits(c.changes[0].began)
		}
	}
	return text, state
}

// waits says how it stands with what the node was asked to keep, and has not confirmed.
func (s *session) waits(began time.Time) string {
	switch silent := s.now.Sub(began).Truncate(time.Second); {
	case !s.linked:
		return s.say.Say("chat.pending.waits")
	case !began.IsZero() && silent >= slowSend:
		return s.say.Say("chat.pending.slow", s.duration(silent))
	}
	return s.say.Say("chat.pending.sending")
}
