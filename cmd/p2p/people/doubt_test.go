package people_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/people"
)

// inDoubt returns the names of those in a room whose keys are in doubt.
func (p *person) inDoubt(where string) (names []string) {
	for _, m := range p.conversation(where).Members {
		if m.InDoubt {
			names = append(names, m.Name)
		}
	}
	return names
}

// says tries all that says something in a room, and returns the reasons why it is refused, each once.
func (p *person) says(where string, m *p2pv1.Message, despite ...string) (reasons []string) {
	path := filepath.Join(p.t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	ctx := p.t.Context()
	for _, err := range []error{
		second(p.Send(ctx, connect.NewRequest(&p2pv1.SendRequest{Where: where, Text: "said", Despite: despite}))),
		second(p.Offer(ctx, connect.NewRequest(&p2pv1.OfferRequest{Where: where, Path: path, Despite: despite}))),
		second(p.Edit(ctx, connect.NewRequest(&p2pv1.EditRequest{Message: m.Id, Text: "otherwise", Despite: despite}))),
	} {
		reason := p.reason(err)
		if r := api.ReasonOf(err); r != nil && r.Key == api.MemberInDoubt {
			reason += " " + r.With["who"]
		}
		if !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

func TestARoomWithSomebodyInDoubtSaysSoAndTakesNothingUnlessThePersonNamesHim(t *testing.T) {
	w := newTown(t)
	lies := w.lie(t)
	alice, bob, carol := w.settle("alice"), w.settle("bob"), w.settle("carol")
	w.settle("mallory")
	acquaint(t, alice, bob, "alice", "bob")
	acquaint(t, alice, carol, "alice", "carol")
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob", "carol"}})
	eventually(t, "all are in the room", func() bool {
		return slices.Contains(bob.rooms(), "garden") && slices.Contains(carol.rooms(), "garden") && len(carol.conversation("garden").Members) == 3
	})
	m := alice.say("garden", "before")
	eventually(t, "bob has it", bob.has("garden", "before"))

	events := alice.hears()
	lies.Store(true)
	if _, err := alice.AddContact(t.Context(), connect.NewRequest(&p2pv1.AddContactRequest{Who: "bob"})); alice.reason(err) != api.KeyChanged {
		t.Fatalf("another key: %v", err)
	}
	eventually(t, "the room says so", func() bool {
		return slices.ContainsFunc(events(), func(e *p2pv1.Event) bool {
			c := e.GetConversation()
			return c.GetName() == "garden" && slices.ContainsFunc(c.GetMembers(), func(m *p2pv1.Member) bool { return m.InDoubt && m.Name == "bob" })
		})
	})
	if got := alice.inDoubt("garden"); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("in doubt are %v", got)
	}
	if got := alice.says("garden", m); !slices.Equal(got, []string{"member_in_doubt bob"}) {
		t.Errorf("refused with %v", got)
	}
	if got := alice.says("garden", m, "carol", "nobody"); !slices.Equal(got, []string{"member_in_doubt bob"}) {
		t.Errorf("with others named, refused with %v", got)
	}
	bob.say("garden", "what is it?")
	eventually(t, "alice hears him", func() bool { return slices.Contains(alice.texts("garden"), "what is it?") })
	ask(t, alice.MarkRead, &p2pv1.MarkReadRequest{Where: "garden"})
	if got := alice.conversation("garden").Unread; got != 0 {
		t.Errorf("%d are unread", got)
	}
	if got := alice.says("garden", m, "bob"); !slices.Equal(got, []string{""}) {
		t.Errorf("with him named, refused with %v", got)
	}
	if _, err := alice.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "bob", Text: "secret", Despite: []string{"bob"}})); alice.reason(err) != api.KeyChanged {
		t.Errorf("to him alone it goes: %v", err)
	}
	ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob", Same: true})
	if got := alice.inDoubt("garden"); len(got) > 0 {
		t.Errorf("after it was decided, in doubt are %v", got)
	}
	if got := alice.says("garden", m); !slices.Equal(got, []string{""}) {
		t.Errorf("after it was decided, refused with %v", got)
	}
}

// The person has found out that the new key is bob's. Whoever has the old one is in the room as before, and is in doubt
// there until he is thrown out.
func TestAKeyThatWasReplacedIsInDoubtWhereverItIsAMember(t *testing.T) {
	w := newTown(t)
	lies := w.lie(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	w.settle("mallory")
	acquaint(t, alice, bob, "alice", "bob")
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "garden") })
	m := alice.say("garden", "before")
	old := alice.contact("bob").Account
	lies.Store(true)
	if _, err := alice.AddContact(t.Context(), connect.NewRequest(&p2pv1.AddContactRequest{Who: "bob"})); alice.reason(err) != api.KeyChanged {
		t.Fatalf("another key: %v", err)
	}
	ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob", NewKey: true})
	names := alice.inDoubt("garden")
	if len(names) != 1 || names[0] == "bob" {
		t.Fatalf("in doubt are %v", names)
	}
	if got := alice.says("garden", m); !slices.Equal(got, []string{"member_in_doubt " + names[0]}) {
		t.Errorf("refused with %v", got)
	}
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "garden", Who: old, Change: p2pv1.ChangeMemberRequest_CHANGE_KICK})
	if got := alice.says("garden", m); !slices.Equal(got, []string{""}) {
		t.Errorf("after he is out, refused with %v", got)
	}
}

