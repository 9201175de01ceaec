package chat_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

// first returns the first n events of the device that has made a room.
func (d *device) first(n int) (all []room.Sent) {
	d.w.t.Helper()
	entries, err := d.archive.Before(context.Background(), d.talk.ID(), history.End, 100)
	d.w.must(err)
	for _, e := range entries[:n] {
		all = append(all, room.Sent{Event: e.Event, Body: e.Body})
	}
	return all
}

func TestWhoHasTheFirstEventsOfAConversationWritesBeforeHeMeetsAnybody(t *testing.T) {
	bubble(t, func(w *world) {
		ctx := context.Background()
		ann, ben := w.person("ann"), w.person("ben")
		id := ann.create(room.Options{Limit: 2, History: -1})
		_, err := ann.talk.Change(ctx, room.Change{Op: room.Add, Account: ben.account.Key(), Role: room.Member})
		w.must(err)
		ben.open(id)
		if err := ben.talk.Join(ctx, ben.certificate()); err == nil {
			t.Error("without them he joins a room that he does not know")
		}
		w.must(ben.talk.Begin(ctx, ann.first(2)))
		w.must(ben.talk.Begin(ctx, ann.first(2))) // again is no harm
		w.must(ben.talk.Join(ctx, ben.certificate()))
		ben.say("are you there?")
		ann.say("I am here")
		ben.restart(id)
		if got := ben.lines(); got != "are you there?" {
			t.Errorf("before they meet, ben has %q", got)
		}
		w.connect(ann, ben)
		w.pass(time.Second)
		if a, b := ann.lines(), ben.lines(); a != b || len(a) != len("are you there? I am here") {
			t.Errorf("when they have met, ann has %q and ben %q", a, b)
		}
	})
}

func TestAConversationDoesNotBeginWithEventsOfAnother(t *testing.T) {
	bubble(t, func(w *world) {
		ann, ben := w.person("ann"), w.person("ben")
		id := ann.create(room.Options{Limit: 2})
		foreign := ann.first(1)
		ann.talk.Close()
		ann.create(room.Options{Limit: 3})
		ben.open(ann.talk.ID())
		if err := ben.talk.Begin(context.Background(), foreign); !errors.Is(err, room.ErrOtherRoom) || ben.talk.Known() {
			t.Errorf("it has begun with an event of %v: %v", id, err)
		}
	})
}
