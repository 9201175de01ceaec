package people_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// three returns alice, bob and carol, of whom bob and carol do not know each other.
func three(t *testing.T) (alice, bob, carol *person) {
	t.Helper()
	tracker := startTracker(t)
	for i, p := range []**person{&alice, &bob, &carol} {
		name := []string{"alice", "bob", "carol"}[i]
		*p = open(t, filepath.Join(t.TempDir(), name), tracker)
		(*p).name(name)
	}
	befriend(t, alice, bob, "alice", "bob")
	befriend(t, alice, carol, "alice", "carol")
	return alice, bob, carol
}

func (p *person) rooms() (names []string) {
	for _, c := range ask(p.t, p.ListConversations, &p2pv1.ListConversationsRequest{}).Conversations {
		if !c.Direct && c.Role != p2pv1.Role_ROLE_UNSPECIFIED {
			names = append(names, c.Name)
		}
	}
	return names
}

func (p *person) has(where string, texts ...string) func() bool {
	return func() bool { return slices.Equal(p.texts(where), texts) }
}

func TestARoomPassesOnWhatIsSaidWhenItsAuthorIsGone(t *testing.T) {
	alice, bob, carol := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob", "carol"}})
	for _, p := range []*person{bob, carol} {
		eventually(t, "the guests are in the room", func() bool { return slices.Contains(p.rooms(), "garden") })
	}
	eventually(t, "all are members", func() bool { return len(carol.conversation("garden").Members) == 3 })
	dir := carol.dir
	carol.close()
	alice.say("garden", "who waters it?")
	eventually(t, "bob has it", bob.has("garden", "who waters it?"))
	alice.close()
	again := open(t, dir, bob.conversationTrackers()...)
	eventually(t, "carol has it from bob", again.has("garden", "who waters it?"))
	bob.say("garden", "I do")
	eventually(t, "carol has the answer", again.has("garden", "who waters it?", "I do"))
}

func (p *person) conversationTrackers() []string {
	return ask(p.t, p.Whoami, &p2pv1.WhoamiRequest{}).Trackers
}

func TestALinkLeadsIntoARoomUntilItIsRevoked(t *testing.T) {
	alice, bob, _ := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden"})
	link := ask(t, alice.Invite, &p2pv1.InviteRequest{Where: "garden"}).Link
	ask(t, bob.JoinRoom, &p2pv1.JoinRoomRequest{Link: link})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "garden") })

	dave := open(t, filepath.Join(t.TempDir(), "dave"), alice.conversationTrackers()...)
	dave.name("dave")
	garden := "garden"
	ask(t, alice.ChangeRoom, &p2pv1.ChangeRoomRequest{Where: garden, RevokeLinks: true})
	ask(t, dave.JoinRoom, &p2pv1.JoinRoomRequest{Link: link})
	eventually(t, "dave is told", dave.refused(api.LinkRevoked, ""))
	if got := len(alice.conversation("garden").Members); got != 2 {
		t.Errorf("%d are in the room", got)
	}
}

// refused returns whether somebody was told that he does not get into the only room that he knows of, and why.
func (p *person) refused(reason, limit string) func() bool {
	return func() bool {
		for _, c := range ask(p.t, p.ListConversations, &p2pv1.ListConversationsRequest{}).Conversations {
			if r := c.Reason; !c.Direct && c.Left && c.Waiting == "" && r.GetKey() == reason && r.GetWith()["limit"] == limit {
				return true
			}
		}
		return false
	}
}

