package terminal

import (
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
)

// killed has the person pause, so that all is kept, and returns a program that is started after this one was killed.
func (st *stage) killed() *stage {
	st.t.Helper()
	c := st.s.current
	return st.in(pause{c.GetId(), c.wording}).again()
}

// midEdit has mia edit a message of hers while she was writing another.
func midEdit(t *testing.T) *stage {
	st := usual(t).keys("'mine", "enter", "'a thought")
	st.s.editIt(st.s.current.lastItem())
	return st.keys("', but better")
}

func TestAnEditUnderWayComesBackAsThatEdit(t *testing.T) {
	st := midEdit(t)
	target := st.s.composer.target
	st = st.killed().shows("✎ mine, but better").keys("enter")
	q := asked[*p2pv1.EditRequest](st)
	if len(q) != 1 || q[0].Message != target || q[0].Text != "mine, but better" || len(asked[*p2pv1.SendRequest](st)) > 0 {
		t.Errorf("Enter asks for %v", q)
	}
	st.shows("> a thought")
	if st = st.killed(); st.s.composer.mode != writing || st.s.composer.editor.text() != "a thought" {
		t.Errorf("an edit that is done comes back: %q", st.s.composer.editor.text())
	}
}

func TestAnEditGoesOnWhenItsConversationIsOpenedAgain(t *testing.T) {
	st := midEdit(t).keys("alt+down").shows("> message, or /help")
	if st.keys("alt+up").shows("✎ mine, but better"); st.s.current.draft != "a thought" {
		t.Errorf("the draft is %q", st.s.current.draft)
	}
	if st.keys("esc").shows("> a thought"); st.s.current.begun != (begun{}) {
		t.Error("an edit that was given up stays")
	}
}

// Killed between the node's answer and the file, an edit that was done says what the message says.
func TestAnEditThatWasDoneDoesNotComeBack(t *testing.T) {
	st := midEdit(t)
	m := st.s.current.lastItem().Message
	m.Text = "mine, but better"
	if st = st.killed().shows("> a thought"); st.s.composer.mode != writing {
		t.Error("it comes back")
	}
}

func TestAReplyUnderWayComesBackAsThatReply(t *testing.T) {
	st := usual(t).keys("up", "up", "r", "'yes, it")
	target := st.s.composer.target
	st = st.killed().shows("↩ yes, it", "done, it verifies").keys("enter")
	if q := asked[*p2pv1.SendRequest](st); len(q) != 1 || q[0].ReplyTo != target || q[0].Text != "yes, it" {
		t.Errorf("Enter sends %v", q)
	}
	if st = st.killed(); st.s.composer.mode != writing {
		t.Error("a reply that was sent goes on")
	}
}

// The text of an edit is kept behind what was being written before it, and of both it is said that they are new now.
func TestWhatWasBegunWithAMessageThatIsGoneIsADraft(t *testing.T) {
	for _, whole := range []bool{false, true} { // deleted, or not here any more
		gone := func(st *stage) {
			list := st.node.messages["c-anna"]
			if st.s.current.byID[st.s.composer.target].Message.Deleted = true; whole {
				list = nil
			}
			st.node.messages["c-anna"] = list
		}
		st := midEdit(t)
		gone(st)
		if st = st.killed().shows("> a thought", "  mine, but better", "the message that you were editing is gone"); st.s.composer.mode != writing {
			t.Error("it is an edit of nothing")
		}
		st = usual(t).keys("up", "up", "r", "'yes, it")
		gone(st)
		if st = st.killed().shows("> yes, it", "the message that you were answering is gone"); st.s.composer.mode != writing {
			t.Error("it is a reply to nothing")
		}
	}
}

func TestWhatWasBegunIsForNoLineOfThePlainMode(t *testing.T) {
	st := midEdit(t)
	st.in(pause{"c-anna", st.s.current.wording})
	st.kill()
	plain := st.plainly().in(typed{"hello"})
	if q := asked[*p2pv1.SendRequest](plain); len(q) != 1 || q[0].Text != "hello" {
		t.Errorf("the line became %v and %v", q, asked[*p2pv1.EditRequest](plain))
	}
	plain.in(typed{"/mute"})
	plain.again().shows("✎ mine, but better").keys("esc").shows("> a thought")
}
