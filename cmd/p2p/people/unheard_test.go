package people_test

import (
	"path/filepath"
	"slices"
	"testing"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

func TestWhatSomebodyWroteAfterHeHadBeenRemovedIsGivenBackAndWhatHeDeletedIsThere(t *testing.T) {
	tracker := startTracker(t)
	alice, bob := open(t, filepath.Join(t.TempDir(), "alice"), tracker), open(t, filepath.Join(t.TempDir(), "bob"), tracker)
	alice.name("alice")
	bob.name("bob")
	befriend(t, alice, bob, "alice", "bob")
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "den", Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "den") && len(alice.conversation("den").Members) == 2 })
	bob.say("den", "regretted")
	eventually(t, "alice has it", alice.has("den", "regretted"))
	bob.close()
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "den", Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_KICK})
	alice.close()

	bob = open(t, bob.dir, tracker)
	bob.say("den", "said offline 1")
	bob.say("den", "said offline 2")
	regretted := bob.messages("den")
	regretted = slices.DeleteFunc(regretted, func(m *p2pv1.Message) bool { return m.GetText() != "regretted" })
	ask(t, bob.Delete, &p2pv1.DeleteRequest{Message: regretted[0].Id})
	told := bob.hears()
	alice = open(t, alice.dir, tracker)
	var alert, undone *p2pv1.Alert
	eventually(t, "bob is told", func() bool {
		for _, e := range told() {
			if a := e.GetAlert(); a.GetKind() == p2pv1.Alert_KIND_UNHEARD && a.Text == "" {
				undone = a
			} else if a.GetKind() == p2pv1.Alert_KIND_UNHEARD {
				alert = a
			}
		}
		return alert != nil && undone != nil
	})
	if undone.Reason.Key != api.DeletionUnheard || undone.Reason.With["count"] != "1" {
		t.Errorf("of what he has deleted bob is told %v", undone)
	}
	den := bob.conversation("den")
	const words = "said offline 1\nsaid offline 2"
	if alert.Text != words || alert.Conversation != den.Id || alert.Reason.Key != api.Unheard || alert.Reason.With["count"] != "2" || den.Draft != words {
		t.Errorf("bob is told %v, and has the draft %q", alert, den.Draft)
	}
	again := bob.hears()
	bob.close()
	bob = open(t, bob.dir, tracker)
	if got := bob.conversation("den").Draft; got != words {
		t.Errorf("later the draft is %q", got)
	}
	for _, e := range again() {
		if e.GetAlert().GetKind() == p2pv1.Alert_KIND_UNHEARD {
			t.Error("he is told again")
		}
	}
}
