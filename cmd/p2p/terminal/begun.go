package terminal

import (
	"p2p/cmd/p2p/api/p2pv1"
)

// begun is an edit or a reply that is under way. What a text is for is kept with it, or an edit would come back as a new message, and
// Enter would say the same twice.
type begun struct {
	Target string `json:"target"` // message
	Edit   bool   `json:"edit,omitempty"`
	Text   string `json:"text,omitempty"` // of an edit; that of a reply is the draft
}

// begun returns what is under way; an edit that has changed nothing is not.
func (c *composer) begun() begun {
	switch text := c.written(); {
	case c.mode == replying:
		return begun{Target: c.target}
	case c.mode == editing && text != c.was && text != "":
		return begun{c.target, true, text}
	}
	return begun{}
}

// resuming is the note of the message that is asked for to go on with what was begun with it.
type resuming struct{ begun }

// resume goes on with what was begun in the current conversation, when its message is known. In plain mode nothing is under way
// between two lines, and it stays for a screen.
func (s *session) resume() {
	c := s.current
	if c.begun == (begun{}) {
		return
	}
	c.resuming = true
	switch it := c.byID[c.begun.Target]; {
	case s.plain:
	case it != nil:
		s.resumed(c, it.Message)
	default:
		s.askFor(resuming{c.begun}, &p2pv1.ListMessagesRequest{Where: c.GetId(), Around: c.begun.Target, Limit: 1})
	}
}

// looked takes in the messages in which that of what was begun is, if it is anywhere.
func (s *session) looked(c *conversation, n resuming, got []*p2pv1.Message) {
	if c.begun != n.begun {
		return
	}
	for _, m := range got {
		if m.GetId() == n.Target {
			s.resumed(c, m)
			return
		}
	}
	s.resumed(c, nil)
}

// resumed goes on with what was begun with a message, which is nil when it is gone: then what was written is a draft.
func (s *session) resumed(c *conversation, m *p2pv1.Message) {
	if c != s.current || !c.resuming {
		return // it is asked for again when the conversation is opened
	}
	b := c.begun
	uncertain := c.uncertain == b.Target
	c.begun, c.resuming, c.uncertain = begun{}, false, ""
	is := editable(m.GetText())
	switch gone := m == nil || m.GetDeleted() || m.GetWithheld(); {
	case gone && b.Edit:
		s.composer.begin(joined(s.composer.written(), b.Text))
		s.complain("chat.begun.edit_gone")
	case gone:
		s.complain("chat.begun.reply_gone")
	case b.Edit && b.Text == is: // it was done before the program ended
	case b.Edit:
		s.composer.enter(editing, b.Target, b.Text)
		s.composer.was, s.composer.said = is, m.GetText()
		if uncertain {
			s.complain("chat.begun.edit_doubt")
		}
	default:
		s.composer.enter(replying, b.Target, "")
	}
	s.edited()
}

// joined returns two texts, the second on a line of its own.
func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "\n" + b
}
