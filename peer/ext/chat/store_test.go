package chat_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/room"
)

// alter changes the database behind the archive's back.
func (d *device) alter(text string) {
	d.w.t.Helper()
	db, err := sql.Open("sqlite", "file:"+d.path+"?_pragma=busy_timeout(10000)")
	d.w.must(err)
	_, err = db.Exec(text)
	d.w.must(errors.Join(err, db.Close()))
}

// What stands for a full disk is a trigger that refuses events; that history knows a real one by its name is
// tested there.
func TestNothingIsAcknowledgedWhileTheHistoryCannotBeWritten(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		id := ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		ann.took()
		bob.took()
		bob.alter("CREATE TRIGGER refuse BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'there is no room'); END")
		e := ann.say("one")
		w.settle()
		c := bob.took()
		if !errors.Is(c.Trouble, chat.ErrStore) || !strings.Contains(c.Trouble.Error(), "there is no room") || len(c.Added) > 0 || len(ann.talk.Delivered(&e)) > 0 {
			t.Errorf("bob was told %+v, delivered %v", c, ann.talk.Delivered(&e))
		}
		if _, err := bob.trySay("never"); !errors.Is(err, chat.ErrStore) {
			t.Errorf("bob writes: %v", err)
		}
		w.pass(20 * time.Second)
		if _, err := bob.trySay("never again"); !errors.Is(err, chat.ErrStore) {
			t.Errorf("bob still writes: %v", err)
		}
		bob.must("he may be read still", bob.lines() == "")
		ann.say("two")
		bob.alter("DROP TRIGGER refuse")
		w.pass(2 * time.Minute)
		bob.say("three")
		w.settle()
		c = bob.took()
		if got := bob.lines(); got != "one two three" || !c.Recovered || c.Trouble != nil || len(ann.talk.Delivered(&e)) != 1 {
			t.Errorf("after it could be written again bob shows %q, and was told %+v", got, c)
		}
		if got := ann.lines(); got != "one two three" || len(c.Proofs) > 0 {
			t.Errorf("ann shows %q, lies %v", got, c.Proofs)
		}
		bob.restart(id)
		bob.must("and all of it is kept", bob.lines() == "one two three")
	})
}

// Who reads that the disk is full makes room and tries again at once.
func TestWhoWritesDoesNotWaitForTheNextTry(t *testing.T) {
	bubble(t, func(w *world) {
		bob := w.person("bob")
		bob.create(room.Options{Name: "room", History: -1})
		bob.alter("CREATE TRIGGER refuse BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'there is no room'); END")
		for range 10 {
			if _, err := bob.trySay("never"); !errors.Is(err, chat.ErrStore) {
				t.Fatalf("bob writes: %v", err)
			}
			w.pass(2 * time.Minute)
		}
		_, _ = bob.trySay("never")
		bob.alter("DROP TRIGGER refuse")
		w.pass(time.Second)
		if _, err := bob.trySay("at last"); err != nil {
			t.Errorf("a second after there was room: %v", err)
		}
	})
}

// must says what was to hold.
func (d *device) must(what string, ok bool) {
	d.w.t.Helper()
	if !ok {
		d.w.t.Errorf("%s: not so", what)
	}
}

// What was sent was lost by some fault, and the connection stands: nobody would ever say a word about it.
func TestASilentDivergenceIsFoundAndHealed(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		ann.say("one")
		w.settle()
		w.link(ann, bob).lose = true
		ann.say("two")
		w.settle()
		bob.must("it was lost", bob.lines() == "one")
		w.link(ann, bob).lose = false
		w.pass(time.Minute)
		bob.must("it was found", bob.lines() == "one two")
	})
}

