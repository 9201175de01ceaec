package people_test

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

const (
	asks    = p2pv1.ContactState_CONTACT_STATE_ASKS
	asked   = p2pv1.ContactState_CONTACT_STATE_ASKED
	friend  = p2pv1.ContactState_CONTACT_STATE_FRIEND
	refused = p2pv1.ContactState_CONTACT_STATE_REFUSED
	removed = p2pv1.ContactState_CONTACT_STATE_REMOVED
	blocked = p2pv1.ContactState_CONTACT_STATE_BLOCKED
)

// strangers returns two people at one tracker, and the link of the first without its token: who has it was
// not invited.
func strangers(t *testing.T) (alice, bob *person, link string) {
	t.Helper()
	tracker := startTracker(t)
	alice, bob = open(t, filepath.Join(t.TempDir(), "alice"), tracker), open(t, filepath.Join(t.TempDir(), "bob"), tracker)
	alice.name("alice")
	bob.name("bob")
	return alice, bob, without(ask(t, alice.Invite, &p2pv1.InviteRequest{}).Link, "k")
}

// without returns a link that lacks something: "k", that by which its author knows it, or "a", the addresses.
func without(link, key string) string {
	head, query, _ := strings.Cut(link, "?")
	lacks := func(s string) bool { return strings.HasPrefix(s, key+"=") }
	return head + "?" + strings.Join(slices.DeleteFunc(strings.Split(query, "&"), lacks), "&")
}

func (p *person) answer(who string, a p2pv1.AnswerContactRequest_Answer) {
	p.t.Helper()
	ask(p.t, p.AnswerContact, &p2pv1.AnswerContactRequest{Who: who, Answer: a})
}

func TestARequestWaitsForItsAnswer(t *testing.T) {
	alice, bob, link := strangers(t)
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: link, Note: "from the market"})
	eventually(t, "alice is asked", func() bool { return alice.contact("bob").State == asks })
	if c := alice.contact("bob"); c.Note != "from the market" || c.Presence != p2pv1.Presence_PRESENCE_UNSPECIFIED {
		t.Errorf("alice sees %v", c)
	}
	if c := bob.contact("alice"); c.State != asked || c.Presence != p2pv1.Presence_PRESENCE_UNSPECIFIED {
		t.Errorf("before he is accepted bob sees %v", c)
	}
	if _, err := alice.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "bob", Text: "x"})); alice.reason(err) != api.NotContact {
		t.Errorf("alice writes to who only asks: %v", err)
	}
	alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
	eventually(t, "both have each other", func() bool { return alice.contact("bob").State == friend && bob.contact("alice").State == friend })
	eventually(t, "bob sees alice", func() bool { return bob.contact("alice").Presence == p2pv1.Presence_PRESENCE_ONLINE })
}

func TestWhoIsRefusedIsTold(t *testing.T) {
	alice, bob, link := strangers(t)
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: link})
	eventually(t, "alice is asked", func() bool { return alice.contact("bob").State == asks })
	alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_REFUSE)
	eventually(t, "bob is told", func() bool { return bob.contact("alice").State == refused })
	_, err := bob.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "alice", Text: "but why?"}))
	if err == nil {
		t.Error("bob may write")
	}
}

func TestWhoIsBlockedNoticesNothingAndSeesNothing(t *testing.T) {
	alice, bob := two(t)
	eventually(t, "bob sees alice", func() bool { return bob.contact("alice").Presence == p2pv1.Presence_PRESENCE_ONLINE })
	alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_BLOCK)
	eventually(t, "bob sees her no more", func() bool { return bob.contact("alice").Presence == p2pv1.Presence_PRESENCE_OFFLINE })
	bob.say("alice", "are you there?")
	if _, err := alice.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "bob", Text: "x"})); alice.reason(err) != api.Blocked {
		t.Errorf("she writes to whom she has blocked: %v", err)
	}
	// What was said is read, by his name and, as programs do, by its id; so it goes for a part of both.
	id := alice.contact("bob").Conversation
	for _, where := range []string{"bob", "@bob", id, id[:8]} {
		if got := alice.means(where); got != id {
			t.Errorf("%s means %s", where, got)
		}
	}
	alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_UNBLOCK)
	eventually(t, "alice has what he wrote meanwhile", alice.has("bob", "are you there?"))
	if c := alice.contact("bob"); c.State != friend {
		t.Errorf("he is %v", c.State)
	}
}

