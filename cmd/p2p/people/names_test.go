package people_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// means returns the id of the conversation that a name means, or the reason why it means none.
func (p *person) means(where string) string {
	p.t.Helper()
	r, err := p.ListConversations(p.t.Context(), connect.NewRequest(&p2pv1.ListConversationsRequest{Where: where}))
	if err != nil {
		return p.reason(err)
	}
	return r.Msg.Conversations[0].Id
}

func (p *person) room(name string) *p2pv1.Conversation {
	p.t.Helper()
	return ask(p.t, p.CreateRoom, &p2pv1.CreateRoomRequest{Name: name}).Conversation
}

func TestARoomThatWasLeftGivesItsNameFree(t *testing.T) {
	alice := open(t, filepath.Join(t.TempDir(), "alice"), startTracker(t))
	first := alice.room("draft")
	renamed := "tmp"
	ask(t, alice.ChangeRoom, &p2pv1.ChangeRoomRequest{Where: "draft", Name: &renamed})
	ask(t, alice.LeaveRoom, &p2pv1.LeaveRoomRequest{Where: "tmp"})
	if got := alice.means("tmp"); got != first.Id {
		t.Errorf("while nothing else is called so, tmp means %s", got)
	}
	if got := alice.conversation(first.Id[:8]); got.Name != "tmp" || !got.Left {
		t.Errorf("its last name was tmp, not %q", got.Name)
	}
	second := alice.room("tmp")
	if got := alice.means("tmp"); got != second.Id {
		t.Errorf("tmp means %s, not the room that is there", got)
	}
	if got := alice.means("#tmp"); got != second.Id {
		t.Errorf("#tmp means %s", got)
	}
	third := alice.room("tmp")
	_, err := alice.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "tmp", Text: "x"}))
	which := api.ReasonOf(err).GetWith()["which"]
	if alice.reason(err) != api.SameName || !strings.Contains(which, second.Id[:8]) || !strings.Contains(which, third.Id[:8]) || strings.Contains(which, first.Id[:8]) {
		t.Errorf("of two: %v", err)
	}
	alice.say(third.Id[:8], "by its id")
	dir, trackers := alice.dir, alice.conversationTrackers()
	alice.close()
	again := open(t, dir, trackers...)
	if got := again.conversation(first.Id); got.Name != "tmp" {
		t.Errorf("after a restart what was left is called %q", got.Name)
	}
}

func TestNobodyTakesTheNameOfAContactByARoom(t *testing.T) {
	alice, bob, carol := three(t)
	ask(t, carol.CreateRoom, &p2pv1.CreateRoomRequest{Name: "bob", Invite: []string{"alice"}})
	eventually(t, "alice is in it", func() bool { return slices.Contains(alice.rooms(), "bob") })
	direct := alice.contact("bob").Conversation
	for _, name := range []string{"bob", "@bob", "BOB"} {
		if got := alice.means(name); got != direct {
			t.Errorf("%s means %s, not him", name, got)
		}
	}
	if got := alice.means("#bob"); got == direct || len(got) != 64 {
		t.Errorf("#bob means %s", got)
	}
	alice.say("bob", "for you alone")
	eventually(t, "he has it", bob.has("alice", "for you alone"))
	lab := alice.room("@lab")
	if got := alice.means("@lab"); got != lab.Id { // nobody is called lab: @ is of the name
		t.Errorf("the room @lab, where nobody is called lab, is %s", got)
	}
	if got := alice.means("#@lab"); got != lab.Id {
		t.Errorf("the room @lab is %s", got)
	}
}

func TestARoomThatOneWasNotLetIntoHasANameAndGoesWhenItIsLeft(t *testing.T) {
	alice, bob, carol := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "bench", Limit: 2, Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "bench") })
	link := ask(t, alice.Invite, &p2pv1.InviteRequest{Where: "bench"}).Link
	events := carol.listens()
	ask(t, carol.JoinRoom, &p2pv1.JoinRoomRequest{Link: link})
	eventually(t, "carol is told that it is full", carol.refused(api.RoomFull, "2"))
	eventually(t, "and by an alert", func() bool { return len(events(p2pv1.Alert_KIND_ANSWERED)) == 1 })
	if a := events(p2pv1.Alert_KIND_ANSWERED)[0]; a.Text != "bench" || a.Reason.GetKey() != api.RoomFull {
		t.Errorf("the alert is %v", a)
	}
	if c := carol.conversation("bench"); c.Name != "bench" || !c.Left {
		t.Errorf("she sees %v", c)
	}
	ask(t, carol.LeaveRoom, &p2pv1.LeaveRoomRequest{Where: "bench"})
	for _, c := range ask(t, carol.ListConversations, &p2pv1.ListConversationsRequest{}).Conversations {
		if !c.Direct {
			t.Errorf("there is still %v", c)
		}
	}
	dir, trackers := carol.dir, carol.conversationTrackers()
	carol.close()
	again := open(t, dir, trackers...)
	if got := again.means("bench"); got != api.NoSuchConversation {
		t.Errorf("after a restart it is %s", got)
	}
	three := int32(3)
	ask(t, alice.ChangeRoom, &p2pv1.ChangeRoomRequest{Where: "bench", Limit: &three})
	waits := ask(t, again.JoinRoom, &p2pv1.JoinRoomRequest{Link: link}).Conversation
	eventually(t, "with a place more she is in", func() bool { return slices.Contains(again.rooms(), "bench") })
	if got := again.means(waits.Id); got != again.means("bench") || len(got) != 64 {
		t.Errorf("by the id that it had while she waited it is %s", got)
	}
}

// A slip would reach somebody else, and what was said cannot be taken back.
func TestTheStartOfANameMeansNobodyAndItIsSaidWhoWasMeant(t *testing.T) {
	alice, bob := two(t)
	id := ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "boats"}).Conversation.Id
	_, sent := alice.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "bo", Text: "a secret"}))
	_, removed := alice.RemoveContact(t.Context(), connect.NewRequest(&p2pv1.RemoveContactRequest{Who: "bo"}))
	for err, want := range map[error]string{sent: "boats, bob", removed: "bob"} {
		if r := api.ReasonOf(err); r.GetKey() != api.NameStart || r.GetWith()["which"] != want || connect.CodeOf(err) != connect.CodeNotFound {
			t.Errorf("%v; want it to say %s", err, want)
		}
	}
	if _, err := alice.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "zoe", Text: "hello"})); api.ReasonOf(err).GetKey() != api.NoSuchConversation {
		t.Errorf("of nobody it says %v", err)
	}
	for _, where := range []string{"BOB", "Boats", id[:6]} {
		alice.say(where, "hello")
	}
	eventually(t, "bob has his", func() bool { return len(bob.texts("alice")) == 1 })
}
