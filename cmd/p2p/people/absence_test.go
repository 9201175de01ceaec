package people_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// inRoom has alice offer a file in a room that bob is in.
func inRoom(alice, bob *person, content string) (message string) {
	alice.t.Helper()
	ask(alice.t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab", Invite: []string{"bob"}})
	eventually(alice.t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "lab") && len(bob.conversation("lab").Members) == 2 })
	path := filepath.Join(alice.t.TempDir(), "plan.txt")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		alice.t.Fatal(err)
	}
	m := ask(alice.t, alice.Offer, &p2pv1.OfferRequest{Where: "lab", Path: path, Text: content}).Message.Id
	eventually(alice.t, "bob sees the offer", func() bool { return slices.Contains(bob.texts("lab"), content) })
	return m
}

// stands returns how what a message offers stands with p: its state, and what is said of it.
func (p *person) stands(message string, state p2pv1.Transfer_State, problem string) func() bool {
	return func() bool {
		x := p.transfer(message)
		return x.State == state && x.Problem.GetKey() == problem
	}
}

const (
	isDone  = p2pv1.Transfer_STATE_DONE
	hasEnd  = p2pv1.Transfer_STATE_FAILED
	waiting = p2pv1.Transfer_STATE_WAITING
)

// For who looks, ten gigabytes would be lost.
func TestWhatWasFetchedIsThereThoughItsConversationIsOver(t *testing.T) {
	for name, part := range map[string]func(bob *person){
		"left":    func(p *person) { ask(p.t, p.LeaveRoom, &p2pv1.LeaveRoomRequest{Where: "lab"}) },
		"removed": func(p *person) { ask(p.t, p.RemoveContact, &p2pv1.RemoveContactRequest{Who: "alice"}) },
	} {
		t.Run(name, func(t *testing.T) {
			alice, bob := two(t)
			m := inRoom(alice, bob, "the plan")
			if name == "removed" {
				_, m = given(t, alice, bob, "the plan")
			}
			got := bob.fetch(m, t.TempDir())
			part(bob)
			whole := func() bool {
				x := bob.transfer(m)
				return x.State == isDone && x.Done == x.File.Size && x.Problem == nil
			}
			eventually(t, "it is there, and shared no more", func() bool { return whole() && bob.transfer(m).Sources == 0 })
			bob.close()
			bob = open(t, bob.dir)
			if !whole() {
				t.Errorf("in the next run it is %v", bob.transfer(m))
			}
			bob.close()
			if err := os.Remove(got.Path); err != nil {
				t.Fatal(err)
			}
			bob = open(t, bob.dir)
			if x := bob.transfer(m); x.State != p2pv1.Transfer_STATE_GONE || x.Done != 0 {
				t.Errorf("when it was deleted it is %v", x)
			}
		})
	}
}

// Else he waits for ever.
func TestWhoIsRemovedReadsWhyHisDownloadEndsAndWhoLeavesToo(t *testing.T) {
	alice, bob := two(t)
	alice = slow(alice)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab", Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "lab") && len(bob.conversation("lab").Members) == 2 })
	m := fetchingIn(alice, bob, "lab")
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "lab", Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_KICK})
	eventually(t, "bob is told", bob.stands(m, hasEnd, api.RemovedBy))
	_, err := bob.Accept(t.Context(), connect.NewRequest(&p2pv1.AcceptRequest{Message: m}))
	if r := api.ReasonOf(err); r.GetKey() != api.RemovedBy || r.GetWith()["who"] != "alice" {
		t.Errorf("accepted again: %v", err)
	}
	bob.close()
	bob = open(t, bob.dir)
	if !bob.stands(m, hasEnd, api.RemovedBy)() {
		t.Errorf("in the next run it is %v", bob.transfer(m))
	}
	ask(t, alice.ChangeMember, &p2pv1.ChangeMemberRequest{Where: "lab", Who: "bob", Change: p2pv1.ChangeMemberRequest_CHANGE_ADD})
	eventually(t, "it goes on when he is back", func() bool { return bob.transfer(m).State == p2pv1.Transfer_STATE_DOWNLOADING })
	ask(t, bob.LeaveRoom, &p2pv1.LeaveRoomRequest{Where: "lab"})
	eventually(t, "it ends when he leaves", bob.stands(m, hasEnd, api.YouLeft))
	_, err = bob.Accept(t.Context(), connect.NewRequest(&p2pv1.AcceptRequest{Message: m}))
	if r := api.ReasonOf(err); r.GetKey() != api.YouLeft || r.GetWith()["where"] != "lab" {
		t.Errorf("accepted then: %v", err)
	}
}

func TestWhoWaitsForAFileIsToldThatItsGiverIsInTheRoomNoMore(t *testing.T) {
	alice, bob := two(t)
	alice = slow(alice)
	ask(t, bob.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab", Invite: []string{"alice"}})
	eventually(t, "alice is in the room", func() bool {
		return slices.Contains(alice.rooms(), "lab") && len(alice.conversation("lab").Members) == 2
	})
	m := fetchingIn(alice, bob, "lab")
	ask(t, alice.LeaveRoom, &p2pv1.LeaveRoomRequest{Where: "lab"})
	eventually(t, "he is told", bob.stands(m, waiting, api.GiverGone))
	eventually(t, "and so is she", alice.stands(m, hasEnd, api.YouLeft))
	if x := ask(t, alice.Cancel, &p2pv1.CancelRequest{Message: m}).Transfer; x.File.TakenBack || x.Problem.GetKey() != api.YouLeft {
		t.Errorf("she takes it back, and is told %v", x)
	}
	bob.close()
	bob = open(t, bob.dir)
	eventually(t, "he is told in the next run", bob.stands(m, waiting, api.GiverGone))
}

func TestWhatWasBeingPreparedForARoomThatOneHasLeftIsNotSentAndThatIsSaid(t *testing.T) {
	alice, bob := two(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab", Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "lab") && len(bob.conversation("lab").Members) == 2 })
	path := filepath.Join(t.TempDir(), "plan")
	if err := os.WriteFile(path, []byte("the plan"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := bob.Prepares(t.Context(), bob.conversation("lab").Id, path); err != nil {
		t.Fatal(err)
	}
	ask(t, bob.LeaveRoom, &p2pv1.LeaveRoomRequest{Where: "lab"})
	bob.close()
	bob = open(t, bob.dir)
	alerts := bob.listens()
	eventually(t, "he is told", func() bool { return len(alerts(p2pv1.Alert_KIND_OFFER_LOST)) > 0 })
	r := alerts(p2pv1.Alert_KIND_OFFER_LOST)[0].Reason
	if r.GetKey() != api.NotOffered || r.With["path"] != path || r.With["problem"] != api.YouLeft || r.With["where"] != "lab" {
		t.Errorf("as %v", r)
	}
}
