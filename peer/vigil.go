package peer

import (
	"slices"
	"time"

	"p2p/peer/identity"
)

// missFor is how long trackers are asked for those who are missed after this device has come into a room, and after somebody has
// gone through whom they may have been met. A tracker that ends without a word forgets what it heard since its last
// snapshot, five minutes as a rule: who was told of nobody, or whom nobody was told of, has been announced anew by then. Who
// is missed for longer is away, and announces himself when he comes.
const missFor = 15 * time.Minute

// vigil decides when the trackers of a room are asked beside their times.
type vigil struct {
	missing func(here []identity.Key) int // nil = nobody knows
	here    []identity.Key                // at the last look
	since   time.Time                     // of the last reason to ask for those who are missed
	asked   time.Time                     // when it was last found out whether somebody is
}

func newVigil(now time.Time, missing func(here []identity.Key) int) vigil {
	if missing == nil {
		missing = func([]identity.Key) int { return 0 }
	}
	return vigil{missing: missing, since: now, asked: now}
}

// look takes in who is here now. It says again when somebody has gone and others were missed beside him, so that trackers are
// to be told anew of this device; and need when they are to be asked for peers.
func (v *vigil) look(now time.Time, here []identity.Key) (again, need bool) {
	gone := slices.ContainsFunc(v.here, func(k identity.Key) bool { return !slices.Contains(here, k) })
	if again = gone && v.missing(v.here) > 0; again {
		v.since = now
	}
	v.here = here
	if now.Sub(v.asked) < needEvery && !(gone && len(here) == 0) {
		return again, false
	}
	v.asked = now
	return again, len(here) == 0 || now.Sub(v.since) < missFor && v.missing(here) > 0
}