func TestWhoFollowsALinkThatLeadsNowhereIsToldWhy(t *testing.T) {
	alice, bob, carol := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "bench", Limit: 2})
	link := ask(t, alice.Invite, &p2pv1.InviteRequest{Where: "bench"}).Link
	ask(t, bob.JoinRoom, &p2pv1.JoinRoomRequest{Link: link})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "bench") })
	ask(t, carol.JoinRoom, &p2pv1.JoinRoomRequest{Link: link})
	eventually(t, "carol is told that it is full", carol.refused(api.RoomFull, "2"))
	if got := alice.contact("carol").State; got != friend {
		t.Errorf("for that carol is %v to alice", got)
	}

	short := ask(t, alice.Invite, &p2pv1.InviteRequest{Where: "bench", ValidMillis: 1}).Link
	ask(t, carol.JoinRoom, &p2pv1.JoinRoomRequest{Link: short})
	eventually(t, "carol is told that it has expired", carol.refused(api.LinkExpired, ""))

	three := int32(3)
	ask(t, alice.ChangeRoom, &p2pv1.ChangeRoomRequest{Where: "bench", Limit: &three})
	ask(t, carol.JoinRoom, &p2pv1.JoinRoomRequest{Link: link})
	eventually(t, "with a place more carol is in the room", func() bool { return slices.Contains(carol.rooms(), "bench") })
	if c := carol.conversation("bench"); c.Reason != nil || c.Left {
		t.Errorf("she sees %v", c)
	}

	// Who has left may come again, who was thrown out may not.
	ask(t, bob.LeaveRoom, &p2pv1.LeaveRoomRequest{Where: "bench"})
	eventually(t, "alice sees him go", func() bool { return len(alice.conversation("bench").Members) == 2 })
	ask(t, bob.JoinRoom, &p2pv1.JoinRoomRequest{Link: link})
	eventually(t, "bob is back", func() bool { return slices.Contains(bob.rooms(), "bench") })
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "bench", Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_KICK})
	eventually(t, "bob knows", func() bool { return bob.conversation("bench").Left })
	ask(t, bob.LeaveRoom, &p2pv1.LeaveRoomRequest{Where: "bench"})
	ask(t, bob.JoinRoom, &p2pv1.JoinRoomRequest{Link: link})
	eventually(t, "bob is told that he was removed", bob.refused(api.Removed, ""))
}

func TestTheOneTooManyIsRefused(t *testing.T) {
	alice, _, _ := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "bench", Limit: 2, Invite: []string{"bob"}})
	_, err := alice.ChangeMember(t.Context(), connect.NewRequest(&p2pv1.ChangeMemberRequest{
		Where: "bench", Who: "carol", Change: p2pv1.ChangeMemberRequest_CHANGE_ADD,
	}))
	if r := api.ReasonOf(err); r == nil || r.Key != api.RoomFull || r.With["limit"] != "2" {
		t.Errorf("the third gets %v", err)
	}
}

func TestWhoIsInARoomCannotBeInvitedIntoIt(t *testing.T) {
	alice, bob, _ := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "garden") })
	bob.say("garden", "here")
	eventually(t, "alice has it", alice.has("garden", "here"))
	said := len(alice.messages("bob"))
	me := ask(t, alice.Whoami, &p2pv1.WhoamiRequest{}).Account
	for who, name := range map[string]string{"alice": "alice", me: "alice", "bob": "bob"} {
		_, err := alice.ChangeMember(t.Context(), connect.NewRequest(&p2pv1.ChangeMemberRequest{
			Where: "garden", Who: who, Change: p2pv1.ChangeMemberRequest_CHANGE_ADD,
		}))
		if r := api.ReasonOf(err); r.GetKey() != api.AlreadyMember || r.GetWith()["who"] != name || connect.CodeOf(err) != connect.CodeAlreadyExists {
			t.Errorf("%s: %v", who, err)
		}
	}
	if n := len(alice.messages("bob")); n != said {
		t.Errorf("bob is told %d times more", n-said)
	}
}

func TestTheOnlyOwnerDoesNotGo(t *testing.T) {
	alice, bob, _ := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab", Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "lab") })
	kick, role := p2pv1.ChangeMemberRequest_CHANGE_KICK, p2pv1.ChangeMemberRequest_CHANGE_ROLE
	for _, q := range []*p2pv1.ChangeMemberRequest{
		{Where: "lab", Who: "alice", Change: kick},
		{Where: "lab", Who: "alice", Change: role, Role: p2pv1.Role_ROLE_MEMBER},
	} {
		if _, err := alice.ChangeMember(t.Context(), connect.NewRequest(q)); api.ReasonOf(err).GetKey() != api.LastOwner {
			t.Errorf("%v: %v", q, err)
		}
	}
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "lab", Who: "bob", Change: role, Role: p2pv1.Role_ROLE_OWNER})
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "lab", Who: "alice", Change: kick})
	eventually(t, "bob has the room", func() bool { return len(bob.conversation("lab").Members) == 1 })
}