func TestWhoFloodsOrDoesNotReadIsSentAway(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		e := w.link(bob, ann).other
		for range 1000 {
			if e.handler.Handle(time.Now(), []byte{3, 1}) != nil {
				break
			}
		}
		w.settle()
		ann.must("who types a thousand times is sent away", w.link(ann, bob) == nil)

		w.connect(ann, bob)
		w.settle()
		ann.must("and may come again", w.link(ann, bob) != nil)
		e = w.link(ann, bob)
		ann.mu.Lock() // Tell waits for it, and the Talk for Tell: it takes no more than the turn in which it hears of the typing
		err := e.handler.Handle(time.Now(), []byte{3, 1})
		payload := append([]byte{1, 1}, make([]byte, 128<<10-2)...)
		for i := 0; i < 1000 && err == nil; i++ {
			err = e.handler.Handle(time.Now(), payload)
		}
		ann.mu.Unlock()
		ann.must("the queue has an end", err != nil)
		w.settle()
		ann.must("who sends a message without end is sent away", w.link(ann, bob) == nil)

		w.connect(ann, bob)
		w.settle()
		w.link(ann, bob).Deaf = true
		text := strings.Repeat("x", 20<<10)
		for range 150 {
			ann.say("%s", text)
		}
		w.settle()
		w.link(ann, bob).Deaf = false
		w.pass(time.Second)
		ann.must("what he does not take is not kept for him", w.link(ann, bob) != nil && len(bob.lines()) > 150*20<<10)
	})
}

func TestOfAStrangerLittleIsKeptAndNotForLong(t *testing.T) {
	bubble(t, func(w *world) {
		ann, stranger := w.person("ann"), w.person("stranger")
		id := ann.create(room.Options{Name: "room", History: -1})
		stranger.open(id)
		w.devices = w.devices[:1] // nobody knows whose the other is
		defer func() { w.devices = append(w.devices, stranger) }()
		w.connect(ann, stranger)
		w.settle()
		if e := w.link(ann, stranger); e == nil || len(e.Take()) > 0 {
			t.Error("he was told something, or had no time to say who he is")
		}
		sent := 0
		for payload := make([]byte, 100<<10); w.link(ann, stranger).handler.Handle(time.Now(), payload) == nil; {
			sent += len(payload)
		}
		if sent > room.MaxMessage {
			t.Errorf("%d bytes are kept of him", sent)
		}
		w.pass(11 * time.Second)
		ann.must("he is sent away", w.link(ann, stranger) == nil)
	})
}

func TestAnUnknownFrameIsPassedOver(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		w.must(w.link(ann, bob).handler.Handle(time.Now(), []byte("\xffof a newer version")))
		w.settle()
		ann.must("he stays", w.link(ann, bob) != nil)
		w.must(w.link(ann, bob).handler.Handle(time.Now(), []byte{2, 1}))
		w.settle()
		ann.must("half a read mark", w.link(ann, bob) == nil)
	})
}

func TestADeviceThatLiesIsTold(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob, carl := w.person("ann"), w.person("bob"), w.person("carl")
		id := ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		ann.invite(carl)
		w.settle()
		w.cut(ann, carl)
		bob.say("to ann")
		w.settle()
		w.cut(ann, bob)
		bob.forget(id)
		w.connect(ann, carl)
		ann.took()
		bob.say("to carl")
		w.connect(bob, carl)
		w.settle()
		c := ann.took()
		if len(c.Proofs) != 1 || c.Proofs[0].A.Author != bob.secret.Key() || !c.Recount {
			t.Errorf("ann was told %+v", c)
		}
		for _, d := range []*device{ann, carl} {
			d.must("neither is shown", d.lines() == "")
		}
	})
}

// forget takes the last event of d out of its archive, as a backup that is put back does.
func (d *device) forget(id room.ID) {
	d.close()
	d.alter(`CREATE TABLE last AS SELECT max(n) AS n FROM events;
		INSERT INTO heads SELECT room, n-1 FROM events WHERE n = (SELECT n-1 FROM last);
		DELETE FROM heads WHERE event = (SELECT n FROM last);
		DELETE FROM bodies WHERE event = (SELECT n FROM last);
		UPDATE devices SET last = last-1, log = (SELECT max(n) FROM events WHERE author = devices.n AND n < (SELECT n FROM last)) WHERE log = (SELECT n FROM last);
		DELETE FROM events WHERE n = (SELECT n FROM last);
		UPDATE runs SET last = last-1, counted = counted-1 WHERE last > (SELECT max(seq) FROM events WHERE author = runs.author);
		DROP TABLE last`)
	d.openArchive()
	d.open(id)
}
