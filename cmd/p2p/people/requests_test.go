package people_test

import (
	"strconv"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/people"
)

// Alice may have any of it from a directory that gives bob's name to another, or has lost its people: what shows it first is
// that the other comes.
func TestWhoComesWithTheNameOfAContactIsNotAcceptedBeforeThePersonHasDecidedWhoThatIs(t *testing.T) {
	people.LookLate(t)
	w := newTown(t)
	lies := w.lie(t)
	alice, bob, mallory := w.settle("alice"), w.settle("bob"), w.settle("mallory")
	acquaint(t, alice, bob, "alice", "bob")
	mallory.name("bob")
	alerts := alice.listens()
	lies.Store(true)
	ask(t, mallory.AddContact, &p2pv1.AddContactRequest{Who: "alice"})
	eventually(t, "alice is warned", func() bool {
		return len(alerts(p2pv1.Alert_KIND_KEY_CHANGED)) > 0 && alice.contact("bob").ChangedKey != ""
	})
	accept := &p2pv1.AnswerContactRequest{Who: "bob-2", Answer: p2pv1.AnswerContactRequest_ANSWER_ACCEPT}
	if _, err := alice.AnswerContact(t.Context(), connect.NewRequest(accept)); alice.reason(err) != api.KeyChanged || alice.contact("bob-2").State != asks {
		t.Errorf("without a word of hers: %v", err)
	}
	ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob", Same: true})
	ask(t, alice.AnswerContact, accept)
	if c := alice.contact("bob-2"); c.State != friend {
		t.Errorf("whom she knows to be another is %v", c)
	}
}

func TestARequestIsCheckedWhenItIsAcceptedAndANewKeyIsTakenInItsPlace(t *testing.T) {
	w := newTown(t)
	lies := w.lie(t)
	alice, bob, mallory := w.settle("alice"), w.settle("bob"), w.settle("mallory")
	acquaint(t, alice, bob, "alice", "bob")
	mallory.name("bob")
	ask(t, mallory.AddContact, &p2pv1.AddContactRequest{Who: "alice"})
	eventually(t, "alice is asked", func() bool { return alice.contact("bob-2").State == asks })
	lies.Store(true)
	accept := connect.NewRequest(&p2pv1.AnswerContactRequest{Who: "bob-2", Answer: p2pv1.AnswerContactRequest_ANSWER_ACCEPT})
	if _, err := alice.AnswerContact(t.Context(), accept); alice.reason(err) != api.KeyChanged {
		t.Errorf("without a word of hers: %v", err)
	}
	ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob", NewKey: true})
	if c := alice.contact("bob"); c.State != friend || c.Account != ask(t, mallory.Whoami, &p2pv1.WhoamiRequest{}).Account {
		t.Errorf("who has the new key is %v", c)
	}
}

func TestARequestThatWaitsIsNoNewsWhenItComesAgainAndOneThatWasRefusedNoneForLong(t *testing.T) {
	w := newTown(t)
	alice, spam := w.settle("alice"), w.settle("spam")
	for _, p := range []*person{alice, spam} {
		eventually(t, "there is a session", func() bool { return ask(t, p.Whoami, &p2pv1.WhoamiRequest{}).Directory.Connected })
	}
	alerts := alice.listens()
	again := func(i int) {
		ask(t, spam.AddContact, &p2pv1.AddContactRequest{Who: "alice", Note: "note " + strconv.Itoa(i)})
		ask(t, spam.RemoveContact, &p2pv1.RemoveContactRequest{Who: "alice"})
	}
	for i := range 4 {
		again(i)
	}
	eventually(t, "the last is there", func() bool { return alice.contact("spam").Note == "note 3" })
	if got := alerts(p2pv1.Alert_KIND_REQUEST); len(got) != 1 {
		t.Errorf("alice was told %d times", len(got))
	}
	alice.answer("spam", p2pv1.AnswerContactRequest_ANSWER_REFUSE)
	_, _ = spam.AddContact(t.Context(), connect.NewRequest(&p2pv1.AddContactRequest{Who: "alice"})) // which says that he is refused, if that comes soon
	eventually(t, "spam is told", func() bool { return spam.contact("alice").State == refused })
	if got := alerts(p2pv1.Alert_KIND_REQUEST); len(got) != 1 || alice.contact("spam").State != removed {
		t.Errorf("alice was told %d times, and he is %v", len(got), alice.contact("spam"))
	}
	ask(t, alice.AddContact, &p2pv1.AddContactRequest{Who: "spam"}) // she may think better of it
	eventually(t, "she asks him", func() bool { return spam.contact("alice").State == asks })
}

func TestWhoWasRefusedIsToldSoWhenHeAsksAgainUntilABlockOfHimIsTakenBack(t *testing.T) {
	w := newTown(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	for _, p := range []*person{alice, bob} {
		eventually(t, "there is a session", func() bool { return p.me().Directory.Connected })
	}
	add := &p2pv1.AddContactRequest{Who: "alice"}
	ask(t, bob.AddContact, add)
	eventually(t, "alice is asked", func() bool { return alice.contact("bob").State == asks })
	alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_REFUSE)
	eventually(t, "bob is told", func() bool { return bob.contact("alice").State == refused })
	for range 2 {
		if _, err := bob.AddContact(t.Context(), connect.NewRequest(add)); bob.reason(err) != api.HasRefused || api.ReasonOf(err).With["who"] != "alice" {
			t.Errorf("he asks again: %v", err)
		}
	}
	ask(t, bob.RemoveContact, &p2pv1.RemoveContactRequest{Who: "alice"})
	if _, err := bob.AddContact(t.Context(), connect.NewRequest(add)); bob.reason(err) != api.HasRefused {
		t.Errorf("he asks again, after he has removed her: %v", err)
	}
	alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_BLOCK)
	alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_UNBLOCK)
	if r := ask(t, bob.AddContact, add); !r.Delivered {
		t.Errorf("when the block is taken back, his request is %v", r)
	}
	eventually(t, "alice is asked", func() bool { return alice.contact("bob").State == asks })
}

func TestWhoIsAcceptedAndRemovedWhileHeIsAwayHasNoContact(t *testing.T) {
	for _, heard := range []bool{false, true} { // of the acceptance, before he was removed
		w := newTown(t)
		alice, bob := w.settle("alice"), w.settle("bob")
		ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: "alice"})
		eventually(t, "alice is asked", func() bool { return alice.contact("bob").State == asks })
		bob.close()
		alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
		if heard {
			dir := alice.dir
			alice.close()
			bob = w.open(bob.dir)
			eventually(t, "bob has her", func() bool { return bob.contact("alice").State == friend })
			bob.close()
			alice = w.open(dir)
			eventually(t, "there is a session", func() bool { return alice.me().Directory.Connected })
		}
		ask(t, alice.RemoveContact, &p2pv1.RemoveContactRequest{Who: "bob"})
		alice.close()
		bob = w.open(bob.dir)
		eventually(t, "bob has her no more", func() bool { return bob.contact("alice").State == refused })
		if _, err := bob.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "alice", Text: "x"})); bob.reason(err) != api.NotContact {
			t.Errorf("he writes to her: %v", err)
		}
	}
}
