package tracker

import (
	"sync"
	"time"
)

// What history remembers: a reading of the counters every sampleEvery, for half
// an hour.
const (
	sampleEvery = 5 * time.Second
	samples     = int(30*time.Minute/sampleEvery) + 1
	perMinute   = int(time.Minute / sampleEvery)
	// pointEvery is how many samples lie between two points of Service.History.
	pointEvery = 2
)

// history remembers readings of the counters, so that the path of a request has
// nothing to do for rates.
type history struct {
	started time.Time // immutable after start
	mu      sync.Mutex
	ring    [samples]sample
	taken   int // since the start; the last one is at (taken-1)%samples
}

type sample struct {
	at                 time.Time
	announces, scrapes uint64
	peers              int
}

func (h *history) start(now time.Time) {
	h.started = now
	h.add(sample{at: now})
}

func (h *history) add(s sample) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ring[h.taken%samples] = s
	h.taken++
}

// before returns the sample that was the last one so many minutes before the
// last one, or the first that there is.
func (h *history) before(minutes int) sample {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := max(h.taken-1-minutes*perMinute, h.taken-samples, 0)
	return h.ring[n%samples]
}

// rates returns the requests per second between two samples.
func (from sample) rates(to sample) (announces, scrapes float64) {
	seconds := to.at.Sub(from.at).Seconds()
	if seconds <= 0 {
		return 0, 0
	}
	return float64(to.announces-from.announces) / seconds, float64(to.scrapes-from.scrapes) / seconds
}

// Point is ten seconds of the tracker's past.
type Point struct {
	At                       time.Time // when they ended
	AnnounceRate, ScrapeRate float64   // requests per second
	Peers                    int       // at their end, as in Tally
}

// PointEvery is the time between two Points.
const PointEvery = pointEvery * sampleEvery

// History returns the last half hour or what there is of it, the oldest first.
// It needs Run.
func (s *Service) History() []Point {
	h := &s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	// Points end at every second sample, counted from the start: the same ones
	// whenever one asks.
	first := max(h.taken-samples, 0)
	first += first % pointEvery
	points := make([]Point, 0, samples/pointEvery)
	for n := first + pointEvery; n < h.taken; n += pointEvery {
		from, to := h.ring[(n-pointEvery)%samples], h.ring[n%samples]
		announces, scrapes := from.rates(to)
		points = append(points, Point{to.at, announces, scrapes, to.peers})
	}
	return points
}
