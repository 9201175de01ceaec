package terminal

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// editedAndHung has mia edit her last message, and the node take it without an answer.
func editedAndHung(t *testing.T) (st *stage, q request) {
	t.Helper()
	st = midEdit(t)
	st.hangs = true
	st.keys("enter")
	for _, r := range st.waiting {
		if _, ok := r.ask.(*p2pv1.EditRequest); ok {
			return st, r
		}
	}
	t.Fatal("no edit was asked for")
	return nil, request{}
}

func TestAnEditThatTheNodeDoesNotAnswerIsShownAndOutlivesTheProgram(t *testing.T) {
	st, q := editedAndHung(t)
	st.shows("mine, but better", "… sending", "> a thought")
	st.now = st.now.Add(7 * time.Second)
	st.in(tick{}).shows("… sending; the node has not answered for 7s")
	again := st.again()
	if e := asked[*p2pv1.EditRequest](again); len(e) != 1 || !proto.Equal(e[0], q.ask) {
		t.Fatalf("the next program asks for %v", e)
	}
	again.shows("mine, but better (edited)")
	if _, kept := again.lies(); len(kept) > 0 {
		t.Errorf("kept is still %v", kept)
	}
}

func TestAnEditIsAskedForAgainWhenTheNodeIsBack(t *testing.T) {
	st, q := editedAndHung(t)
	st.in(lost{err: errors.New("gone"), in: time.Second}).shows("mine, but better", "… waits until the node answers")
	st.in(answer{q, nil, connect.NewError(connect.CodeUnavailable, errors.New("broken pipe"))})
	st.hangs = false
	st.in(&p2pv1.Event{What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Me: st.node.me, Resumed: true, EditsOnce: true}}}, retry{"c-anna"})
	st.shows("mine, but better (edited)")
	if c := st.s.current; len(c.changes) > 0 {
		t.Errorf("%d changes still wait", len(c.changes))
	}
}

func TestAnEditThatIsRefusedIsAnEditAgain(t *testing.T) {
	refused := connect.NewError(connect.CodeInvalidArgument, errors.New("no"))
	st, q := editedAndHung(t)
	st.in(answer{q, nil, refused}).shows("✎ mine, but better", "not changed, your text is back in the input")
	if st.keys("esc").shows("> a thought"); len(st.s.current.changes) > 0 {
		t.Error("the edit still waits")
	}
	st, q = editedAndHung(t)
	st.keys("alt+down").in(answer{q, nil, refused})
	st.hangs = false
	st.keys("alt+up").shows("✎ mine, but better")
	st, q = editedAndHung(t)
	st.in(answer{q, nil, api.Fail(connect.CodeNotFound, api.NoSuchMessage)})
	st.shows("> mine, but better", "  a thought", "is gone")
}

func TestAnEditThatIsTooLongStaysInTheInput(t *testing.T) {
	st := midEdit(t).in(paste{strings.Repeat("x", maxMessage)}).keys("enter")
	if len(asked[*p2pv1.EditRequest](st)) > 0 || st.s.composer.mode != editing || len(st.s.composer.editor.text()) <= maxMessage {
		t.Errorf("the input is in mode %d with %d bytes", st.s.composer.mode, len(st.s.composer.editor.text()))
	}
}

func TestADeletionThatTheNodeDoesNotAnswerIsShownAndAskedForAgain(t *testing.T) {
	st := usual(t)
	st.hangs = true
	st.keys("'/delete", "enter").shows("done, it verifies ✓✓ … sending")
	for _, r := range st.waiting {
		st.in(answer{r, nil, connect.NewError(connect.CodeUnavailable, errors.New("broken pipe"))})
	}
	st.hangs = false
	if st.in(retry{"c-anna"}); len(asked[*p2pv1.DeleteRequest](st)) != 2 || !st.node.messages["c-anna"][4].Deleted {
		t.Errorf("deletions %v", asked[*p2pv1.DeleteRequest](st))
	}
}

// The program is killed while the node, which hangs, does what was asked for.
func TestACommandThatIsDoneIsNoDraft(t *testing.T) {
	st := usual(t)
	st.hangs = true
	st.keys("'/delete").in(pause{"c-anna", wording{draft: "/delete"}})
	if written, _ := st.lies(); !slices.Equal(written, []string{"/delete"}) {
		t.Errorf("kept are %q", written)
	}
	st.keys("enter")
	st.node.drafts["c-anna"] = ""
	if again := st.again(); !again.s.composer.editor.empty() {
		t.Errorf("the input has %q", again.s.composer.editor.text())
	}
}

func TestWhyTheNodeRefusedSomethingStaysToBeReadWhenItIsBack(t *testing.T) {
	st := usual(t)
	hello := &p2pv1.Event{What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Me: st.node.me, Resumed: true}}}
	st.in(lost{err: errors.New("gone"), in: time.Second})
	st.in(answer{request{ask: &p2pv1.AddContactRequest{Who: "zoe"}}, nil, connect.NewError(connect.CodeUnavailable, errors.New("broken pipe"))})
	why := st.s.flash.text
	if st.in(hello); why == "" || st.s.flash.text != why {
		t.Errorf("it says %q, and then %q", why, st.s.flash.text)
	}
}

