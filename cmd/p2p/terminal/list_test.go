package terminal

import (
	"fmt"
	"strings"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

func TestALongListIsCrossedByPagesAndToItsEnds(t *testing.T) {
	n := newFakeNode()
	for i := range 40 {
		n.convs = append(n.convs, &p2pv1.Conversation{Id: fmt.Sprintf("r-%02d", i), Name: fmt.Sprintf("room %02d", i), Members: []*p2pv1.Member{{Me: true}}})
	}
	st := stageOf(t, n, text.English(), 80, 24).keys("ctrl+b")
	at := func() int { i, _ := st.s.sidebarAt(); return i }
	rows := len(st.s.rows())
	if st.keys("end"); at() != rows-1 {
		t.Errorf("End leads to row %d of %d", at(), rows)
	}
	st.shows("room 39")
	if st.keys("pgup"); at() > rows-10 || at() < rows-30 {
		t.Errorf("PgUp leads to row %d of %d", at(), rows)
	}
	if st.keys("home"); at() != 1 { // below a heading
		t.Errorf("Home leads to row %d", at())
	}
	before := at()
	if st.keys("pgdown"); at() < before+10 {
		t.Errorf("PgDn leads to row %d", at())
	}
}

func TestOfTwoRoomsOfOneNameTabOffersWhatEachIsKnownBy(t *testing.T) {
	n := newFakeNode()
	n.convs = append(n.convs, &p2pv1.Conversation{Id: "be9a64aaaaaa", Name: "dup"}, &p2pv1.Conversation{Id: "9b29ffaaaaaa", Name: "dup"})
	st := stageOf(t, n, text.English(), 80, 24).keys("'/open du", "tab")
	for _, id := range []string{"9b29ff", "be9a64", "9b29ff"} {
		if got := st.input(); got != "/open "+id {
			t.Errorf("it is offered %q, want %s", got, id)
		}
		st.keys("tab")
	}
	if st.keys("enter"); st.s.current.GetId() != "be9a64aaaaaa" {
		t.Errorf("open is %s", st.s.current.GetId())
	}
}

func TestANumberBehindTheNameOfARoomIsSaidToBeItsLimit(t *testing.T) {
	st := usual(t).keys("'/room Class 2026", "enter")
	q := asked[*p2pv1.CreateRoomRequest](st)[0]
	st.in(answer{request: request{ask: q}, got: &p2pv1.CreateRoomResponse{Conversation: &p2pv1.Conversation{Id: "r-class", Name: "Class", Limit: 2026}}})
	if st.shows("at most 2026 members"); !strings.Contains(st.s.flash.text, "/title Class 2026") {
		t.Errorf("it says %q", st.s.flash.text)
	}
}

func TestWhatWasNotDoneIsReadThoughTheDirectoryIsBackMeanwhile(t *testing.T) {
	n := newFakeNode()
	n.me.Directory.Connected = false
	st := stageOf(t, n, text.English(), 80, 24)
	st.s.missed = true
	st.keys("'/nonsense", "enter").in(&p2pv1.Event{What: &p2pv1.Event_Directory{Directory: &p2pv1.Directory{Url: "http://d", Connected: true}}})
	if told := st.s.told; len(told) != 1 || told[0].text() != "the directory is reached again" {
		t.Errorf("in plain mode it tells %v", told)
	}
	st.shows("there is no command /nonsense")
}
