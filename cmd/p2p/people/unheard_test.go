package people_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	first := bob.say("den", "said offline 0")
	bob.say("den", "said offline 2")
	ask(t, bob.Edit, &p2pv1.EditRequest{Message: first.Id, Text: "said offline 1"})
	bob.say("den", strings.Repeat("long ", 4910)) // there is no place for it beside those
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
	bob.close()
	bob = open(t, bob.dir, tracker)
	again := bob.hears()
	alice.say("bob", "are you angry?")
	eventually(t, "they have met again", bob.has("alice", "are you angry?"))
	if got := bob.conversation("den").Draft; got != words {
		t.Errorf("later the draft is %q", got)
	}
	for _, e := range again() {
		if e.GetAlert().GetKind() == p2pv1.Alert_KIND_UNHEARD {
			t.Error("he is told again")
		}
	}
}

// told returns a message as it was told last, nil if it was not.
func told(events []*p2pv1.Event, id string) (m *p2pv1.Message) {
	for _, e := range events {
		if e.GetMessage().GetId() == id {
			m = e.GetMessage()
		}
	}
	return m
}

// Carol, a moderator, has removed bob, who does not know; what he writes is told as gone when he hears of it. But alice, the owner, had
// removed carol before, whose word does not count then.
func TestProgramsHearThatAMessageCountsNoMoreAndThatItDoesAgain(t *testing.T) {
	alice, bob, carol := inOneRoom(t)
	befriend(t, bob, carol, "bob", "carol") // so that each calls the other when he comes
	carol.close()
	bob.close()
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "den", Who: "carol", Change: p2pv1.ChangeMemberRequest_CHANGE_KICK})
	alice.close()
	carol = open(t, carol.dir)
	ask(t, carol.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "den", Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_KICK})
	carol.close()

	bob = open(t, bob.dir)
	m := bob.say("den", "is anybody here?")
	answer := ask(t, bob.Send, &p2pv1.SendRequest{Where: "den", Text: "I am", ReplyTo: m.Id}).Message
	ask(t, bob.React, &p2pv1.ReactRequest{Message: m.Id, Emoji: "👍"})
	events := bob.hears()
	carol = open(t, carol.dir)
	eventually(t, "bob's messages are gone", func() bool { return told(events(), m.Id).GetGone() && told(events(), answer.Id).GetGone() })
	if now := told(events(), m.Id); !now.Deleted || now.Text != "" || slices.Contains(bob.texts("den"), "is anybody here?") {
		t.Errorf("it is told as %v", now)
	}
	carol.close()
	open(t, alice.dir)
	eventually(t, "they are there again", func() bool {
		now := told(events(), m.Id)
		return now != nil && !now.Gone && now.Text == "is anybody here?" && len(now.Reactions) == 1 && !told(events(), answer.Id).GetGone()
	})
}

// A member who has not heard yet that bob is out answers him; when he hears it, what he has answered to is not there.
func TestAnAnswerShowsNothingOfWhatCountsNoMore(t *testing.T) {
	alice, bob, carol := inOneRoom(t)
	carol.close()
	bob.close()
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "den", Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_KICK})
	alice.close()
	bob, carol = open(t, bob.dir), open(t, carol.dir)
	m := bob.say("den", "between us")
	eventually(t, "carol has it", carol.has("den", "between us"))
	answer := ask(t, carol.Send, &p2pv1.SendRequest{Where: "den", Text: "yes?", ReplyTo: m.Id}).Message
	if answer.ReplyText != "between us" {
		t.Fatalf("he answers to %q", answer.ReplyText)
	}
	alice = open(t, alice.dir)
	eventually(t, "alice has the answer, and carol knows", func() bool { return alice.has("den", "yes?")() && carol.has("den", "yes?")() })
	for _, p := range []*person{alice, carol} {
		all := p.messages("den")
		if last := all[len(all)-1]; last.ReplyTo != m.Id || last.ReplyText != "" || last.ReplyName != "" {
			t.Errorf("in %s it is an answer to %q of %q", p.dir, last.ReplyText, last.ReplyName)
		}
	}
}

// inOneRoom returns the owner of a room, a member, and a moderator. There is no tracker.
func inOneRoom(t *testing.T) (alice, bob, carol *person) {
	t.Helper()
	alice, bob, carol = withoutTracker(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "den", Invite: []string{"bob", "carol"}})
	eventually(t, "all are in the room", func() bool {
		return slices.Contains(bob.rooms(), "den") && slices.Contains(carol.rooms(), "den") && bob.reaches("den", 2)()
	})
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "den", Who: "carol", Change: p2pv1.ChangeMemberRequest_CHANGE_ROLE, Role: p2pv1.Role_ROLE_MODERATOR})
	eventually(t, "carol is a moderator", func() bool { return carol.conversation("den").Role == p2pv1.Role_ROLE_MODERATOR })
	return alice, bob, carol
}

// Nobody could fetch it: no message offers it to them.
func TestWhatSomebodyOfferedAfterHeHadBeenRemovedIsNotSharedWhenHeIsBackAndCanBeCancelled(t *testing.T) {
	alice, bob := two(t)
	trackers := alice.conversationTrackers()
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "den", Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "den") && len(alice.conversation("den").Members) == 2 })
	bob.close()
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "den", Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_KICK})
	alice.close()
	bob = open(t, bob.dir, trackers...)
	path := filepath.Join(t.TempDir(), "plan.txt")
	if err := os.WriteFile(path, []byte("the plan"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := ask(t, bob.Offer, &p2pv1.OfferRequest{Where: "den", Path: path}).Message.Id
	alice = open(t, alice.dir, trackers...)
	why := func() string { return bob.transfer(m).GetProblem().GetKey() }
	eventually(t, "bob is told that he was removed", func() bool { return why() == api.RemovedBy })
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "den", Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_ADD})
	eventually(t, "he is told that nobody sees what he has offered", func() bool { return why() == api.OfferUnheard })
	bob.close()
	bob = open(t, bob.dir, trackers...)
	if x := bob.transfer(m); x.State != p2pv1.Transfer_STATE_FAILED || why() != api.OfferUnheard {
		t.Errorf("in the next run it is %v", x)
	}
	if x := ask(t, bob.Cancel, &p2pv1.CancelRequest{Message: m}).Transfer; x.State != p2pv1.Transfer_STATE_CANCELLED || x.Problem != nil {
		t.Errorf("cancelled it is %v", x)
	}
}
