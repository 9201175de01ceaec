package chat_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/room"
)

// receiptKind is the kind of the frames that hold receipts.
const receiptKind = 7

// line makes three members, of whom the second alone is connected with the others.
func line(w *world) (ann, bob, carl *device) {
	ann, bob, carl = w.person("ann"), w.person("bob"), w.person("carl")
	ann.create(room.Options{Name: "room", History: -1})
	ann.invite(bob)
	ann.invite(carl)
	w.cut(ann, carl)
	w.connect(bob, carl)
	w.pass(time.Second)
	return ann, bob, carl
}

// readBy reports whether somebody is known to have read an event that this account has written.
func (d *device) readBy(other *device, e *room.Event) bool {
	return d.talk.ReadBy(e)[other.account.Key()]
}

// marked reports whether somebody is known to have read up to an event.
func (d *device) marked(other *device, e *room.Event) bool {
	d.w.t.Helper()
	reads, err := d.archive.Reads(context.Background(), d.talk.ID())
	d.w.must(err)
	mark, ok := reads[other.account.Key()]
	return ok && !mark.Position().Less(e.Position())
}

func (d *device) deliveredTo(other *device, e *room.Event) bool {
	return d.talk.Delivered(e)[other.account.Key()]
}

func TestWhatSomebodyHasStoredAndReadIsKnownToWhoReachesHimThroughAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		ann, bob, carl := line(w)
		e := ann.say("one")
		w.settle()
		if carl.lines() != "one" {
			t.Fatalf("carl has %q", carl.lines())
		}
		w.pass(2 * time.Second)
		if !ann.deliveredTo(carl, &e) || ann.readBy(carl, &e) {
			t.Errorf("carl has stored it and not read it, and ann believes: delivered %v, read %v", ann.deliveredTo(carl, &e), ann.readBy(carl, &e))
		}
		ann.took()
		w.must(carl.talk.Read(context.Background(), e.ID))
		w.pass(2 * time.Second)
		if !ann.readBy(carl, &e) || ann.readBy(bob, &e) {
			t.Errorf("carl has read it, bob has not, and ann believes %v, %v", ann.readBy(carl, &e), ann.readBy(bob, &e))
		}
		if got := ann.took().Read; !slices.Equal(got, []chat.Read{{Account: carl.account.Key(), Event: e.ID}}) {
			t.Errorf("ann was told %v", got)
		}
	})
}

func TestAReceiptIsHeldForWhoIsAwayAlsoWhenItsDeviceIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		ann, bob, carl := line(w)
		e := ann.say("one")
		w.settle()
		w.cut(ann, bob)
		w.must(carl.talk.Read(context.Background(), e.ID))
		w.pass(2 * time.Second)
		w.cut(bob, carl)
		carl.close()
		w.pass(2 * time.Second)
		w.connect(ann, bob)
		w.pass(2 * time.Second)
		if !ann.deliveredTo(carl, &e) || !ann.readBy(carl, &e) {
			t.Errorf("delivered %v, read %v; bob knows both", ann.deliveredTo(carl, &e), ann.readBy(carl, &e))
		}
	})
}

func TestWhoPassesOnAReceiptCannotChangeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		ann, bob, carl := line(w)
		forged := 0
		w.alters = func(to *device, payload string) string {
			if to != ann || payload[0] != receiptKind {
				return payload
			}
			forged++
			b := []byte(payload)
			b[len(b)/2]++
			return string(b)
		}
		e := ann.say("one")
		w.settle()
		w.must(carl.talk.Read(context.Background(), e.ID))
		w.pass(5 * time.Second)
		if forged == 0 {
			t.Fatal("nothing was passed on")
		}
		if ann.deliveredTo(carl, &e) || ann.readBy(carl, &e) {
			t.Errorf("ann believes what bob says for carl: delivered %v, read %v", ann.deliveredTo(carl, &e), ann.readBy(carl, &e))
		}
		if w.link(ann, bob) != nil {
			t.Error("bob has forged a receipt, and is still connected")
		}
	})
}

func TestAnOldBuildBetweenTwoDoesNoHarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		ann, bob, carl := line(w)
		w.alters = func(to *device, payload string) string {
			if to == bob && payload[0] == receiptKind {
				return string([]byte{255}) + payload[1:] // of a newer version, to him
			}
			return payload
		}
		w.pass(2 * time.Second) // what he held before is old
		e := ann.say("one")
		w.pass(time.Minute)
		if carl.lines() != "one" || w.link(ann, bob) == nil || w.link(bob, carl) == nil {
			t.Errorf("carl has %q, and bob is connected: %v, %v", carl.lines(), w.link(ann, bob) != nil, w.link(bob, carl) != nil)
		}
		if !ann.deliveredTo(bob, &e) || ann.deliveredTo(carl, &e) {
			t.Errorf("delivered to bob %v, to carl %v; bob tells of himself alone", ann.deliveredTo(bob, &e), ann.deliveredTo(carl, &e))
		}
		w.connect(ann, carl)
		w.settle()
		if !ann.deliveredTo(carl, &e) {
			t.Error("ann meets carl, and does not know that he has it")
		}
	})
}

