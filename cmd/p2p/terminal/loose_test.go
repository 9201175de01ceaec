package terminal

import (
	"slices"
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
	if written, _ := st.lies(); st.s.flash.text != "" || !slices.Equal(written, []string{"hello there"}) {
		t.Errorf("it says %q, and kept are %q", st.s.flash.text, written)
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
	again := st.again().shows("> hello there")
	if written, _ := again.lies(); !slices.Equal(written, []string{"hello there"}) {
		t.Errorf("kept are %q", written)
	}
	again.again().shows("> hello there")
}