func TestOfTwoEditsOfAMessageTheLaterOneIsAskedForLast(t *testing.T) {
	st, _ := editedAndHung(t)
	st.keys("ctrl+u", "'/edit and again", "enter")
	if q := asked[*p2pv1.EditRequest](st); len(q) != 1 {
		t.Errorf("both are on their way: %v", q)
	}
	st.shows("and again", "… sending")
	st.hangs = false
	for _, r := range slices.Clone(st.waiting) {
		st.in(callNode(t, st.node, r))
	}
	st.shows("and again (edited)")
}

// newer has another terminal change the message of an edit.
func newer(t *testing.T, st *stage, q request, text string) {
	t.Helper()
	ask := &p2pv1.EditRequest{Message: q.ask.(*p2pv1.EditRequest).Message, Text: text}
	if a := callNode(t, st.node, request{ask: ask}); a.err != nil {
		t.Fatal(a.err)
	}
}

// The node does an edit while the terminal is killed, and the message is changed again before the next terminal begins: also to what it
// said at first.
func TestAnEditThatWasDoneIsNotDoneAgainOverANewerOne(t *testing.T) {
	for _, text := range []string{"newest words", "mine"} {
		st, q := editedAndHung(t)
		callNode(t, st.node, q)
		newer(t, st, q, text)
		again := st.again().shows(text+" (edited)", "> a thought")
		if s := again.s; s.flash.failed || len(s.current.changes) > 0 || s.composer.mode != writing {
			t.Errorf("it says %q, and the input is in mode %d", s.flash.text, s.composer.mode)
		}
		if written, onTheirWay := again.lies(); len(onTheirWay) > 0 || !slices.Equal(written, []string{"a thought"}) {
			t.Errorf("kept are %q, %q", written, onTheirWay)
		}
	}
}

func TestAnEditOfAMessageThatWasChangedMeanwhileGoesBackToTheInput(t *testing.T) {
	st, q := editedAndHung(t)
	newer(t, st, q, "newest words")
	again := st.again().shows("newest words (edited)", "✎ mine, but better", "changed meanwhile, and says something else")
	if again.keys("enter").shows("mine, but better (edited)", "> a thought"); len(again.s.current.changes) > 0 {
		t.Error("the edit still waits")
	}
	// So does that of one who sees it while he writes.
	st = midEdit(t)
	newer(t, st, q, "newest words")
	st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: st.node.messages["c-anna"][len(st.node.messages["c-anna"])-1]}})
	st.keys("enter").shows("newest words (edited)", "✎ mine, but better", "changed meanwhile").keys("enter").shows("mine, but better (edited)")
}

// While another edit is under way, the one that comes back waits beside it.
func TestAnEditThatComesBackTakesNothingOutOfTheInput(t *testing.T) {
	st, q := editedAndHung(t)
	newer(t, st, q, "newest words")
	st.s.editIt(st.s.current.byID[st.node.messages["c-anna"][4].GetId()])
	st.keys("' and more")
	text := st.input()
	st.hangs = false
	if st.in(callNode(t, st.node, q)).shows("✎", "not changed, Ctrl+O brings"); st.input() != text {
		t.Errorf("the input has %q", st.input())
	}
	st.keys("esc", "ctrl+o").shows("✎ mine, but better")
}

// An older node does an edit as often as it is asked for, and an older terminal has left no key.
func TestAnEditInDoubtIsThePersonsWhereTheNodeMayDoItTwice(t *testing.T) {
	for _, older := range []bool{true, false} {
		doubtful := func(text string) *stage {
			st, q := editedAndHung(t)
			st.node.older = older
			callNode(t, st.node, q)
			if text != "" {
				newer(t, st, q, text)
			}
			if !older {
				e := q.ask.(*p2pv1.EditRequest)
				lay(t, st.desk, sheet{name: st.s.current.sheet, Conversation: "c-anna", Draft: "a thought", Edits: []keptEdit{{Message: e.Message, Text: e.Text}}})
			}
			return st.again()
		}
		st := doubtful("newest words").shows("newest words (edited)", "✎ mine, but better", "not known whether this edit")
		if q := asked[*p2pv1.EditRequest](st); len(q) > 0 {
			t.Errorf("it is asked for: %v", q)
		}
		st.again().shows("✎ mine, but better")
		if st := doubtful("").shows("mine, but better (edited)", "> a thought"); st.s.flash.failed {
			t.Errorf("of an edit that was done it says %q", st.s.flash.text)
		}
	}
}

func TestAnEditInDoubtStaysForAScreenInPlainMode(t *testing.T) {
	st, q := editedAndHung(t)
	newer(t, st, q, "newest words")
	st.kill()
	plain := st.plainly()
	plain.again().shows("✎ mine, but better")
}

// The connection breaks while the node does the edit, and somebody else is faster than the next try.
func TestAnEditIsNotDoneTwiceByOneTerminal(t *testing.T) {
	for _, older := range []bool{true, false} {
		st, q := editedAndHung(t)
		st.node.older, st.s.editsOnce = older, !older
		callNode(t, st.node, q)
		newer(t, st, q, "newest words")
		st.hangs = false
		st.in(answer{q, nil, connect.NewError(connect.CodeUnavailable, errors.New("broken pipe"))}, retry{"c-anna"})
		m := st.node.messages["c-anna"]
		if now := m[len(m)-1].GetText(); now != "newest words" {
			t.Errorf("with an older node %v: the message says %q", older, now)
		}
	}
}
