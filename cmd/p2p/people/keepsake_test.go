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

func TestANewDeviceKnowsWhomTheAccountHasAskedThoughNoOtherDeviceIsLeft(t *testing.T) {
	for _, answered := range []string{"before he is back", "after he is back"} {
		t.Run("she answers "+answered, func(t *testing.T) {
			people.RecallSoon(t)
			w := newTown(t)
			alice, bob := w.settle("alice"), w.settle("bob")
			home := alice.dir
			alice.close()
			ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: "alice", Note: "it is me"})
			if err := bob.KeepBook(t.Context()); err != nil {
				t.Fatal(err)
			}
			if answered == "before he is back" {
				bob.close()
				alice = w.open(home)
				eventually(t, "alice is asked", func() bool { return alice.contact("bob").State == asks })
				alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
				alice.say("bob", "hello")
				bob = w.bereft(bob, "bob")
			} else {
				bob = w.bereft(bob, "bob")
				eventually(t, "bob knows that he has asked her", func() bool { return bob.contact("alice").State == asked })
				again := w.bereft(bob, "bob") // which sends it again, in the place of the one that waits
				eventually(t, "bob knows it still", func() bool { return again.contact("alice").State == asked })
				bob = again
				alice = w.open(home)
				eventually(t, "alice is asked", func() bool { return alice.contact("bob").State == asks })
				if note := alice.contact("bob").Note; note != "it is me" {
					t.Errorf("he has written %q", note)
				}
				bob.close()
				alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
				alice.say("bob", "hello")
				bob = w.open(bob.dir)
			}
			eventually(t, "they have each other, and bob has what she said", func() bool {
				return bob.contact("alice").State == friend && bob.has("alice", "hello")()
			})
			bob.say("alice", "I am here")
			eventually(t, "alice has it", alice.has("bob", "hello", "I am here"))
		})
	}
}

// Without a keepsake of it, as with one that had no space for it.
func TestTheAnswerToARequestThatADeviceDoesNotKnowIsARequest(t *testing.T) {
	w := newTown(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: "alice"})
	eventually(t, "alice is asked", func() bool { return alice.contact("bob").State == asks })
	bob.close()
	alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
	alice.say("bob", "hello")
	bob = w.bereft(bob, "bob")
	eventually(t, "bob hears of alice", func() bool { return bob.contact("alice").GetState() == asks })
	bob.answer("alice", p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
	eventually(t, "bob has what she said", bob.has("alice", "hello"))
}
