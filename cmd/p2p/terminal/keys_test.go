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
		if q := answers(shown().keys("'a").rests()); len(q) != 1 || q[0].Who != account("dana") || q[0].Answer != p2pv1.AnswerContactRequest_ANSWER_ACCEPT {
			t.Errorf("a answers %v", q)
		}
		st := shown().keys("'b").rests().keys("'b", "'b").rests().shows("the same once more blocks Dana")
		if q := answers(st); len(q) > 0 {
			t.Errorf("b, held down, answers %v", q)
		}
		st.now = st.now.Add(twice)
		if q := answers(st.keys("'b").rests()); len(q) != 1 || q[0].Answer != p2pv1.AnswerContactRequest_ANSWER_BLOCK {
			t.Errorf("b, pressed twice, answers %v", q)
		}
	}
}

// rests lets so much time pass that no word goes on.
func (st *stage) rests() *stage {
	at := st.s.letter.at
	st.now = at.Add(wordTime)
	return st.in(letterRests{at})
}

// typedAt types a word with a time between two keys.
func (st *stage) typedAt(wait time.Duration, word string) *stage {
	for _, r := range word {
		st.keys("'" + string(r))
		st.now = st.now.Add(wait)
	}
	return st
}

// typedFast types a word as fast as a person does.
func (st *stage) typedFast(word string) *stage { return st.typedAt(100*time.Millisecond, word) }

func TestAWordThatIsTypedWhileAMessageIsSelectedIsWritten(t *testing.T) {
	for _, word := range []string{
		"add milk to the list", "daddy", "kids", "in vain", "even so", "really?", "quite", "just so", "+1 from me", "1st of all", "xmas is near", "yes", "cool", "oops", "eek",
	} {
		for _, wait := range []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond} {
			st := usual(t).keys("'mine", "enter", "up")
			st.did = nil
			st.typedAt(wait, word)
			if got := st.s.composer.editor.text(); got != word || st.s.composer.mode != writing || st.s.chosen() != nil || !harmless(st) {
				t.Errorf("%q, a key every %v, becomes %q, and does %v", word, wait, got, st.did)
			}
		}
	}
}

// harmless reports whether nothing was asked of the node, but what asks who is about to write, and nothing copied.
func harmless(st *stage) bool {
	return !slices.ContainsFunc(st.did, func(e effect) bool {
		r, asks := e.(request)
		_, typing := r.ask.(*p2pv1.TypingRequest)
		_, copies := e.(copyText)
		return asks && !typing || copies
	})
}

func TestAWordThatIsTypedWhileARequestIsShownAnswersItNot(t *testing.T) {
	for _, word := range []string{"all right", "really who are you", "but who", "aah"} {
		for _, wait := range []time.Duration{0, 100 * time.Millisecond} {
			st := usual(t).keys("ctrl+b", "enter").shows("a accepts, r refuses")
			st.typedAt(wait, word)
			if got, q := st.s.composer.editor.text(), asked[*p2pv1.AnswerContactRequest](st); got != word || len(q) > 0 {
				t.Errorf("%q, a key every %v, becomes %q, and answers %v", word, wait, got, q)
			}
		}
	}
}

func TestALetterIsDoneBeforeTheKeyThatFollowsItAndNotAtAllBeforeEscOrAPaste(t *testing.T) {
	accepts := func(st *stage) int { return len(asked[*p2pv1.AnswerContactRequest](st)) }
	shown := func() *stage { return usual(t).keys("ctrl+b", "enter", "'a") }
	if accepts(shown()) != 0 || accepts(shown().keys("pgdown")) != 1 || accepts(shown().in(click{0, 0})) != 1 || accepts(shown().keys("esc").rests()) != 0 {
		t.Error("a that is followed by PgDn or a click accepts not, or one that is followed by nothing yet, or by Esc, does")
	}
	st := shown().in(paste{"lright"})
	if got := st.input(); got != "alright" || accepts(st) != 0 {
		t.Errorf("before a paste it becomes %q, and accepts %d times", got, accepts(st))
	}
	st = shown()
	st.s.panel = nil // closed by what was told meanwhile
	if accepts(st.rests()) != 0 {
		t.Error("a request that is not shown any more is accepted")
	}
}

