package terminal

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api/p2pv1"
)

// gone has the node tell that a message does not count any more.
func (st *stage) gone(m *p2pv1.Message) {
	m = &p2pv1.Message{Id: m.GetId(), Conversation: m.GetConversation(), Number: m.GetNumber(), Account: m.GetAccount(), Name: m.GetName(), Written: m.GetWritten(), Deleted: true, Gone: true}
	st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: m}})
}

func TestWhatCountsNoMoreIsShownNoMore(t *testing.T) {
	st := usual(t)
	c := st.s.current
	st.becomes(st.say("void", "quite void"))
	said := c.byID["void"].Message
	answer := st.say("answer", "an answer")
	answer.ReplyTo, answer.ReplyName, answer.ReplyText = "void", "Anna", "quite void"
	st.becomes(answer)
	st.shows("quite void", "an answer")
	st.s.choice.id = "void"
	count, told := len(c.items), len(st.s.told)
	st.gone(said)
	if screen := st.text(); strings.Contains(screen, "quite void") || !strings.Contains(screen, "a message that is not there") || len(c.items) != count-1 || st.s.choice.id != "" {
		t.Errorf("it shows\n%s", screen)
	}
	if l := st.s.told[told:]; len(l) != 1 || !strings.Contains(l[0].text(), "counts no more") {
		t.Errorf("who reads lines is told %v", l)
	}
	told = len(st.s.told)
	if st.gone(&p2pv1.Message{Id: "never seen", Conversation: c.GetId(), Number: 1 << 40}); len(st.s.told) > told {
		t.Error("what was never shown is said to be gone")
	}
	// It may count again.
	st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: proto.CloneOf(said)}}).shows("quite void")
	if len(c.items) != count || c.index("void") != count-2 {
		t.Error("it does not stand where it stood")
	}
}
