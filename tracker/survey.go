package tracker

import (
	"context"
	"fmt"
	"math/bits"
	"sync"
	"time"

	"p2p/torrentfile/infohash"
)

// Surveyor is a Store that can look at all of its swarms while it serves. Survey
// may be called by any goroutine, takes its time (seconds, for millions of
// swarms) and must not make an announce wait for longer than a step of Expire
// does. Swarms that come and go meanwhile may be missed or seen twice.
type Surveyor interface {
	// Survey returns the sizes of all swarms, and the hashes of the top largest, the
	// largest first. Top is MaxTopSwarms at most. It fails when ctx ends.
	Survey(ctx context.Context, top int) (Survey, error)
}

// Survey is what a Surveyor finds. Sizes are in addresses: a peer that is known
// under both families counts twice, as in Tally.
type Survey struct {
	Sizes   [SizeClasses]int // swarms by SizeClass
	Largest []infohash.T
}

// SizeClasses is how many sizes of swarms a Survey tells apart.
const SizeClasses = 26

// SizeClass returns the class of swarms of n peers: 0 for one peer, 1 for two, 2
// for three and four, and c for more than 1<<(c-1) and up to 1<<c.
func SizeClass(n int) int { return min(bits.Len(uint(max(n, 1)-1)), SizeClasses-1) }

// MaxTopSwarms is the most that Options.TopSwarms can be.
const MaxTopSwarms = 100

// Surveyed is the last Survey as the Service tells it.
type Surveyed struct {
	At    time.Time // when it was made; zero while there is none
	Sizes [SizeClasses]int
	Top   []TopSwarm // the largest first; none unless Options.TopSwarms says so
}

// TopSwarm is a swarm with its counts, which are what a scrape returns.
type TopSwarm struct {
	InfoHash infohash.T
	Counts
}

// A survey is made again after surveyLeast at the earliest, also one that failed
// because the visitor who asked for it has left. One that takes long is made more rarely:
// a hundred times as long must go by, but never more than surveyMost.
const (
	surveyLeast = 10 * time.Second
	surveyMost  = time.Minute
	surveyShare = 100
)

// surveys remembers the last survey.
type surveys struct {
	mu   sync.Mutex
	next time.Time // no survey is begun before
	busy bool      // somebody is at it
	last Surveyed
}

// Survey returns how large the swarms are. A caller who finds that the last
// survey is old, by ten seconds in a small store and by a minute in a large one,
// makes a new one, on its own goroutine; others get the last one meanwhile. So nothing is surveyed while nobody looks. Its Top is
// not to be changed. The error is that of ctx or of the Store.
func (s *Service) Survey(ctx context.Context) (Surveyed, error) {
	store, ok := s.store.(Surveyor)
	if !ok {
		return Surveyed{}, nil
	}
	now, v := s.opts.Now(), &s.surveys
	v.mu.Lock()
	if v.busy || now.Before(v.next) {
		defer v.mu.Unlock()
		return v.last, nil
	}
	v.busy, v.next = true, now.Add(surveyLeast)
	v.mu.Unlock()
	found, err := s.survey(ctx, store, now)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.busy = false
	if err != nil {
		return v.last, fmt.Errorf("survey: %w", err)
	}
	took := s.opts.Now().Sub(now)
	v.last, v.next = found, now.Add(min(max(surveyShare*took, surveyLeast), surveyMost))
	return found, nil
}

// NamesSwarms reports whether a Survey names the largest swarms.
func (s *Service) NamesSwarms() bool { return s.opts.TopSwarms > 0 }

func (s *Service) survey(ctx context.Context, store Surveyor, now time.Time) (Surveyed, error) {
	survey, err := store.Survey(ctx, s.opts.TopSwarms)
	if err != nil {
		return Surveyed{}, err
	}
	found := Surveyed{At: now, Sizes: survey.Sizes}
	if len(survey.Largest) == 0 {
		return found, nil
	}
	counts, err := s.store.Scrape(ctx, survey.Largest, nil)
	if err != nil {
		return Surveyed{}, err
	}
	for i, c := range counts {
		if c.Seeders+c.Leechers > 0 { // it has not gone meanwhile
			found.Top = append(found.Top, TopSwarm{survey.Largest[i], c})
		}
	}
	return found, nil
}
