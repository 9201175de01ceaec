package terminal

import (
	"testing"

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
