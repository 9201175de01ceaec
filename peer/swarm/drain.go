package swarm

import (
	"time"

	"p2p/piece"
)

// How long a peer may let what was written to it lie. A writer that waits proves nothing: on a slow line, ours or the
// peer's, it waits for seconds while bytes leave all the time. Nor does a second without one: a program that reads
// slowly makes room in steps of half its buffer, every 6 s if it reads 20 KB/s.
const (
	// drainWithin is in what time a peer takes a block, or does not take what it is
	// sent: its turn is over if others wait, and it gets no other before it has made
	// room. Who is slower than that, 1.6 KB/s, has not one piece after a turn; a slot
	// would be kept by a byte now and then.
	drainWithin = 10 * time.Second
	// drainFirst is the same for who has never made room in a full socket: it may be one that
	// never reads. Others are let in besides, and its turn goes on.
	drainFirst = 2 * time.Second
	// drainBlind is drainFirst where the system does not tell what leaves: then it is the
	// first write, of 256 KiB at most, that has to end.
	drainBlind = 5 * time.Second
)

// drain is how the socket of a peer empties.
type drain struct {
	waits   bool      // it is full: a write has waited for silentAfter or longer
	since   time.Time // when that write began
	taken   int64     // bytes that the peer had taken at marked, -1 = not known
	marked  time.Time // when it had last taken a block, or the wait or the turn began
	reads   bool      // it has made room while the socket was full, and was not spent since
	blocked bool      // it takes nothing, as far as we know
	spent   bool      // and has not for drainWithin
}

// begin says that a turn begins.
func (d *drain) begin(now time.Time) {
	d.marked, d.blocked, d.spent = now, false, false
}

// feel takes what Core.Feel is told.
func (d *drain) feel(now, since time.Time, taken int64) {
	waits := !since.IsZero() && now.Sub(since) >= silentAfter
	switch {
	case d.waits && (!waits || since.After(d.since)): // that write is done, so there was room
		d.reads = true
		fallthrough
	case !d.waits:
		d.since, d.taken, d.marked = since, taken, since
	case taken-d.taken >= piece.BlockSize:
		d.taken, d.marked, d.reads = taken, now, true
	case taken > d.taken:
		d.reads = true
	}
	d.waits = waits
	lain, first := now.Sub(d.marked), drainFirst
	if taken < 0 {
		first = drainBlind
	}
	d.spent = waits && lain >= drainWithin
	d.reads = d.reads && !d.spent
	d.blocked = d.spent || waits && lain >= first && !d.reads
}
