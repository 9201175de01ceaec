package people_test

import (
	"path/filepath"
	"slices"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// Alice is away when bob takes another name, and he is gone when she comes: carol, who is in a room with both, has it for her.
func TestANickReachesAContactWhoIsAwayThroughAnyMember(t *testing.T) {
	alice, bob, carol := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob", "carol"}})
	for _, p := range []*person{bob, carol} {
		eventually(t, "the guests are in the room", func() bool { return slices.Contains(p.rooms(), "garden") })
	}
	eventually(t, "they know each other", func() bool {
		return slices.Equal(carol.memberNames("garden"), []string{"alice", "bob", "carol"}) && slices.Equal(bob.memberNames("garden"), []string{"alice", "bob", "carol"})
	})
	dir, trackers := alice.dir, alice.conversationTrackers()
	alice.close()
	bob.name("robert")
	bobs := bob.me().Account
	eventually(t, "carol has it in his hand", func() bool {
		return carol.Signed(bobs) == "robert" && slices.Contains(carol.memberNames("garden"), "robert")
	})
	bob.close()
	again := open(t, dir, trackers...)
	eventually(t, "he is called so", func() bool { return again.contact("robert").Account != "" })
	if k := again.contact("robert"); k.FormerName != "bob" || again.means("bob") != k.Conversation {
		t.Errorf("he is %v", k)
	}
	if got := again.contact("bob"); got.Account != "" {
		t.Errorf("there is still %v", got)
	}
}

func TestANickIsToldToContactsButForWhoHasGivenANameOfHisOwn(t *testing.T) {
	alice, bob := two(t)
	told := alice.listens()
	alice.name("alicia")
	bob.name("robert")
	eventually(t, "alice has it", func() bool { return alice.contact("robert").State == p2pv1.ContactState_CONTACT_STATE_FRIEND })
	eventually(t, "and is told", func() bool { return len(told(p2pv1.Alert_KIND_CALLED)) == 1 })
	if a := told(p2pv1.Alert_KIND_CALLED)[0]; a.Name != "robert" || a.Reason.GetKey() != api.CalledOtherwise || a.Reason.With["was"] != "bob" {
		t.Errorf("she is told %v", a)
	}
	alice.say("robert", "to the new name")
	eventually(t, "bob has that, from whom he calls alice", bob.has("alice", "to the new name"))
	if k := bob.contact("alice"); k.FormerName != "" {
		t.Errorf("whom he has named himself is %v", k)
	}
}

// Who was removed has that name at the directory still.
func TestAContactIsFoundByWhatHeWasCalledThoughSomebodyWhoWasRemovedIsCalledSo(t *testing.T) {
	w := newTown(t)
	alice, dave, carol := w.settle("alice"), w.settle("dave"), w.settle("carol")
	gets := func(p *person, name string) {
		ask(t, alice.AddContact, &p2pv1.AddContactRequest{Who: name})
		eventually(t, "he is asked", func() bool { return p.contact("alice").State == asks })
		p.answer("alice", p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
	}
	gets(carol, "carol")
	eventually(t, "carol has accepted", func() bool { return alice.contact("carol").State == friend })
	ask(t, alice.RenameContact, &p2pv1.RenameContactRequest{Who: "carol", Name: "dave"})
	ask(t, alice.RenameContact, &p2pv1.RenameContactRequest{Who: "dave", Name: "david"})
	gets(dave, "dave")
	eventually(t, "dave has accepted", func() bool { return alice.contact("dave-2").State == friend })
	ask(t, alice.RemoveContact, &p2pv1.RemoveContactRequest{Who: "dave-2"})
	if at := alice.means("dave"); at != alice.contact("david").Conversation {
		t.Errorf("the name means %q", at)
	}
}

func TestNobodyTakesTheNameOfAContactByANick(t *testing.T) {
	alice, _, carol := three(t)
	told := alice.listens()
	carol.name("B0b")
	eventually(t, "alice is warned", func() bool { return len(told(p2pv1.Alert_KIND_RENAMED)) == 1 })
	if a := told(p2pv1.Alert_KIND_RENAMED)[0]; a.Name != "carol" || a.Reason.GetKey() != api.NameOfAnother || a.Reason.With["like"] != "bob" || a.Reason.With["now"] != "B0b" {
		t.Errorf("she is told %v", a)
	}
	if k := alice.contact("carol"); k.State != p2pv1.ContactState_CONTACT_STATE_FRIEND || k.FormerName != "" {
		t.Errorf("carol is %v", k)
	}
	carol.name("alice")
	eventually(t, "nor her own", func() bool { return len(told(p2pv1.Alert_KIND_RENAMED)) == 2 })
	carol.name("caroline")
	eventually(t, "another she may have", func() bool { return alice.contact("caroline").Account != "" })
}

func TestANameInWhichNothingShowsIsRefused(t *testing.T) {
	p := open(t, filepath.Join(t.TempDir(), "alice"))
	ask(t, p.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab"})
	for _, no := range []string{" ", "\u3000", "\u200b", "\u2060\u3164", "\u2800", "\ufe0f"} {
		if _, err := p.SetPresence(t.Context(), connect.NewRequest(&p2pv1.SetPresenceRequest{DisplayName: &no})); p.reason(err) != api.BadNickname {
			t.Errorf("a person called %q: %v", no, err)
		}
		if _, err := p.CreateRoom(t.Context(), connect.NewRequest(&p2pv1.CreateRoomRequest{Name: no})); p.reason(err) != api.BadRoomName {
			t.Errorf("a room called %q: %v", no, err)
		}
		if _, err := p.ChangeRoom(t.Context(), connect.NewRequest(&p2pv1.ChangeRoomRequest{Where: "lab", Name: &no})); p.reason(err) != api.BadRoomName {
			t.Errorf("a room that is to be called %q: %v", no, err)
		}
	}
	p.name("é")
}
