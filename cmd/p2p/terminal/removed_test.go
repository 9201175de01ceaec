package terminal

import (
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

func TestWhoWasRemovedByAContactSeesThatAndSendsNothing(t *testing.T) {
	st := newStage(t, text.English(), 120, 60)
	c := proto.CloneOf(st.s.current.Conversation)
	c.Reason = &p2pv1.Reason{Key: api.RemovedYou, With: map[string]string{"who": "Anna"}}
	st.in(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: c}}).shows("Anna has removed you from the contacts")
	st.did = nil
	st.keys("'are you there?", "enter").shows("are you there?")
	if got := asked[*p2pv1.SendRequest](st); len(got) > 0 {
		t.Errorf("sent %v", got)
	}
}

func TestNothingGoesToWhoseSafetyNumberDiffers(t *testing.T) {
	st := newStage(t, text.English(), 120, 30)
	c := proto.CloneOf(st.s.contacts[st.s.current.GetWith()])
	c.Differs = true
	st.in(&p2pv1.Event{What: &p2pv1.Event_Contact{Contact: c}}).shows("ANOTHER NUMBER")
	st.did = nil
	st.keys("'for whom?", "enter").shows("nothing is sent")
	if got := asked[*p2pv1.SendRequest](st); len(got) > 0 {
		t.Errorf("sent %v", got)
	}
}

func TestAConversationNamesTheOneBefore(t *testing.T) {
	st := newStage(t, text.English(), 120, 60)
	c := proto.CloneOf(st.s.current.Conversation)
	c.Older = "0123456789abcdef"
	st.in(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: c}}).shows("what was said then: /open 0123456789ab")
}

// out has the node tell that this person is no member of a room any more.
func (st *stage) out(id, name string, why *p2pv1.Reason) *stage {
	return st.in(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: &p2pv1.Conversation{Id: id, Name: name, Left: true, Reason: why}}})
}

func TestRoomsOfWhichOneIsNoMemberStandApart(t *testing.T) {
	st := newStage(t, text.English(), 120, 40).out("r-old", "attic", nil).out("r-lost", "cellar", api.Problem(api.RemovedBy, "who", "Bo"))
	if screen := st.text(); strings.Contains(screen, "# attic") || !strings.Contains(screen, "LEFT") || strings.Index(screen, "# cellar") < strings.Index(screen, "LEFT") {
		t.Errorf("it shows\n%s", screen)
	}
	st.keys("'/rooms", "enter").shows("#field trip  4 of at most 50 members", "#attic  you have left", "#cellar  Bo has removed you")
	st.keys("esc", "'/open attic", "enter").shows("# attic")
}

func TestInTheTerminalARefusalNamesItsCommands(t *testing.T) {
	st := usual(t)
	st.in(answer{request: request{ask: &p2pv1.AddContactRequest{}}, err: api.Fail(connect.CodeFailedPrecondition, api.Blocked, "who", "Zed")}).shows("Zed is blocked; /unblock Zed first")
}

func TestHowFarAMessageHasComeIsSaidInWords(t *testing.T) {
	st := usual(t).keys("'/info", "enter").shows("done, it verifies", "delivered")
	m := st.s.current.items[4].Message
	if !m.GetMine() {
		t.Fatalf("it is about %v", m)
	}
	for want, change := range map[string]func(){
		"not delivered yet": func() { m.Delivery, m.Others = p2pv1.Delivery_DELIVERY_STORED, 2 },
		"delivered to 1 of 2": func() {
			m.Delivery, m.Others, m.DeliveredTo = p2pv1.Delivery_DELIVERY_STORED, 2, []string{account("anna")}
		},
	} {
		change()
		if st.in(typed{"/info"}).shows(want); len(st.s.told) == 0 {
			t.Error("nothing is read out")
		}
		m.DeliveredTo = nil
	}
}
