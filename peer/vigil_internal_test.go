package peer

import (
	"slices"
	"testing"
	"time"

	"p2p/peer/identity"
)

// A room of three: its owner, who is here, and two others.
func TestTrackersAreAskedForWhoIsMissedAndNotForEver(t *testing.T) {
	ann, ben := identity.Key{1}, identity.Key{2}
	begin := time.Now()
	for _, c := range []struct {
		what  string
		at    []time.Duration
		here  [][]identity.Key // at these times
		again []bool
		need  []bool
	}{
		{"nobody comes", []time.Duration{5 * time.Second, 15 * time.Second, 20 * time.Second, time.Hour},
			[][]identity.Key{nil, nil, nil, nil}, []bool{false, false, false, false}, []bool{false, true, false, true}},
		{"one is missed", []time.Duration{15 * time.Second, 14 * time.Minute, 16 * time.Minute},
			[][]identity.Key{{ann}, {ann}, {ann}}, []bool{false, false, false}, []bool{true, true, false}},
		{"all are here", []time.Duration{15 * time.Second, time.Minute}, [][]identity.Key{{ann, ben}, {ben, ann}}, []bool{false, false}, []bool{false, false}},
		{"one of all goes", []time.Duration{time.Hour, 2 * time.Hour, 3 * time.Hour},
			[][]identity.Key{{ann, ben}, {ann}, {ann}}, []bool{false, false, false}, []bool{false, false, false}},
		{"one goes and another was missed", []time.Duration{time.Hour, 2 * time.Hour, 2*time.Hour + 15*time.Second, 3 * time.Hour},
			[][]identity.Key{{ann}, nil, {ben}, {ben}}, []bool{false, true, false, false}, []bool{false, true, true, false}},
	} {
		v := newVigil(begin, func(here []identity.Key) int { return 2 - len(here) })
		var again, need []bool
		for i, at := range c.at {
			a, n := v.look(begin.Add(at), c.here[i])
			again, need = append(again, a), append(need, n)
		}
		if !slices.Equal(again, c.again) || !slices.Equal(need, c.need) {
			t.Errorf("%s: announced again %v, want %v; asked %v, want %v", c.what, again, c.again, need, c.need)
		}
	}
}
