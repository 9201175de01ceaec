package terminal

import (
	"slices"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
)

// saidTime is how long something that was said stands there without its message.
const saidTime = 10 * time.Second

// unsaid is that time is up for something that was said.
type unsaid struct{ conversation, id string }

// said shows what somebody says whose disk has not taken it yet, as what it will be: nobody sees it
// become a message. It counts as nothing else before.
func (s *session) said(m *p2pv1.Message) {
	c := s.conversations[m.GetConversation()]
	if c == nil || c.byID[m.GetId()] != nil {
		return
	}
	if c.insert(&item{Message: m, said: true}) {
		s.in(saidTime, unsaid{m.GetConversation(), m.GetId()})
	}
}

// unsay takes away what was said, when its message comes, or never came.
func (c *conversation) unsay(id string) (was *item) {
	it := c.byID[id]
	if it == nil || !it.said {
		return nil
	}
	if at := c.index(id); at >= 0 {
		c.items = slices.Delete(c.items, at, at+1)
		if at < c.scroll.at {
			c.scroll.at--
		}
	}
	delete(c.byID, id)
	c.follow()
	return it
}

// neverCame says that something was shown that is no message, so that nobody wonders where it is.
func (s *session) neverCame(in unsaid) {
	if c := s.conversations[in.conversation]; c != nil {
		if it := c.unsay(in.id); it != nil {
			s.complain("chat.unsaid", s.nameIn(it.Message), preview(s.textOf(it.Message)))
		}
	}
}
