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

func TestWhatAProgramSendsAgainUnderItsKeyIsSentOnceAlsoByTheNextRun(t *testing.T) {
	p := alone(t)
	file := filepath.Join(t.TempDir(), "a.bin")
	if err := os.WriteFile(file, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := func() string {
		return ask(t, p.Send, &p2pv1.SendRequest{Where: "lab", Text: "hello", Key: "text"}).Message.Id
	}
	offer := func() string {
		return ask(t, p.Offer, &p2pv1.OfferRequest{Where: "lab", Path: file, Key: "file"}).Message.Id
	}
	ids := []string{text(), offer()}
	again := func(when string) {
		t.Helper()
		if text() != ids[0] || offer() != ids[1] {
			t.Errorf("%s, it is another one", when)
		}
		if all := p.messages("lab"); len(all) != 3 || p.offers("lab") != 1 {
			t.Errorf("%s, beside its creation the room has %v", when, all[1:])
		}
	}
	again("at once")
	p.close()
	p = open(t, p.dir)
	again("by the next run")
	if err := os.WriteFile(file, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	again("of a file that was changed")
	ask(t, p.Cancel, &p2pv1.CancelRequest{Message: ids[1]})
	p.close()
	p = open(t, p.dir)
	again("of an offer that was taken back")
	if all := ask(t, p.ListTransfers, &p2pv1.ListTransfersRequest{}).Transfers; len(all) > 0 {
		t.Errorf("what was taken back is shared: %v", all)
	}
	if _, err := p.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "lab", Text: "x", Key: strings.Repeat("k", 257)})); p.reason(err) != api.BadKey {
		t.Errorf("a key without end: %v", err)
	}
}

// Whose keys are not unique, as a date is not, would lose what he sends under an answer that says that it was sent.
func TestSomethingElseUnderAKeyThatWasUsedIsRefused(t *testing.T) {
	p := alone(t)
	file := filepath.Join(t.TempDir(), "a.bin")
	other := filepath.Join(t.TempDir(), "b.bin")
	for _, path := range []string{file, other} {
		if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first := ask(t, p.Send, &p2pv1.SendRequest{Where: "lab", Text: "one", Key: "text"}).Message.Id
	answer := &p2pv1.SendRequest{Where: "lab", Text: "two", Key: "answer", ReplyTo: first[:8]}
	ask(t, p.Send, answer)
	ask(t, p.Offer, &p2pv1.OfferRequest{Where: "lab", Path: file, Text: "beside", Key: "file"})
	gone := ask(t, p.Send, &p2pv1.SendRequest{Where: "lab", Text: "gone", Key: "gone"}).Message.Id
	ask(t, p.Delete, &p2pv1.DeleteRequest{Message: gone})
	ask(t, p.Edit, &p2pv1.EditRequest{Message: first, Text: "uno"})
	had := len(p.messages("lab"))

	ask(t, p.Send, answer)
	if id := ask(t, p.Send, &p2pv1.SendRequest{Where: "lab", Text: "one", Key: "text"}).Message.Id; id != first {
		t.Errorf("what was edited since is sent again: %s", id)
	}
	for what, q := range map[string]*p2pv1.SendRequest{
		"another text":                 {Text: "two", Key: "text"},
		"what it was edited to":        {Text: "uno", Key: "text"},
		"a text where a file was":      {Text: "beside", Key: "file"},
		"an answer where none was":     {Text: "one", Key: "text", ReplyTo: gone},
		"no answer where one was":      {Text: "two", Key: "answer"},
		"an answer to another message": {Text: "two", Key: "answer", ReplyTo: gone},
		"what was deleted":             {Text: "gone", Key: "gone"},
	} {
		q.Where = "lab"
		_, err := p.Send(t.Context(), connect.NewRequest(q))
		if p.reason(err) != api.KeyUsed || connect.CodeOf(err) != connect.CodeAlreadyExists {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, q := range map[string]*p2pv1.OfferRequest{
		"another file":                 {Path: other, Text: "beside", Key: "file"},
		"another text beside it":       {Path: file, Text: "else", Key: "file"},
		"a file where a text was":      {Path: file, Key: "text"},
		"a file where one was deleted": {Path: file, Key: "gone"},
	} {
		q.Where = "lab"
		if _, err := p.Offer(t.Context(), connect.NewRequest(q)); p.reason(err) != api.KeyUsed {
			t.Errorf("%s: %v", what, err)
		}
	}
	if now := len(p.messages("lab")); now != had {
		t.Errorf("the room had %d messages and has %d", had, now)
	}
}

func TestOfTwoThingsThatAreSentAtOnceUnderOneKeyOneIsRefused(t *testing.T) {
	p := alone(t)
	texts := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	errs := make(chan error, len(texts))
	for _, text := range texts {
		go func() {
			_, err := p.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "lab", Text: text, Key: "one"}))
			errs <- err
		}()
	}
	sent := 0
	for range texts {
		if err := <-errs; err == nil {
			sent++
		} else if p.reason(err) != api.KeyUsed {
			t.Error(err)
		}
	}
	if all := p.messages("lab"); sent != 1 || len(all) != 2 {
		t.Errorf("%d were told that theirs was sent, and beside its creation the room has %v", sent, all[1:])
	}
}

