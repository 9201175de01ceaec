package session

import (
	"time"

	"p2p/piece"
)

// request is a block that the peer was asked for.
type request struct {
	block piece.Block
	at    time.Time
	due   time.Time // others are asked too from then on
	came  int64     // blocks that had come before
	alone bool      // nothing else was under way
	dead  bool      // answered or taken back, and not yet swept out
}

// requests is what a peer was asked for, oldest first. Peers answer in order,
// so finding one is nearly always the first look.
type requests struct {
	list []request
	head int // all before it are dead
	live int
}

func (r *requests) push(q request) {
	if dead := len(r.list) - r.live; dead > 64 && dead > len(r.list)/2 {
		r.compact()
	}
	r.list = append(r.list, q)
	r.live++
}

// compact removes the dead ones. A peer that never answers its oldest request
// and all others would make the list grow for ever without it.
func (r *requests) compact() {
	live := r.list[:0]
	for _, q := range r.list[r.head:] {
		if !q.dead {
			live = append(live, q)
		}
	}
	r.list, r.head = live, 0
}

// take removes and returns the request for b.
func (r *requests) take(b piece.Block) (request, bool) {
	for i := r.head; i < len(r.list); i++ {
		if q := &r.list[i]; !q.dead && q.block == b {
			taken := *q
			q.dead = true
			r.live--
			r.sweep()
			return taken, true
		}
	}
	return request{}, false
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

// each calls do for every request that is out, oldest first. do may not change
// the list.
func (r *requests) each(do func(*request)) {
	for i := r.head; i < len(r.list); i++ {
		if !r.list[i].dead {
			do(&r.list[i])
		}
	}
}

// clear forgets all.
func (r *requests) clear() { r.list, r.head, r.live = r.list[:0], 0, 0 }

// has reports whether b was asked for.
func (r *requests) has(b piece.Block) bool {
	found := false
	r.each(func(q *request) { found = found || q.block == b })
	return found
}
