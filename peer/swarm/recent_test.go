package swarm

import "testing"

func TestRecentRemembersTheNewestAndNoMore(t *testing.T) {
	r := newRecent[int](10)
	for n := range 1000 {
		r.add(n)
		r.add(n) // once more changes nothing
		for back := range 20 {
			if want := n-back >= 0 && back < 10; r.has(n-back) != want {
				t.Fatalf("after %d: %d is there: %v", n, n-back, !want)
			}
		}
		if len(r.set) > 10 || cap(r.order) > 16 {
			t.Fatalf("%d in the set, %d in order", len(r.set), cap(r.order))
		}
	}
}
