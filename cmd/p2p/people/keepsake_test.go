package people_test

import (
	"slices"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/people"
)

func TestANewDeviceKnowsWhomTheAccountHasThoughNoOtherDeviceIsLeft(t *testing.T) {
	people.RecallSoon(t)
	w := newTown(t)
	alice, bob, carol := w.settle("alice"), w.settle("bob"), w.settle("carol")
	befriend(t, bob, alice, "bob", "alice")
	befriend(t, bob, carol, "bob", "carol")
	ask(t, bob.RenameContact, &p2pv1.RenameContactRequest{Who: "alice", Name: "Ali"})
	ask(t, bob.CreateRoom, &p2pv1.CreateRoomRequest{Name: "his", Invite: []string{"Ali"}})
	eventually(t, "alice is in the room", func() bool { return slices.Contains(alice.rooms(), "his") })
	bob.answer("carol", p2pv1.AnswerContactRequest_ANSWER_BLOCK)
	bob.say("Ali", "before")
	eventually(t, "alice has it", alice.has("bob", "before"))
	if err := bob.KeepBook(t.Context()); err != nil {
		t.Fatal(err)
	}
	bob.close()
	alice.say("bob", "while you are gone")
	alice.say("his", "where is he?")
	bob = w.bereft(bob, "bob")
	eventually(t, "bob has what alice said", func() bool {
		return bob.contact("Ali").State == friend && bob.has("Ali", "before", "while you are gone")()
	})
	eventually(t, "bob has what was said in his room", func() bool { return slices.Contains(bob.rooms(), "his") && bob.has("his", "where is he?")() })
	if c := bob.contact("carol"); c.State != blocked {
		t.Errorf("whom he had blocked is %v", c)
	}
	bob.say("Ali", "I am back")
	eventually(t, "alice has it", alice.has("bob", "before", "while you are gone", "I am back"))
	again := w.bereft(bob, "bob")
	eventually(t, "who has lost that one too knows her", func() bool { return again.contact("Ali").State == friend })
}
