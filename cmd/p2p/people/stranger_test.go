package people_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

func TestWhoHasNotAskedIsBlockedByALinkOrKeyAndIsNotHeard(t *testing.T) {
	alice, bob, link := strangers(t)
	const block, unblock = p2pv1.AnswerContactRequest_ANSWER_BLOCK, p2pv1.AnswerContactRequest_ANSWER_UNBLOCK
	theirs := ask(t, bob.Invite, &p2pv1.InviteRequest{}).Link
	account := bob.me().Account
	alice.answer(theirs, block)
	if c := alice.contact("bob"); c.State != blocked || c.Account != account {
		t.Fatalf("he is %v", c)
	}
	alice.answer("bob", unblock)
	if c := alice.contact("bob"); c.State != p2pv1.ContactState_CONTACT_STATE_REMOVED {
		t.Errorf("unblocked he is %v", c)
	}
	alice.answer(account, block)
	if c := alice.contact("bob"); c.State != blocked {
		t.Errorf("by his key he is %v", c)
	}
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: link, Name: "alice"})
	carol := open(t, filepath.Join(t.TempDir(), "carol"), alice.conversationTrackers()...)
	carol.name("carol")
	befriend(t, alice, carol, "alice", "carol") // by then his request would have come, too
	if c := alice.contact("bob"); c.State != blocked {
		t.Errorf("when he has asked he is %v", c)
	}
	for who, want := range map[string]string{"nobody": api.NoSuchPerson, alice.me().Account: api.Yourself, link: api.Yourself, "p2p:x": api.BadLink} {
		if _, err := alice.AnswerContact(t.Context(), connect.NewRequest(&p2pv1.AnswerContactRequest{Who: who, Answer: block})); alice.reason(err) != want {
			t.Errorf("%s: %v", who, err)
		}
	}
}

func TestAContactIsCalledAsThisPersonSaysUntilThatIsTakenBack(t *testing.T) {
	alice, bob := two(t)
	rename := func(who, name string) string {
		t.Helper()
		return ask(t, alice.RenameContact, &p2pv1.RenameContactRequest{Who: who, Name: name}).Contact.Name
	}
	if got := rename("bob", "Bob from the market"); got != "Bob from the market" {
		t.Errorf("he is called %q", got)
	}
	conversation := alice.contact("Bob from the market").Conversation
	for _, name := range []string{"bob from the market", "bob"} {
		if got := alice.means(name); got != conversation {
			t.Errorf("%s means %s", name, got)
		}
	}
	bob.name("robert")
	bob.say("alice", "hi")
	eventually(t, "alice has what he says", func() bool { return len(alice.texts(conversation)) == 1 })
	if alice.contact("Bob from the market").Account == "" {
		t.Error("he keeps the name no more when he takes another")
	}
	eventually(t, "he is called again as he calls himself", func() bool { return rename("bob", "") == "robert" })
	for _, no := range []string{" ", "two\nlines", strings.Repeat("x", 65)} {
		if _, err := alice.RenameContact(t.Context(), connect.NewRequest(&p2pv1.RenameContactRequest{Who: "robert", Name: no})); alice.reason(err) != api.BadNickname {
			t.Errorf("%q: %v", no, err)
		}
	}
}

func TestWhatTwoFilesAreCalledStopsNoneOfThem(t *testing.T) {
	p := open(t, filepath.Join(t.TempDir(), "alice"))
	ask(t, p.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab"})
	var ids []string
	for _, content := range []string{"one", "two"} {
		path := filepath.Join(t.TempDir(), "same.txt")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, ask(t, p.Offer, &p2pv1.OfferRequest{Where: "lab", Path: path}).Message.Id)
	}
	_, err := p.Cancel(t.Context(), connect.NewRequest(&p2pv1.CancelRequest{Message: "Same.txt"}))
	which := api.ReasonOf(err).GetWith()["which"]
	if p.reason(err) != api.SameName || !strings.Contains(which, ids[0][:12]) || !strings.Contains(which, ids[1][:12]) {
		t.Errorf("both are called so: %v, %s", err, which)
	}
	ask(t, p.Cancel, &p2pv1.CancelRequest{Message: ids[0]})
	if got := ask(t, p.Cancel, &p2pv1.CancelRequest{Message: "same.txt"}).Transfer; got.GetMessage() != ids[1] {
		t.Errorf("the one that is left is %v", got)
	}
	if _, err := p.Cancel(t.Context(), connect.NewRequest(&p2pv1.CancelRequest{Message: "same.txt"})); p.reason(err) != api.NoSuchMessage {
		t.Errorf("when none is left: %v", err)
	}
}