func TestWhoWasThrownOutHearsNothingMore(t *testing.T) {
	alice, bob, carol := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob", "carol"}})
	eventually(t, "all are members", func() bool {
		return slices.Contains(bob.rooms(), "garden") && slices.Contains(carol.rooms(), "garden")
	})
	bob.say("garden", "weeds!")
	eventually(t, "all have it", alice.has("garden", "weeds!"))
	_, err := bob.ChangeMember(t.Context(), connect.NewRequest(&p2pv1.ChangeMemberRequest{Where: "garden", Who: "alice", Change: p2pv1.ChangeMemberRequest_CHANGE_KICK}))
	if r := api.ReasonOf(err); r == nil || r.Key != api.NotAllowed {
		t.Errorf("a member throws out an owner: %v", err)
	}
	events := bob.listens()
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "garden", Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_KICK})
	eventually(t, "bob knows", func() bool { return bob.conversation("garden").Left })
	eventually(t, "bob is told", func() bool { return len(events(p2pv1.Alert_KIND_REMOVED)) == 1 })
	if a := events(p2pv1.Alert_KIND_REMOVED)[0]; a.Text != "garden" || a.Reason.Key != api.RemovedBy || a.Name != "alice" {
		t.Errorf("bob is told %v", a)
	}
	alice.say("garden", "peace")
	eventually(t, "carol has it", carol.has("garden", "weeds!", "peace"))
	if got := bob.texts("garden"); !slices.Equal(got, []string{"weeds!"}) {
		t.Errorf("bob has %q", got)
	}
	if _, err := bob.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "garden", Text: "?"})); err == nil {
		t.Error("bob may write")
	}
}

func TestWhatARoomKeptFromAJoinerIsToldHimInItsPlaceWhenTheRoomDecidesSo(t *testing.T) {
	alice, bob, _ := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", History: -1})
	said := alice.say("garden", "the key is under the pot")
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "garden", Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_ADD})
	var kept *p2pv1.Message
	eventually(t, "bob sees that there is something", func() bool {
		if !slices.Contains(bob.rooms(), "garden") {
			return false
		}
		all := bob.messages("garden")
		i := slices.IndexFunc(all, func(m *p2pv1.Message) bool { return m.Id == said.Id })
		if i >= 0 {
			kept = all[i]
		}
		return i >= 0
	})
	if !kept.Withheld || kept.Text != "" {
		t.Errorf("bob has %v", kept)
	}
	if got := bob.conversation("garden").Unread; got != 0 {
		t.Errorf("of what he cannot read %d are unread", got)
	}
	events := bob.hears()
	all := int32(0)
	ask(t, alice.ChangeRoom, &p2pv1.ChangeRoomRequest{Where: "garden", History: &all})
	told := func() (m *p2pv1.Message) {
		for _, e := range events() {
			if e.GetMessage().GetId() == said.Id {
				m = e.GetMessage()
			}
		}
		return m
	}
	eventually(t, "bob is told", func() bool { return told() != nil })
	if m := told(); m.Withheld || m.Text != said.Text || m.Number != kept.Number || m.Late {
		t.Errorf("he is told %v, it was %v", m, kept)
	}
	if got := bob.conversation("garden").Unread; got != 1 {
		t.Errorf("%d are unread, not the one that he may read now", got)
	}
	if found := ask(t, bob.Search, &p2pv1.SearchRequest{Query: "pot"}).Messages; len(found) != 1 {
		t.Errorf("found: %v", found)
	}
}

