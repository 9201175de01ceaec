package session

import (
	"time"

	"p2p/piece"
)

// Limits of the pipeline, in blocks.
const (
	minDepth     = 4     // so that a slow peer never waits for our next request
	startDepth   = 16    // before anything is known about a peer
	maxDepth     = 16384 // 256 MiB on their way: 2.5 GB/s over 100 ms
	snubbedDepth = 1     // enough to notice that the peer is back
)

// What is kept in flight beyond rate x round-trip time: a second's worth, for
// peers that send in bursts (rate limiters of other clients work in steps of up
// to a second), but no more than covers the pauses of a fast one.
const (
	slackTime = time.Second
	slackMax  = 4 << 20 // bytes
)

// pipeline decides how many requests to keep in flight. Too few leave the path
// empty while requests travel; too many tie up memory and blocks that others
// could send sooner.
//
// At first the depth grows by one with each block, which doubles it every round
// trip, as in libtorrent. When the rate stops growing it is
//
//	1.5 x rate x round-trip time + slack
//
// which still lets a peer that is limited by the depth grow by half each time.
type pipeline struct {
	depth   int
	ceiling int // what the peer said it would hold (BEP 10 reqq)
	growing bool
	rtt     time.Duration // shortest from request to block; 0 = unknown
	before  float64       // rate at the last review
	review  time.Time
	stale   int // reviews in a row without growth
}

func newPipeline(ceiling int) pipeline {
	return pipeline{depth: min(startDepth, ceiling), ceiling: ceiling, growing: true}
}

// arrived learns from a block that came wait after it was asked for.
func (p *pipeline) arrived(now time.Time, wait time.Duration, rate *Meter) {
	if p.rtt == 0 || wait < p.rtt {
		p.rtt = max(wait, time.Microsecond)
	}
	if p.growing {
		p.set(p.depth + 1)
	}
	if p.review.IsZero() {
		p.review = now
	}
	every := max(meterStep, 2*p.rtt)
	if now.Sub(p.review) < every {
		return
	}
	p.review = now
	current := rate.Rate(now)
	if current < p.before*1.1 {
		p.stale++
	} else {
		p.stale = 0
	}
	p.before = current
	if p.stale >= 3 {
		p.growing = false
	}
	if !p.growing {
		p.set(target(current, p.rtt))
	}
}

func (p *pipeline) set(depth int) {
	p.depth = max(min(depth, p.ceiling, maxDepth), min(minDepth, p.ceiling))
}

// target returns the depth in blocks for a rate in bytes per second.
func target(rate float64, rtt time.Duration) int {
	flight := 1.5 * rate * rtt.Seconds()
	slack := min(rate*slackTime.Seconds(), slackMax)
	return int((flight+slack)/piece.BlockSize) + 1
}

// request is a block that the peer was asked for.
type request struct {
	block   piece.Block
	at      time.Time
	doubted bool
	dead    bool // answered or taken back, and not yet swept out
}

// requests is what a peer was asked for, oldest first. Peers answer in order,
// so finding one is nearly always the first look.
type requests struct {
	list []request
	head int
	live int
}

func (r *requests) push(b piece.Block, now time.Time) {
	if r.head > 64 && r.head > len(r.list)/2 {
		r.list = r.list[:copy(r.list, r.list[r.head:])]
		r.head = 0
	}
	r.list = append(r.list, request{block: b, at: now})
	r.live++
}

// take removes b and returns when it was asked for.
func (r *requests) take(b piece.Block) (at time.Time, ok bool) {
	for i := r.head; i < len(r.list); i++ {
		if q := &r.list[i]; !q.dead && q.block == b {
			q.dead = true
			r.live--
			r.sweep()
			return q.at, true
		}
	}
	return time.Time{}, false
}

func (r *requests) sweep() {
	for r.head < len(r.list) && r.list[r.head].dead {
		r.head++
	}
	if r.head == len(r.list) {
		r.list, r.head = r.list[:0], 0
	}
}

// oldest returns the request that has waited longest, or nil.
func (r *requests) oldest() *request {
	if r.live == 0 {
		return nil
	}
	return &r.list[r.head]
}

// each calls do for every request that is out.
func (r *requests) each(do func(*request)) {
	for i := r.head; i < len(r.list); i++ {
		if !r.list[i].dead {
			do(&r.list[i])
		}
	}
}

// clear forgets all.
func (r *requests) clear() { r.list, r.head, r.live = r.list[:0], 0, 0 }
