package chat_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// readAll marks all as read that a device shows, and returns what that is.
func (d *device) readAll() room.Event {
	d.w.t.Helper()
	last, err := d.archive.Before(context.Background(), d.talk.ID(), history.End, 1)
	d.w.must(err)
	d.w.must(d.talk.Read(context.Background(), last[0].Event.ID))
	return last[0].Event
}

// ticks checks what an account is known to have of an event.
func (d *device) ticks(other *device, e *room.Event, delivered, read bool, when string) {
	d.w.t.Helper()
	if gotDelivered, gotRead := d.deliveredTo(other, e), d.readBy(other, e); gotDelivered != delivered || gotRead != read {
		d.w.t.Errorf("%s: %s believes of %s: delivered %v, read %v; that is %v, %v", when, d.name, other.name, gotDelivered, gotRead, delivered, read)
	}
}

// aside has somebody write while others, whom he does not reach, write more than he does.
func (w *world) aside(ann *device, others ...*device) room.Event {
	w.t.Helper()
	var near []*device
	for _, o := range w.devices {
		if w.link(ann, o) != nil {
			near = append(near, o)
			w.cut(ann, o)
		}
	}
	ann.say("late one")
	e := ann.say("late two")
	for range 4 {
		for _, o := range others {
			o.say("later")
			w.settle()
		}
	}
	for _, o := range others {
		o.readAll()
	}
	w.pass(3 * time.Second)
	for _, o := range near {
		w.connect(ann, o)
	}
	return e
}

func TestWhatComesLateIsDeliveredAndNotReadUntilItIs(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		id := ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		e := w.aside(ann, bob)
		w.pass(3 * time.Second)
		ann.ticks(bob, &e, true, false, "when it has come")
		ann.restart(id)
		ann.ticks(bob, &e, true, false, "after a restart")
		w.connect(ann, bob)
		w.pass(3 * time.Second)
		ann.ticks(bob, &e, true, false, "when they meet again")
		ann.took()
		last := bob.readAll()
		w.pass(3 * time.Second)
		ann.ticks(bob, &e, true, true, "when he has read it")
		if got := ann.took().Read; len(got) != 1 || got[0] != (chat.Read{Account: bob.account.Key(), Event: last.ID}) {
			t.Errorf("ann was told %v", got)
		}
		ann.restart(id)
		ann.ticks(bob, &e, true, true, "after another restart")
		e = w.aside(ann, bob)
		bob.restart(id)
		w.connect(ann, bob)
		w.pass(3 * time.Second)
		ann.ticks(bob, &e, true, false, "when another has come, and he was started again")
	})
}

func TestWhoIsAwayHasNotStoredWhatIsWrittenBeforeHisMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		ann, bob, carl := line(w)
		e := w.aside(ann, bob, carl)
		w.cut(bob, carl)
		w.cut(ann, bob)
		w.connect(ann, bob) // and hears what carl has said
		w.pass(20 * time.Second)
		ann.ticks(bob, &e, true, false, "when bob has it")
		ann.ticks(carl, &e, false, false, "while carl is away")
		w.connect(bob, carl)
		w.pass(3 * time.Second)
		ann.ticks(carl, &e, true, false, "when carl is back")
		carl.readAll()
		w.pass(3 * time.Second)
		ann.ticks(carl, &e, true, true, "when carl has read it")
		ann.ticks(bob, &e, true, false, "when carl alone has read it")
	})
}

// oldens has all that ann hears be of older builds.
func (w *world) oldens(ann *device) {
	id := ann.talk.ID()
	w.alters = func(to *device, payload string) string {
		if to != ann {
			return payload
		}
		return chat.AsOlder(payload, id, func(key identity.Key) (identity.Secret, bool) {
			for _, d := range w.devices {
				if d.secret.Key() == key {
					return d.secret, true
				}
			}
			return identity.Secret{}, false
		})
	}
}

func TestOfAnOlderBuildIsReadWhatTheMarkStandsUpon(t *testing.T) {
	for _, direct := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 1)
			ann, bob, carl := line(w)
			w.oldens(ann)
			if direct {
				w.connect(ann, carl)
			}
			plain := ann.say("one")
			w.settle()
			carl.readAll()
			w.pass(3 * time.Second)
			ann.ticks(carl, &plain, true, true, "what he has marked")
			answered := ann.say("two")
			w.settle()
			bob.say("three")
			bob.say("four")
			w.settle()
			carl.readAll()
			w.pass(3 * time.Second)
			ann.ticks(carl, &answered, true, true, "what another has answered, whom he has read")
			e := w.aside(ann, bob, carl)
			w.pass(20 * time.Second)
			ann.ticks(carl, &e, true, false, "what has come late")
			carl.readAll()
			w.pass(3 * time.Second)
			ann.ticks(carl, &e, true, false, "what has come late, and been read: he cannot say so")
			bob.say("five")
			w.settle()
			carl.readAll()
			w.pass(3 * time.Second)
			ann.ticks(carl, &e, true, true, "what stands before something that he has read")
		})
	}
}

func TestWhatWasReadIsKnownOnTheOtherDeviceOfItsAuthorThoughItComesThereAfterTheMark(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		laptop := w.device("laptop", ann.account)
		id := ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		laptop.open(id)
		w.connect(ann, laptop)
		w.settle()
		w.must(laptop.talk.Join(context.Background(), laptop.certificate()))
		w.connect(bob, laptop)
		w.pass(time.Second)
		w.cut(ann, laptop)
		e := w.aside(ann, bob)
		w.alters = func(to *device, payload string) string {
			if to == laptop && payload[0] == 1 {
				return ""
			}
			return payload
		}
		w.settle()
		bob.readAll()
		w.pass(3 * time.Second)
		laptop.ticks(bob, &e, false, false, "before it has come")
		w.alters = nil
		w.connect(ann, laptop)
		w.settle()
		laptop.ticks(bob, &e, true, true, "when it has come")
		ann.ticks(bob, &e, true, true, "where it was written")
	})
}