func TestWhoWasThrownOutWhileHeWasAwayIsToldWhenHeComesBack(t *testing.T) {
	alice, bob, carol := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob", "carol"}})
	eventually(t, "all are members", func() bool {
		return slices.Contains(bob.rooms(), "garden") && slices.Contains(carol.rooms(), "garden") && len(carol.conversation("garden").Members) == 3
	})
	bob.say("garden", "back on monday")
	eventually(t, "carol has it", carol.has("garden", "back on monday"))
	dir, trackers := bob.dir, bob.conversationTrackers()
	bob.close()
	carol.say("garden", "is he gone?")
	eventually(t, "alice has it", alice.has("garden", "back on monday", "is he gone?"))
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "garden", Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_KICK})
	eventually(t, "carol knows", func() bool { return len(carol.conversation("garden").Members) == 2 })
	carol.say("garden", "peace")
	alice.close() // it is carol who tells him, whom he does not even have as a contact

	bob = open(t, dir, trackers...)
	eventually(t, "bob is told", func() bool { return bob.conversation("garden").Left })
	c := bob.conversation("garden")
	if !c.Left || c.Reason.GetKey() != api.RemovedBy || c.Reason.With["who"] != "alice" {
		t.Errorf("bob sees %v", c)
	}
	for _, m := range bob.messages("garden") {
		if m.Text == "peace" || m.Text == "is he gone?" {
			t.Errorf("bob hears %q", m.Text)
		}
	}
	if _, err := bob.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "garden", Text: "?"})); bob.reason(err) != api.RemovedBy {
		t.Errorf("bob writes: %v", err)
	}
	if m := bob.messages("garden"); !m[len(m)-1].Notice.GetMe() || m[len(m)-1].Notice.Kind != p2pv1.Notice_KIND_REMOVED {
		t.Errorf("the last that bob sees is %v", m[len(m)-1])
	}
	if c := carol.contact("bob"); c.Account != "" {
		t.Errorf("carol has %v", c)
	}
	ask(t, bob.LeaveRoom, &p2pv1.LeaveRoomRequest{Where: "garden"})
	if c := bob.conversation("garden"); !c.Left || c.Reason != nil {
		t.Errorf("after he has put up with it he sees %v", c)
	}
}

func TestWhoHasDeletedAMessageOfAnotherIsSaid(t *testing.T) {
	alice, bob, _ := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "garden") })
	weeds := bob.say("garden", "weeds!").Id
	own := bob.say("garden", "sorry").Id
	eventually(t, "alice has it", alice.has("garden", "weeds!", "sorry"))
	ask(t, alice.Delete, &p2pv1.DeleteRequest{Message: weeds})
	ask(t, bob.Delete, &p2pv1.DeleteRequest{Message: own})
	by := func(id string) (who string, gone bool) {
		for _, m := range bob.messages("garden") {
			if m.Id == id {
				return m.DeletedBy, m.Deleted
			}
		}
		return "", false
	}
	eventually(t, "bob knows", func() bool { _, gone := by(weeds); return gone })
	if who, _ := by(weeds); who != "alice" {
		t.Errorf("it was %q", who)
	}
	if i := slices.IndexFunc(alice.messages("garden"), func(m *p2pv1.Message) bool { return m.Id == weeds && m.DeletedByMe }); i < 0 {
		t.Error("alice does not see that it was her")
	}
	if who, gone := by(own); who != "" || !gone {
		t.Errorf("his own was deleted by %q, %v", who, gone)
	}
}

// Two who may invite fill the last place at the same moment: one of the two guests is told that it is full.
func TestOfTwoWhoGetTheLastPlaceOneIsToldThatTheRoomIsFull(t *testing.T) {
	alice, bob, carol := three(t)
	dave := open(t, filepath.Join(t.TempDir(), "dave"), alice.conversationTrackers()...)
	dave.name("dave")
	befriend(t, bob, dave, "bob", "dave")
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "bench", Limit: 3, Open: true, Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "bench") })
	dir, trackers := alice.dir, alice.conversationTrackers()
	bobs := bob.dir
	add := p2pv1.ChangeMemberRequest_CHANGE_ADD
	bob.close()
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "bench", Who: "carol", Change: add})
	alice.close()
	bob = open(t, bobs, trackers...)
	ask(t, bob.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "bench", Who: "dave", Change: add})
	alice = open(t, dir, trackers...)
	in, out := func(p *person) bool { return slices.Contains(p.rooms(), "bench") }, func(p *person) bool { return p.refused(api.RoomFull, "3")() }
	eventually(t, "one is in and the other told", func() bool { return in(carol) && out(dave) || in(dave) && out(carol) })
	for _, p := range []*person{alice, bob} {
		eventually(t, "there are three", func() bool { return len(p.conversation("bench").Members) == 3 })
	}
}

