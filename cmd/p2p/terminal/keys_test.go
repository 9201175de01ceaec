package terminal

import (
	"slices"
	"strings"
	"testing"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
)

func TestALetterTypedInTheListAnswersNoRequest(t *testing.T) {
	for _, word := range []string{"block me?", "are you there?", "really", "just so", "kids"} {
		st := usual(t).keys("ctrl+b").shows("Enter opens").keys("'" + word)
		if got := st.s.composer.editor.text(); got != word || len(asked[*p2pv1.AnswerContactRequest](st)) > 0 {
			t.Errorf("%q becomes %q, and answers %v", word, got, asked[*p2pv1.AnswerContactRequest](st))
		}
	}
}

func TestARequestIsAnsweredByTheKeysThatItsPageNames(t *testing.T) {
	for _, size := range []int{80, 40} {
		shown := func() *stage {
			return usual(t).in(resized{size, 24}).keys("ctrl+b", "enter").shows("a accepts, r refuses")
		}
		answers := func(st *stage) []*p2pv1.AnswerContactRequest { return asked[*p2pv1.AnswerContactRequest](st) }
		if q := answers(shown().keys("'a")); len(q) != 1 || q[0].Who != account("dana") || q[0].Answer != p2pv1.AnswerContactRequest_ANSWER_ACCEPT {
			t.Errorf("a answers %v", q)
		}
		st := shown().keys("'b", "'b").shows("the same once more blocks Dana")
		if q := answers(st); len(q) > 0 {
			t.Errorf("b, held down, answers %v", q)
		}
		st.now = st.now.Add(twice)
		if q := answers(st.keys("'b")); len(q) != 1 || q[0].Answer != p2pv1.AnswerContactRequest_ANSWER_BLOCK {
			t.Errorf("b, pressed twice, answers %v", q)
		}
	}
}

// typedFast types a word as fast as a person does.
func (st *stage) typedFast(word string) *stage {
	for _, r := range word {
		st.keys("'" + string(r))
		st.now = st.now.Add(100 * time.Millisecond)
	}
	return st
}

func TestAWordThatIsTypedWhileAMessageIsSelectedIsWritten(t *testing.T) {
	for _, word := range []string{"add milk to the list", "daddy", "kids", "in vain"} {
		st := usual(t).keys("'mine", "enter", "up").typedFast(word)
		if got := st.s.composer.editor.text(); got != word || len(asked[*p2pv1.DeleteRequest](st)) > 0 || st.s.chosen() != nil {
			t.Errorf("%q becomes %q, with %d deletions", word, got, len(asked[*p2pv1.DeleteRequest](st)))
		}
	}
}

func TestADThatIsHeldDownDeletesNothing(t *testing.T) {
	st := usual(t).keys("'mine", "enter", "up").typedFast("ddddd").shows("once more d")
	if q := asked[*p2pv1.DeleteRequest](st); len(q) > 0 {
		t.Fatalf("deleted are %v", q)
	}
	st.now = st.now.Add(twice)
	if q := asked[*p2pv1.DeleteRequest](st.keys("'d")); len(q) != 1 {
		t.Errorf("deleted are %v", q)
	}
	if st := usual(t).keys("f1").typedFast("jjjq"); st.s.panel != nil || !st.s.composer.editor.empty() {
		t.Errorf("who has scrolled and leaves writes %q", st.s.composer.editor.text())
	}
	if at := usual(t).keys("up").typedFast("kkj").s.chosen().GetText(); at != "done, it verifies" {
		t.Errorf("k, k and j lead to %q", at)
	}
}

func TestAPasteTakesTheKeysAlongIntoTheInput(t *testing.T) {
	for _, where := range []string{"up", "ctrl+b", "f1"} {
		st := usual(t).keys(where).in(paste{"pasted text"}).keys("enter")
		if q := asked[*p2pv1.SendRequest](st); len(q) != 1 || q[0].Text != "pasted text" || q[0].ReplyTo != "" {
			t.Errorf("after %s sent are %v", where, q)
		}
	}
}

func TestTheScreenIsRepaintedAndTheProgramSuspendedWhateverIsShown(t *testing.T) {
	for _, where := range []string{"esc", "up", "f1", "ctrl+b"} {
		st := usual(t).keys("'half a thought", "ctrl+a", "ctrl+k").in(paste{"a whole one"}).keys(where, "ctrl+l", "ctrl+z")
		if written, _ := st.lies(); !has[repaint](st) || !has[suspend](st) || !slices.Equal(written, []string{"a whole one"}) {
			t.Errorf("after %s it does %v, and kept are %q", where, st.did[len(st.did)-2:], written)
		}
	}
}

func TestNothingThatIsSaidOfAMessageShowsItsWholeID(t *testing.T) {
	st := usual(t).keys("up", "up", "'x").shows("this message offers no file")
	if q := asked[*p2pv1.CancelRequest](st); len(q) > 0 {
		t.Errorf("asked is %v", q)
	}
	id := st.s.chosen().GetId()
	if st.keys("y"); strings.Contains(st.s.flash.text, id) || !has[copyText](st) {
		t.Errorf("it says %q", st.s.flash.text)
	}
}
