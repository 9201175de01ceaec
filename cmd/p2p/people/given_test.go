package people_test

import (
	"slices"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
)

func TestAMessageThatIsWithheldFromWhoCameLaterIsNotDeliveredToHim(t *testing.T) {
	alice, bob := two(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "quiet", History: -1})
	alice.say("quiet", "to myself")
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "quiet", Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_ADD})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "quiet") })
	eventually(t, "bob has its header", func() bool {
		return slices.ContainsFunc(bob.messages("quiet"), func(m *p2pv1.Message) bool { return m.Withheld })
	})
	if c := bob.conversation("quiet"); c.Unread != 0 {
		t.Errorf("of what he cannot read %d are unread", c.Unread)
	}
	alice.say("quiet", "to bob")
	last := func(back int) *p2pv1.Message {
		all := alice.messages("quiet")
		all = slices.DeleteFunc(all, func(m *p2pv1.Message) bool { return m.Notice != nil })
		return all[len(all)-1-back]
	}
	eventually(t, "bob has one to read", func() bool { c := bob.conversation("quiet"); return c.Unread == 1 && c.Late == 0 })
	eventually(t, "the second message is delivered", func() bool { return last(0).Delivery == p2pv1.Delivery_DELIVERY_DELIVERED })
	ask(t, bob.MarkRead, &p2pv1.MarkReadRequest{Where: "quiet"})
	eventually(t, "and read", func() bool { return last(0).Delivery == p2pv1.Delivery_DELIVERY_READ })
	if m := last(1); m.Text != "to myself" || m.Delivery != p2pv1.Delivery_DELIVERY_STORED || len(m.DeliveredTo)+len(m.ReadBy) > 0 {
		t.Errorf("what bob does not have is shown as %v", m)
	}
}