func TestARoomWhereAllAreConnectedSendsNoReceiptsAndOneWhoIsAwayCostsFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		const members = 10
		all := []*device{w.person("p0")}
		all[0].create(room.Options{Name: "room", History: -1})
		for i := 1; i < members; i++ {
			all = append(all, w.person(fmt.Sprint("p", i)))
			all[0].invite(all[i])
		}
		for i := range all {
			for j := range i {
				w.connect(all[i], all[j])
			}
		}
		w.pass(3 * time.Second)
		frames, bytes := 0, 0
		w.hears = func(_ *device, payload string) {
			if payload[0] == receiptKind {
				frames, bytes = frames+1, bytes+len(payload)
			}
		}
		for range 2 {
			all[3].say("all are here")
			w.pass(2 * time.Second)
		}
		if frames > 0 {
			t.Errorf("all hear each other, and %d receipts were sent", frames)
		}

		last := all[members-1] // who is connected with the first alone
		for _, d := range all[1:] {
			w.cut(d, last)
		}
		w.pass(3 * time.Second)
		all[3].say("the others are no shorter way to him any more")
		w.pass(5 * time.Second)
		frames, bytes = 0, 0
		const messages = 5
		for range messages {
			e := all[3].say("one is reached through another")
			w.pass(2 * time.Second)
			if !all[3].deliveredTo(last, &e) {
				t.Fatal("he has it, and that is not known")
			}
		}
		// Each tells four who keep it, and the first, who passes on what the others say to the last, and what he says to them.
		if most := messages * 6 * (members - 1); frames > most || bytes > most*512 {
			t.Errorf("%d messages took %d frames of %d bytes, more than %d of 512", messages, frames, bytes, most)
		}

		frames = 0
		for range 20 {
			all[3].say("many in half a second")
			w.pass(25 * time.Millisecond)
		}
		w.pass(5 * time.Second)
		if most := 2 * 6 * (members - 1); frames > most {
			t.Errorf("twenty messages in half a second took %d frames, more than %d", frames, most)
		}
	})
}

func TestAnotherDeviceLearnsThroughOthersWhatWasReadWhileItWasAway(t *testing.T) {
	for _, again := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ctx := context.Background()
			w := newWorld(t, 1)
			ann, bob, carl := w.person("ann"), w.person("bob"), w.person("carl")
			laptop := w.device("laptop", ann.account)
			id := ann.create(room.Options{Name: "room", History: -1})
			ann.invite(bob)
			ann.invite(carl)
			laptop.open(id)
			w.connect(ann, laptop)
			w.settle()
			w.must(laptop.talk.Join(ctx, laptop.certificate()))
			w.settle()
			w.cut(ann, laptop)
			w.cut(ann, carl)
			carl.say("late")
			bob.say("one")
			e := bob.say("two")
			w.settle()
			w.must(ann.talk.Read(ctx, e.ID))
			w.pass(2 * time.Second)
			w.cut(ann, bob)
			w.connect(ann, carl)
			w.pass(2 * time.Second)
			if again { // with what has come late
				w.must(ann.talk.Read(ctx, e.ID))
				w.pass(2 * time.Second)
			}
			w.cut(ann, carl)
			ann.close()
			w.connect(bob, laptop)
			w.pass(2 * time.Second)
			if n, _, err := laptop.archive.Unread(ctx, id); err != nil || n != 0 || !laptop.marked(ann, &e) {
				t.Errorf("ann has read all on the other device; here %d are unread, %v", n, err)
			}
			w.connect(carl, laptop)
			w.pass(2 * time.Second)
			want := map[bool]int{false: 1, true: 0}[again]
			if n, _, err := laptop.archive.Unread(ctx, id); err != nil || n != want || len(laptop.lines()) != len("late one two") {
				t.Errorf("of %q are %d unread, %v; what came late she has read: %v", laptop.lines(), n, err, again)
			}
		})
	}
}

func TestAReceiptIsNotPassedOnToWhoHearsItFromItsDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		ann, bob, carl := line(w)
		w.connect(ann, carl)
		dave := w.person("dave")
		ann.invite(dave)
		w.cut(ann, dave) // else nobody makes any
		ann.say("one")
		w.pass(5 * time.Second)
		passed := 0
		w.hears = func(to *device, payload string) {
			key := carl.secret.Key()
			if to == ann && payload[0] == receiptKind && strings.Contains(payload, string(key[:])) {
				passed++
			}
		}
		w.alters = func(to *device, payload string) string {
			if to == bob && payload[0] == receiptKind {
				return "" // else he knows from ann that she has it
			}
			return payload
		}
		w.cut(bob, carl)
		w.pass(20 * time.Second)
		if passed > 0 {
			t.Error("bob passes on what carl says, to ann, who hears him")
		}
		w.cut(ann, carl)
		w.pass(20 * time.Second)
		if passed == 0 {
			t.Error("bob keeps what carl has said, and does not pass it on to ann, who does not hear him any more")
		}
	})
}

func TestWhatAReceiptSaysOfEventsThatHaveNotComeWaitsForThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		ann, bob, carl := line(w)
		w.alters = func(to *device, payload string) string {
			if to == ann && payload[0] == 1 {
				return ""
			}
			return payload
		}
		e := carl.say("one")
		w.settle()
		w.must(carl.talk.Read(context.Background(), e.ID))
		w.pass(3 * time.Second)
		if ann.lines() != "" || ann.marked(carl, &e) {
			t.Fatalf("ann has %q", ann.lines())
		}
		w.alters = nil
		w.cut(ann, bob)
		w.connect(ann, bob)
		w.settle()
		if !ann.marked(carl, &e) {
			t.Error("what carl had read is here now, and that he has read it is forgotten")
		}
	})
}

func TestADeviceWhoseClockWasAheadIsBelievedAgainAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		ann, bob, carl := line(w)
		carl.skew = 1000 * time.Hour
		ann.say("one")
		w.pass(2 * time.Second)
		carl.skew = 0
		carl.restart(ann.talk.ID())
		w.connect(bob, carl)
		e := ann.say("two")
		w.pass(5 * time.Second)
		if !ann.deliveredTo(carl, &e) {
			t.Error("carl has stored it, and his word is taken for an old one")
		}
	})
}