func TestEditsReactionsAndDeletesReachTheOtherSide(t *testing.T) {
	alice, bob := two(t)
	m := alice.say("bob", "helo")
	eventually(t, "bob has it", bob.has("alice", "helo"))
	ask(t, alice.Edit, &p2pv1.EditRequest{Message: m.Id, Text: "hello"})
	eventually(t, "bob sees the edit", bob.has("alice", "hello"))
	ask(t, bob.React, &p2pv1.ReactRequest{Message: m.Id, Emoji: "👍"})
	eventually(t, "alice sees the reaction", func() bool {
		all := alice.messages("bob")
		last := all[len(all)-1]
		return len(last.Reactions) == 1 && last.Reactions[0].Emoji == "👍" && last.Edited
	})
	if _, err := bob.Edit(t.Context(), connect.NewRequest(&p2pv1.EditRequest{Message: m.Id, Text: "hell"})); api.ReasonOf(err).GetKey() != api.NotYours {
		t.Errorf("bob edits what alice wrote: %v", err)
	}
	reply := ask(t, bob.Send, &p2pv1.SendRequest{Where: "alice", Text: "@alice hi", ReplyTo: m.Id}).Message
	if reply.ReplyText != "hello" || reply.ReplyName != "alice" {
		t.Errorf("the reply is %v", reply)
	}
	eventually(t, "alice is mentioned", func() bool { return alice.conversation("bob").Mentions == 1 })
	ask(t, alice.Delete, &p2pv1.DeleteRequest{Message: m.Id})
	eventually(t, "bob sees that it is gone", func() bool {
		all := bob.messages("alice")
		return slices.ContainsFunc(all, func(x *p2pv1.Message) bool { return x.Id == m.Id && x.Deleted && x.Text == "" })
	})
	if found := ask(t, bob.Search, &p2pv1.SearchRequest{Query: "hello"}).Messages; len(found) != 0 {
		t.Errorf("what was deleted is found: %v", found)
	}
	if found := ask(t, bob.Search, &p2pv1.SearchRequest{Query: "hi"}).Messages; len(found) != 1 {
		t.Errorf("found: %v", found)
	}
}

func TestAFileThatIsOfferedArrivesAndNeverReplacesAnother(t *testing.T) {
	alice, bob := two(t)
	content := make([]byte, 3<<20)
	for i := range content {
		content[i] = byte(i * 7 >> 3)
	}
	path := filepath.Join(t.TempDir(), "plan.bin")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	mine := filepath.Join(folder, "plan.bin")
	if err := os.WriteFile(mine, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := ask(t, alice.Offer, &p2pv1.OfferRequest{Where: "bob", Path: path, Text: "the plan"}).Message
	eventually(t, "bob sees the offer", bob.has("alice", "the plan"))
	ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: m.Id, Folder: folder})
	var got *p2pv1.Transfer
	eventually(t, "bob has the file", func() bool {
		got = ask(t, bob.ListTransfers, &p2pv1.ListTransfersRequest{}).Transfers[0]
		if got.State == p2pv1.Transfer_STATE_FAILED {
			t.Fatal(got.Problem.GetKey(), got.Problem.GetWith())
		}
		return got.State == p2pv1.Transfer_STATE_DONE
	})
	if b, err := os.ReadFile(got.Path); err != nil || !slices.Equal(b, content) || got.Path != filepath.Join(folder, "plan (2).bin") {
		t.Errorf("%s has %d bytes, %v", got.Path, len(b), err)
	}
	if b, err := os.ReadFile(mine); err != nil || string(b) != "mine" {
		t.Errorf("what was there is %q, %v", b, err)
	}
	ask(t, alice.Cancel, &p2pv1.CancelRequest{Message: m.Id})
	if st := ask(t, alice.ListTransfers, &p2pv1.ListTransfersRequest{}).Transfers[0].State; st != p2pv1.Transfer_STATE_CANCELLED {
		t.Errorf("the offer is %v", st)
	}
}

// A node that is killed between the last byte and the name of a file has all of it under the name of a part.
func TestAFileOfWhichOnlyTheNameIsMissingGetsIt(t *testing.T) {
	alice, bob := two(t)
	path := filepath.Join(t.TempDir(), "plan.bin")
	if err := os.WriteFile(path, make([]byte, 100_000), 0o644); err != nil {
		t.Fatal(err)
	}
	m := ask(t, alice.Offer, &p2pv1.OfferRequest{Where: "bob", Path: path, Text: "the plan"}).Message
	eventually(t, "bob sees the offer", bob.has("alice", "the plan"))
	ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: m.Id, Folder: t.TempDir()})
	transfer := func(p *person) *p2pv1.Transfer {
		return ask(t, p.ListTransfers, &p2pv1.ListTransfersRequest{}).Transfers[0]
	}
	done := func() bool { return transfer(bob).State == p2pv1.Transfer_STATE_DONE }
	eventually(t, "bob has the file", done)
	got := transfer(bob).Path
	bob.close()
	if err := os.Rename(got, got+".part"); err != nil {
		t.Fatal(err)
	}
	bob = open(t, bob.dir)
	eventually(t, "bob has the file again", done)
	if _, err := os.Stat(got); err != nil {
		t.Error(err)
	}
}

