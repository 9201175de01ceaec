package chat_test

import (
	"context"
	"database/sql"
	"strings"
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

// write writes a text in the background.
func (d *device) write(text body.Text) <-chan room.Event {
	done := make(chan room.Event, 1)
	go func() {
		e, err := d.talk.Write(context.Background(), body.KindText, text.AppendTo(nil))
		if err != nil {
			d.w.t.Errorf("%s writes: %v", d.name, err)
		}
		done <- e
	}()
	return done
}

func TestWhatIsSaidIsReadWhileItsAuthorsDiskIsBusy(t *testing.T) {
	w := newWorld(t, 1)
	all := w.company(2, func() *simnet.Host { return nil })
	ann, bob := all[0], all[1]
	ann.say("before")
	until(t, "they are at one", time.Minute, func() bool { return bob.lines() == "before" })
	bob.heard()

	free := ann.occupy()
	done := ann.write(body.Text{Text: "hello"})
	var said []chat.Said
	until(t, "it is said", time.Minute, func() bool { said = bob.heard(); return len(said) > 0 })
	bob.must("nothing is stored", bob.lines() == "before")
	free()
	e := <-done
	if s := said[0]; s.Text != "hello" || s.Event != e.ID || s.Account != ann.account.Key() || s.Device != ann.secret.Key() {
		t.Errorf("%+v was said, %+v written", s, e)
	}
	until(t, "it is there", time.Minute, func() bool { return bob.lines() == "before hello" })
	bob.must("and is not said again", len(bob.heard()) == 0)
}

// talkers are two who are connected, and what one's device sends to make the other hear something.
func talkers(w *world) (ann, bob *device, tell func(id room.ID, text string)) {
	ann, bob = w.person("ann"), w.person("bob")
	ann.create(room.Options{Name: "room", History: -1})
	ann.invite(bob)
	return ann, bob, func(id room.ID, text string) {
		w.t.Helper()
		w.must(w.link(bob, ann).handler.Handle(time.Now(), append(append([]byte{5}, id[:]...), text...)))
	}
}

func TestWhoSaysMuchAtOnceIsPassedOverAndWhoSaysNonsenseIsSentAway(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob, tell := talkers(w)
		for range 10_000 {
			tell(room.ID{1}, "hello")
		}
		w.settle()
		if n := len(bob.heard()); n == 0 || n > 64 || w.link(ann, bob) == nil {
			t.Errorf("%d were heard, connected is %v", n, w.link(ann, bob) != nil)
		}
		tell(room.ID{1}, strings.Repeat("x", 5000))
		w.settle()
		bob.must("the connection has ended", w.link(ann, bob) == nil)
	})
}

func TestOnlyMembersAreHeardAndOnlyBeforeTheirMessageIsThere(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob, tell := talkers(w)
		e := ann.say("hello")
		w.settle()
		tell(e.ID, "hello")
		w.settle()
		bob.must("a message is not said", len(bob.heard()) == 0)
		tell(room.ID{1}, "hello")
		w.settle()
		bob.must("what is none yet is", len(bob.heard()) == 1)
		phone := w.device("phone", bob.account)
		phone.open(ann.talk.ID())
		w.connect(phone, bob)
		w.settle()
		w.must(phone.talk.Join(context.Background(), phone.certificate()))
		w.settle()
		w.must(w.link(bob, phone).handler.Handle(time.Now(), append(append([]byte{5}, make([]byte, 32)...), "hello"...)))
		w.settle()
		bob.must("nor is what this person says elsewhere", len(bob.heard()) == 0)
	})
}
