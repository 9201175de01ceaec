package memory

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
)

// A survey looks at surveyStep swarms before it lets others have the lock: 64 KiB
// of memory, which are read in some ten microseconds. After surveyPause of them it sleeps
// for a moment, so that it takes a core away from nobody for long: a goroutine
// that only yields is preferred to packets that wait in the system.
const (
	surveyStep  = 1024
	surveyPause = 32 * surveyStep
	surveySleep = time.Millisecond
)

var _ tracker.Surveyor = (*Store)(nil)

// Survey implements tracker.Surveyor. It takes about a second for ten million
// swarms.
func (s *Store) Survey(ctx context.Context, top int) (tracker.Survey, error) {
	var survey tracker.Survey
	best := newRanking(min(max(top, 0), tracker.MaxTopSwarms))
	seen := 0 // since the last sleep
	for i := range s.shards {
		for pos := maxIndexed; pos > 0; {
			if err := ctx.Err(); err != nil {
				return tracker.Survey{}, err
			}
			var n int
			pos, n = s.shards[i].survey(pos, &survey, &best)
			best.cut()
			if seen += n; seen >= surveyPause {
				seen = 0
				time.Sleep(surveySleep)
			}
		}
	}
	for _, r := range best.all {
		survey.Largest = append(survey.Largest, r.hash)
	}
	return survey, nil
}

// survey looks at up to surveyStep swarms below a position and returns the
// position of the last one, 0 at the end, and how many they were. It allocates nothing.
func (sh *shard) survey(below int, survey *tracker.Survey, best *ranking) (pos, seen int) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	below = min(below, sh.swarms.n)
	pos = max(below-surveyStep, 0)
	for i := pos; i < below; i++ {
		sw := sh.swarms.at(i)
		if n := sw.len(); n > 0 {
			survey.Sizes[tracker.SizeClass(n)]++
			best.add(sw.hash, n)
		}
	}
	return pos, below - pos
}

// ranking keeps the largest swarms, and some candidates until cut is called.
type ranking struct {
	top   int
	least int // what a candidate must exceed
	all   []ranked
}

type ranked struct {
	hash infohash.T
	n    int
}

func newRanking(top int) ranking {
	if top == 0 {
		return ranking{}
	}
	return ranking{top: top, all: make([]ranked, 0, top+surveyStep)}
}

// add is called at most surveyStep times between two cuts.
func (r *ranking) add(hash infohash.T, n int) {
	if r.top > 0 && n > r.least {
		r.all = append(r.all, ranked{hash, n})
	}
}

// cut orders the swarms and leaves the top ones. Equals are ordered by hash, but
// which of them stay is chance.
func (r *ranking) cut() {
	slices.SortFunc(r.all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.n, a.n), bytes.Compare(a.hash[:], b.hash[:]))
	})
	if len(r.all) >= r.top && r.top > 0 {
		r.all = r.all[:r.top]
		r.least = r.all[r.top-1].n
	}
}
