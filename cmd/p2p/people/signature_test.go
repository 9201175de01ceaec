package people_test

import (
	"slices"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api/p2pv1"
)

func (p *person) memberNames(where string) (names []string) {
	for _, m := range p.conversation(where).Members {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	return names
}

// Carol comes when bob is gone, into a room that gives nothing of what was said before, and has never met him.
func TestWhoComesLaterKnowsTheNamesOfThoseWhoWereThereBefore(t *testing.T) {
	alice, bob, carol := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", History: -1, Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "garden") })
	eventually(t, "bob may write", func() bool {
		_, err := bob.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "garden", Text: "hello"}))
		return err == nil
	})
	bob.name("robert")
	bob.say("garden", "I have to go")
	eventually(t, "alice has it", func() bool { return slices.Contains(alice.texts("garden"), "I have to go") })
	bob.close()
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "garden", Who: "carol", Change: p2pv1.ChangeMemberRequest_CHANGE_ADD})
	eventually(t, "carol knows all by name", func() bool {
		return slices.Contains(carol.rooms(), "garden") && slices.Equal(carol.memberNames("garden"), []string{"alice", "carol", "robert"})
	})
	for _, m := range carol.messages("garden") {
		if m.Withheld && m.Name != "robert" {
			t.Errorf("what he said is by %q", m.Name)
		}
	}
}
