package terminal

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

func TestANotificationNamesWhoWritesOnce(t *testing.T) {
	st := usual(t)
	st.did = nil
	m := st.node.add("c-bo", "bo", "psst", at, nil)
	st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: m}})
	for _, e := range st.did {
		if r, ok := e.(ring); ok && (r.title != "Bo" || r.body != "psst") {
			t.Errorf("it says %q: %q", r.title, r.body)
		}
	}
	if !has[ring](st) {
		t.Error("there is none")
	}
}

func TestInAConversationOfTwoNobodyHasARole(t *testing.T) {
	st := usual(t)
	st.keys("'/members", "enter").shows("Anna")
	if text := st.text(); strings.Contains(text, "owner") || strings.Contains(text, "moderator") {
		t.Errorf("it says\n%s", text)
	}
}

func TestThatAContactCallsHimselfOtherwiseIsSaidInPassing(t *testing.T) {
	st := usual(t)
	st.in(&p2pv1.Event{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{
		Kind: p2pv1.Alert_KIND_CALLED, Account: account("bo"), Name: "Bob", Text: "Bob", Reason: api.Problem(api.CalledOtherwise, "was", "Bo", "now", "Bob"),
	}}}).shows("Bo is called Bob now")
	if len(st.s.alerts) > 0 {
		t.Error("and has to be acknowledged")
	}
}

func TestOfARoomThatWasLeftItIsNotSaidWhoIsThere(t *testing.T) {
	st := usual(t)
	c := st.s.conversations["r-field"]
	st.keys("'/open "+c.GetName(), "enter")
	st.in(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: &p2pv1.Conversation{Id: c.GetId(), Name: c.GetName(), Left: true}}}).shows("you have left")
	if strings.Contains(st.text(), "of 0 here") {
		t.Errorf("it says\n%s", st.text())
	}
}

// knows changes how members of a room look.
func (st *stage) knows(change func(m *p2pv1.Member)) *stage {
	c := proto.CloneOf(st.s.conversations["r-field"].Conversation)
	for _, m := range c.Members {
		change(m)
	}
	return st.in(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: c}})
}

func TestWhoWasInvitedAndHasNotComeIsShownAsThat(t *testing.T) {
	st := usual(t).keys("'/open field", "enter").knows(func(m *p2pv1.Member) { m.Invited = m.Name == "Bo" })
	st.keys("'/members", "enter").shows("Bo (invited)")
}

func TestWhereAnotherIsCalledAlikeOwnLinesSayThatTheyAre(t *testing.T) {
	says := func(st *stage) *stage {
		return st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: st.node.add("r-field", "mia", "that was me", at, nil)}}).shows("that was me")
	}
	if st := says(usual(t).keys("'/open field", "enter")); strings.Contains(st.text(), "mia (you)") {
		t.Error("it says so where nobody is")
	}
	st := usual(t).keys("'/open field", "enter").knows(func(m *p2pv1.Member) {
		if m.Name == "Bo" {
			m.Name = "Mia"
		}
	})
	says(st).shows("mia (you)").keys("'/kick mia", "enter")
	if got := asked[*p2pv1.ChangeMemberRequest](st); len(got) != 1 || got[0].Who != account("bo") {
		t.Errorf("asked for %v", got)
	}
}

func TestAContactIsRenamedByNameOrWhereOneTalksWithHim(t *testing.T) {
	st := usual(t)
	for line, want := range map[string]*p2pv1.RenameContactRequest{
		"/rename bo Bo from work": {Who: account("bo"), Name: "Bo from work"}, "/rename My Anna": {Who: account("anna"), Name: "My Anna"},
	} {
		st.did = nil
		st.in(typed{line})
		if q := asked[*p2pv1.RenameContactRequest](st); len(q) != 1 || !proto.Equal(q[0], want) {
			t.Errorf("%s asks %v", line, q)
		}
	}
	st.keys("'/open field", "enter").in(typed{"/rename Nobody"}).shows("want /rename")
	c := proto.CloneOf(st.s.contacts[account("bo")])
	c.Name = "Bo from work"
	st.in(answer{request: request{ask: &p2pv1.RenameContactRequest{}}, got: &p2pv1.RenameContactResponse{Contact: c}}).shows("is called Bo from work here now")
}

func TestAMemberWhoIsNoContactIsBlocked(t *testing.T) {
	st := usual(t).keys("'/open field", "enter").knows(func(m *p2pv1.Member) {
		if m.Name == "Bo" {
			m.Name, m.Account = "Zed", account("zed")
		}
	})
	st.in(typed{"/block zed"}).shows("blocks")
	st.now = st.now.Add(twice)
	st.in(typed{"/block zed"})
	if q := asked[*p2pv1.AnswerContactRequest](st); len(q) != 1 || q[0].Who != account("zed") || q[0].Answer != p2pv1.AnswerContactRequest_ANSWER_BLOCK {
		t.Errorf("asked %v", q)
	}
}