func TestWhatOneDeviceHasUnreadIsNotReadByTheMarkOfAnotherThatHasItNot(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		second := w.device("bob's second", bob.account)
		id := ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		second.open(id)
		w.connect(bob, second)
		w.settle()
		w.must(second.talk.Join(context.Background(), second.certificate()))
		w.connect(ann, second)
		w.settle()
		second.readAll()
		w.pass(3 * time.Second)
		w.cut(ann, bob)
		w.cut(bob, second)
		e := ann.say("unread")
		w.settle()
		w.cut(ann, second)
		for range 4 {
			bob.say("later")
		}
		bob.readAll()
		w.connect(bob, second)
		w.pass(3 * time.Second)
		w.connect(ann, second)
		w.pass(3 * time.Second)
		for _, d := range []*device{bob, second} {
			if n, _, err := d.archive.Unread(context.Background(), id); err != nil || n != 1 {
				t.Errorf("%s has %d unread, not 1: %v", d.name, n, err)
			}
		}
		ann.ticks(bob, &e, true, false, "before it is read")
		second.readAll()
		w.pass(3 * time.Second)
		if n, _, err := bob.archive.Unread(context.Background(), id); err != nil || n != 0 {
			t.Errorf("bob has %d unread that were read on the other device: %v", n, err)
		}
		ann.ticks(bob, &e, true, true, "when it is read")
	})
}

func TestAMarkThatAnOlderBuildHasKeptHasReadWhatItStandsUpon(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		id := ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		e := ann.say("one")
		w.settle()
		bob.say("two")
		last := bob.say("three")
		w.settle()
		w.cut(ann, bob)
		late := ann.say("four")
		_, err := ann.archive.MarkRead(bob.account.Key(), last.ID) // and nothing beside it
		w.must(err)
		ann.restart(id)
		ann.ticks(bob, &e, true, true, "what he has answered")
		ann.ticks(bob, &late, false, false, "what he has not got")
	})
}

// TestWhatIsSeenToBeReadWasRead lets people write, read, meet and part as they like: nobody is ever believed to have what he has not
// got, or to have read what was not before his eyes; and when all have met, and have read all, all is known.
func TestWhatIsSeenToBeReadWasRead(t *testing.T) {
	seeds := []uint64{7, 0, 1} // the first has found the most
	if testing.Short() {
		seeds = seeds[:1]
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &reading{story: &story{world: newWorld(t, seed)}, read: map[[2]string]bool{}, stored: map[[2]string]bool{}}
				r.begin(4)
				for range 60 {
					r.step()
					r.check()
				}
				r.end()
			})
		})
	}
}

// reading is a story of which it is known what everybody has, and has read.
type reading struct {
	*story
	written      []room.Event
	stored, read map[[2]string]bool // by account and event
}

func (r *reading) key(d *device, id room.ID) [2]string {
	return [2]string{d.account.Key().String(), id.String()}
}

func (r *reading) step() {
	d := r.any()
	switch r.rng.IntN(8) {
	case 0, 1, 2:
		r.written = append(r.written, d.say("%d", len(r.written)))
	case 3:
		r.connect(d, r.any())
	case 4:
		r.cut(d, r.any())
	case 5:
		if r.rng.IntN(4) == 0 {
			d.restart(r.id)
		}
	default:
		r.reads(d)
	}
	if r.rng.IntN(3) > 0 {
		r.settle()
	}
	if r.rng.IntN(3) == 0 {
		r.pass(time.Second)
	}
}

// reads has somebody read all that is there.
func (r *reading) reads(d *device) {
	synctest.Wait()
	d.readAll()
	all, err := d.archive.Before(context.Background(), r.id, history.End, 1000)
	r.must(err)
	for i := range all {
		r.read[r.key(d, all[i].Event.ID)] = true
	}
}

func (r *reading) check() {
	synctest.Wait()
	for i := range r.written {
		for _, d := range r.devices {
			if _, here, err := d.archive.Event(context.Background(), r.written[i].ID); err == nil && here {
				r.stored[r.key(d, r.written[i].ID)] = true
			}
		}
	}
	for i := range r.written {
		e := &r.written[i]
		for _, d := range r.devices {
			for _, o := range r.devices {
				if at := r.key(o, e.ID); d.readBy(o, e) && !r.read[at] || d.deliveredTo(o, e) && !r.stored[at] {
					r.t.Fatalf("%s believes of %s and message %d of %d: delivered %v, read %v; that is %v, %v",
						d.name, o.name, i, len(r.written), d.deliveredTo(o, e), d.readBy(o, e), r.stored[at], r.read[at])
				}
			}
		}
	}
}

func (r *reading) end() {
	for _, d := range r.devices {
		for _, o := range r.devices {
			r.connect(d, o)
		}
	}
	r.pass(time.Minute)
	for _, d := range r.devices {
		r.reads(d)
	}
	r.pass(5 * time.Second)
	r.check()
	for i := range r.written {
		e := &r.written[i]
		for _, d := range r.devices {
			if account, _ := d.talk.Knows(e.Author); account != d.account.Key() {
				continue
			}
			if got := d.talk.ReadBy(e); len(got) != 3 || !maps.Equal(got, d.talk.Delivered(e)) {
				r.t.Errorf("all have read message %d, and %s knows it of %d, that they have it of %d", i, d.name, len(got), len(d.talk.Delivered(e)))
			}
		}
	}
}
