package terminal

import (
	"path/filepath"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

// nowhere has mia write while no conversation is open.
func nowhere(t *testing.T) *stage {
	n := newFakeNode()
	story(n)
	st := stageOf(t, n, text.English(), 80, 24)
	st.s.current = nil
	st.s.composer.begin("")
	return st.keys("'hello there", "enter").shows("> hello there", "no conversation is open")
}

func TestWhatIsWrittenToNobodyGoesAlongIntoTheConversationThatIsOpened(t *testing.T) {
	st := nowhere(t).keys("alt+down").shows("> hello there")
	if st.s.flash.text != "" || st.node.drafts[st.s.current.GetId()] != "hello there" {
		t.Errorf("it says %q, and the drafts are %v", st.s.flash.text, st.node.drafts)
	}
	st.keys("enter")
	if q := asked[*p2pv1.SendRequest](st); len(q) != 1 || q[0].Text != "hello there" {
		t.Errorf("sent %v", q)
	}
	st = nowhere(t)
	st.s.conversations["c-bo"].draft = "half a thought"
	st.s.openNamed("Bo")
	st.shows("> half a thought", "  hello there")
}

func TestWhatIsWrittenToNobodyOutlivesTheProgram(t *testing.T) {
	st := nowhere(t)
	st.in(pause{wording: wording{draft: "hello there"}})
	_, r := st.kept(filepath.Join(t.TempDir(), "terminal.json"))
	for _, first := range []bool{true, false} { // before the node says who there is, and after that
		again := &stage{t: t, s: newSession(Options{Text: text.English(), Where: "c-anna"}, func() string { return "k" }), node: st.node, now: at}
		again.in(resized{80, 24})
		hello := &p2pv1.Event{What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Me: st.node.me}}}
		if first {
			again.in(r, hello)
		} else {
			again.in(hello, r)
		}
		again.shows("> hello there")
		if _, r := again.kept(filepath.Join(t.TempDir(), "terminal.json")); r.Drafts[""] != "" {
			t.Error("it is kept twice")
		}
	}
}
