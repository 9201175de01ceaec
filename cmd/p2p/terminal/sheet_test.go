package terminal

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
)

// writes types a text and pauses, so that it is kept.
func (st *stage) writes(text string) *stage {
	st.t.Helper()
	st.keys("'" + text)
	c := st.s.current
	return st.in(pause{c.GetId(), c.wording})
}

func (st *stage) input() string { return st.s.composer.editor.text() }

// clear empties the input.
func (st *stage) clear() *stage {
	st.keys("ctrl+e", "ctrl+u")
	c := st.s.current
	return st.in(pause{c.GetId(), c.wording})
}

// Two terminals of one profile have the same conversation open, and all is killed.
func TestOfTwoTerminalsThatAreKilledEachTextComesBack(t *testing.T) {
	one := usual(t).writes("the first text")
	two := one.beside()
	if two.input() != "" {
		t.Errorf("the second terminal begins with %q", two.input())
	}
	two.writes("the second text")
	os.Chtimes(sheetPath(one.desk.dir, two.desk.name, two.s.current.sheet), time.Time{}, time.Now().Add(time.Hour)) // it was written on last
	one.kill()
	two.kill()
	// Each of two that are started gets one.
	again := one.beside().shows("> the second text", "you had begun 1 more text here")
	other := one.beside().shows("> the first text")
	again.kill()
	other.kill()
	// One that is started alone has both.
	alone := one.beside()
	first := alone.input()
	alone.shows("Ctrl+O").keys("ctrl+o")
	second := alone.input()
	if both := []string{first, second}; !slices.Contains(both, "the first text") || !slices.Contains(both, "the second text") {
		t.Errorf("in the input are %q", both)
	}
	if alone.keys("ctrl+o"); alone.input() != first {
		t.Errorf("after both comes %q", alone.input())
	}
	alone.keys("enter").shows("message, or Ctrl+O for 1 text that you had begun").keys("ctrl+o", "enter").shows("> message, or /help")
	if q := asked[*p2pv1.SendRequest](alone); len(q) != 2 || q[0].Text != first || q[1].Text != second {
		t.Errorf("sent are %v", q)
	}
	if written, onTheirWay := alone.lies(); len(written)+len(onTheirWay) > 0 {
		t.Errorf("of what was sent there is still %q, %q", written, onTheirWay)
	}
	alone.again().shows("> message, or /help")
}

// A terminal that is suspended, or whose connection hangs, is not dead: it holds its lock.
func TestWhatIsWrittenInATerminalThatLivesIsNobodyElses(t *testing.T) {
	one := usual(t).writes("mine")
	two := one.beside()
	two.keys("ctrl+o").shows("no other text that you had begun")
	two.writes("other").keys("enter")
	if one.begins(); one.input() != "mine" {
		t.Errorf("the first has %q", one.input())
	}
	two.again().shows("> message, or /help")
	one.again().shows("> mine")
}

// What a living terminal finds of one that has died waits until its own is sent.
func TestATextOfATerminalThatHasDiedTakesTheFreeInputOfOneThatLives(t *testing.T) {
	one := usual(t).writes("left behind")
	two := one.beside().writes("under way")
	one.kill()
	two.keys("alt+down", "alt+up").shows("> under way", "1 more text")
	two.keys("enter", "alt+down", "alt+up").shows("> left behind")
	two.keys("enter")
	if q := asked[*p2pv1.SendRequest](two); len(q) != 2 || q[1].Text != "left behind" {
		t.Errorf("sent are %v", q)
	}
}

func TestATextWaitsForTheTerminalInWhichItsConversationIsOpened(t *testing.T) {
	one := usual(t).keys("'/open Bo", "enter").writes("to Bo")
	two := one.again()
	if desk := newDesk(filepath.Dir(two.desk.dir)); len(desk.take(seek{conversation: "c-bo", text: true}).sheets) != 1 {
		t.Error("a terminal that shows another conversation has taken it")
	} else {
		desk.getUp()
	}
	two.keys("'/open Bo", "enter").shows("> to Bo")
}