func TestWhoIsBlockedSeesNobodyInASharedRoomEitherAndThatItIsSharedIsSaid(t *testing.T) {
	alice, bob, carol := three(t)
	alice.say("bob", "before")
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob", "carol"}})
	eventually(t, "all are in the room", func() bool { return len(bob.rooms()) == 1 && len(carol.rooms()) == 1 })
	online := func() bool { return bob.contact("alice").Presence == p2pv1.Presence_PRESENCE_ONLINE }
	eventually(t, "bob sees alice", online)
	r := ask(t, alice.AnswerContact, &p2pv1.AnswerContactRequest{Who: "bob", Answer: p2pv1.AnswerContactRequest_ANSWER_BLOCK})
	if len(r.SharedRooms) != 1 || r.SharedRooms[0] != "garden" {
		t.Errorf("alice is told of %v", r.SharedRooms)
	}
	eventually(t, "bob sees her no more", func() bool { return bob.contact("alice").Presence == p2pv1.Presence_PRESENCE_OFFLINE })
	bob.say("garden", "roses")
	eventually(t, "carol passes on what he says there", alice.has("garden", "roses"))
	if online() {
		t.Error("bob sees her in the room")
	}
	if got := alice.texts("bob"); len(got) != 1 || got[0] != "before" {
		t.Errorf("what was said before is %q", got)
	}
	alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_UNBLOCK)
	eventually(t, "bob sees her again", online)
}

func TestBothListsForgetWhoWasRemoved(t *testing.T) {
	alice, bob := two(t)
	eventually(t, "they are connected", func() bool { return alice.contact("bob").Path != p2pv1.Path_PATH_UNSPECIFIED })
	alice.say("bob", "a secret")
	old := alice.contact("bob").Conversation
	ask(t, alice.RemoveContact, &p2pv1.RemoveContactRequest{Who: "bob"})
	eventually(t, "neither has the other", func() bool { return alice.contact("bob").State == removed && bob.contact("alice").State == removed })
	befriend(t, alice, bob, "alice", "bob")
	bob.say("alice", "sorry")
	eventually(t, "they talk again", alice.has("bob", "sorry"))
	if got := alice.texts(old); len(got) != 1 || got[0] != "a secret" {
		t.Errorf("by its id the conversation from before says %q", got)
	}
}

func TestWhoWasRemovedIsToldAndWritesToNobody(t *testing.T) {
	alice, bob := two(t)
	said := alice.say("bob", "hello")
	eventually(t, "bob has it", bob.has("alice", "hello"))
	events := alice.listens()
	ask(t, bob.RemoveContact, &p2pv1.RemoveContactRequest{Who: "alice"})
	eventually(t, "alice is told", func() bool { return len(events(p2pv1.Alert_KIND_REMOVED)) == 1 })
	if a := events(p2pv1.Alert_KIND_REMOVED)[0]; a.Reason.GetKey() != api.RemovedYou || a.Reason.With["who"] != "bob" {
		t.Errorf("she is told %v", a)
	}
	if c := alice.conversation("bob"); c.Reason.GetKey() != api.RemovedYou {
		t.Errorf("the conversation is %v", c)
	}
	if c := bob.conversation("alice"); c.Reason != nil {
		t.Errorf("to him it is %v", c)
	}
	_, err := alice.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "bob", Text: "are you there?"}))
	if alice.reason(err) != api.RemovedYou {
		t.Errorf("she writes: %v", err)
	}
	_, err = alice.React(t.Context(), connect.NewRequest(&p2pv1.ReactRequest{Message: said.Id, Emoji: "?"}))
	if alice.reason(err) != api.RemovedYou {
		t.Errorf("she reacts: %v", err)
	}
	_, err = bob.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "alice", Text: "never mind"}))
	if bob.reason(err) != api.NotContact {
		t.Errorf("he writes: %v", err)
	}
	old := alice.contact("bob").Conversation
	befriend(t, bob, alice, "bob", "alice")
	for _, p := range []*person{alice, bob} {
		other := map[*person]string{alice: "bob", bob: "alice"}[p]
		if c := p.conversation(other); c.Older != old || c.Reason != nil {
			t.Errorf("when they are contacts again, the conversation with %s is %v; before it was %s", other, c, old)
		}
	}
}

func TestWhoWasAwayWhenHeWasRemovedIsToldByANodeThatHasBegunAnew(t *testing.T) {
	alice, bob := two(t)
	aliceDir, bobDir, trackers := alice.dir, bob.dir, alice.conversationTrackers()
	alice.close()
	ask(t, bob.RemoveContact, &p2pv1.RemoveContactRequest{Who: "alice"})
	bob.close()
	bob = open(t, bobDir, trackers...)
	alice = open(t, aliceDir, trackers...)
	eventually(t, "alice knows", func() bool { return alice.contact("bob").State == removed })
	left := func() *p2pv1.Conversation { return bob.conversation("alice") }
	eventually(t, "bob needs not tell her again", func() bool { return len(left().Members) == 0 })
}

