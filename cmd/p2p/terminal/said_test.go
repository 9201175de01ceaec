package terminal

import (
	"strings"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
)

// say is what Anna says in the open conversation, before it is a message.
func (st *stage) say(id, words string) *p2pv1.Message {
	last := st.s.current.lastItem()
	m := &p2pv1.Message{
		Id: id, Conversation: "c-anna", Account: account("anna"), Name: "Anna", Device: "d", Text: words,
		Written: last.GetWritten() + 1000, Lamport: last.GetLamport() + 1,
	}
	st.in(&p2pv1.Event{What: &p2pv1.Event_Said{Said: m}})
	return m
}

func TestWhatIsSaidIsShownOnceAndIsAMessageOnlyWhenThatComes(t *testing.T) {
	st := usual(t)
	st.s.focused = false
	before := len(st.s.current.items)
	said := st.say("new", "quite new")
	st.shows("quite new")
	if st.s.current.GetUnread() != 0 || has[ring](st) || st.s.current.lastItem().GetId() == "new" {
		t.Error("it counts as a message")
	}
	screen := st.text()
	m := &p2pv1.Message{
		Id: said.Id, Conversation: said.Conversation, Account: said.Account, Name: said.Name, Device: said.Device, Text: said.Text,
		Written: said.Written, Lamport: said.Lamport, Number: st.s.current.newest + 1,
	}
	st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: m}})
	if n := len(st.s.current.items); n != before+1 || st.s.current.GetUnread() != 1 {
		t.Errorf("%d messages, %d before; %d unread", n, before, st.s.current.GetUnread())
	}
	if strings.Count(st.text(), "quite new") < strings.Count(screen, "quite new") {
		t.Errorf("it went away:\n%s", st.text())
	}
	st.in(&p2pv1.Event{What: &p2pv1.Event_Said{Said: said}}, unsaid{"c-anna", "new"}) // late
	if n := len(st.s.current.items); n != before+1 {
		t.Errorf("%d messages after it was said late", n)
	}
}

func TestWhatNeverBecomesAMessageGoesAwayWithAWord(t *testing.T) {
	st := usual(t)
	before := len(st.s.current.items)
	st.say("lost", "never kept")
	st.shows("never kept")
	st.now = st.now.Add(saidTime)
	st.in(unsaid{"c-anna", "lost"})
	st.shows("what Anna said last has not become a message")
	if n := len(st.s.current.items); n != before || !st.s.current.scroll.follow {
		t.Errorf("%d messages, %d before", n, before)
	}
}

func TestAPageBringsTheMessageOfWhatWasSaid(t *testing.T) {
	st := usual(t)
	c := st.s.current
	m := st.say("new", "quite new")
	c.extend([]*p2pv1.Message{{Id: m.Id, Conversation: m.Conversation, Account: m.Account, Device: m.Device, Lamport: m.Lamport, Written: m.Written, Text: m.Text, Number: c.newest + 1}}, false)
	if it := c.byID["new"]; it == nil || it.said || c.lastItem() != it {
		t.Errorf("%+v", it)
	}
}