func TestEditsAndRepliesOfTwoTerminalsComeBackAsThose(t *testing.T) {
	one := midEdit(t)
	one.in(pause{"c-anna", one.s.current.wording})
	target := one.s.composer.target
	two := one.beside().keys("up", "up", "r").writes("yes, it")
	answered := two.s.composer.target
	os.Chtimes(sheetPath(one.desk.dir, two.desk.name, two.s.current.sheet), time.Time{}, time.Now().Add(time.Hour))
	one.kill()
	again := two.again().shows("↩ yes, it", "1 more text")
	again.keys("ctrl+o").shows("✎ mine, but better").keys("ctrl+o").shows("↩ yes, it").keys("enter")
	if q := asked[*p2pv1.SendRequest](again); len(q) != 1 || q[0].ReplyTo != answered {
		t.Errorf("sent are %v", q)
	}
	again.keys("ctrl+o").shows("✎ mine, but better").keys("enter").shows("> a thought")
	if q := asked[*p2pv1.EditRequest](again); len(q) != 1 || q[0].Message != target || q[0].Text != "mine, but better" {
		t.Errorf("edited are %v", q)
	}
}

// Killed between the node's commit and its answer, whenever the next one is started.
func TestWhatWasSentDoesNotComeBack(t *testing.T) {
	st := usual(t).writes("once")
	st.hangs = true
	st.keys("enter")
	for _, r := range st.waiting {
		callNode(t, st.node, r)
	}
	again := st.again().shows("once ✓", "> message, or /help")
	if q := asked[*p2pv1.SendRequest](again); len(q) > 0 {
		t.Errorf("sent again are %v", q)
	}
	again.again().shows("> message, or /help")
}

// The conversation of what is on its way need not be opened.
func TestWhatIsOnItsWayIsSentByWhateverIsStartedNext(t *testing.T) {
	for _, plain := range []bool{false, true} {
		st := usual(t).keys("'/open Bo", "enter").in(lost{err: errors.New("gone"), in: time.Second}).keys("'to Bo", "enter").writes("and more")
		st.kill()
		next := st.plainly
		if !plain {
			next = st.beside
		}
		again := next()
		if q := asked[*p2pv1.SendRequest](again); len(q) != 1 || q[0].Text != "to Bo" || q[0].Where != "c-bo" {
			t.Errorf("sent are %v", q)
		}
		if plain { // what is written beside it is no line of the plain mode
			again.in(typed{"/open Bo"}, typed{"a line"})
		}
		again.again().keys("'/open Bo", "enter").shows("> and more")
	}
}

func TestPlainModeSaysWhatWasBegunAndLeavesItForAScreen(t *testing.T) {
	st := usual(t).writes("half a thought")
	st.kill()
	plain := &stage{t: t, s: newSession(Options{Text: st.s.say, Where: "c-anna"}, randomKey), node: st.node, now: at, desk: newDesk(filepath.Dir(st.desk.dir))}
	plain.s.plain = true
	got := plain.desk.take(seek{conversation: "c-anna", plain: true})
	if plain.begins().in(got); len(plain.s.told) != 1 || !strings.Contains(plain.s.told[0].text(), "without --plain goes on with it: half a thought") {
		t.Errorf("it says %v", plain.s.told)
	}
	plain.in(typed{"a line"})
	plain.again().shows("> half a thought")
}

// A line that is being typed, where that is known, comes back as the line that is being typed; what has several lines waits for a screen.
func TestTheLineThatIsBeingTypedInPlainModeComesBack(t *testing.T) {
	screen := usual(t)
	screen.in(paste{"two\nlines"})
	screen.kill()
	st := screen.plainly()
	st.s.console = true
	st.in(typing{"half"}, typing{"half a line"}, lineRests{})
	st.kill()
	again := &stage{t: t, s: newSession(Options{Text: st.s.say, Where: "c-anna"}, randomKey), node: st.node, now: at, desk: newDesk(filepath.Dir(st.desk.dir))}
	again.s.plain, again.s.console = true, true
	again.begins()
	if !slices.Contains(again.did, effect(putBack{"half a line"})) {
		t.Error("it does not stand there again")
	}
	if written, _ := again.lies(); !slices.Equal(written, []string{"half a line", "two\nlines"}) {
		t.Errorf("kept are %q", written)
	}
	again.in(typing{"half a line, whole"}, typed{"half a line, whole"})
	if written, _ := again.lies(); !slices.Equal(written, []string{"two\nlines"}) || asked[*p2pv1.SendRequest](again)[0].Text != "half a line, whole" {
		t.Errorf("kept are %q", written)
	}
	again.in(typing{"/mu"}, lineRests{}, typing{"/mute"}, typed{"/mute"})
	if written, _ := again.lies(); !slices.Equal(written, []string{"two\nlines"}) {
		t.Errorf("after a command kept are %q", written)
	}
}