func TestContactsAndConversationsOutliveTheProcess(t *testing.T) {
	alice, bob := two(t)
	bob.say("alice", "one")
	eventually(t, "alice has it", alice.has("bob", "one"))
	dir, trackers := alice.dir, alice.conversationTrackers()
	alice.close()
	bob.say("alice", "two")
	again := open(t, dir, trackers...)
	if c := again.contact("bob"); c.State != friend {
		t.Errorf("after a restart bob is %v", c)
	}
	eventually(t, "what came meanwhile is there", again.has("bob", "one", "two"))
	again.say("bob", "three")
	eventually(t, "bob has the answer", bob.has("alice", "one", "two", "three"))
}

func TestTwoWhoAskEachOtherAtOnceMeet(t *testing.T) {
	alice, bob, toAlice := strangers(t)
	toBob := ask(t, bob.Invite, &p2pv1.InviteRequest{}).Link
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: toAlice})
	ask(t, alice.AddContact, &p2pv1.AddContactRequest{Who: toBob})
	eventually(t, "both have each other", func() bool { return alice.contact("bob").State == friend && bob.contact("alice").State == friend })
	alice.say("bob", "hi")
	eventually(t, "they are in one room", bob.has("alice", "hi"))
	if a, b := alice.contact("bob").Conversation, bob.contact("alice").Conversation; a != b {
		t.Errorf("their rooms are %s and %s", a, b)
	}
	for _, p := range []*person{alice, bob} {
		eventually(t, "each has one conversation", func() bool {
			return len(ask(t, p.ListConversations, &p2pv1.ListConversationsRequest{}).Conversations) == 1
		})
	}
}

func TestNothingIsSentToWhoseSafetyNumberDiffersUntilItIsTheSame(t *testing.T) {
	alice, bob := two(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab", Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return len(bob.rooms()) == 1 })
	r := ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob", Differ: true})
	if r.Verified || !r.Contact.Differs || !alice.contact("bob").Differs {
		t.Errorf("she is told %v", r)
	}
	tries := func(where string) string {
		_, err := alice.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: where, Text: "for whom?"}))
		return alice.reason(err)
	}
	if got := tries("bob"); got != api.NumberDiffers {
		t.Errorf("to him: %s", got)
	}
	if got := tries("lab"); got != api.MemberInDoubt {
		t.Errorf("to the room: %s", got)
	}
	ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob", Same: true})
	if c := alice.contact("bob"); !c.Verified || c.Differs || tries("bob") != "" || tries("lab") != "" {
		t.Errorf("it is the same, and he is %v", c)
	}
}

func TestWhoIsNoContactIsNotRemovedNorUnblocked(t *testing.T) {
	alice, bob := two(t)
	ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob", Same: true})
	_, err := alice.AnswerContact(t.Context(), connect.NewRequest(&p2pv1.AnswerContactRequest{Who: "bob", Answer: p2pv1.AnswerContactRequest_ANSWER_UNBLOCK}))
	if alice.reason(err) != api.NotBlocked {
		t.Errorf("he is unblocked: %v", err)
	}
	ask(t, alice.RemoveContact, &p2pv1.RemoveContactRequest{Who: "bob"})
	if _, err := alice.RemoveContact(t.Context(), connect.NewRequest(&p2pv1.RemoveContactRequest{Who: "bob"})); alice.reason(err) != api.NotContact {
		t.Errorf("he is removed twice: %v", err)
	}
	befriend(t, alice, bob, "alice", "bob")
	if alice.contact("bob").Verified {
		t.Error("who is a contact again is verified")
	}
}

func TestWhoFollowsANewLinkBeforeHeHearsThatHeWasRemovedIsAContactAgain(t *testing.T) {
	alice, bob := two(t)
	bob.close()
	ask(t, alice.RemoveContact, &p2pv1.RemoveContactRequest{Who: "bob"})
	link := ask(t, alice.Invite, &p2pv1.InviteRequest{}).Link
	dir, trackers := alice.dir, alice.conversationTrackers()
	alice.close()
	bob = open(t, bob.dir, trackers...)
	if r := ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: link}); !r.Sought || r.Contact.State != friend {
		t.Fatalf("before he hears of it she is %v", r)
	}
	alice = open(t, dir, trackers...)
	eventually(t, "both have each other", func() bool { return alice.contact("bob").State == friend && bob.contact("alice").State == friend })
	met(alice, bob, "alice", "bob")
	bob.say("alice", "hello again")
	eventually(t, "they talk", alice.has("bob", "hello again"))
}

