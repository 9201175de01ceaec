package people_test

import (
	"path/filepath"
	"slices"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api/p2pv1"
)

// notices returns what was done to a conversation, of one kind.
func (p *person) notices(where string, kind p2pv1.Notice_Kind) (all []*p2pv1.Notice) {
	p.t.Helper()
	for _, m := range p.messages(where) {
		if m.Notice.GetKind() == kind {
			all = append(all, m.Notice)
		}
	}
	return all
}

func TestSomebodyJoinsOnceWithHoweverManyDevices(t *testing.T) {
	w := newTown(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	acquaint(t, alice, bob, "alice", "bob")
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob"}})
	joined := func() int { return len(alice.notices("garden", p2pv1.Notice_KIND_JOINED)) }
	eventually(t, "bob is in the room", func() bool { return joined() == 1 })
	alice.say("garden", "hello")
	heard := alice.hears()
	phone := w.open(filepath.Join(t.TempDir(), "phone"))
	ask(t, phone.Login, &p2pv1.LoginRequest{Name: "bob", Password: password})
	eventually(t, "his phone may write", func() bool {
		_, err := phone.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "garden", Text: "from the phone"}))
		return err == nil
	})
	eventually(t, "alice has that", alice.has("garden", "hello", "from the phone"))
	if joined() != 1 {
		t.Errorf("bob has joined %d times", joined())
	}
	for _, e := range heard() {
		if m := e.GetMessage(); m.GetNotice() != nil {
			t.Errorf("programs are told %v", m)
		}
	}
	page := ask(t, alice.ListMessages, &p2pv1.ListMessagesRequest{Where: "garden", Limit: 2}).Messages
	if len(page) != 2 || page[0].Text != "hello" {
		t.Errorf("of the last two lines there are %v", page)
	}
}

func TestWhatWasChangedInARoomIsSaid(t *testing.T) {
	alice, bob := two(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "garden") })
	name, limit, history := "yard", int32(7), int32(-1)
	ask(t, alice.ChangeRoom, &p2pv1.ChangeRoomRequest{Where: "garden", Name: &name})
	ask(t, alice.ChangeRoom, &p2pv1.ChangeRoomRequest{Where: "yard", Limit: &limit, History: &history, RevokeLinks: true})
	eventually(t, "bob has all", func() bool {
		return slices.Contains(bob.rooms(), "yard") && len(bob.notices("yard", p2pv1.Notice_KIND_LINKS_REVOKED)) == 1
	})
	said := bob.notices("yard", p2pv1.Notice_KIND_CHANGED)
	if len(said) != 2 || said[0].Before.GetName() != "garden" || said[0].After.GetName() != "yard" || said[0].Before.GetLimit() != said[0].After.GetLimit() ||
		said[1].Before.GetName() != "yard" || said[1].Before.GetLimit() != 50 || said[1].After.GetLimit() != 7 || said[1].Before.GetHistory() != 0 || said[1].After.GetHistory() != -1 {
		t.Errorf("bob is told %v", said)
	}
	if c := bob.conversation("yard"); c.Unread != 0 {
		t.Errorf("%d are unread", c.Unread)
	}
	for p, me := range map[*person]bool{alice: false, bob: true} {
		invited := p.notices(map[bool]string{true: "alice", false: "bob"}[me], p2pv1.Notice_KIND_INVITED)
		if len(invited) != 1 || invited[0].Me != me || invited[0].Name != "bob" {
			t.Errorf("of the invitation is said %v", invited)
		}
	}
}
