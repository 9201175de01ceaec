package terminal

import (
	"slices"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
)

const (
	// saidTime is how long something that was said stands there without its message: a node gives up a commit after 10 s.
	saidTime = 20 * time.Second
	// saidMost is how much of that is shown in a conversation: more is no haste.
	saidMost = 8
)

// unsaid is that time is up for something that was said.
type unsaid struct{ conversation, id string }

// said shows what somebody says whose disk has not taken it yet, below the messages, as what it will be: nobody sees it
// become one. Nothing can be done with it, and it counts as nothing.
func (s *session) said(m *p2pv1.Message) {
	c := s.conversations[m.GetConversation()]
	if c == nil || c.byID[m.GetId()] != nil || len(c.said) >= saidMost {
		return
	}
	c.said = append(c.said, &item{Message: m})
	delete(c.typing, m.GetAccount())
	s.in(saidTime, unsaid{m.GetConversation(), m.GetId()})
}

// unsay takes away what was said when its message comes. That has another id when the node of its author was killed, and
// its text was sent anew.
func (c *conversation) unsay(m *p2pv1.Message) {
	c.said = slices.DeleteFunc(c.said, func(it *item) bool {
		return it.GetId() == m.GetId() || it.GetAccount() == m.GetAccount() && it.GetText() == m.GetText()
	})
}

// neverCame says that something was shown that is no message, so that nobody wonders where it is.
func (s *session) neverCame(in unsaid) {
	c := s.conversations[in.conversation]
	if c == nil {
		return
	}
	at := slices.IndexFunc(c.said, func(it *item) bool { return it.GetId() == in.id })
	if at < 0 {
		return
	}
	it := c.said[at]
	if c.said = slices.Delete(c.said, at, at+1); c == s.current && c.scroll.follow {
		s.complain("chat.unsaid", s.nameIn(it.Message), preview(s.textOf(it.Message)))
	}
}

// saidLines returns the lines of something that was said.
func (s *session) saidLines(c *conversation, i int) []line {
	before := c.lastItem()
	if i > 0 {
		before = c.said[i-1]
	}
	return s.linesBelow(before, c.said[i], layout{width: s.mainWidth(), m: s.m})
}
