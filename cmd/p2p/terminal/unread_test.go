package terminal

import (
	"fmt"
	"strings"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

// unreadFrom is a stage on which Bo has said a number of things, of which the last unread ones are new to the person.
func unreadFrom(t *testing.T, said, unread int) *stage {
	n := newFakeNode()
	story(n)
	for i := range said {
		n.add("c-bo", "bo", fmt.Sprintf("word %d.", i), at, nil)
	}
	for _, c := range n.convs {
		c.Unread, c.Mentions = 0, 0
		if c.GetId() == "c-bo" {
			c.Unread = int32(unread)
		}
	}
	return stageOf(t, n, text.English(), 80, 24)
}

// lastRead returns which of the words of Bo the node was last told to be read, or -1.
func lastRead(st *stage) int {
	read := asked[*p2pv1.MarkReadRequest](st)
	for i, m := range st.node.messages["c-bo"] {
		if len(read) > 0 && read[len(read)-1].GetMessage() == m.GetId() {
			return i
		}
	}
	return -1
}

func TestAConversationIsOpenedAtItsFirstUnreadMessageAndReadIsWhatWasSeen(t *testing.T) {
	for _, unread := range []int{40, 120, 320, 700, 990} { // the node gives at most some hundreds at a time
		st := unreadFrom(t, 1000, unread)
		first := 1000 - unread
		st.keys("'/open Bo", "enter").shows("─── unread ─", fmt.Sprintf("word %d.", first), "new messages: Ctrl+End")
		if strings.Contains(st.text(), fmt.Sprintf("word %d.", first-1)) {
			t.Errorf("of %d unread: what was read stands above:\n%s", unread, st.text())
		}
		shown := lastRead(st)
		if word := fmt.Sprintf("word %d.", shown); !strings.Contains(st.text(), word) || strings.Contains(st.text(), fmt.Sprintf("word %d.", shown+1)) {
			t.Errorf("of %d unread %q is the last that was read:\n%s", unread, word, st.text())
		}
		if left := int(st.s.current.GetUnread()); left != 999-shown {
			t.Errorf("%d are left of %d", left, 999-shown)
		}
		if st.keys("pgdown"); lastRead(st) <= shown {
			t.Errorf("what was scrolled to is not read")
		}
		if st.keys("ctrl+end"); lastRead(st) != 999 || st.s.current.GetUnread() != 0 {
			t.Errorf("at the end %d was read last", lastRead(st))
		}
	}
}

func TestWhatIsUnreadAndHasRoomIsShownWithTheNewest(t *testing.T) {
	st := unreadFrom(t, 200, 3).keys("'/open Bo", "enter").shows("─── unread ─", "word 197.", "word 199.")
	if lastRead(st) != 199 || !st.s.current.scroll.follow {
		t.Errorf("read is %d, at the end: %v", lastRead(st), st.s.current.scroll.follow)
	}
}

// A smaller window shows fewer of them, a larger one may show all.
func TestTheUnreadLineStaysTheFirstOnTheScreenInAnotherWindow(t *testing.T) {
	st := unreadFrom(t, 200, 60).keys("'/open Bo", "enter").in(resized{80, 16}).shows("─── unread ─", "word 140.")
	if st.in(resized{80, 90}).shows("─── unread ─", "word 140.", "word 199."); lastRead(st) != 199 {
		t.Errorf("all is seen, and %d was read last", lastRead(st))
	}
	again := unreadFrom(t, 200, 60).keys("'/open Bo", "enter", "pgdown")
	before := again.text()
	again.in(resized{80, 16}, resized{80, 24})
	if again.text() != before {
		t.Errorf("who has scrolled is taken back:\n%s", again.text())
	}
}

// What was found far back is left behind: what is unread is shown the next time, and the message that was found is not read with all before it.
func TestWhoComesBackToAConversationSeesWhatIsUnreadAndNotWhatHeHadFound(t *testing.T) {
	st := unreadFrom(t, 1000, 0)
	st.keys("'/search word 77.", "enter", "enter").shows("word 77.", "a message is selected")
	st.keys("esc", "'/open Anna", "enter")
	m := st.node.add("c-bo", "bo", "ping again", at, nil)
	st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: m}})
	if st.keys("ctrl+g").shows("ping again", "─── unread ─"); lastRead(st) != 1000 {
		t.Errorf("%d was read last", lastRead(st))
	}
	found := unreadFrom(t, 1000, 40)
	if found.keys("'/search word 77.", "enter", "enter").shows("word 77."); lastRead(found) != -1 {
		t.Errorf("of what is unread %d was read by who looked elsewhere", lastRead(found))
	}
	if found.keys("esc", "ctrl+g").shows("word 960.", "─── unread ─"); lastRead(found) < 960 {
		t.Errorf("read is %d", lastRead(found))
	}
}

// The node counts it (people/unread.go): who does not finds what it counts among messages that were read long ago.
func TestAnInvitationIsUnreadWhereItStands(t *testing.T) {
	invited := func(n *fakeNode) *p2pv1.Message {
		return n.add("c-bo", "bo", "", at, func(m *p2pv1.Message) {
			m.Notice = &p2pv1.Notice{Kind: p2pv1.Notice_KIND_INVITED, Me: true, Text: "lab"}
		})
	}
	n := newFakeNode()
	story(n)
	n.add("c-bo", "bo", "was read long ago", at, nil)
	for i := range 60 {
		n.add("c-bo", "mia", fmt.Sprintf("answer %d.", i), at, nil)
	}
	invited(n)
	for _, c := range n.convs {
		c.Unread, c.Mentions = 0, 0
		if c.GetId() == "c-bo" {
			c.Unread = 1
		}
	}
	st := stageOf(t, n, text.English(), 80, 24).keys("'/open Bo", "enter").shows("answer 59.", "Bo invited you to the room lab")
	if !strings.Contains(st.text(), "─── unread ─") || strings.Contains(st.text(), "was read long ago") {
		t.Errorf("the unread line does not stand above the invitation:\n%s", st.text())
	}
	st.keys("'/open Anna", "enter")
	st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: invited(n)}})
	if unread := st.s.conversations["c-bo"].GetUnread(); unread != 1 || !has[ring](st) {
		t.Errorf("an invitation that comes elsewhere is %d unread, and rings: %v", unread, has[ring](st))
	}
}