// Whoever says that somebody stands between the two means what he wrote a minute ago too, and his files.
func TestNothingThatWaitsGoesToAContactInDoubtNorAFileThatWasOfferedBefore(t *testing.T) {
	alice, bob := two(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab", Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "lab") })
	_, m := given(t, alice, bob, "the plan")
	got := bob.fetch(m, t.TempDir())
	bob.close()
	alice.say("bob", "the secret")
	ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob", Differ: true})
	if err := os.Remove(got.Path); err != nil {
		t.Fatal(err)
	}
	bob = open(t, bob.dir)
	eventually(t, "his file counts as gone", func() bool { return bob.transfer(m).State == p2pv1.Transfer_STATE_GONE })
	ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: m})
	bob.say("alice", "who is it?")
	heard := func(p *person, where, text string) bool { return slices.Contains(p.texts(where), text) }
	if admits, err := alice.Admits(bob.contact("alice").Conversation, bob.me().Device); err != nil || admits {
		t.Errorf("he may connect: %v, %v", admits, err)
	}
	for _, text := range []string{"one", "two"} { // by the second he has been called in the other conversation too
		bob.say("lab", text)
		eventually(t, "they are connected in the room", func() bool { return heard(alice, "lab", text) })
	}
	if x := bob.transfer(m); heard(bob, "alice", "the secret") || x.State == p2pv1.Transfer_STATE_DONE || alice.transfer(m).Sources > 0 {
		t.Errorf("it goes to him: %v, and his file is %v", bob.texts("alice"), x)
	}
	if heard(alice, "bob", "who is it?") {
		t.Error("she is connected with him")
	}
	ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob", Same: true})
	eventually(t, "he has it when there is no doubt", func() bool { return heard(bob, "alice", "the secret") })
	eventually(t, "she has what he said", func() bool { return heard(alice, "bob", "who is it?") })
}

func TestWhoComesIntoDoubtOrIsBlockedIsSentAwayFromTheFilesThatHeFetches(t *testing.T) {
	for name, part := range map[string]func(alice *person){
		"differs": func(p *person) { ask(p.t, p.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob", Differ: true}) },
		"blocked": func(p *person) {
			ask(p.t, p.AnswerContact, &p2pv1.AnswerContactRequest{Who: "bob", Answer: p2pv1.AnswerContactRequest_ANSWER_BLOCK})
		},
	} {
		t.Run(name, func(t *testing.T) {
			alice, bob := two(t)
			alice = slow(alice)
			m := fetching(alice, bob)
			part(alice)
			eventually(t, "he is", func() bool {
				return bob.transfer(m).State == p2pv1.Transfer_STATE_WAITING && alice.transfer(m).Sources == 0
			})
		})
	}
}

// slow has a person begin a new run, in which others get 64 KiB/s of files.
func slow(p *person) *person {
	p.t.Helper()
	p.close()
	return openWith(p.t, people.Options{Dir: p.dir, UpLimit: 64 << 10})
}

// fetching has bob fetch a file from alice, who is slow: he will have it in two minutes.
func fetching(alice, bob *person) (message string) {
	alice.t.Helper()
	return fetchingFrom(alice, bob, "bob", "alice")
}

// fetchingIn is fetching in a room.
func fetchingIn(alice, bob *person, room string) (message string) {
	alice.t.Helper()
	return fetchingFrom(alice, bob, room, room)
}

func fetchingFrom(alice, bob *person, where, whence string) (message string) {
	alice.t.Helper()
	path := filepath.Join(alice.t.TempDir(), "film")
	if err := os.WriteFile(path, make([]byte, 8<<20), 0o644); err != nil {
		alice.t.Fatal(err)
	}
	m := ask(alice.t, alice.Offer, &p2pv1.OfferRequest{Where: where, Path: path, Text: "the film"}).Message.Id
	eventually(bob.t, "bob sees the offer", func() bool { return slices.Contains(bob.texts(whence), "the film") })
	ask(bob.t, bob.Accept, &p2pv1.AcceptRequest{Message: m})
	eventually(bob.t, "it is under way", func() bool {
		return bob.transfer(m).State == p2pv1.Transfer_STATE_DOWNLOADING && bob.transfer(m).Sources > 0
	})
	return m
}

// He stays connected, for he may say that he has another name now, and is given nothing.
func TestAContactWhomTheDirectoryDoubtsGetsNoFile(t *testing.T) {
	w := newTown(t)
	lies := w.lie(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	w.settle("mallory")
	acquaint(t, alice, bob, "alice", "bob")
	alice = slow(alice)
	m := fetching(alice, bob)
	lies.Store(true)
	eventually(t, "she is warned", func() bool {
		_, err := alice.AddContact(t.Context(), connect.NewRequest(&p2pv1.AddContactRequest{Who: "bob"}))
		return alice.reason(err) == api.KeyChanged
	})
	eventually(t, "he is sent away", func() bool {
		return bob.transfer(m).State == p2pv1.Transfer_STATE_WAITING && alice.transfer(m).Sources == 0
	})
	ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob", Same: true})
	alice.say("bob", "it was you")
	eventually(t, "he has it when there is no doubt", func() bool { return slices.Contains(bob.texts("alice"), "it was you") })
}
