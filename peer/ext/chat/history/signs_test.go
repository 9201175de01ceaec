package history_test

import (
	"fmt"
	"testing"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

func TestASearchForSignsFindsAllThatHoldThemAPageAtATime(t *testing.T) {
	history.ScanOnce(t)
	both(t, func(t *testing.T, o history.Options) {
		ann, birth := founder(t, seeded(7))
		k := keep(t, ann.room.ID(), o)
		k.take(birth)
		want := map[string]int{"🎉": 0, "party 🎉": 0, "c++": 0, "party": 0}
		for i := range 1300 {
			text := fmt.Sprintf("party %d in C", i)
			want["party"]++
			if i%100 == 7 {
				text += "++"
				want["c++"]++
			}
			if i%130 == 3 || i%130 == 4 {
				text += " 🎉"
				want["🎉"]++
				want["party 🎉"]++
			}
			m := ann.say(text)
			k.take(m)
			if i == 1044 { // the 17th of those with an emoji
				k.take(ann.write(room.Delete, m.event.ID[:]))
				for search := range want {
					if search != "c++" {
						want[search]--
					}
				}
			}
		}
		for search, n := range want {
			found, pages := 0, 0
			for q := (history.Query{Text: search, Limit: 3}); ; pages++ {
				all, next, err := k.Search(ctx, q)
				must(t, err)
				found += len(all)
				if q.Before = next; next == 0 {
					break
				}
			}
			if found != n {
				t.Errorf("of %d with %s, %d are found in %d pages", n, search, found, pages)
			}
		}
	})
}
