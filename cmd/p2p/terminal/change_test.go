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
	st.in(&p2pv1.Event{What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Me: st.node.me, Resumed: true}}}, retry{"c-anna"})
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
