package people_test

import (
	"path/filepath"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// also returns one more person at the trackers of another.
func (p *person) also(name string) *person {
	p.t.Helper()
	q := open(p.t, filepath.Join(p.t.TempDir(), name), p.conversationTrackers()...)
	q.name(name)
	return q
}

func TestALinkLetsInTheFirstWhoUsesItAndTheOthersAsk(t *testing.T) {
	alice, bob, _ := strangers(t)
	link := ask(t, alice.Invite, &p2pv1.InviteRequest{}).Link
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: link})
	eventually(t, "bob is in", func() bool { return alice.contact("bob").State == friend })
	carol := alice.also("carol")
	ask(t, carol.AddContact, &p2pv1.AddContactRequest{Who: link, Note: "from the market"})
	eventually(t, "alice is asked about carol", func() bool { return alice.contact("carol").State == asks })
	if c := alice.contact("carol"); c.LinkUsedBy != "bob" || c.Note != "from the market" {
		t.Errorf("she sees %v", c)
	}
	if c := alice.contact("bob"); c.LinkUsedBy != "" || c.State != friend {
		t.Errorf("bob is %v", c)
	}
	alice.answer("carol", p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
	eventually(t, "carol is in", func() bool { return carol.contact("alice").State == friend })

	// Who has parted from her does not come back by it.
	ask(t, alice.RemoveContact, &p2pv1.RemoveContactRequest{Who: "bob"})
	eventually(t, "bob knows", func() bool { return bob.contact("alice").State == removed })
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: link})
	eventually(t, "alice is asked about bob", func() bool { return alice.contact("bob").State == asks })
}

func TestAUsedLinkIsUsedAfterARestartToo(t *testing.T) {
	alice, bob, _ := strangers(t)
	link := ask(t, alice.Invite, &p2pv1.InviteRequest{}).Link
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: link})
	eventually(t, "bob is in", func() bool { return alice.contact("bob").State == friend })
	dir, trackers := alice.dir, alice.conversationTrackers()
	alice.close()
	again := open(t, dir, trackers...)
	carol := again.also("carol")
	ask(t, carol.AddContact, &p2pv1.AddContactRequest{Who: link})
	eventually(t, "alice is asked about carol", func() bool { return again.contact("carol").State == asks })
}

func TestLinksToAPersonAreRevoked(t *testing.T) {
	alice, bob, _ := strangers(t)
	link := ask(t, alice.Invite, &p2pv1.InviteRequest{}).Link
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden"})
	garden := ask(t, alice.Invite, &p2pv1.InviteRequest{Where: "garden"}).Link
	if n := ask(t, alice.RevokeLinks, &p2pv1.RevokeLinksRequest{}).Revoked; n != 2 { // strangers has made one
		t.Errorf("%d links were void", n)
	}
	if n := ask(t, alice.RevokeLinks, &p2pv1.RevokeLinksRequest{}).Revoked; n != 0 {
		t.Errorf("%d more links were void", n)
	}
	ask(t, bob.JoinRoom, &p2pv1.JoinRoomRequest{Link: garden})
	eventually(t, "that into a room is good", func() bool { return len(alice.conversation("garden").Members) == 2 })
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: link})
	eventually(t, "alice is asked", func() bool { return alice.contact("bob").State == asks })
}

func TestALinkIsGoodForAYearAtMost(t *testing.T) {
	alice, _, _ := strangers(t)
	for _, millis := range []int64{-1, 367 * 24 * 3600 * 1000, 1 << 62} {
		_, err := alice.Invite(t.Context(), connect.NewRequest(&p2pv1.InviteRequest{ValidMillis: millis}))
		if alice.reason(err) != api.BadValidity {
			t.Errorf("%d: %v", millis, err)
		}
	}
}
