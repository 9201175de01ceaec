package people_test

import (
	"slices"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
)

func TestWhoMayNotDeleteAMessageDeletesNothingAndIsNotNamed(t *testing.T) {
	alice, bob, carol := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob", "carol"}})
	for _, p := range []*person{bob, carol} {
		eventually(t, "the guests are in the room", func() bool { return slices.Contains(p.rooms(), "garden") })
	}
	eventually(t, "all are members", func() bool { return len(carol.conversation("garden").Members) == 3 })
	bob.close()
	id := carol.say("garden", "tea at five").Id
	eventually(t, "alice has it", alice.has("garden", "tea at five"))
	alice.close()
	carol.close()
	bob = open(t, bob.dir)
	if err := bob.ForgeDelete(t.Context(), "garden", id); err != nil {
		t.Fatal(err)
	}
	bob.say("garden", "no tea")
	alice, carol = open(t, alice.dir), open(t, carol.dir)
	everybody := map[string]*person{"alice": alice, "bob": bob, "carol": carol}
	is := func(p *person) *p2pv1.Message {
		for _, m := range p.messages("garden") {
			if m.Id == id {
				return m
			}
		}
		return &p2pv1.Message{}
	}
	for name, p := range everybody {
		eventually(t, name+" has what bob has said since", func() bool {
			return slices.Contains(p.texts("garden"), "no tea") && slices.Contains(p.texts("garden"), "tea at five")
		})
		if m := is(p); m.Deleted || m.DeletedBy != "" || m.Text != "tea at five" {
			t.Errorf("to %s it is %v", name, m)
		}
	}
	ask(t, alice.Delete, &p2pv1.DeleteRequest{Message: id})
	for name, p := range everybody {
		eventually(t, name+" sees that it is deleted", func() bool { return is(p).Deleted })
		if by := is(p).DeletedBy; by != "alice" {
			t.Errorf("to %s it was deleted by %q", name, by)
		}
	}
}
