package announce

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unique"
)

// maxTrackers bounds the trackers of one torrent. Lists with dozens are common
// and mostly dead; a torrent file can name a hundred thousand.
const maxTrackers = 100

// tracker is one tracker of one torrent, as the Announcer knows it.
type tracker struct {
	Status
	host    string    // of its URL, for the log: the rest of the URL may hold a secret
	asked   time.Time // the last time
	started bool      // it has answered a started announce, so it wants a stopped one
	hold    time.Time // it must not be asked before: back-off, or its min interval
	allows  bool      // its last answer had a min interval: asking that often is no more than it has said
	never   bool      // it must not be asked at all
	round   int       // the last round in which it answered
	id      string    // that it wants to see again
}

// tiers is the list of lists of BEP 12. Its order is the order of asking.
type tiers [][]*tracker

// newTiers copies urls. BEP 12: "URLs within each tier will be processed in a
// randomly chosen order; in other words, the list will be shuffled when first
// read, and then parsed in order." Doubles and empty entries are dropped.
func newTiers(urls [][]string, rng *rand.Rand) tiers {
	var t tiers
	seen := make(map[string]bool)
	for _, tier := range urls {
		var trackers []*tracker
		for _, url := range tier {
			url = strings.TrimSpace(url)
			if url == "" || seen[url] || len(seen) == maxTrackers {
				continue
			}
			seen[url] = true
			url = unique.Make(url).Value() // the same for thousands of torrents
			one := &tracker{Status: Status{URL: url, Tier: len(t), Seeders: -1, Leechers: -1}}
			if u, err := parseURL(url); err != nil {
				one.never, one.Err = true, err.Error()
			} else {
				one.host = unique.Make(u.Host).Value()
			}
			trackers = append(trackers, one)
		}
		if len(trackers) > 0 {
			rng.Shuffle(len(trackers), func(i, j int) { trackers[i], trackers[j] = trackers[j], trackers[i] })
			t = append(t, trackers)
		}
	}
	return t
}

// all returns the trackers in the order of asking.
func (t tiers) all() []*tracker { return slices.Concat(t...) }

// promote moves one to the front of its tier. BEP 12: "if a connection with a
// tracker is successful, it will be moved to the front of the tier."
func (t tiers) promote(one *tracker) {
	tier := t[one.Tier]
	at := slices.Index(tier, one)
	copy(tier[1:at+1], tier[:at])
	tier[0] = one
}

// due returns the trackers that may be asked at now, in the order of asking. An
// event is told regardless of min intervals, and if every tracker is in
// back-off, to whichever will hear it.
func (t tiers) due(now time.Time, event bool) []*tracker {
	var due, failing []*tracker
	for _, one := range t.all() {
		switch {
		case one.never:
		case !one.hold.After(now), event && one.Failures == 0:
			due = append(due, one)
		default:
			failing = append(failing, one)
		}
	}
	if event && len(due) == 0 {
		return failing
	}
	return due
}

// earliest returns when the first of the trackers for which ok holds may be
// asked again, zero when there is none.
func (t tiers) earliest(ok func(*tracker) bool) time.Time {
	var first time.Time
	for _, one := range t.all() {
		if !one.never && ok(one) && (first.IsZero() || one.hold.Before(first)) {
			first = one.hold
		}
	}
	return first
}