func TestADThatIsHeldDownDeletesNothing(t *testing.T) {
	deleted := func(st *stage) int { return len(asked[*p2pv1.DeleteRequest](st)) }
	st := usual(t).keys("'mine", "enter", "up", "'d").rests().shows("once more d")
	st.now = st.now.Add(500 * time.Millisecond) // after which a keyboard begins to repeat it
	if st.typedAt(30*time.Millisecond, strings.Repeat("d", 100)).rests(); deleted(st) != 0 {
		t.Fatal("it is deleted by a key that is held down")
	}
	if st.keys("'d").rests(); deleted(st) != 1 {
		t.Error("it is not deleted by a second stroke, soon after the first")
	}
	st = usual(t).keys("'mine", "enter", "up", "delete").shows("once more d")
	for range 100 {
		st.now = st.now.Add(500 * time.Millisecond)
		st.keys("delete")
	}
	if st.now = st.now.Add(twice); deleted(st) != 0 || deleted(st.keys("delete")) != 1 {
		t.Errorf("by the key that is called so %d are deleted", deleted(st))
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

func TestTheInputIsEmptiedAndTakenBack(t *testing.T) {
	text := strings.Repeat("a line of a log\n", 1800)
	st := usual(t).in(paste{text}).keys("ctrl+x")
	if written, _ := st.lies(); st.input() != "" {
		t.Fatalf("it holds %d bytes, and kept are %d texts", len(st.input()), len(written))
	}
	if written, _ := st.killed().lies(); len(written) > 0 {
		t.Error("it comes back with the next program")
	}
	if st.keys("'a word", "ctrl+p"); st.input() != text {
		t.Errorf("taken back are %d bytes of %d", len(st.input()), len(text))
	}
	st = usual(t).in(paste{"one\ntwo\n\nfour"}).keys("ctrl+u", "ctrl+u", "ctrl+u", "ctrl+u", "ctrl+u")
	if st.input() != "one" {
		t.Errorf("Ctrl+U leaves %q", st.input())
	}
	if st.keys("ctrl+u", "ctrl+u").in(paste{"one\ntwo"}).keys("up", "home", "ctrl+k", "ctrl+k"); st.input() != "two" {
		t.Errorf("Ctrl+K leaves %q", st.input())
	}
}

func TestWhatIsPastedAndEditedKeepsItsTabsAndMarksAndItsLines(t *testing.T) {
	for pasted, want := range map[string]string{
		"one\r\ntwo\r\nthree": "one\ntwo\nthree", "one\rtwo": "one\ntwo", "all:\n\tgo build": "all:\n\tgo build", "a\u200f\u2067b\u2069": "a\u200f\u2067b\u2069", "a\x1b[2J": "a\ufffd[2J",
	} {
		st := usual(t).in(paste{pasted})
		if screen := st.text(); strings.ContainsAny(screen, "\t\x1b"+marks) {
			t.Errorf("of %q is drawn\n%q", pasted, screen)
		}
		if q := asked[*p2pv1.SendRequest](st.keys("enter")); len(q) != 1 || q[0].Text != want {
			t.Errorf("%q sends %q", pasted, q)
		}
		st.keys("up", "e", "'!", "enter")
		if q := asked[*p2pv1.EditRequest](st); len(q) != 1 || q[0].Text != want+"!" {
			t.Errorf("an edit of %q sends %q", want, q)
		}
	}
	usual(t).in(paste{"all:\n\tgo build"}).shows("      go build")
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
	st := usual(t).keys("up", "up", "'x").rests().shows("this message offers no file")
	if q := asked[*p2pv1.CancelRequest](st); len(q) > 0 {
		t.Errorf("asked is %v", q)
	}
	id := st.s.chosen().GetId()
	if st.keys("y"); strings.Contains(st.s.flash.text, id) || !has[copyText](st) {
		t.Errorf("it says %q", st.s.flash.text)
	}
}
