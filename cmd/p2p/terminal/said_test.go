package terminal

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

// say is what Anna says in the open conversation, before it is a message.
func (st *stage) say(id, words string) *p2pv1.Message {
	last := st.s.current.lastItem()
	m := &p2pv1.Message{Id: id, Conversation: "c-anna", Account: account("anna"), Name: "Anna", Text: words, Written: last.GetWritten() + 1000}
	st.in(&p2pv1.Event{What: &p2pv1.Event_Said{Said: m}})
	return m
}

// becomes is that it is a message.
func (st *stage) becomes(said *p2pv1.Message) {
	m := proto.CloneOf(said)
	m.Number, m.Lamport = st.s.current.newest+1, st.s.current.lastItem().GetLamport()+1
	st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: m}})
}

func TestWhatIsSaidIsShownAndIsAMessageOnlyWhenThatComes(t *testing.T) {
	st := usual(t)
	st.s.focused = false
	before := len(st.s.current.items)
	said := st.say("new", "quite new")
	st.shows("quite new")
	if st.s.current.GetUnread() != 0 || has[ring](st) || len(st.s.current.items) != before {
		t.Error("it counts as a message")
	}
	lines := len(st.s.saidLines(st.s.current, 0))
	st.becomes(said)
	at := st.s.current.index("new")
	st.s.current.unreadFrom = ""
	if n := len(st.s.current.items); n != before+1 || st.s.current.GetUnread() != 1 || len(st.s.lines(st.s.current, at)) != lines {
		t.Errorf("%d messages, %d before; %d unread; %d lines instead of %d", n, before, st.s.current.GetUnread(), len(st.s.lines(st.s.current, at)), lines)
	}
	if st.shows("quite new"); len(st.s.current.said) != 0 {
		t.Error("it is shown twice")
	}
	again := proto.CloneOf(st.say("lost", "the node dies"))
	again.Id = "sent anew"
	if st.becomes(again); len(st.s.current.said) != 0 {
		t.Error("what was sent anew is shown twice")
	}
	st.in(&p2pv1.Event{What: &p2pv1.Event_Said{Said: said}}) // late
	if len(st.s.current.said) != 0 {
		t.Error("it is said when it is a message")
	}
}

func TestWhatNeverBecomesAMessageGoesAwayWithAWord(t *testing.T) {
	st := usual(t)
	for i := range 100 {
		st.say(fmt.Sprint("lost", i), "never kept")
	}
	if st.shows("never kept"); len(st.s.current.said) != saidMost {
		t.Errorf("%d of them are shown", len(st.s.current.said))
	}
	for i := range 100 {
		st.in(unsaid{"c-anna", fmt.Sprint("lost", i)})
	}
	st.shows("what Anna said last has not become a message")
	st.now = st.now.Add(flashTime)
	st.in(fade{st.s.flash.serial})
	if strings.Contains(st.text(), "never kept") {
		t.Error("it stands there still")
	}
}

// Whoever reads what was said before is not led away from it, nor hears of what he has not seen.
func TestWhoReadsTheHistoryDoesNotSeeWhatIsBeingSaid(t *testing.T) {
	n := newFakeNode()
	for i := range 100 {
		n.add("c-anna", "anna", "word", at.Add(time.Duration(i-100)*time.Minute), nil)
	}
	st := stageOf(t, n, text.English(), 80, 24)
	st.keys("pgup")
	before := st.text()
	said := st.say("new", strings.Repeat("line\n\n", 100))
	if got := st.text(); got != before {
		t.Errorf("the screen has changed:\n%s", got)
	}
	st.in(unsaid{"c-anna", said.Id})
	if got := st.text(); got != before {
		t.Errorf("the screen has changed when it went away:\n%s", got)
	}
	st.keys("pgdown", "pgup", "up", "esc")
}