func TestThatSomebodyHasLeftIsRead(t *testing.T) {
	alice, bob, _ := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "garden") })
	bob.say("garden", "bye")
	eventually(t, "alice has it", alice.has("garden", "bye"))
	ask(t, bob.LeaveRoom, &p2pv1.LeaveRoomRequest{Where: "garden"})
	eventually(t, "he is gone", func() bool { return len(alice.conversation("garden").Members) == 1 })
	all := alice.messages("garden")
	if last := all[len(all)-1]; last.Notice.GetKind() != p2pv1.Notice_KIND_LEFT || last.Notice.Name != "bob" {
		t.Errorf("the last that she reads is %v", last)
	}
}

func TestAConversationOfTwoIsNoRoom(t *testing.T) {
	alice, _ := two(t)
	for what, call := range map[string]func() error{
		"leave": func() error {
			_, err := alice.LeaveRoom(t.Context(), connect.NewRequest(&p2pv1.LeaveRoomRequest{Where: "bob"}))
			return err
		},
		"kick": func() error {
			_, err := alice.ChangeMember(t.Context(), connect.NewRequest(&p2pv1.ChangeMemberRequest{Where: "bob", Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_KICK}))
			return err
		},
		"link": func() error {
			_, err := alice.Invite(t.Context(), connect.NewRequest(&p2pv1.InviteRequest{Where: "bob"}))
			return err
		},
	} {
		if err := call(); alice.reason(err) != api.NotARoom {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestProgramsWriteTheHistoryOfARoomAsTheyReadIt(t *testing.T) {
	alice, _ := two(t)
	for _, n := range []int32{0, -1, 7} {
		c := ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", History: n}).Conversation
		if c.History != n {
			t.Errorf("%d is read as %d", n, c.History)
		}
		if c = ask(t, alice.ChangeRoom, &p2pv1.ChangeRoomRequest{Where: c.Id, History: &c.History}).Conversation; c.History != n {
			t.Errorf("%d, written as it was read, is %d", n, c.History)
		}
	}
	for _, wrong := range []int32{-2, -7, 1<<31 - 1} {
		_, err := alice.CreateRoom(t.Context(), connect.NewRequest(&p2pv1.CreateRoomRequest{Name: "garden", History: wrong}))
		if alice.reason(err) != api.BadRoomHistory {
			t.Errorf("%d: %v", wrong, err)
		}
	}
}

func TestWhoIsToldWhyNobodysRoleOrMembershipChanges(t *testing.T) {
	alice, bob, carol := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "garden") })
	change := func(p *person, q *p2pv1.ChangeMemberRequest, want string) {
		t.Helper()
		q.Where = "garden"
		_, err := p.ChangeMember(t.Context(), connect.NewRequest(q))
		if got := api.ReasonOf(err).GetKey(); got != want {
			t.Errorf("%v: %v, want %s", q, err, want)
		}
	}
	role, kick, add := p2pv1.ChangeMemberRequest_CHANGE_ROLE, p2pv1.ChangeMemberRequest_CHANGE_KICK, p2pv1.ChangeMemberRequest_CHANGE_ADD
	change(bob, &p2pv1.ChangeMemberRequest{Who: "alice", Change: role, Role: p2pv1.Role_ROLE_MEMBER}, api.NotAllowed) // and not: you are the last owner
	change(alice, &p2pv1.ChangeMemberRequest{Who: "carol", Change: kick}, api.NotInRoom)
	change(alice, &p2pv1.ChangeMemberRequest{Who: "nobody", Change: kick}, api.NoSuchPerson)
	carolsKey := carol.me().Account
	alice.name("carol")
	change(alice, &p2pv1.ChangeMemberRequest{Who: "carol", Change: add}, "") // the contact, not oneself
	eventually(t, "carol, whose name alice has too, is brought in", func() bool {
		return slices.ContainsFunc(alice.conversation("garden").Members, func(m *p2pv1.Member) bool { return m.Account == carolsKey })
	})
}

