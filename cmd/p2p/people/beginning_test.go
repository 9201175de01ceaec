package people_test

import (
	"path/filepath"
	"slices"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/identity"
)

// writesUnmet has p accept who has asked and is away, and write to him.
func (p *person) writesUnmet(who string, texts ...string) {
	p.t.Helper()
	p.answer(who, p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
	for _, text := range texts {
		p.say(who, text)
	}
	if got := p.texts(who); !slices.Equal(got, texts) {
		p.t.Errorf("before the two have met, the conversation says %q", got)
	}
}

func TestWhoAcceptsOneWhoIsAwayWritesToHimAtOnceAndHeHasItWhenTheyMeet(t *testing.T) {
	t.Run("who was asked by name", func(t *testing.T) {
		w := newTown(t)
		alice, bob := w.settle("alice"), w.settle("bob")
		ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: "alice"})
		eventually(t, "alice is asked", func() bool { return alice.contact("bob").State == asks })
		bob.close()
		alice.writesUnmet("bob", "hello", "are you there?")
		back := w.open(bob.dir)
		eventually(t, "bob has it", back.has("alice", "hello", "are you there?"))
		back.say("alice", "yes")
		eventually(t, "alice has the answer", alice.has("bob", "hello", "are you there?", "yes"))
		eventually(t, "bob knows that she has accepted", func() bool { return back.contact("alice").State == friend })
		if a, b := alice.contact("bob").Conversation, back.contact("alice").Conversation; a != b {
			t.Errorf("alice is in %s, bob in %s", a, b)
		}
	})
	t.Run("who was asked at her door", func(t *testing.T) {
		alice, bob, link := strangers(t)
		ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: link})
		eventually(t, "alice is asked", func() bool { return alice.contact("bob").State == asks })
		dir, trackers := bob.dir, bob.conversationTrackers()
		bob.close()
		aliceDir := alice.dir
		alice.close() // she may think about it for long
		alice = open(t, aliceDir, trackers...)
		alice.writesUnmet("bob", "hello")
		back := open(t, dir, trackers...)
		eventually(t, "bob has it", back.has("alice", "hello"))
	})
}

func TestWhoAcceptsARequestOfAnOlderVersionIsToldThatTheTwoHaveNotMet(t *testing.T) {
	w := newTown(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	dir := alice.dir
	alice.close()
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: "alice"})
	if err := bob.ForgetBeginnings(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: "alice"}) // in the place of the first
	bob.close()
	alice = w.open(dir)
	eventually(t, "alice is asked", func() bool { return alice.contact("bob").State == asks })
	alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
	if _, err := alice.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "bob", Text: "x"})); alice.reason(err) != api.NotMetYet {
		t.Errorf("she writes: %v", err)
	}
	back := w.open(bob.dir)
	met(alice, back, "alice", "bob")
	alice.say("bob", "hello")
	eventually(t, "bob has it", back.has("alice", "hello"))
}

// Neither has heard of the other's request, and each has the beginning of a conversation of his own.
func TestTwoWhoHaveAskedEachOtherWhileTheOtherWasAwayComeToOneConversation(t *testing.T) {
	alice, bob, toAlice := strangers(t)
	toBob := ask(t, bob.Invite, &p2pv1.InviteRequest{}).Link
	aliceDir, bobDir, trackers := alice.dir, bob.dir, alice.conversationTrackers()
	alice.close()
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: toAlice})
	bob.close()
	alice = open(t, aliceDir, trackers...)
	ask(t, alice.AddContact, &p2pv1.AddContactRequest{Who: toBob})
	if a := alice.contact("bob").State; a != asked {
		t.Fatalf("to alice bob is %v", a)
	}
	bob = open(t, bobDir, trackers...)
	eventually(t, "they have each other", func() bool { return alice.contact("bob").State == friend && bob.contact("alice").State == friend })
	alice.say("bob", "from alice")
	bob.say("alice", "from bob")
	for p, other := range map[*person]string{alice: "bob", bob: "alice"} {
		eventually(t, "each has what the other says", func() bool { return len(p.texts(other)) == 2 })
	}
	if a, b := alice.contact("bob").Conversation, bob.contact("alice").Conversation; a != b {
		t.Errorf("alice is in %s, bob in %s", a, b)
	}
	for _, p := range []*person{alice, bob} {
		eventually(t, "each has one conversation", func() bool {
			return len(ask(t, p.ListConversations, &p2pv1.ListConversationsRequest{}).Conversations) == 1
		})
	}
}

func TestADeviceThatComesLaterWritesToWhoNobodyHasMetToo(t *testing.T) {
	w := newTown(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: "alice"})
	eventually(t, "alice is asked", func() bool { return alice.contact("bob").State == asks })
	bob.close()
	alice.writesUnmet("bob", "from the desk")
	phone := w.open(filepath.Join(t.TempDir(), "phone"))
	ask(t, phone.Login, &p2pv1.LoginRequest{Name: "alice", Password: password})
	eventually(t, "the phone knows bob", func() bool { return phone.contact("bob").State == friend })
	eventually(t, "the phone has what was said", phone.has("bob", "from the desk"))
	phone.say("bob", "from the phone")
	eventually(t, "the desk has it", alice.has("bob", "from the desk", "from the phone"))
	alice.close()
	back := w.open(bob.dir)
	eventually(t, "bob has both from the phone", back.has("alice", "from the desk", "from the phone"))
}

func TestTheBeginningOfAConversationIsReadFromItsHistory(t *testing.T) {
	alice, bob := two(t)
	for _, p := range []*person{alice, bob} {
		if err := p.ForgetBeginnings(t.Context()); err != nil {
			t.Fatal(err)
		}
		other := map[*person]string{alice: "bob", bob: "alice"}[p]
		c := p.contact(other)
		account, err := identity.ParseKey(c.Account)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Begins(t.Context(), account, c.Conversation) {
			t.Errorf("to %s it cannot be told again", other)
		}
	}
}
