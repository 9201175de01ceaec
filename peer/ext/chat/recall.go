package chat

import (
	"time"

	"p2p/peer/ext/chat/room"
)

// A device that was set back and has signed two histories is withdrawn with all that it wrote from there on, and nobody passes that on. But
// its person has said it, it was there, and he is to say it again: so the other devices of his account ask each member for it.
//
// Who asks is of the account that wrote it, and each device is asked once in the life of a Talk, for as long as the fork is young: so
// nobody has members look for what they have not got again and again.

// recallFor is for how long after the youngest of two events with one number members are asked for what followed them.
const recallFor = 30 * 24 * time.Hour

// recall asks those who are met for what devices of this account wrote that does not count.
func (t *Talk) recall() {
	split := t.view.Load().split
	if len(split) == 0 {
		return
	}
	for _, l := range t.links {
		if l.session == nil || !l.session.Met() {
			continue
		}
		for i := range split {
			p := &split[i]
			at := recalled{l.state.Device, p.A.Author}
			if !t.recalls[at] && t.young(p) {
				t.recalls[at] = true
				l.say([]room.Message{l.session.Recall(p)})
			}
		}
	}
}

func (t *Talk) young(p *room.Proof) bool {
	return time.UnixMilli(int64(max(p.A.Wall, p.B.Wall))).Add(recallFor).After(t.o.Clock())
}