func TestWhatWasReadStaysReadWhenTheReaderRemovesItsAuthor(t *testing.T) {
	alice, bob := two(t)
	said := alice.say("bob", "hello")
	eventually(t, "bob has it", bob.has("alice", "hello"))
	ask(t, bob.MarkRead, &p2pv1.MarkReadRequest{Where: "alice"})
	now := func() *p2pv1.Message {
		all := alice.messages("bob")
		return all[slices.IndexFunc(all, func(m *p2pv1.Message) bool { return m.Id == said.Id })]
	}
	eventually(t, "alice sees that he has read it", func() bool { return now().Delivery == p2pv1.Delivery_DELIVERY_READ })
	ask(t, bob.RemoveContact, &p2pv1.RemoveContactRequest{Who: "alice"})
	eventually(t, "alice sees that he has gone", func() bool { return alice.contact("bob").GetState() != p2pv1.ContactState_CONTACT_STATE_FRIEND })
	if m := now(); m.Delivery != p2pv1.Delivery_DELIVERY_READ || len(m.ReadBy) != 1 {
		t.Errorf("what he has read is %v now, read by %d", m.Delivery, len(m.ReadBy))
	}
}

// Whether he has been heard to leave before he asks again, or not.
func TestWhoAsksToComeBackKeepsWhatWasSaid(t *testing.T) {
	for _, heard := range []bool{true, false} {
		alice, bob, _ := three(t)
		ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob"}})
		eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "garden") })
		link := ask(t, alice.Invite, &p2pv1.InviteRequest{Where: "garden"}).Link
		bob.say("garden", "bye")
		eventually(t, "alice has it", alice.has("garden", "bye"))
		leave := func() { ask(t, bob.LeaveRoom, &p2pv1.LeaveRoomRequest{Where: "garden"}) }
		if heard {
			leave()
			eventually(t, "she sees him go", func() bool { return len(alice.conversation("garden").Members) == 1 })
		}
		dir, trackers := alice.dir, alice.conversationTrackers()
		alice.close()
		if !heard {
			leave()
		}
		for range 2 { // and gives up
			ask(t, bob.JoinRoom, &p2pv1.JoinRoomRequest{Link: link})
			if c := bob.conversation("garden"); c.Left || c.Waiting != "alice" {
				t.Errorf("while he waits he sees %v", c)
			}
			if !bob.has("garden", "bye")() {
				t.Errorf("while he waits he reads %q", bob.texts("garden"))
			}
			leave()
			if c := bob.conversation("garden"); !c.Left || c.Waiting != "" || !bob.has("garden", "bye")() {
				t.Errorf("after he has given up he sees %v and reads %q", c, bob.texts("garden"))
			}
		}
		ask(t, bob.JoinRoom, &p2pv1.JoinRoomRequest{Link: link})
		alice = open(t, dir, trackers...)
		eventually(t, "he is back", func() bool {
			return slices.Contains(bob.rooms(), "garden") && len(alice.conversation("garden").Members) == 2
		})
		bob.say("garden", "again")
		eventually(t, "alice has that", alice.has("garden", "bye", "again"))
		if n := len(alice.notices("garden", p2pv1.Notice_KIND_LEFT)); n != 1 {
			t.Errorf("heard before %v: alice has seen him leave %d times", heard, n)
		}
	}
}

// The one who is brought in and the removal of who brings him in know nothing of each other.
func TestWhoWasBroughtInByOneWhoWasRemovedMeanwhileIsToldSo(t *testing.T) {
	alice, bob, _ := three(t)
	dave := open(t, filepath.Join(t.TempDir(), "dave"), alice.conversationTrackers()...)
	dave.name("dave")
	befriend(t, bob, dave, "bob", "dave")
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "bench", Limit: 30, Open: true, Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "bench") })
	dir, bobs, trackers := alice.dir, bob.dir, alice.conversationTrackers()
	alice.close()
	ask(t, bob.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "bench", Who: "dave", Change: p2pv1.ChangeMemberRequest_CHANGE_ADD})
	eventually(t, "dave is in the room", func() bool { return slices.Contains(dave.rooms(), "bench") })
	dave.say("bench", "anybody here?")
	eventually(t, "bob has it", bob.has("bench", "anybody here?"))
	bob.close()
	alerts := dave.listens()
	alice = open(t, dir, trackers...)
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "bench", Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_KICK})
	bob = open(t, bobs, trackers...)
	eventually(t, "dave is told once", func() bool { return len(alerts(p2pv1.Alert_KIND_REMOVED)) == 1 })
	if a := alerts(p2pv1.Alert_KIND_REMOVED)[0]; a.Reason.GetKey() != api.BroughtInVain || a.Text != "bench" {
		t.Errorf("he is told %v", a)
	}
	if c := dave.conversation("bench"); !c.Left || c.Reason.GetKey() != api.BroughtInVain {
		t.Errorf("he sees %v", c)
	}
}

