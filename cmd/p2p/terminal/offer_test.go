package terminal

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// offers makes the last message of the open conversation offer what has a hash, and returns it.
func (st *stage) offers(hash string) *p2pv1.Message {
	m := proto.Clone(st.s.current.lastItem().Message).(*p2pv1.Message)
	m.File, m.Transfer, m.Mine = &p2pv1.File{Name: "plan.pdf", Size: 100, Files: 1, InfoHash: hash}, nil, false
	st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: m}})
	return m
}

func TestAnOfferThatWasTakenBackIsShownSoWhateverElseHasItsContent(t *testing.T) {
	st := usual(t)
	m := st.offers("ff")
	st.in(&p2pv1.Event{What: &p2pv1.Event_Transfer{Transfer: &p2pv1.Transfer{
		InfoHash: "ff", Message: "another", Conversation: "c-anna", File: m.File, State: p2pv1.Transfer_STATE_DOWNLOADING, Done: 40,
	}}})
	st.shows("40%")
	back := proto.Clone(m).(*p2pv1.Message)
	back.File.TakenBack = true
	back.Change = &p2pv1.Change{Kind: p2pv1.Change_KIND_WITHDREW, Name: "Anna"}
	st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: back}}).shows("Anna has taken the offer back")
	if strings.Contains(st.text(), "40%") && !strings.Contains(st.text(), "1 file") {
		t.Errorf("it shows\n%s", st.text())
	}
}

func TestAllThatOfferTheSameShowHowFarItIs(t *testing.T) {
	st := usual(t)
	first := st.offers("ff")
	second := proto.Clone(first).(*p2pv1.Message)
	second.Id, second.Number, second.Text = "m-second", first.Number+1000, "again"
	st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: second}})
	for _, state := range []p2pv1.Transfer_State{p2pv1.Transfer_STATE_DOWNLOADING, p2pv1.Transfer_STATE_DONE} {
		st.text() // both are drawn
		st.in(&p2pv1.Event{What: &p2pv1.Event_Transfer{Transfer: &p2pv1.Transfer{
			InfoHash: "ff", Message: first.Id, Conversation: "c-anna", File: first.File, State: state, Done: 40, Path: "/d/plan.pdf",
		}}})
	}
	if n := strings.Count(st.text(), "saved as"); n != 2 {
		t.Errorf("%d of 2 show where it is\n%s", n, st.text())
	}
}

func TestWhatIsBeingPreparedIsCalledOffByItsName(t *testing.T) {
	st := usual(t).keys("'/send /home/me/film.mkv", "enter")
	if q := asked[*p2pv1.OfferRequest](st); len(q) != 1 || !q[0].Keep {
		t.Errorf("asked %v", q)
	}
	st.in(&p2pv1.Event{What: &p2pv1.Event_Transfer{Transfer: &p2pv1.Transfer{
		Conversation: "c-anna", Path: "/home/me/film.mkv", State: p2pv1.Transfer_STATE_HASHING, File: &p2pv1.File{Name: "film.mkv", Size: 1000},
	}}})
	st.keys("'/cancel film.mkv", "enter")
	off := func(q *p2pv1.CancelRequest) bool { return q.Message == "/home/me/film.mkv" }
	if all := asked[*p2pv1.CancelRequest](st); !slices.ContainsFunc(all, off) {
		t.Errorf("asked %v", all)
	}
}

func TestWhatWasNotSentIsSaidAndWhatTheNextNodeSendsToo(t *testing.T) {
	st := usual(t)
	q := &p2pv1.OfferRequest{Where: "c-anna", Path: "/home/me/film.mkv", Keep: true}
	st.in(answer{request: request{ask: q}, err: connect.NewError(connect.CodeUnavailable, errors.New("EOF"))}).shows("film.mkv", "goes on with it")
	st.in(answer{request: request{ask: q}, err: api.Fail(connect.CodeFailedPrecondition, api.CalledOff)}).shows("film.mkv was not sent", "called off")
}

func TestOfTwoFilesThatAreCalledAlikeTheIdSaysWhichIsStopped(t *testing.T) {
	st := usual(t)
	first, second := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	for hash, id := range map[string]string{"f1": first, "f2": second} {
		st.in(&p2pv1.Event{What: &p2pv1.Event_Transfer{Transfer: &p2pv1.Transfer{
			InfoHash: hash, Message: id, Conversation: "c-anna", File: &p2pv1.File{Name: "plan.pdf", Size: 100}, State: p2pv1.Transfer_STATE_DOWNLOADING,
		}}})
	}
	st.keys("'/cancel Plan.pdf", "enter")
	if q := asked[*p2pv1.CancelRequest](st); len(q) > 0 {
		t.Fatalf("asked %v", q)
	}
	for _, id := range []string{first, second} {
		if want := "plan.pdf (" + id[:12] + ")"; !strings.Contains(st.s.flash.text, want) {
			t.Errorf("it does not name %s: %s", want, st.s.flash.text)
		}
	}
	st.keys("'/cancel "+second[:8], "enter")
	if q := asked[*p2pv1.CancelRequest](st); len(q) != 1 || q[0].Message != second {
		t.Errorf("asked %v", q)
	}
}

func TestAFileWhoseNameIsNoTextIsNotOffered(t *testing.T) {
	st := usual(t)
	st.in(typed{"/send b\xe9d.txt"}).shows(`b\xe9d.txt`, "UTF-8")
	if q := asked[*p2pv1.OfferRequest](st); len(q) > 0 {
		t.Errorf("asked %v", q)
	}
}