func TestATextOutlivesThatItsConversationIsGone(t *testing.T) {
	st := usual(t).writes("to be or not")
	one := st.beside().writes("not to be")
	gone := func(st *stage, id string) {
		st.in(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: &p2pv1.Conversation{Id: id, Gone: true}}})
	}
	gone(st, "c-anna")
	st.shows("> to be or not").keys("'/open Bo", "enter").shows("> to be or not") // nothing is sent without Enter
	one.keys("'/open Bo")
	gone(one, "c-anna")
	one.again().keys("ctrl+e").shows("> not to be/open Bo")
}

func TestATextGoesAlongWithAConversationThatBecomesAnother(t *testing.T) {
	st := usual(t).keys("'/open Bo", "enter").writes("to Bo").keys("alt+up")
	st.node.convs = append(st.node.convs, &p2pv1.Conversation{Id: "r-new", Name: "the new one"})
	st.in(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: &p2pv1.Conversation{Id: "c-bo", Became: "r-new"}}})
	st.keys("'/open the new", "enter").shows("> to Bo")
	st.again().keys("'/open the new", "enter").shows("> to Bo")
}

func TestNothingThatWasTypedStaysOfAPersonWhoWasForgotten(t *testing.T) {
	st := usual(t).keys("'/open Bo", "enter").writes("half a thought").keys("alt+up").writes("another")
	st.node.me, st.node.contacts, st.node.convs = &p2pv1.WhoamiResponse{}, nil, nil
	if st.begins(); strings.Contains(st.files(), "thought") || strings.Contains(st.files(), "another") {
		t.Errorf("in the files is %s", st.files())
	}
}

// The disk is full: what cannot be laid is said, and laid when there is room.
func TestWhatCannotBeKeptIsSaidAndTriedAgain(t *testing.T) {
	st := usual(t)
	st.keys("'half a").in(saved{errors.New("no space left on device")}).shows("cannot keep what you type", "no space left")
	if !slices.ContainsFunc(st.did, func(e effect) bool { a, ok := e.(after); return ok && a.in == any(keepAgain{}) }) {
		t.Error("it is not tried again")
	}
	st.s.keepDraft()
	if st.in(keepAgain{}); !strings.Contains(st.files(), "half a") {
		t.Errorf("kept is %s", st.files())
	}
}

// The node is slow: what is sent meanwhile waits here alone, and is lost if the program ends before it lies on the disk.
func TestWhatIsSentWhileAnotherMessageIsOnItsWayIsKept(t *testing.T) {
	st := usual(t)
	st.hangs = true
	st.keys("'one", "enter", "'two", "enter")
	if written, onTheirWay := st.lies(); len(written) > 0 || !slices.Equal(onTheirWay, []string{"one", "two"}) {
		t.Errorf("kept are %q, %q", written, onTheirWay)
	}
}

// A program may end between any two writes.
func TestWhatWaitsInAConversationThatIsGoneIsOnTheDiskAllTheTime(t *testing.T) {
	st := usual(t)
	st.hangs = true
	st.keys("'on its way", "enter").writes("to be or not")
	st.did = nil
	st.in(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: &p2pv1.Conversation{Id: "c-anna", Gone: true}}})
	times := 0
	for _, e := range st.did {
		if u, ok := e.(unsent); ok {
			times++
			if !slices.ContainsFunc(u.sheets, func(sh sheet) bool { return len(sh.Unsent) == 1 && sh.Unsent[0].Text == "on its way" }) {
				t.Errorf("it is taken away by %+v", u.sheets)
			}
		}
	}
	if times == 0 {
		t.Error("nothing is kept")
	}
}
