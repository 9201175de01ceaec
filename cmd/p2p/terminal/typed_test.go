package terminal

import (
	"slices"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
)

// lookedBack has mia write something, and then look at what she has sent before.
func lookedBack(t *testing.T) *stage {
	return usual(t).keys("'sent one", "enter", "'precious", "ctrl+p").shows("> sent one")
}

func TestWhoLooksBackAtWhatWasTypedKeepsWhatIsBeingWritten(t *testing.T) {
	st := lookedBack(t)
	if st.in(pause{"c-anna", st.s.current.wording}); st.s.current.draft != "precious" {
		t.Errorf("the draft is %q", st.s.current.draft)
	}
	st.keys("ctrl+c")
	if got, _ := st.lies(); !slices.Equal(got, []string{"precious"}) {
		t.Errorf("who leaves leaves %q", got)
	}
	lookedBack(t).keys("ctrl+n").shows("> precious")
	lookedBack(t).keys("down").shows("> precious")
	st = lookedBack(t).keys("alt+down", "'elsewhere", "ctrl+n").shows("> elsewhere")
	st.keys("alt+up").shows("> precious")
}

func TestWhatWasTypedBeforeAndIsChangedIsKeptBesideWhatIsBeingWritten(t *testing.T) {
	st := lookedBack(t).keys("' more")
	if got := st.s.current.draft; got != "precious\nsent one more" {
		t.Errorf("the draft is %q", got)
	}
	if st.keys("ctrl+p", "ctrl+n", "ctrl+n").shows("> precious", "  sent one more"); st.s.composer.typedAt >= 0 {
		t.Error("it counts as typed before")
	}
}

func TestWhatWasBeingWrittenComesBackWhenALineOfBeforeIsSent(t *testing.T) {
	st := lookedBack(t).keys("enter").shows("> precious")
	if q := asked[*p2pv1.SendRequest](st); len(q) != 2 || q[1].Text != "sent one" || st.s.current.draft != "precious" {
		t.Errorf("sent %v, the draft is %q", q, st.s.current.draft)
	}
}

func TestUpInTheFirstLineOfSeveralStaysThere(t *testing.T) {
	st := usual(t).keys("'sent one", "enter", "'first", "ctrl+j", "'second", "up", "up", "up").shows("> first", "  second")
	st.keys("ctrl+p").shows("> sent one")
}

func TestAnEditIsKeptWhileItsAuthorLooksBack(t *testing.T) {
	st := midEdit(t).keys("ctrl+p").shows("✎ mine")
	if b := st.s.current.begun; b.Text != "mine, but better" {
		t.Errorf("kept is %q", b.Text)
	}
	st.keys("ctrl+n").shows("✎ mine, but better")
}
