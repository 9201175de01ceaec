package people_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/people"
)

// bereft has somebody lose his only device, and log in on another.
func (w town) bereft(p *person, name string) *person {
	w.t.Helper()
	p.close()
	next := w.open(filepath.Join(w.t.TempDir(), name+"2"))
	ask(w.t, next.Login, &p2pv1.LoginRequest{Name: name, Password: password})
	eventually(w.t, "there is a session", func() bool { return next.me().Directory.Connected })
	return next
}

func TestWhoHasLostHisOnlyDeviceAndAsksAFriendIsLedBackIntoTheirConversation(t *testing.T) {
	for _, by := range []string{"his name", "a link", "the friend"} {
		t.Run(by, func(t *testing.T) {
			w := newTown(t)
			alice, bob := w.settle("alice"), w.settle("bob")
			befriend(t, bob, alice, "bob", "alice")
			bob.say("alice", "before")
			eventually(t, "alice has it", alice.has("bob", "before"))
			old := alice.contact("bob").Conversation
			bob.close()
			alice.say("bob", "while you are gone")
			bob = w.bereft(bob, "bob")
			switch by {
			case "his name":
				ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: "alice"})
			case "a link":
				ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: ask(t, alice.Invite, &p2pv1.InviteRequest{}).Link, Name: "alice"})
			default:
				if r := ask(t, alice.AddContact, &p2pv1.AddContactRequest{Who: "bob"}); !r.Sought {
					t.Errorf("alice, who has him, asks him again: %v", r)
				}
				eventually(t, "bob is asked", func() bool { return bob.contact("alice").State == asks })
				bob.answer("alice", p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
			}
			eventually(t, "bob has all of it", func() bool {
				return bob.contact("alice").State == friend && bob.has("alice", "before", "while you are gone")()
			})
			bob.say("alice", "I am back")
			eventually(t, "alice has it", alice.has("bob", "before", "while you are gone", "I am back"))
			if a, b := alice.contact("bob").Conversation, bob.contact("alice").Conversation; a != old || b != old {
				t.Errorf("they were in %s, and are in %s and %s", old, a, b)
			}
			eventually(t, "bob is in no other", func() bool { // what he has asked in is gone a moment after
				return len(ask(t, bob.ListConversations, &p2pv1.ListConversationsRequest{}).Conversations) == 1
			})
			_, err := alice.AddContact(t.Context(), connect.NewRequest(&p2pv1.AddContactRequest{Who: "bob"}))
			if alice.reason(err) != api.AlreadyContact {
				t.Errorf("once they have met, alice asks him again: %v", err)
			}
		})
	}
}

// A letter that had been begun before the conversation was found says that, too.
func TestWhoIsLedBackAndSaysHisRequestOnceMoreStaysInTheirConversation(t *testing.T) {
	w := newTown(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	befriend(t, bob, alice, "bob", "alice")
	bob.say("alice", "before")
	eventually(t, "alice has it", alice.has("bob", "before"))
	old := alice.contact("bob").Conversation
	alice.close()
	bob = w.bereft(bob, "bob")
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: "alice"})
	if err := bob.LedBackHalf(t.Context(), "alice", old); err != nil {
		t.Fatal(err)
	}
	bob.close()
	bob = w.open(bob.dir) // and the request is said again
	eventually(t, "there is a session", func() bool { return bob.me().Directory.Connected })
	alice = w.open(alice.dir)
	eventually(t, "bob is in it", func() bool { return bob.contact("alice").State == friend && bob.has("alice", "before")() })
	bob.say("alice", "I am back")
	eventually(t, "alice has it", alice.has("bob", "before", "I am back"))
	if a, b := alice.contact("bob").Conversation, bob.contact("alice").Conversation; a != old || b != old {
		t.Errorf("they were in %s, and are in %s and %s", old, a, b)
	}
}

func TestADeviceThatComesToRoomsItKnowsNothingOfIsToldOfThem(t *testing.T) {
	people.RemindSoon(t)
	w := newTown(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	befriend(t, bob, alice, "bob", "alice")
	ask(t, bob.CreateRoom, &p2pv1.CreateRoomRequest{Name: "his", Invite: []string{"alice"}})
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "hers", Invite: []string{"bob"}})
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "linked"})
	ask(t, bob.JoinRoom, &p2pv1.JoinRoomRequest{Link: ask(t, alice.Invite, &p2pv1.InviteRequest{Where: "linked"}).Link})
	all := []string{"hers", "his", "linked"}
	in := func(p *person) func() bool {
		return func() bool { return slices.Equal(slices.Sorted(slices.Values(p.rooms())), all) }
	}
	eventually(t, "both are in all rooms", func() bool { return in(alice)() && in(bob)() })
	eventually(t, "alice sees him there", func() bool {
		return !slices.ContainsFunc(all, func(name string) bool { return len(alice.conversation(name).Members) != 2 })
	})
	for _, name := range all {
		alice.say(name, "in "+name)
	}
	bob = w.bereft(bob, "bob")
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: "alice"})
	eventually(t, "bob is in all of them", in(bob))
	for _, name := range all {
		eventually(t, "bob has what was said in "+name, bob.has(name, "in "+name))
	}
	ask(t, bob.ChangeRoom, &p2pv1.ChangeRoomRequest{Where: "his", Limit: new(int32(7))}) // he owns it still
}

func TestAMemberWhoHasLostHisOnlyDeviceIsInvitedAgain(t *testing.T) {
	w := newTown(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	befriend(t, bob, alice, "bob", "alice")
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden"})
	ask(t, bob.JoinRoom, &p2pv1.JoinRoomRequest{Link: ask(t, alice.Invite, &p2pv1.InviteRequest{Where: "garden"}).Link})
	invite := &p2pv1.ChangeMemberRequest{Where: "garden", Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_ADD}
	eventually(t, "bob is in the room", func() bool {
		_, err := alice.ChangeMember(t.Context(), connect.NewRequest(invite))
		return alice.reason(err) == api.AlreadyMember
	})
	bob = w.bereft(bob, "bob")
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: "alice"})
	eventually(t, "they have met", func() bool { return bob.contact("alice").State == friend && alice.contact("bob").Path != 0 })
	ask(t, alice.ChangeMember, invite)
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "garden") })
}

// Else each run of a node would say it again, to a device that never comes.
func TestItIsKnownWhetherSomebodyWasToldOfARoomSinceHeHasADevice(t *testing.T) {
	alice, _ := two(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob"}})
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "den"})
	for _, c := range []struct {
		room  string
		since int64
		want  bool
	}{{"garden", 0, true}, {"garden", time.Now().Add(time.Hour).UnixMilli(), false}, {"den", 0, false}} {
		if told, err := alice.Invited(t.Context(), "bob", c.room, c.since); err != nil || told != c.want {
			t.Errorf("of the %s since %d: %v, %v", c.room, c.since, told, err)
		}
	}
}
