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

// texts returns what a search finds, as it reads.
func (p *person) finds(words string, limit int32) (all []string) {
	p.t.Helper()
	for _, m := range ask(p.t, p.Search, &p2pv1.SearchRequest{Query: words, Limit: limit}).Messages {
		all = append(all, m.Text)
	}
	return all
}

func TestASearchFindsWhatMessagesSayNowEachOnce(t *testing.T) {
	alice, bob := two(t)
	secret := alice.say("bob", "the password is xylophone")
	first := alice.say("bob", "apple one")
	alice.say("bob", "apple two")
	ask(t, alice.Edit, &p2pv1.EditRequest{Message: secret.Id, Text: "nothing here"})
	ask(t, alice.Edit, &p2pv1.EditRequest{Message: first.Id, Text: "apple 1"})
	ask(t, alice.Edit, &p2pv1.EditRequest{Message: first.Id, Text: "apple three"})
	eventually(t, "bob has the last edit", bob.has("alice", "nothing here", "apple three", "apple two"))
	for _, p := range []*person{alice, bob} {
		if found := p.finds("xylophone", 0); len(found) > 0 {
			t.Errorf("what was changed is found: %q", found)
		}
		if found := p.finds("apple", 0); !slices.Equal(found, []string{"apple three", "apple two"}) {
			t.Errorf("found: %q", found)
		}
		if found := p.finds("apple", 1); !slices.Equal(found, []string{"apple three"}) {
			t.Errorf("the first of them is %q", found)
		}
	}
}

func TestWhatIsWrittenBesideAFileIsAText(t *testing.T) {
	alice, bob := two(t)
	path := filepath.Join(t.TempDir(), "plan.txt")
	if err := os.WriteFile(path, []byte("plan"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := ask(t, alice.Offer, &p2pv1.OfferRequest{Where: "bob", Path: path, Text: "look @bob at the pergola"}).Message
	eventually(t, "bob is mentioned", func() bool { return bob.conversation("alice").Mentions == 1 })
	if found := bob.finds("pergola", 0); len(found) != 1 {
		t.Errorf("what stands beside the file is found as %q", found)
	}
	now := ask(t, alice.Edit, &p2pv1.EditRequest{Message: m.Id, Text: "at the fence"}).Message
	if now.Text != "at the fence" || !now.Edited || now.File.GetName() != "plan.txt" {
		t.Errorf("changed, it is %v", now)
	}
	eventually(t, "bob reads what it says now", bob.has("alice", "at the fence"))
	if all := bob.messages("alice"); all[len(all)-1].MentionsMe {
		t.Error("bob is mentioned still, where he was taken out")
	}
	for words, n := range map[string]int{"fence": 1, "plan": 1, "plan.txt": 1, "pergola": 0, "plan pergola": 0} {
		for _, p := range []*person{alice, bob} {
			if found := p.finds(words, 0); len(found) != n {
				t.Errorf("%s is found as %q", words, found)
			}
		}
	}
}

func TestAnAnswerIsToAMessageThatIsThereForThoseWhoReadIt(t *testing.T) {
	alice, bob, carol := three(t)
	toCarol := alice.say("carol", "not for bob")
	eventually(t, "carol has it", carol.has("alice", "not for bob"))
	refused := func(replyTo, want string) {
		t.Helper()
		_, err := alice.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "bob", Text: "yes", ReplyTo: replyTo}))
		if got := api.ReasonOf(err).GetKey(); got != want {
			t.Errorf("it is answered with %q: %v", got, err)
		}
	}
	refused(toCarol.Id, api.ElsewhereSaid)
	asked := alice.say("bob", "a question")
	eventually(t, "bob has it", bob.has("alice", "a question"))
	ask(t, bob.Send, &p2pv1.SendRequest{Where: "alice", Text: "an answer", ReplyTo: asked.Id})
	ask(t, alice.Delete, &p2pv1.DeleteRequest{Message: asked.Id})
	refused(asked.Id, api.MessageDeleted)
	eventually(t, "bob reads that what he answered is deleted", func() bool {
		all := bob.messages("alice")
		last := all[len(all)-1]
		return last.Text == "an answer" && last.ReplyDeleted && last.ReplyName == "alice" && last.ReplyText == ""
	})
	if _, err := alice.Edit(t.Context(), connect.NewRequest(&p2pv1.EditRequest{Message: asked.Id, Text: "another"})); api.ReasonOf(err).GetKey() != api.MessageDeleted {
		t.Errorf("what is deleted is changed: %v", err)
	}
}
