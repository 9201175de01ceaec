package terminal

import (
	"strings"
	"testing"

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
