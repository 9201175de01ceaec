package terminal

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

// What was fetched and has been deleted since can be fetched again; what oneself has offered and changed cannot.
func TestAFileThatIsGoneSaysSo(t *testing.T) {
	for mine, want := range map[bool]string{false: "the file is not there any more; /get downloads it again", true: "the file is not there any more"} {
		st := usual(t)
		m := &p2pv1.Message{Mine: mine, File: &p2pv1.File{Name: "a.bin", Size: 5, InfoHash: "h"}}
		gone := &p2pv1.Transfer{State: p2pv1.Transfer_STATE_GONE, File: proto.CloneOf(m.File), Problem: &p2pv1.Reason{Key: api.FileGone}}
		if got := st.s.transferState(m, gone); got != want {
			t.Errorf("mine %v: it says %q", mine, got)
		}
	}
}

// A node that begins looks at all that it has, and tells what it finds: nothing of that is news.
func TestHowATransferEndsIsNewsOnlyIfItMoved(t *testing.T) {
	st := usual(t)
	is := func(state p2pv1.Transfer_State, done int64) *stage {
		st.s.flash.text = ""
		return st.in(&p2pv1.Event{What: &p2pv1.Event_Transfer{Transfer: &p2pv1.Transfer{
			InfoHash: "f00d", Conversation: "c-anna", State: state, Done: done, File: &p2pv1.File{Name: "film", Size: 100, InfoHash: "f00d"}, Path: "/x/film",
		}}})
	}
	quiet := func(when string) {
		t.Helper()
		if st.s.flash.text != "" {
			t.Errorf("%s it says %q", when, st.s.flash.text)
		}
	}
	is(p2pv1.Transfer_STATE_CHECKING, 50)
	is(p2pv1.Transfer_STATE_WAITING, 100) // all of it is there, for a moment
	is(p2pv1.Transfer_STATE_DONE, 100)
	quiet("of an old download")
	is(p2pv1.Transfer_STATE_CHECKING, 0)
	is(p2pv1.Transfer_STATE_FAILED, 0)
	quiet("of what was changed long ago")
	is(p2pv1.Transfer_STATE_WAITING, 0)
	is(p2pv1.Transfer_STATE_CHECKING, 0)
	is(p2pv1.Transfer_STATE_DONE, 100).shows("film is complete")
	is(p2pv1.Transfer_STATE_SHARING, 100)
	is(p2pv1.Transfer_STATE_CHECKING, 0)
	is(p2pv1.Transfer_STATE_FAILED, 0).shows("film failed")
	is(p2pv1.Transfer_STATE_CHECKING, 0)
	is(p2pv1.Transfer_STATE_FAILED, 0)
	quiet("again")
}

// Whom a room has thrown out long ago is not told at every start; who is thrown out now is.
func TestThatOneWasRemovedFromARoomBeforeIsNoNews(t *testing.T) {
	n := newFakeNode()
	story(n)
	why := &p2pv1.Reason{Key: api.RemovedYou, With: map[string]string{"who": "Anna"}}
	n.convs = append(n.convs, &p2pv1.Conversation{Id: "r-old", Name: "picnic", Left: true, Reason: why})
	st := stageOf(t, n, text.English(), 100, 30)
	if st.shows("picnic"); st.s.flash.text != "" {
		t.Errorf("it says %q", st.s.flash.text)
	}
	st.in(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: &p2pv1.Conversation{Id: "r-field", Name: "field", Left: true, Reason: why}}}).shows("field: Anna has removed you")
}
