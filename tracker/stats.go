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
	Announces  [2]atomic.Uint64 // by Transport
	Scrapes    [2]atomic.Uint64 // by Transport
	Connects   atomic.Uint64    // connection ids handed out over UDP
	Refused    atomic.Uint64    // requests that a rule refused
	Failed     atomic.Uint64    // requests that failed through no fault of theirs
	Malformed  atomic.Uint64    // requests that could not be understood
	Unverified atomic.Uint64    // packets dropped for want of a valid connection id
}

// Counters returns s's counters, for the fronts to add to.
func (s *Service) Counters() *Counters { return &s.counters }

// Totals is a reading of the Counters.
type Totals struct {
	AnnouncesHTTP, AnnouncesUDP uint64
	ScrapesHTTP, ScrapesUDP     uint64
	Connects                    uint64
	Refused, Failed             uint64
	Malformed, Unverified       uint64
}

// Stats is what the tracker says about itself.
type Stats struct {
	Uptime time.Duration
	Tally
	Totals
	// AnnounceRate and ScrapeRate are requests per second over the last minute,
	// or since the start when that is shorter.
	AnnounceRate, ScrapeRate float64
}

// Stats returns the state of the tracker.
func (s *Service) Stats() Stats {
	now := s.opts.Now()
	stats := Stats{Totals: s.totals()}
	if t, ok := s.store.(Tallier); ok {
		stats.Tally = t.Tally()
	}
	stats.Uptime, stats.AnnounceRate, stats.ScrapeRate = s.rates.read(now, stats.Totals)
	return stats
}

func (s *Service) totals() Totals {
	c := &s.counters
	return Totals{
		AnnouncesHTTP: c.Announces[HTTP].Load(),
		AnnouncesUDP:  c.Announces[UDP].Load(),
		ScrapesHTTP:   c.Scrapes[HTTP].Load(),
		ScrapesUDP:    c.Scrapes[UDP].Load(),
		Connects:      c.Connects.Load(),
		Refused:       c.Refused.Load(),
		Failed:        c.Failed.Load(),
		Malformed:     c.Malformed.Load(),
		Unverified:    c.Unverified.Load(),
	}
}

// sampleEvery and samples are the grain and the length of what rates remembers:
// one minute.
const (
	sampleEvery = 5 * time.Second
	samples     = 13
)

// rates remembers readings of the counters, so that the path of a request has
// nothing to do for them.
type rates struct {
	mu      sync.Mutex
	started time.Time // immutable after start
	ring    [samples]sample
	next    int // where the next sample goes: the oldest once full
	filled  int
}

type sample struct {
	at     time.Time
	totals Totals
}

func (r *rates) start(now time.Time, t Totals) {
	r.started = now
	r.add(now, t)
}

func (r *rates) add(now time.Time, t Totals) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring[r.next] = sample{now, t}
	r.next = (r.next + 1) % samples
	r.filled = min(r.filled+1, samples)
}

// read compares t, the totals of now, with the oldest sample.
func (r *rates) read(now time.Time, t Totals) (uptime time.Duration, announces, scrapes float64) {
	r.mu.Lock()
	oldest := r.ring[(r.next-r.filled+samples)%samples]
	r.mu.Unlock()
	if seconds := now.Sub(oldest.at).Seconds(); seconds > 0 {
		announces = float64(t.AnnouncesHTTP+t.AnnouncesUDP-oldest.totals.AnnouncesHTTP-oldest.totals.AnnouncesUDP) / seconds
		scrapes = float64(t.ScrapesHTTP+t.ScrapesUDP-oldest.totals.ScrapesHTTP-oldest.totals.ScrapesUDP) / seconds
	}
	return now.Sub(r.started), announces, scrapes
}

// expireEvery is how often Run looks for peers whose time is over.
const expireEvery = time.Minute

// Run expires peers and takes the samples for the rates until ctx ends; it then
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
			s.rates.add(s.opts.Now(), s.totals())
		case <-expiry.C:
			removed, err := s.Expire(ctx)
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
