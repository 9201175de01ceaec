package announce

import (
	"math/rand/v2"
	"time"
)

// The bounds of what a tracker may ask for.
const (
	// minInterval keeps a tracker that says 1 second, by mistake or to have us
	// flood somebody, from being asked more than once a minute.
	minInterval = time.Minute
	// maxInterval keeps one that says a year from being the last we hear.
	maxInterval = 2 * time.Hour
	// defaultInterval is used when a tracker says 0 or nothing: what most say.
	defaultInterval = 30 * time.Minute
)

// regular returns how long to wait after resp before the next regular announce,
// unless shortest is longer.
func regular(resp Response) time.Duration {
	interval := resp.Interval
	if interval <= 0 {
		interval = defaultInterval
	}
	return min(max(interval, minInterval), maxInterval)
}

// shortest returns how long to wait after resp before any announce without an
// event: what the tracker set with its min interval.
func shortest(resp Response) time.Duration {
	return min(max(resp.MinInterval, 0), maxInterval)
}

// The early announces of a downloader that needs peers.
const (
	// aloneAfter is the first wait after an answer without any other peer. The
	// seeder of a swarm in a room is often started seconds after the others,
	// and nobody wants to wait half an hour for it.
	aloneAfter = 15 * time.Second
	// needAfter is the first wait when the swarm asks for more peers.
	needAfter = time.Minute
	// maxAlone is how many early announces follow each other on our own
	// initiative; they end 8 minutes after the first answer.
	maxAlone = 5
	// renewWithin is the time within which those are announced anew who have all just lost the same peer, or the same tracker:
	// they do not come at one moment.
	renewWithin = time.Minute
	// renewEvery is the first wait between two such announces.
	renewEvery = 5 * time.Minute
	// changeAfter is the least time between rounds when the network changes:
	// a bad WLAN changes all the time.
	changeAfter = 5 * time.Second
)

// early returns the wait before the next announce when n early ones came before
// it, the first after first. It doubles: whoever could help comes soon, or not
// for long.
func early(first time.Duration, n int) time.Duration {
	return first << min(n, 10)
}

// The back-off of a tracker that does not answer or refuses.
const (
	firstRetry = 10 * time.Second
	lastRetry  = 30 * time.Minute
	// latestRetry bounds what a tracker may ask for with "retry in" (BEP 31).
	latestRetry = 24 * time.Hour
)

// backOff returns how long to leave a tracker alone after its nth failure in a
// row, from 1: 5 to 15 seconds, doubling up to 30 minutes. Half of it is chance,
// so that the peers of a tracker that comes back do not come back all at once.
func backOff(failures int, rng *rand.Rand) time.Duration {
	base := min(firstRetry<<min(failures-1, 10), lastRetry)
	return min(base/2+time.Duration(rng.Int64N(int64(base))), lastRetry)
}
