package session

import (
	"math"
	"time"
)

// Meter measures a rate: an average that forgets with a time constant of one
// second. The zero value is ready. It belongs to one goroutine.
type Meter struct {
	total int64     // bytes ever
	fresh int64     // bytes since at
	at    time.Time // end of the last sample
	rate  float64   // bytes per second
	last  time.Time // when bytes were counted
}

// Sampling of a Meter.
const (
	meterStep = 100 * time.Millisecond // shortest sample
	meterTau  = time.Second            // time constant of forgetting
	meterGone = 5 * time.Second        // after which there is nothing to show
)

// Add counts n bytes.
func (m *Meter) Add(now time.Time, n int) {
	if m.at.IsZero() {
		m.at = now
	}
	m.total += int64(n)
	m.fresh += int64(n)
	m.last = now
	m.sample(now)
}

// Total returns all bytes ever counted.
func (m *Meter) Total() int64 { return m.total }

// Rate returns the rate in bytes per second.
func (m *Meter) Rate(now time.Time) float64 {
	m.sample(now)
	return m.rate
}

// Shown is Rate for people: zero five seconds after the last byte. That of 100 MB/s takes 18 s to fade to nothing, in which it
// says that something moves.
func (m *Meter) Shown(now time.Time) float64 {
	if now.Sub(m.last) >= meterGone {
		return 0
	}
	return m.Rate(now)
}

// sample closes the current sample when it is long enough.
func (m *Meter) sample(now time.Time) {
	dt := now.Sub(m.at)
	if m.at.IsZero() || dt < meterStep {
		return
	}
	weight := 1 - math.Exp(-dt.Seconds()/meterTau.Seconds())
	m.rate += (float64(m.fresh)/dt.Seconds() - m.rate) * weight
	m.fresh, m.at = 0, now
	if m.rate < 1 {
		m.rate = 0
	}
}