// A program that has not heard the answer asks again, when somebody has changed the message since: to something else, or back.
func TestAnEditUnderAKeyIsDoneOnce(t *testing.T) {
	p := alone(t)
	id := ask(t, p.Send, &p2pv1.SendRequest{Where: "lab", Text: "one", Key: "text"}).Message.Id
	other := ask(t, p.Send, &p2pv1.SendRequest{Where: "lab", Text: "other"}).Message.Id
	was := "one"
	edit := &p2pv1.EditRequest{Message: id, Text: "two", Key: "edit", Replaces: &was}
	if m := ask(t, p.Edit, edit).Message; m.Text != "two" {
		t.Errorf("it says %q", m.Text)
	}
	for _, text := range []string{"three", "one"} {
		ask(t, p.Edit, &p2pv1.EditRequest{Message: id, Text: text})
		for range 2 {
			if m := ask(t, p.Edit, edit).Message; m.Text != text {
				t.Errorf("done again, it says %q in place of %q", m.Text, text)
			}
			p.close()
			p = open(t, p.dir)
		}
	}
	for what, q := range map[string]*p2pv1.EditRequest{
		"another text":            {Message: id, Text: "four", Key: "edit"},
		"another message":         {Message: other, Text: "two", Key: "edit"},
		"the key of what is sent": {Message: id, Text: "one", Key: "text"},
	} {
		if _, err := p.Edit(t.Context(), connect.NewRequest(q)); p.reason(err) != api.KeyUsed {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := p.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "lab", Text: "two", Key: "edit"})); p.reason(err) != api.KeyUsed {
		t.Errorf("a text under the key of an edit: %v", err)
	}
	ask(t, p.Delete, &p2pv1.DeleteRequest{Message: id})
	if m := ask(t, p.Edit, edit).Message; !m.Deleted {
		t.Errorf("after its message was deleted, it is %v", m)
	}
}

func TestAnEditReplacesWhatThePersonHasSeen(t *testing.T) {
	p := alone(t)
	m := ask(t, p.Send, &p2pv1.SendRequest{Where: "lab", Text: "one"}).Message
	one := "one"
	errs := make(chan error, 8)
	for i := range cap(errs) {
		go func() {
			_, err := p.Edit(t.Context(), connect.NewRequest(&p2pv1.EditRequest{Message: m.Id, Text: strings.Repeat("x", i+1), Replaces: &one}))
			errs <- err
		}()
	}
	done := 0
	for range cap(errs) {
		if err := <-errs; err == nil {
			done++
		} else if p.reason(err) != api.MessageChanged || connect.CodeOf(err) != connect.CodeFailedPrecondition {
			t.Error(err)
		}
	}
	if done != 1 {
		t.Errorf("%d edits have replaced the same", done)
	}
	all := p.messages("lab")
	now := all[len(all)-1].Text
	if m := ask(t, p.Edit, &p2pv1.EditRequest{Message: m.Id, Text: now, Replaces: &one}).Message; m.Text != now {
		t.Errorf("what it says already is refused: %v", m)
	}
	ask(t, p.Edit, &p2pv1.EditRequest{Message: m.Id, Text: "two", Replaces: &now})
}