// The node of the one who was removed has stored that, and has ended before it drew the consequence.
func TestWhatWasStoredAsANodeEndedIsDrawnTheConsequenceOfByTheNext(t *testing.T) {
	alice, bob := two(t)
	ask(t, alice.RemoveContact, &p2pv1.RemoveContactRequest{Who: "bob"})
	eventually(t, "bob knows", func() bool { return bob.contact("alice").State == removed })
	if err := bob.Unsettle(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	bob.close()
	bob = open(t, bob.dir)
	eventually(t, "the next one sees that he was removed", func() bool { return bob.contact("alice").State == removed })
}

func TestWhoIsRemovedAfterHeHasFollowedALinkIsRemoved(t *testing.T) {
	alice, bob := two(t)
	link := ask(t, alice.Invite, &p2pv1.InviteRequest{}).Link
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: link})
	for at := time.Now().UnixMilli(); time.Now().UnixMilli() == at; { // so fine are the clocks that are compared
		runtime.Gosched()
	}
	events := bob.listens()
	ask(t, alice.RemoveContact, &p2pv1.RemoveContactRequest{Who: "bob"})
	eventually(t, "he is told", func() bool { return len(events(p2pv1.Alert_KIND_REMOVED)) == 1 })
	if a, b := alice.contact("bob").State, bob.contact("alice").State; a != removed || b != removed {
		t.Errorf("to her he is %v, to him she %v", a, b)
	}
}

func TestSafetyNumbersAreTheSameOnBothSides(t *testing.T) {
	alice, bob := two(t)
	a := ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob"}).SafetyNumber
	if b := ask(t, bob.VerifyContact, &p2pv1.VerifyContactRequest{Who: "alice", Same: true}); b.SafetyNumber != a || !b.Verified {
		t.Errorf("alice sees %s, bob %v", a, b)
	}
	if !bob.contact("alice").Verified {
		t.Error("bob's mark is gone")
	}
}

func TestANodeOfNobodySaysWhatToDo(t *testing.T) {
	nobody := open(t, filepath.Join(t.TempDir(), "nobody"))
	for name, err := range map[string]error{
		"send":     second(nobody.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "x", Text: "y"}))),
		"devices":  second(nobody.ListDevices(t.Context(), connect.NewRequest(&p2pv1.ListDevicesRequest{}))),
		"register": second(nobody.Register(t.Context(), connect.NewRequest(&p2pv1.RegisterRequest{Name: "alice", Password: "12345678"}))),
	} {
		if key := api.ReasonOf(err).GetKey(); key != api.NoAccount && key != api.NoDirectory {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := nobody.ListMessages(t.Context(), connect.NewRequest(&p2pv1.ListMessagesRequest{Where: "x"}))
	if nobody.reason(err) != api.NoSuchConversation {
		t.Errorf("to read: %v", err)
	}
	if me := ask(t, nobody.Whoami, &p2pv1.WhoamiRequest{}); me.LoggedIn || me.Account != "" {
		t.Errorf("nobody is %v", me)
	}
}

func second[A any](_ A, err error) error { return err }

func TestALinkThatLeadsElsewhereSaysWhere(t *testing.T) {
	alice, bob, link := strangers(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab"})
	room := ask(t, alice.Invite, &p2pv1.InviteRequest{Where: "lab"}).Link
	problem := func(err error) string { return api.ReasonOf(err).GetWith()["problem"] }
	for wrong, want := range map[string]string{room: api.LinkToRoom, link[:30]: api.LinkDamaged} {
		if _, err := bob.AddContact(t.Context(), connect.NewRequest(&p2pv1.AddContactRequest{Who: wrong})); bob.reason(err) != api.BadLink || problem(err) != want {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	for wrong, want := range map[string]string{link: api.LinkToPerson, "http://x": api.LinkStart} {
		if _, err := bob.JoinRoom(t.Context(), connect.NewRequest(&p2pv1.JoinRoomRequest{Link: wrong})); bob.reason(err) != api.BadLink || problem(err) != want {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

func TestWhoHasNotAnsweredYetIsNoContactToBringIntoARoom(t *testing.T) {
	_, bob, link := strangers(t)
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: link, Name: "alice"})
	q := &p2pv1.CreateRoomRequest{Name: "lab", Invite: []string{"alice"}}
	if _, err := bob.CreateRoom(t.Context(), connect.NewRequest(q)); bob.reason(err) != api.NotContact {
		t.Errorf("a room with her: %v", err)
	}
	ask(t, bob.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab"})
	add := &p2pv1.ChangeMemberRequest{Where: "lab", Who: "alice", Change: p2pv1.ChangeMemberRequest_CHANGE_ADD}
	if _, err := bob.ChangeMember(t.Context(), connect.NewRequest(add)); bob.reason(err) != api.NotContact {
		t.Errorf("to bring her in: %v", err)
	}
}
