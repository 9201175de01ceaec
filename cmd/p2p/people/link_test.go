package people_test

import (
	"path/filepath"
	"slices"
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
	eventually(t, "carol knows that alice has the request", func() bool { return carol.contact("alice").Arrived })
	if r := ask(t, carol.AddContact, &p2pv1.AddContactRequest{Who: link}); !r.Delivered || !r.Contact.Arrived {
		t.Errorf("who asks again is told %v", r)
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
	eventually(t, "bob knows that", func() bool { return bob.contact("alice").Arrived })
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

// waits returns how far a room is that p waits for.
func (p *person) waits() *p2pv1.Conversation {
	for _, c := range ask(p.t, p.ListConversations, &p2pv1.ListConversationsRequest{}).Conversations {
		if c.Waiting != "" && !c.Direct {
			return c
		}
	}
	return &p2pv1.Conversation{}
}

func TestWhoWaitsIsToldWhetherSheIsReachedWhomHeAsks(t *testing.T) {
	alice, bob, carol := open(t, filepath.Join(t.TempDir(), "alice")), open(t, filepath.Join(t.TempDir(), "bob")), open(t, filepath.Join(t.TempDir(), "carol"))
	for p, name := range map[*person]string{alice: "alice", bob: "bob", carol: "carol"} {
		p.name(name)
	}
	link := ask(t, alice.Invite, &p2pv1.InviteRequest{}).Link
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: link})
	eventually(t, "bob is in", func() bool { return alice.contact("bob").State == friend })
	ask(t, carol.AddContact, &p2pv1.AddContactRequest{Who: link}) // which is used
	eventually(t, "carol knows that alice has the request", func() bool { return carol.contact("alice").Arrived })
	links := map[string]string{}
	for _, name := range []string{"garden", "cellar"} {
		ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: name})
		links[name] = ask(t, alice.Invite, &p2pv1.InviteRequest{Where: name}).Link
	}
	alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_BLOCK) // who is answered, and not let in
	ask(t, bob.JoinRoom, &p2pv1.JoinRoomRequest{Link: links["garden"]})
	eventually(t, "alice has his request", func() bool { return bob.waits().Wait == p2pv1.Conversation_WAIT_ASKED })
	ask(t, bob.LeaveRoom, &p2pv1.LeaveRoomRequest{Where: bob.waits().Id})
	alice.close()
	for _, p := range []*person{bob, carol} {
		if now := ask(t, p.JoinRoom, &p2pv1.JoinRoomRequest{Link: links["cellar"]}).Conversation; now.Wait != p2pv1.Conversation_WAIT_CALLING {
			t.Errorf("before she was reached for it, it stands so: %v", now)
		}
		eventually(t, "nobody answers", func() bool {
			now := p.waits()
			return now.Wait == p2pv1.Conversation_WAIT_CALLING && now.Problem.GetKey() == api.NobodyAnswers
		})
	}
	if now := carol.contact("alice"); now.Problem != nil {
		t.Errorf("what has arrived is said to wait: %v", now.Problem)
	}
}

// letsIn reports whether a link into a room lets in somebody new.
func (p *person) letsIn(link, name string) bool {
	p.t.Helper()
	q := p.also(name)
	ask(p.t, q.JoinRoom, &p2pv1.JoinRoomRequest{Link: link})
	told := q.refused(api.LinkRevoked, "")
	in := func() bool { return len(q.rooms()) > 0 }
	eventually(p.t, name+" is let in, or told why not", func() bool { return in() || told() })
	return in()
}

func TestAModeratorRevokesTheLinksOfEverybody(t *testing.T) {
	alice, bob, carol := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Open: true, Invite: []string{"bob", "carol"}})
	for _, p := range []*person{bob, carol} {
		eventually(t, "all are in the room", func() bool { return slices.Contains(p.rooms(), "garden") && len(p.conversation("garden").Members) == 3 })
	}
	link := func(p *person) string { return ask(t, p.Invite, &p2pv1.InviteRequest{Where: "garden"}).Link }
	revoke := func(p *person) {
		ask(t, p.ChangeRoom, &p2pv1.ChangeRoomRequest{Where: "garden", RevokeLinks: true})
	}
	ofBob, ofCarol := link(bob), link(carol)
	if !bob.letsIn(ofBob, "dave") {
		t.Fatal("a good link lets nobody in")
	}

	// A member's word counts for his own.
	revoke(carol)
	if carol.letsIn(ofCarol, "erin") {
		t.Error("carol's own link is good")
	}
	if !bob.letsIn(ofBob, "frank") {
		t.Error("a member has revoked another's link")
	}

	revoke(alice)
	alice.say("garden", "no more guests")
	eventually(t, "bob has it", func() bool { return slices.Contains(bob.texts("garden"), "no more guests") })
	if bob.letsIn(ofBob, "grace") {
		t.Error("bob's link is good after the owner has revoked all")
	}
	if !bob.letsIn(link(bob), "heidi") {
		t.Error("a link that bob gives out later is none")
	}

	dir, trackers := bob.dir, bob.conversationTrackers()
	bob.close()
	again := open(t, dir, trackers...)
	if again.letsIn(ofBob, "ivan") {
		t.Error("after a restart bob's old link is good")
	}
}

// Who was away when the links were revoked has given his out before, by whatever clock.
func TestWhoWasAwayWhenLinksWereRevokedHonoursHisNoMore(t *testing.T) {
	alice, bob, _ := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Open: true, Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "garden") })
	link := ask(t, bob.Invite, &p2pv1.InviteRequest{Where: "garden"}).Link
	dir, trackers := bob.dir, bob.conversationTrackers()
	bob.close()
	ask(t, alice.ChangeRoom, &p2pv1.ChangeRoomRequest{Where: "garden", RevokeLinks: true})
	alice.say("garden", "no more guests")
	again := open(t, dir, trackers...)
	eventually(t, "bob has it", func() bool { return slices.Contains(again.texts("garden"), "no more guests") })
	if again.letsIn(link, "dave") {
		t.Error("bob's link is good")
	}
}

// The bell is rung already, and on its connection something else was said.
func TestWhoWaitsToBeAContactIsLetIntoARoomOfTheSamePersonAtOnce(t *testing.T) {
	alice, bob, _ := strangers(t)
	link := ask(t, alice.Invite, &p2pv1.InviteRequest{}).Link
	ask(t, alice.RevokeLinks, &p2pv1.RevokeLinksRequest{})
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: link})
	eventually(t, "bob waits at alice's door", func() bool { return alice.contact("bob").State == asks && bob.contact("alice").Arrived })
	for _, name := range []string{"garden", "kitchen"} {
		ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: name})
		ask(t, bob.JoinRoom, &p2pv1.JoinRoomRequest{Link: ask(t, alice.Invite, &p2pv1.InviteRequest{Where: name}).Link})
		eventually(t, "he is in the "+name, func() bool { return slices.Contains(bob.rooms(), name) })
	}
	eventually(t, "he stands there again as before", alice.Rung)
	alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
	eventually(t, "he is told that he was accepted", func() bool { return bob.contact("alice").State == friend })
}

func TestWhoFollowsANewerLinkIsLookedForWhereThatLeads(t *testing.T) {
	alice, bob, old := strangers(t)
	alice.close()
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: without(old, "a")})
	alice = open(t, alice.dir, startTracker(t))
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: without(ask(t, alice.Invite, &p2pv1.InviteRequest{}).Link, "a")})
	eventually(t, "both have each other", func() bool { return alice.contact("bob").State == friend && bob.contact("alice").State == friend })
}
