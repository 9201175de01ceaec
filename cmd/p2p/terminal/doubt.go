package terminal

import (
	"slices"
	"time"
)

// held is what was not sent to a room since somebody there is in doubt.
type held struct {
	what string
	who  []string // accounts
	at   time.Time
}

// twice is how long the same must wait to be said once more: a key that is held down repeats sooner.
const twice = time.Second

// dare returns the members of a room whose keys are in doubt, when the person has said that they are to get what is said all
// the same: by saying the same once more after it was held back. That holds for them, in this room, as long as they are in
// doubt. With one person alone the node sends nothing.
func (s *session) dare(c *conversation, what string) (despite []string, ok bool) {
	if c == nil || c.GetDirect() {
		return nil, true
	}
	var open, names []string
	for _, m := range c.GetMembers() {
		switch {
		case !m.GetInDoubt():
		case c.despite[m.GetAccount()]:
			despite = append(despite, m.GetAccount())
		default:
			open, names = append(open, m.GetAccount()), append(names, clean(m.GetName()))
		}
	}
	before := c.withheld
	switch same := before.what == what && slices.Equal(before.who, open); {
	case len(open) == 0:
	case same && s.now.Sub(before.at) >= twice:
		for _, account := range open {
			c.despite[account] = true
		}
		despite = append(despite, open...)
	default:
		if !same {
			c.withheld = held{what, open, s.now}
		}
		s.complain("chat.error.room_doubted", s.say.List(names))
		return nil, false
	}
	c.withheld = held{}
	return despite, true
}

// undoubt forgets who was to get it all the same and is not in doubt now: he may be again.
func (c *conversation) undoubt() {
	for _, m := range c.GetMembers() {
		if !m.GetInDoubt() {
			delete(c.despite, m.GetAccount())
		}
	}
}

// doubtLine says who in a room is in doubt, empty for nobody.
func (s *session) doubtLine(c *conversation) string {
	var names []string
	for _, m := range c.GetMembers() {
		if m.GetInDoubt() {
			names = append(names, clean(m.GetName()))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return s.say.Say("chat.header.doubt", s.say.List(names))
}
