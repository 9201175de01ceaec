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
	if _, err := p.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "lab", Text: "x", Key: strings.Repeat("k", 257)})); p.reason(err) != api.Invalid {
		t.Errorf("a key without end: %v", err)
	}
}
