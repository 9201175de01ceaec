package people_test

import (
	"slices"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
)

// member returns how somebody sees a member of a room.
func (p *person) member(where, account string) *p2pv1.Member {
	for _, m := range p.conversation(where).Members {
		if m.Account == account {
			return m
		}
	}
	return &p2pv1.Member{}
}

// Carol is away, and bob has never met her; the room gives nothing of what was before.
func TestWhoWasInvitedIsKnownByNameBeforeHeComes(t *testing.T) {
	alice, bob, carol := three(t)
	carols := alice.contact("carol").Account
	carol.close()
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", History: -1, Invite: []string{"carol", "bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "garden") })
	eventually(t, "bob knows who else is asked", func() bool {
		m := bob.member("garden", carols)
		return m.Name == "carol" && m.Invited
	})
	if m := alice.member("garden", carols); m.Name != "carol" || m.Invited {
		t.Errorf("alice, whose contact she is, sees %v", m)
	}
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "garden", Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_ROLE, Role: p2pv1.Role_ROLE_MODERATOR})
	eventually(t, "bob may remove her by that name", func() bool {
		return bob.conversation("garden").Role == p2pv1.Role_ROLE_MODERATOR
	})
	ask(t, bob.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "garden", Who: "carol", Change: p2pv1.ChangeMemberRequest_CHANGE_KICK})
	if m := bob.member("garden", carols); m.Account != "" {
		t.Errorf("there is still %v", m)
	}
	for _, kind := range []p2pv1.Notice_Kind{p2pv1.Notice_KIND_ADDED, p2pv1.Notice_KIND_REMOVED} {
		if all := bob.notices("garden", kind); !slices.ContainsFunc(all, func(n *p2pv1.Notice) bool { return n.Account == carols && n.Name == "carol" }) {
			t.Errorf("in what he reads she is called %v", all)
		}
	}
}

func TestNobodyIsInvitedUnderTheNameOfAContact(t *testing.T) {
	alice, bob, carol := three(t)
	carols := alice.contact("carol").Account
	told := alice.listens()
	carol.name("B0b")
	eventually(t, "alice has heard of it", func() bool { return len(told(p2pv1.Alert_KIND_RENAMED)) == 1 })
	carol.close()
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"carol", "bob"}})
	alice.say("garden", "after her invitation")
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "garden") })
	eventually(t, "bob has all of it", bob.has("garden", "after her invitation"))
	if m := bob.member("garden", carols); m.Account == "" || m.Invited || m.Name == "B0b" {
		t.Errorf("bob sees %v", m)
	}
}

func TestTwoWhoAreCalledAlikeCanRemoveEachOtherByName(t *testing.T) {
	alice, bob := two(t)
	alice.name("bob")
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "garden") })
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "garden", Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_KICK})
	if all := alice.conversation("garden").Members; len(all) != 1 || !all[0].Me {
		t.Errorf("in the room are %v", all)
	}
}
