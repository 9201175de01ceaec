package people_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// leaves has alice offer what is so large that no test sees it hashed, though it takes no room, and not wait for it. It returns the path.
func (p *person) leaves(where string, despite ...string) string {
	p.t.Helper()
	path := filepath.Join(p.t.TempDir(), "film.bin")
	f, err := os.Create(path)
	if err == nil {
		err = f.Truncate(64 << 30)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	f.Close()
	ctx, cancel := context.WithCancel(p.t.Context())
	cancel()
	if _, err := p.Offer(ctx, connect.NewRequest(&p2pv1.OfferRequest{Where: where, Path: path, Keep: true, Despite: despite})); err == nil {
		p.t.Fatal("it was hashed at once")
	}
	return path
}

// cutShort has it hashed at once by the next run.
func cutShort(t *testing.T, path string) {
	t.Helper()
	if err := os.Truncate(path, 1<<20); err != nil {
		t.Fatal(err)
	}
}

func (p *person) offers(where string) (n int) {
	for _, m := range p.messages(where) {
		if m.File != nil {
			n++
		}
	}
	return n
}

func alone(t *testing.T) *person {
	p := open(t, filepath.Join(t.TempDir(), "alice"))
	ask(t, p.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab"})
	return p
}

func TestWhatIsBeingPreparedIsSentByTheNextRunOnce(t *testing.T) {
	p := alone(t)
	path := p.leaves("lab")
	if n := p.offers("lab"); n != 0 {
		t.Fatal("it is sent before it is hashed")
	}
	p.close()
	cutShort(t, path)
	p = open(t, p.dir)
	eventually(t, "it is sent", func() bool { return p.offers("lab") == 1 })
	p.close()
	p = open(t, p.dir)
	if n := p.offers("lab"); n != 1 {
		t.Errorf("it is there %d times", n)
	}
}

func TestWhatIsBeingPreparedIsSentByTheNextRunDespiteWhomThePersonHasNamed(t *testing.T) {
	alice, _ := two(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab", Invite: []string{"bob"}})
	account := alice.contact("bob").Account
	ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob", Differ: true})
	path := alice.leaves("lab", account)
	alice.close()
	cutShort(t, path)
	alice = open(t, alice.dir)
	alerts := alice.listens()
	eventually(t, "it is sent, or refused", func() bool { return alice.offers("lab") == 1 || len(alerts(p2pv1.Alert_KIND_OFFER_LOST)) > 0 })
	if lost := alerts(p2pv1.Alert_KIND_OFFER_LOST); len(lost) > 0 {
		t.Errorf("it is not sent: %v", lost[0].Reason)
	}
}

func TestWhatIsBeingPreparedCanBeCalledOff(t *testing.T) {
	p := alone(t)
	for _, call := range []func(string) string{filepath.Clean, filepath.Base} {
		path := p.leaves("lab")
		if all := ask(t, p.ListTransfers, &p2pv1.ListTransfersRequest{}).Transfers; len(all) != 1 || all[0].State != p2pv1.Transfer_STATE_HASHING || all[0].Path != path || all[0].Conversation == "" {
			t.Errorf("there is %v", all)
		}
		if got := ask(t, p.Cancel, &p2pv1.CancelRequest{Message: call(path)}).Transfer; got.GetState() != p2pv1.Transfer_STATE_CANCELLED || got.GetPath() != path {
			t.Errorf("it is told to be %v", got)
		}
		gone := func() bool {
			_, err := p.Cancel(t.Context(), connect.NewRequest(&p2pv1.CancelRequest{Message: path}))
			return err != nil
		}
		eventually(t, "it is called off", gone)
	}
	p.close()
	p = open(t, p.dir)
	if n := p.offers("lab"); n != 0 {
		t.Errorf("it is sent %d times", n)
	}
}

func TestWhatCannotBeSentAnyMoreIsToldToTheFirstWhoIsThere(t *testing.T) {
	p := alone(t)
	path := p.leaves("lab")
	p.close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	p = open(t, p.dir)
	alerts := p.listens()
	eventually(t, "it is told", func() bool { return len(alerts(p2pv1.Alert_KIND_OFFER_LOST)) > 0 })
	if r := alerts(p2pv1.Alert_KIND_OFFER_LOST)[0].Reason; r.GetKey() != api.NotOffered || r.With["path"] != path || r.With["problem"] != api.NoSuchPath {
		t.Errorf("as %v", r)
	}
}
