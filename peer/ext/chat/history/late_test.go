package history_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

// bare is an event whose body is withheld.
func bare(x parcel) parcel { return parcel{x.event, nil} }

func TestABodyThatComesLaterIsReadAndFoundInItsPlaceAndIsNoNews(t *testing.T) {
	both(t, func(t *testing.T, o history.Options) {
		ann, birth := founder(t, seeded(1))
		ben, invited := ann.invite(seeded(2))
		o.Account, o.Device = ben.account.Key(), ben.device.Key()
		k := keep(t, ann.room.ID(), o)
		k.take(birth)
		k.take(invited...)
		early, between, late := ann.say("a needle early"), ann.say("hay"), ann.say("a needle late")
		k.take(bare(early), between)
		found := func(want ...parcel) {
			t.Helper()
			all, _, err := k.Search(ctx, history.Query{Text: "needle"})
			var ids, wanted []room.ID
			for _, e := range all {
				ids = append(ids, e.Event.ID)
			}
			for _, x := range want {
				wanted = append(wanted, x.event.ID)
			}
			if must(t, err); !slices.Equal(ids, wanted) {
				t.Errorf("found are %v, not %v", ids, wanted)
			}
		}
		found() // so the index has passed the first one
		_, err := k.MarkRead(ben.account.Key(), between.event.ID)
		must(t, err)
		k.take(bare(late))
		last, err := k.Last(ctx)
		must(t, err)
		unread := func(want int) {
			t.Helper()
			if n, _, err := k.Unread(ctx, ann.room.ID()); err != nil || n != want {
				t.Errorf("%d are unread, not %d: %v", n, want, err)
			}
		}
		unread(0) // there is nothing to read

		out, err := k.log.Room.Receive(early.event, early.body, 1)
		if must(t, err); len(out.Added) > 0 || !slices.Equal(out.Filled, []room.ID{early.event.ID}) {
			t.Errorf("it is told as %+v", out)
		}
		must(t, k.log.Commit(out))
		if len(k.log.Committed()) > 0 || history.WaitsForDisk(k.Archive) {
			t.Error("it is told as new, or waits for the disk as if it were")
		}
		found(early)
		k.shut() // as the index is kept
		k.open(ann.room.ID())
		k.take(late)
		found(late, early)
		k.shut()
		k.open(ann.room.ID())
		found(late, early)
		lines, err := k.Before(ctx, ann.room.ID(), history.End, 10)
		if must(t, err); !slices.Equal(bodies(lines), []string{"a needle early", "hay", "a needle late"}) || lines[0].Late || lines[2].Late {
			t.Errorf("it reads %q", bodies(lines))
		}
		if n, err := k.Last(ctx); err != nil || n != last {
			t.Errorf("there are %d events, not %d: %v", n, last, err)
		}
		unread(1) // what stands before the mark is none
		k.take(ann.write(room.Delete, early.event.ID[:]))
		found(late)
		k.take(early) // from one who has not heard that
		found(late)
		if e, _, err := k.Event(ctx, early.event.ID); err != nil || e.Body != nil || !e.Gone {
			t.Errorf("it comes back: %+v, %v", e, err)
		}
		must(t, history.Intact(k.Archive))
	})
}

// What an edit is about is known when its body comes: the message may have been deleted before.
func TestTheLateBodyOfAnEditOfADeletedMessageIsNotKept(t *testing.T) {
	both(t, func(t *testing.T, o history.Options) {
		ann, birth := founder(t, seeded(1))
		k := keep(t, ann.room.ID(), o)
		x := ann.say("regretted")
		y := ann.edit(x.event.ID, "still regretted")
		k.take(birth, x, bare(y), ann.write(room.Delete, x.event.ID[:]))
		k.take(y)
		e, _, err := k.Event(ctx, y.event.ID)
		if must(t, err); e.Body != nil || !e.Gone {
			t.Errorf("it is %+v", e)
		}
		if all, _, err := k.Search(ctx, history.Query{Text: "regretted"}); err != nil || len(all) > 0 {
			t.Errorf("found are %q, %v", bodies(all), err)
		}
		if all := k.log.Lacking(room.Position{}, 10); len(all) > 0 {
			t.Errorf("%d lack their bodies", len(all))
		}
	})
}

func TestABodyThatWasNotCommittedIsNotThere(t *testing.T) {
	ann, birth := founder(t, seeded(1))
	k := keep(t, ann.room.ID(), history.Options{})
	x := ann.say("hello")
	k.take(birth, bare(x))
	out, err := k.log.Room.Receive(x.event, x.body, 1)
	if must(t, err); len(out.Filled) != 1 {
		t.Fatalf("it is told as %+v", out)
	}
	if out, err := k.log.Room.Receive(x.event, x.body, 2); err != nil || len(out.Filled) > 0 {
		t.Errorf("it is taken twice: %+v, %v", out, err)
	}
	k.reopen(ann.room.ID())
	if all := k.log.Lacking(room.Position{}, 10); len(all) != 1 || all[0].ID != x.event.ID {
		t.Errorf("after a crash %d lack their bodies", len(all))
	}
	other := ann.say("other")
	if _, err := k.log.Room.Receive(x.event, other.body, 1); err == nil {
		t.Error("another body is taken for it")
	}
	k.take(x)
	if e, _, err := k.Event(ctx, x.event.ID); err != nil || string(e.Body) != "hello" {
		t.Errorf("it is %+v, %v", e, err)
	}
}

// TestAnOldArchiveKnowsWhatWasWithheldFromIt is about one of version 2.
func TestAnOldArchiveKnowsWhatWasWithheldFromIt(t *testing.T) {
	a, err := history.OpenGolden(t, 2, filepath.Join(t.TempDir(), "archive"), "DELETE FROM bodies WHERE event = 3")
	must(t, err)
	defer func() { must(t, a.Close()) }()
	rooms, err := a.Rooms(context.Background())
	must(t, err)
	l, err := a.Room(context.Background(), rooms[0])
	must(t, err)
	all := l.Lacking(room.Position{}, 10) // and not the one that was deleted
	if len(all) != 1 || all[0].Seq != 3 {
		t.Errorf("it lacks %v", all)
	}
}
