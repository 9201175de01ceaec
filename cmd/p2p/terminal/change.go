package terminal

import (
	"time"

	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// change is what this person does to a message that was said: an edit, a deletion, a reaction. It is asked for again until the node
// says what became of it, since done twice it is as done once.
type change struct {
	message string
	ask     proto.Message
	began   time.Time // to be asked for, zero while it is not on its way
}

// newText returns what a message is to say, empty for a change that is no edit.
func (ch *change) newText() string {
	q, _ := ch.ask.(*p2pv1.EditRequest)
	return q.GetText()
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

// unchanged follows a change that the node refused. The text of an edit goes back to where it was written, as an edit; while
// something else is begun there, or when its message is gone, as a draft.
func (s *session) unchanged(c *conversation, was change, err error) {
	text := was.newText()
	if text == "" {
		s.tell(s.reason(err), true)
		return
	}
	s.refusals++
	switch it := c.byID[was.message]; {
	case api.ReasonOf(err).GetKey() == api.NoSuchMessage:
		s.giveBack(c, text)
		s.complain("chat.begun.edit_gone")
		return
	case s.plain: // lines are typed whole
	case c == s.current && s.composer.mode == writing:
		s.composer.enter(editing, was.message, text)
		if s.composer.was = ""; it != nil {
			s.composer.was = editable(it.GetText())
		}
		s.edited()
	case c != s.current && c.begun == begun{}:
		c.begun = begun{was.message, true, text}
	default:
		s.giveBack(c, text)
	}
	s.tell(s.say.Say("chat.error.unedited", s.reason(err)), true)
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
