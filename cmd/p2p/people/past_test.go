package people_test

import (
	"path/filepath"
	"slices"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
)

func TestAFurtherDeviceHasWhatWasSaidWhereTheAccountIsNoMore(t *testing.T) {
	w := newTown(t)
	alice, bob, carol := w.settle("alice"), w.settle("bob"), w.settle("carol")
	befriend(t, bob, alice, "bob", "alice")
	befriend(t, bob, carol, "bob", "carol")
	for _, name := range []string{"left", "barred"} {
		ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: name, Invite: []string{"bob"}, History: -1})
		eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), name) })
		bob.say(name, "bob, in "+name)
		eventually(t, "alice has it", alice.has(name, "bob, in "+name))
		alice.say(name, "alice, in "+name)
		eventually(t, "bob has it", bob.has(name, "bob, in "+name, "alice, in "+name))
	}
	bob.say("carol", "farewell")
	eventually(t, "carol has it", carol.has("bob", "farewell"))
	said := map[string][]string{bob.contact("carol").Conversation: {"farewell"}}
	for _, name := range []string{"left", "barred"} {
		said[bob.conversation(name).Id] = []string{"bob, in " + name, "alice, in " + name}
	}
	ask(t, bob.RemoveContact, &p2pv1.RemoveContactRequest{Who: "carol"})
	ask(t, bob.LeaveRoom, &p2pv1.LeaveRoomRequest{Where: "left"})
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "barred", Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_KICK})
	eventually(t, "bob is in none", func() bool { return len(bob.rooms()) == 0 })
	eventually(t, "the others know", func() bool {
		return carol.contact("bob").State == removed && len(alice.conversation("left").Members) == 1
	})
	phone := w.open(filepath.Join(t.TempDir(), "phone"))
	ask(t, phone.Login, &p2pv1.LoginRequest{Name: "bob", Password: password})
	for id, texts := range said {
		eventually(t, "the phone knows the conversation", func() bool {
			return slices.ContainsFunc(ask(t, phone.ListConversations, &p2pv1.ListConversationsRequest{}).Conversations, func(c *p2pv1.Conversation) bool { return c.Id == id })
		})
		eventually(t, "the phone has what was said", phone.has(id, texts...))
	}
	if got := phone.rooms(); len(got) > 0 || len(alice.conversation("left").Members) != 1 {
		t.Errorf("by that the phone is in %v", got)
	}
	if got := ask(t, phone.Search, &p2pv1.SearchRequest{Query: "farewell"}).Messages; len(got) != 1 {
		t.Errorf("the phone finds %v", got)
	}
	// Who comes back is in it as before.
	ask(t, bob.JoinRoom, &p2pv1.JoinRoomRequest{Link: ask(t, alice.Invite, &p2pv1.InviteRequest{Where: "left"}).Link})
	for _, p := range []*person{bob, phone} {
		eventually(t, "both of his devices are in the room", func() bool { return slices.Contains(p.rooms(), "left") })
	}
	alice.say("left", "again")
	eventually(t, "the phone has what is said from now on", func() bool { return slices.Contains(phone.texts("left"), "again") })
}
