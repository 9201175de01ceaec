package history_test

import (
	"testing"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

// A program that is told up to which event it has all asks for the conversation at once, and is not told of that event again.
func TestWhoSeesThatAnEventIsThereAlsoSeesWhatItHasChanged(t *testing.T) {
	both(t, func(t *testing.T, o history.Options) {
		ann, k := begun(t, 21, o)
		id := ann.room.ID()
		edited, deleted := ann.say("edited"), ann.say("deleted")
		k.take(edited, deleted)
		var seen []history.Entry
		var of history.Entry
		look := func(target room.ID) func() {
			return func() {
				var err error
				seen, err = k.Before(ctx, id, history.End, 10)
				must(t, err)
				of, _, err = k.Event(ctx, target)
				must(t, err)
			}
		}
		last := func() history.Entry { return seen[len(seen)-1] }
		look(edited.event.ID)() // the end is in memory from here on
		commit := func(target room.ID, p parcel) {
			t.Helper()
			before, err := k.Last(ctx)
			must(t, err)
			history.Between(k.Archive, func() {
				if now, err := k.Last(ctx); err != nil || now <= before {
					t.Fatalf("the last event is still %d, %v", now, err)
				}
				look(target)()
			})
			k.take(p)
			history.Between(k.Archive, nil)
		}
		commit(edited.event.ID, ann.edit(edited.event.ID, "better"))
		if of.Alone || seen[len(seen)-2].Alone {
			t.Error("nothing is about a message whose edit is there")
		}
		commit(deleted.event.ID, ann.write(room.Delete, deleted.event.ID[:]))
		if !of.Gone || !last().Gone {
			t.Errorf("what was deleted is still there: %q, %q", of.Body, last().Body)
		}
		look(edited.event.ID)()
		commit(edited.event.ID, ann.say("new"))
		if string(last().Body) != "new" {
			t.Errorf("the conversation ends with %q", last().Body)
		}
		look(edited.event.ID)()
		if string(last().Body) != "new" {
			t.Errorf("afterwards the conversation ends with %q", last().Body)
		}
	})
}
