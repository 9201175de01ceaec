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
