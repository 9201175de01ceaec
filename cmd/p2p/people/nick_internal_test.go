package people

import (
	"testing"
	"testing/synctest"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/identity"
)

func TestOfTheNamesOfSomebodyTheOneWithTheHighestNumberCountsInWhateverOrderTheyCome(t *testing.T) {
	bob := identity.Key{1}
	f := newFaces()
	f.called(bob, "somebody")
	for i, c := range []struct {
		name string
		turn uint64
		want string
	}{
		{"bob", 3, "bob"}, {"robert", 7, "robert"}, {"bob", 3, "robert"}, {"robert", 7, "robert"}, {"rob", 5, "robert"},
		{"bobby", 7, "robert"}, {"robin", 7, "robin"}, {"bob", 8, "bob"}, // of two in one turn all take the same
	} {
		was := f.name(bob)
		if news := f.signs(bob, body.Name{Text: c.name, Turn: c.turn}); f.name(bob) != c.want || news != (was != c.want) {
			t.Errorf("%d: he is called %q, news %v", i, f.name(bob), news)
		}
	}
	f.called(bob, "what others say")
	f.meets(contactPoint{}, glimpse{account: bob}, "what an older device says")
	if f.signed(bob) != "bob" {
		t.Errorf("what is not signed counts: %q", f.signed(bob))
	}
	b, _, err := f.keep()
	again := newFaces()
	if err != nil || again.recall(b) != nil || again.signs(bob, body.Name{Text: "robert", Turn: 7}) || again.name(bob) != "bob" {
		t.Errorf("after a restart what is repeated counts: %q, %v", again.name(bob), err)
	}
}

func TestWhoCallsHimselfOtherwiseIsFollowedUnlessHisNameWasGivenOrHisKeyIsInDoubt(t *testing.T) {
	friend := contact{Name: "bob-2", His: "bob", State: p2pv1.ContactState_CONTACT_STATE_FRIEND}
	given, changed, differs, gone := friend, friend, friend, friend
	given.His, changed.Changed, differs.Differs, gone.State = "", identity.Key{1}, true, p2pv1.ContactState_CONTACT_STATE_REMOVED
	for i, c := range []struct {
		k      contact
		signed string
		want   bool
	}{
		{friend, "robert", true}, {friend, "bob", false}, {friend, "", false}, {given, "robert", false}, {changed, "robert", false}, {differs, "robert", false}, {gone, "robert", false},
	} {
		if c.k.follows(c.signed) != c.want {
			t.Errorf("%d: followed %v", i, !c.want)
		}
	}
}

func TestOfAContactInAnOlderBookItIsGuessedWhetherHisNameWasGiven(t *testing.T) {
	b := newBook()
	for i, c := range []contact{
		{Name: "bob", Directory: "Bob"}, {Name: "root"}, {Name: "root-12"}, {Name: "dad", Directory: "bob"}, {Name: "root2"}, {Name: "new", His: "new"},
	} {
		c.Account = identity.Key{byte(i + 1)}
		b.apply(record{Contact: &c}, history.Position{Lamport: uint64(i + 1)})
	}
	b.guess(func(identity.Key) string { return "root" })
	for i, want := range []string{"Bob", "root", "root", "", "", "new"} {
		if got := b.contacts[identity.Key{byte(i + 1)}].His; got != want {
			t.Errorf("%d: he called himself %q", i, got)
		}
	}
}

func TestAStrangerInARoomWhoIsCalledAsAContactIsToldFromHim(t *testing.T) {
	n := &Node{self: &self{name: "alice", account: secretOf(t, 1)}, book: newBook(), faces: newFaces()}
	stranger, other := identity.Key{2}, identity.Key{3}
	n.faces.called(stranger, "BOB")
	n.faces.called(other, "AIice")
	if got := n.nameOf(stranger); got != "BOB" {
		t.Errorf("he is shown as %q", got)
	}
	n.book.apply(record{Contact: &contact{Account: identity.Key{4}, Name: "bob"}}, history.Position{Lamport: 1})
	if got := n.nameOf(stranger); got != "BOB ("+stranger.Short()+")" {
		t.Errorf("he is shown as %q", got)
	}
	if got := n.nameOf(other); got != "AIice ("+other.Short()+")" {
		t.Errorf("who poses as this person is shown as %q", got)
	}
	n.book.apply(record{Contact: &contact{Account: identity.Key{4}, Name: "robert"}}, history.Position{Lamport: 2})
	if got := n.nameOf(stranger); got != "BOB" {
		t.Errorf("when nobody else is called so he is shown as %q", got)
	}
}

func TestAContactWhoChangesHisNameAllTheTimeIsFollowedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &Node{calling: newPaces(heedEvery, heedBurst)}
		count := 0
		for range 600 {
			if n.mayCall(identity.Key{1}) {
				count++
			}
			<-time.After(time.Second)
		}
		if count < 10 || count > 10+heedBurst {
			t.Errorf("followed %d times in ten minutes", count)
		}
		if !n.mayCall(identity.Key{2}) {
			t.Error("another one has to wait for that")
		}
	})
}
