package session

import (
	"time"

	"p2p/piece"
)

// Limits of the pipeline, in blocks.
const (
	minDepth     = 2     // so that a slow peer never waits for our next request
	startDepth   = 16    // before anything is known about a peer
	maxDepth     = 16384 // 256 MiB on their way: 2.5 GB/s over 100 ms
	snubbedDepth = 1     // enough to notice that the peer is back
)

// What is kept in flight beyond the round trip: a second's worth, for peers
// that send in bursts (rate limiters of other clients work in steps of up to a
// second), but no more than covers the pauses of a fast one.
const (
	slackTime = time.Second
	slackMax  = 4 << 20 // bytes
)

// flightWindow is how long the best round trip is remembered, at least; at most
// it is twice that. A peer that pauses for less finds its pipeline as it was.
const flightWindow = 5 * time.Second

// pipeline decides how many requests to keep in flight. Too few leave the path
// empty while requests travel; too many tie up memory, and blocks that others
// could send sooner. The rule is
//
//	depth = 2 x (blocks that came within one round trip) + slack
//
// Blocks per round trip are what rate x round-trip time amounts to, without an
// average that lags behind: each block tells how many came while it was on its
// way. While the path is not full, everything in flight comes within one round
// trip, so the depth doubles with each, as TCP's window does at the start. Once
// the path is full, more requests bring no more blocks per round trip, and the
// depth stands still at twice what the path holds: the other half covers
// jitter, and shows at once when the path becomes wider. There is no mode to
// enter or leave, as in libtorrent's slow start, and so none to be stuck in.
// (TCP BBR finds its window from the same two measures.)
//
// The round-trip time is the shortest from request to block: what is longer
// waited in a queue, at the latest behind our own other requests. A request
// that goes out when nothing else is under way waits for nothing but the path,
// so its time replaces what was known before; otherwise a path that became
// longer would never be noticed.
type pipeline struct {
	depth   int
	ceiling int           // what the peer said it would hold (BEP 10 reqq)
	rtt     time.Duration // 0 = unknown
	came    int64         // blocks
	// flight holds the most blocks that came within one round trip: in this
	// window of time and in the one before.
	flight [2]float64
	window time.Time // when this window began
}

func newPipeline(now time.Time, ceiling int) pipeline {
	p := pipeline{ceiling: ceiling, window: now}
	p.flight[0] = startDepth / 2 // assumed, until the window has passed
	p.set(startDepth)
	return p
}

// arrived learns from the block that answered r. clean is false when blocks are
// under way that were taken back: then r may have been asked for twice, and
// this may be the answer to the first time. rate is that of the peer, in bytes
// per second.
func (p *pipeline) arrived(now time.Time, r request, clean bool, rate float64) {
	p.came++
	wait := max(now.Sub(r.at), time.Microsecond)
	if clean && (p.rtt == 0 || wait < p.rtt || r.alone) {
		p.rtt = wait
	}
	if now.Sub(p.window) >= flightWindow {
		p.flight[1], p.flight[0], p.window = p.flight[0], 0, now
	}
	share := min(1, p.rtt.Seconds()/wait.Seconds()) // of the blocks that came in the meantime
	p.flight[0] = max(p.flight[0], share*float64(p.came-r.came))
	slack := min(rate*slackTime.Seconds(), slackMax) / piece.BlockSize
	p.set(int(2*max(p.flight[0], p.flight[1])+slack) + 1)
}

func (p *pipeline) set(depth int) {
	p.depth = max(min(depth, p.ceiling, maxDepth), min(minDepth, p.ceiling))
}
