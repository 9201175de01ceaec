package policy

import "time"

// pace is how often something may happen: a token bucket whose state is the one
// point in time at which it is full again (the generic cell rate algorithm). Times are
// ticks of some length.
type pace struct {
	step  int64 // ticks between two that are allowed for long
	depth int64 // ticks that the state may be ahead of the time
}

// newPace returns the pace of so many a second, and burst at once, in ticks.
func newPace(perSecond float64, tick time.Duration, burst int) pace {
	step := max(1, int64(float64(time.Second)/float64(tick)/perSecond)) // rounded down: never less than was promised
	return pace{step: step, depth: step * int64(max(1, burst))}
}

// take returns the state after one more at the time now, and whether that is
// allowed; if not, nothing was taken.
func (p pace) take(state, now int64) (next int64, ok bool) {
	next = max(state, now) + p.step
	if next-now > p.depth {
		return state, false
	}
	return next, true
}
