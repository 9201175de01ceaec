package terminal

import (
	"time"

	"p2p/cmd/p2p/api/p2pv1"
)

// grave are the commands that cannot be undone, or after which the others are told. They are never meant by a part of their name.
// Those that have a key here are asked about: it says what they will do, to whom.
var grave = map[string]string{
	"leave": "chat.sure.leave", "block": "chat.sure.block", "remove": "chat.sure.remove", "delete": "", "kick": "",
}

func isGrave(c *command) bool {
	_, is := grave[c.name]
	return is
}

// meantTwice is a grave command that was given once.
type meantTwice struct {
	name, whom string
	at         time.Time
}

// sureTime is how long what was asked is remembered: who comes to it later has decided otherwise meanwhile.
const sureTime = 30 * time.Second

// sure reports whether a grave command was given twice, and asks for it once more when it was not. A line that is pasted twice, or a
// key that is held down, is faster than a person who has read what he is asked.
func (s *session) sure(name, whom, shown string) bool {
	before := s.unsure
	same := before.name == name && before.whom == whom && s.now.Sub(before.at) < sureTime
	if same && s.now.Sub(before.at) >= twice {
		s.unsure = meantTwice{}
		return true
	}
	if !same {
		s.unsure = meantTwice{name, whom, s.now}
	}
	s.complain(grave[name], shown)
	return false
}

// nameFor is what a person is called who was named in a command, for whom account has the key.
func (s *session) nameFor(account string) string {
	if c := s.contacts[account]; c != nil {
		return clean(c.GetName())
	}
	return clean(account)
}

// done says what a grave command has done.
func (s *session) done(q any) {
	switch q := q.(type) {
	case *p2pv1.LeaveRoomRequest:
		if c := s.conversations[q.GetWhere()]; c != nil {
			s.word("chat.done.leave", s.title(c))
		}
	case *p2pv1.RemoveContactRequest:
		s.word("chat.done.remove", s.nameFor(q.GetWho()))
	}
}
