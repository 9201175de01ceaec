package people_test

import (
	"os"
	"slices"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// file returns what a message offers, as p sees it, nil if it was deleted.
func (p *person) file(where, message string) *p2pv1.File {
	p.t.Helper()
	for _, m := range p.messages(where) {
		if m.Id == message {
			return m.File
		}
	}
	return nil
}

// refusedBack reports whether p cannot accept what a message has offered, since who has taken it back.
func (p *person) refusedBack(message, who string) bool {
	_, err := p.Accept(p.t.Context(), connect.NewRequest(&p2pv1.AcceptRequest{Message: message}))
	r := api.ReasonOf(err)
	return r.GetKey() == api.OfferBack && r.GetWith()["who"] == who
}

// Else they wait for what nobody gives any more.
func TestWhoWaitsForAnOfferIsToldThatItWasTakenBack(t *testing.T) {
	for name, back := range map[string]func(alice *person, m string){
		"cancelled": func(alice *person, m string) { ask(alice.t, alice.Cancel, &p2pv1.CancelRequest{Message: m}) },
		"deleted":   func(alice *person, m string) { ask(alice.t, alice.Delete, &p2pv1.DeleteRequest{Message: m}) },
	} {
		t.Run(name, func(t *testing.T) {
			alice, bob := two(t)
			path, m := given(t, alice, bob, "the plan")
			if err := os.Remove(path); err != nil { // so that bob cannot have it yet
				t.Fatal(err)
			}
			ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: m, Folder: t.TempDir()})
			eventually(t, "bob waits", func() bool { return bob.transfer(m).Problem.GetKey() == api.GiverLost })
			back(alice, m)
			over := func() bool {
				x := bob.transfer(m)
				return x.State == p2pv1.Transfer_STATE_FAILED && x.Problem.GetKey() == api.OfferBack && x.Problem.With["who"] == "alice"
			}
			eventually(t, "bob is told", over)
			if x := alice.transfer(m); x.State != p2pv1.Transfer_STATE_CANCELLED {
				t.Errorf("alice has %v", x)
			}
			if name == "cancelled" { // there is no message to name otherwise
				if x := ask(t, bob.Cancel, &p2pv1.CancelRequest{Message: m}).Transfer; x.State != p2pv1.Transfer_STATE_FAILED || !over() {
					t.Errorf("cancelled by bob it is %v", x)
				}
			}
			if !bob.refusedBack(m, "alice") || !alice.refusedBack(m, "alice") {
				t.Error("it can be accepted")
			}
			bob.close()
			bob = open(t, bob.dir)
			if !over() {
				t.Errorf("in the next run it is %v", bob.transfer(m))
			}
		})
	}
}

func TestWhatWasTakenBackIsShownSoAndOfferedToNobody(t *testing.T) {
	alice, bob := two(t)
	_, m := given(t, alice, bob, "the plan")
	got := ask(t, alice.Cancel, &p2pv1.CancelRequest{Message: m}).Transfer
	if got.GetState() != p2pv1.Transfer_STATE_CANCELLED || !got.GetFile().GetTakenBack() {
		t.Errorf("alice is told %v", got)
	}
	eventually(t, "bob sees it", func() bool { return bob.file("alice", m).GetTakenBack() })
	if !alice.file("bob", m).GetTakenBack() || !bob.refusedBack(m, "alice") {
		t.Error("it can be accepted")
	}
	if all := ask(t, bob.ListTransfers, &p2pv1.ListTransfersRequest{Offers: true}).Transfers; len(all) > 0 {
		t.Errorf("bob is offered %v", all)
	}
}

func TestOfTwoOffersOfTheSameTheOtherGoesOn(t *testing.T) {
	alice, bob := two(t)
	path, first := given(t, alice, bob, "the plan")
	second := ask(t, alice.Offer, &p2pv1.OfferRequest{Where: "bob", Path: path, Text: "again"}).Message.Id
	eventually(t, "bob sees it", func() bool { return slices.Contains(bob.texts("alice"), "again") })
	ask(t, alice.Cancel, &p2pv1.CancelRequest{Message: first})
	eventually(t, "bob sees that the first is taken back", func() bool { return bob.file("alice", first).GetTakenBack() })
	if x := alice.transfer(second); x.State == p2pv1.Transfer_STATE_CANCELLED || x.Message != second {
		t.Errorf("alice has %v", x)
	}
	if bob.file("alice", second).GetTakenBack() || !bob.refusedBack(first, "alice") {
		t.Error("the wrong one is taken back")
	}
	bob.fetch(second, t.TempDir())
}

// What is on the disk is whose disk it is.
func TestWhoHasAllOfItKeepsWhatWasTakenBack(t *testing.T) {
	alice, bob := two(t)
	_, m := given(t, alice, bob, "the plan")
	got := bob.fetch(m, t.TempDir())
	ask(t, alice.Cancel, &p2pv1.CancelRequest{Message: m})
	eventually(t, "bob sees it", func() bool { return bob.file("alice", m).GetTakenBack() })
	if x := ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: m}).Transfer; x.State != p2pv1.Transfer_STATE_DONE || x.Path != got.Path {
		t.Errorf("bob has %v", x)
	}
	if x := bob.transfer(m); !x.File.TakenBack {
		t.Errorf("it is listed as %v", x)
	}
}

// Else he waits for ever for what nobody gives.
func TestWhoHasDeletedWhatWasTakenBackCannotAcceptItOnceMore(t *testing.T) {
	alice, bob := two(t)
	_, m := given(t, alice, bob, "the plan")
	got := bob.fetch(m, t.TempDir())
	ask(t, alice.Cancel, &p2pv1.CancelRequest{Message: m})
	eventually(t, "bob sees it", func() bool { return bob.file("alice", m).GetTakenBack() })
	if err := os.Remove(got.Path); err != nil {
		t.Fatal(err)
	}
	if !bob.refusedBack(m, "alice") {
		t.Error("it can be accepted")
	}
}

// One transfer is both what was fetched and what is offered.
func TestAnOfferOfWhatWasFetchedHereIsTakenBackAndWhatWasFetchedStays(t *testing.T) {
	alice, bob := two(t)
	_, theirs := given(t, alice, bob, "the plan")
	got := bob.fetch(theirs, t.TempDir())
	mine := ask(t, bob.Offer, &p2pv1.OfferRequest{Where: "alice", Path: got.Path, Text: "mine now"}).Message
	eventually(t, "alice sees the offer", func() bool { return alice.file("bob", mine.Id) != nil })
	back := ask(t, bob.Cancel, &p2pv1.CancelRequest{Message: mine.Id}).Transfer
	if back.GetMessage() != mine.Id || !back.GetFile().GetTakenBack() {
		t.Errorf("bob is told %v", back)
	}
	eventually(t, "alice sees that it was taken back", func() bool { return alice.file("bob", mine.Id).GetTakenBack() })
	if alice.file("bob", theirs).GetTakenBack() {
		t.Error("what she has offered herself is taken back too")
	}
	if now := bob.transfer(theirs); now.State != p2pv1.Transfer_STATE_DONE || now.Path != got.Path {
		t.Errorf("what was fetched is %v", now)
	}
}
