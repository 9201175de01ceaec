package people_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // a second writer

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api/p2pv1"
)

func TestProgramsAreToldWhatIsSaidWhileTheDiskOfItsAuthorIsBusy(t *testing.T) {
	alice, bob := two(t)
	alice.say("bob", "before")
	eventually(t, "they are at one", bob.has("alice", "before"))
	heard := bob.hears()

	db, err := sql.Open("sqlite", "file:"+filepath.Join(alice.dir, "history")+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	busy, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan *p2pv1.Message, 1)
	go func() {
		r, err := alice.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "bob", Text: "hello"}))
		if err != nil {
			t.Error(err)
			sent <- nil
			return
		}
		sent <- r.Msg.Message
	}()
	var said *p2pv1.Message
	eventually(t, "bob's programs are told", func() bool {
		for _, e := range heard() {
			if s := e.GetSaid(); s != nil {
				said = s
			}
		}
		return said != nil
	})
	if err := busy.Rollback(); err != nil {
		t.Fatal(err)
	}
	m := <-sent
	if said.Id != m.GetId() || said.Conversation != m.GetConversation() || said.Text != "hello" || said.Name != "alice" ||
		said.Account != m.GetAccount() || said.Device != m.GetDevice() || said.Number != 0 || said.Mine {
		t.Errorf("%v was said, %v written", said, m)
	}
	eventually(t, "it is a message", bob.has("alice", "before", "hello"))
}
