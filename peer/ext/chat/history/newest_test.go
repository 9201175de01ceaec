package history_test

import (
	"slices"
	"testing"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

func TestTheNewestOfARareKindAreFoundAmongAllThatWasSaid(t *testing.T) {
	const rare, other = room.Content + 2, room.Content + 3
	both(t, func(t *testing.T, o history.Options) {
		ann, k := begun(t, 13, o)
		back := ann.write(rare, []byte("taken back"))
		k.take(ann.write(rare, []byte("first")), ann.say("hello"), back, ann.write(other, []byte("else")), ann.write(rare, []byte("second")))
		k.take(ann.write(room.Delete, back.event.ID[:]), ann.write(rare, []byte("third")))
		for n, want := range map[int][]string{10: {"third", "second", "first"}, 2: {"third", "second"}, 0: nil} {
			all, err := k.Newest(ctx, rare, n)
			if err != nil || !slices.Equal(bodies(all), want) {
				t.Errorf("the last %d are %q, %v", n, bodies(all), err)
			}
		}
	})
}

func TestAllOfAKindInARoomAreFoundWhetherPeopleSayThemOrPrograms(t *testing.T) {
	both(t, func(t *testing.T, o history.Options) {
		ann, k := begun(t, 14, o)
		for _, kind := range []room.Kind{room.Content + 2, 50} {
			k.take(ann.write(kind, []byte("first")), ann.say("hello"), ann.write(kind+1, []byte("else")), ann.write(kind, []byte("second")))
			all, err := k.OfKind(ctx, ann.room.ID(), kind)
			if err != nil || !slices.Equal(bodies(all), []string{"first", "second"}) {
				t.Errorf("of kind %d there are %q, %v", kind, bodies(all), err)
			}
			if all, err := k.OfKind(ctx, room.ID{1}, kind); err != nil || len(all) != 0 {
				t.Errorf("in no room there are %q, %v", bodies(all), err)
			}
		}
	})
}
