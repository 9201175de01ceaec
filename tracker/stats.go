package tracker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Counters is what happened since the start. The fronts add to those of their
// protocol. All fields may be used by any goroutine.
type Counters struct {
	Announces  [2]Results            // by Transport
	Scrapes    [2]Results            // by Transport
	RefusedFor [Causes]atomic.Uint64 // those of them that were refused, by Cause
	Connects   atomic.Uint64         // connection ids handed out over UDP
	Malformed  atomic.Uint64         // requests that could not be understood
	Unverified atomic.Uint64         // packets dropped for want of a valid connection id
	Dropped    atomic.Uint64         // answers over UDP that the system did not take, most for want of room
}

// Results counts requests by what became of them. Each is counted once, at its
// end.
type Results struct {
	Answered atomic.Uint64
	Refused  atomic.Uint64 // by a rule
	Failed   atomic.Uint64 // through no fault of theirs
}

// Counters returns s's own counters, for the fronts to add to.
func (s *Service) Counters() *Counters { return &s.counters }

// Totals is a reading of the Counters.
type Totals struct {
	AnnouncesHTTP, AnnouncesUDP uint64
	ScrapesHTTP, ScrapesUDP     uint64
	Connects                    uint64
	Refused, Failed             uint64         // of the announces and scrapes
	RefusedFor                  [Causes]uint64 // by Cause
	Malformed, Unverified       uint64
	Dropped                     uint64
	// Announces and Scrapes are the same as above in detail, by Transport.
	Announces, Scrapes [2]ResultTotals
}

// ResultTotals is a reading of Results.
type ResultTotals struct{ Answered, Refused, Failed uint64 }

func (t ResultTotals) all() uint64 { return t.Answered + t.Refused + t.Failed }

// Expiry is what Run's search for peers whose time is over has cost.
type Expiry struct {
	Runs    uint64        // that came to their end
	Removed uint64        // peers
	Last    time.Duration // how long the last run took
	Total   time.Duration // how long all of them took
}

// Stats is what the tracker says about itself.
type Stats struct {
	At     time.Time // of the reading
	Uptime time.Duration
	Tally
	Totals
	// AnnounceRate and ScrapeRate are requests per second over the last minute,
	// or since the start when that is shorter.
	AnnounceRate, ScrapeRate float64
	// AnnounceRate5 and ScrapeRate5 are the same over five minutes.
	AnnounceRate5, ScrapeRate5 float64
	// Pressure is nil when the Store is not Bounded.
	Pressure *Pressure
	Expiry   Expiry
}

// Stats returns the state of the tracker.
func (s *Service) Stats() Stats {
	at := s.opts.Now()
	stats := Stats{At: at, Uptime: at.Sub(s.history.started), Tally: s.tally(), Totals: s.totals()}
	now := sampleOf(at, stats.Totals, stats.Tally)
	stats.AnnounceRate, stats.ScrapeRate = s.history.before(1).rates(now)
	stats.AnnounceRate5, stats.ScrapeRate5 = s.history.before(5).rates(now)
	if b, ok := s.store.(Bounded); ok {
		p := b.Pressure()
		stats.Pressure = &p
	}
	stats.Expiry = s.expiry.read()
	return stats
}

func (s *Service) tally() Tally {
	if t, ok := s.store.(Tallier); ok {
		return t.Tally()
	}
	return Tally{}
}

// sampleOf makes the sample of a reading.
func sampleOf(at time.Time, t Totals, size Tally) sample {
	return sample{
		at:        at,
		announces: t.AnnouncesHTTP + t.AnnouncesUDP,
		scrapes:   t.ScrapesHTTP + t.ScrapesUDP,
		peers:     size.Seeders + size.Leechers,
	}
}

// expiry remembers what Run's expiry has cost.
type expiry struct {
	mu sync.Mutex
	Expiry
}

func (e *expiry) add(removed int, took time.Duration, done bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Removed += uint64(removed)
	if done {
		e.Runs++
		e.Last = took
		e.Total += took
	}
}

func (e *expiry) read() Expiry {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.Expiry
}

// expireEvery is how often Run looks for peers whose time is over.
const expireEvery = time.Minute

// Run expires peers and takes the samples for rates until ctx ends; it then
// returns nil. The fronts are stopped first.
func (s *Service) Run(ctx context.Context, log *zap.Logger) error {
	sampling := time.NewTicker(sampleEvery)
	defer sampling.Stop()
	expiry := time.NewTicker(expireEvery)
	defer expiry.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sampling.C:
			s.history.add(sampleOf(s.opts.Now(), s.totals(), s.tally()))
		case <-expiry.C:
			removed, err := s.expireTimed(ctx)
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil:
				// The peers stay a little longer; the next round tries again.
				log.Error("expiry of peers failed", zap.Error(err))
			default:
				log.Debug("peers expired", zap.Int("removed", removed))
			}
		}
	}
}

// expireTimed is Expire with an eye on the clock.
func (s *Service) expireTimed(ctx context.Context) (removed int, err error) {
	began := time.Now()
	removed, err = s.Expire(ctx)
	s.expiry.add(removed, time.Since(began), err == nil)
	return removed, err
}