func TestWhoComesBackIsInThoughHisHostHasNotHeardThatHeHadLeft(t *testing.T) {
	alice, bob, carol := three(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob", "carol"}})
	for _, p := range []*person{bob, carol} {
		eventually(t, "the guests are in the room", func() bool { return slices.Contains(p.rooms(), "garden") })
	}
	link := ask(t, alice.Invite, &p2pv1.InviteRequest{Where: "garden"}).Link
	eventually(t, "all are known to all", func() bool { return len(carol.conversation("garden").Members) == 3 })
	dir, trackers := alice.dir, alice.conversationTrackers()
	alice.close()
	ask(t, bob.LeaveRoom, &p2pv1.LeaveRoomRequest{Where: "garden"})
	eventually(t, "carol sees him go", func() bool { return len(carol.conversation("garden").Members) == 2 })
	carol.close()
	alice = open(t, dir, trackers...)
	ask(t, bob.JoinRoom, &p2pv1.JoinRoomRequest{Link: link})
	eventually(t, "he waits no more", func() bool { return bob.conversation("garden").Waiting == "" })
	bob.say("garden", "I am back")
	eventually(t, "alice has what he says", alice.has("garden", "I am back"))
}

// The node of who was invited has stored that, and has ended before it drew the consequence.
func TestAnInvitationThatWasStoredAsTheNodeEndedIsFollowedByTheNext(t *testing.T) {
	alice, bob := two(t)
	for _, name := range []string{"garden", "kitchen", "cellar"} {
		ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: name, Invite: []string{"bob"}})
		eventually(t, "bob is in the "+name, func() bool {
			return slices.Contains(bob.rooms(), name) && len(alice.conversation(name).Members) == 2
		})
	}
	for _, name := range []string{"garden", "kitchen"} {
		ask(t, bob.LeaveRoom, &p2pv1.LeaveRoomRequest{Where: name})
		eventually(t, "alice sees that he has left the "+name, func() bool { return len(alice.conversation(name).Members) == 1 })
	}
	invite := func(name string) {
		t.Helper()
		ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: name, Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_ADD})
	}
	invite("kitchen")
	eventually(t, "bob is in the kitchen again", func() bool { return slices.Contains(bob.rooms(), "kitchen") })
	for name, left := range map[string]bool{"garden": true, "kitchen": true, "cellar": false} {
		if err := bob.Unfollow(t.Context(), name, left); err != nil {
			t.Fatal(err)
		}
	}
	bob.close()
	bob = open(t, bob.dir)
	eventually(t, "the next one follows them", func() bool {
		return slices.Contains(bob.rooms(), "kitchen") && slices.Contains(bob.rooms(), "cellar")
	})
	if c := bob.conversation("garden"); !c.Left || len(c.Members) > 0 {
		t.Errorf("he is to be in a room again that he has left: %v", c)
	}
}

// That he is a member stands behind all that his host has written before, which comes in parts.
func TestWhoIsLetInWaitsUntilHeCanWrite(t *testing.T) {
	tracker := startTracker(t)
	alice, bob := open(t, filepath.Join(t.TempDir(), "alice"), tracker), open(t, filepath.Join(t.TempDir(), "bob"), tracker)
	alice.name("alice")
	bob.name("bob")
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden"})
	for range 60 {
		alice.say("garden", strings.Repeat("much ", 3000))
	}
	link := ask(t, alice.Invite, &p2pv1.InviteRequest{Where: "garden"}).Link
	id := ask(t, bob.JoinRoom, &p2pv1.JoinRoomRequest{Link: link}).Conversation.Id
	eventually(t, "he waits no more", func() bool { return bob.conversation(id).Waiting == "" })
	bob.say(id, "I am here")
}
