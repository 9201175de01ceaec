package chat_test

import (
	"database/sql"
	"testing"
	"time"

	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/room"
	"p2p/peer/simnet"
)

// occupy has the device's disk busy until the function that it returns is called.
func (d *device) occupy() (free func()) {
	d.w.t.Helper()
	db, err := sql.Open("sqlite", "file:"+d.path+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	d.w.must(err)
	tx, err := db.Begin()
	d.w.must(err)
	return func() {
		d.w.must(tx.Rollback())
		d.w.must(db.Close())
	}
}

func TestWhatIsSaidIsReadWhileItsAuthorsDiskIsBusy(t *testing.T) {
	w := newWorld(t, 1)
	all := w.company(2, func() *simnet.Host { return nil })
	ann, bob := all[0], all[1]
	ann.say("before")
	until(t, "they are at one", 5*time.Second, func() bool { return bob.lines() == "before" })
	bob.took()

	free := ann.occupy()
	done := make(chan room.Event, 1)
	go func() {
		e, err := ann.trySay("hello")
		if err != nil {
			t.Errorf("ann says hello: %v", err)
		}
		done <- e
	}()
	var c chat.Change
	until(t, "it is said", 5*time.Second, func() bool { c = bob.took(); return len(c.Said) > 0 })
	bob.must("nothing is stored", bob.lines() == "before" && len(c.Added) == 0)
	free()
	e := <-done
	said := c.Said[0]
	text, err := body.ParseText(said.Body)
	if err != nil || text.Text != "hello" || said.Event != e.ID || said.Lamport != e.Lamport || said.Account != ann.account.Key() || said.Device != ann.secret.Key() {
		t.Errorf("%+v (%q, %v) was said, %+v written", said, text.Text, err, e)
	}
	until(t, "it is there", 5*time.Second, func() bool { return bob.lines() == "before hello" })
	bob.must("and is not said again", len(bob.took().Said) == 0)
}

func TestWhoSaysMuchAheadIsPassedOverAndWhoSaysNonsenseIsSentAway(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		bob.took()
		hello := body.Text{Text: "hello"}
		frame := hello.AppendTo(append([]byte{5}, make([]byte, 32+8)...))
		for range 1000 {
			w.must(w.link(bob, ann).handler.Handle(time.Now(), frame))
		}
		w.settle()
		if n := len(bob.took().Said); n == 0 || n > 64 || w.link(ann, bob) == nil {
			t.Errorf("%d were heard, connected is %v", n, w.link(ann, bob) != nil)
		}
		w.must(w.link(bob, ann).handler.Handle(time.Now(), frame[:41]))
		w.settle()
		bob.must("the connection has ended", w.link(ann, bob) == nil)
	})
}
