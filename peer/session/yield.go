package session

import (
	"time"

	"p2p/piece"
)

// Measures of yielding.
const (
	// What a peer has probably begun to send, or will have before our cancel is
	// there, stays with it: as much as it sends in keepTime, and keepLeast
	// blocks. To take that back too would have it come twice.
	keepTime  = 750 * time.Millisecond
	keepLeast = 32
	// untried is how many requests a peer may have that has not sent anything
	// lately.
	untried = 4
	// lookMax bounds how many requests are looked at.
	lookMax = 512
)

// Idle reports whether the peer could send more, has next to nothing to do, and
// would be asked for more if the queue had more to give.
func (c *Conn) Idle(now time.Time) bool { return c.asked.live <= minDepth && c.Hungry(now) }

// Yield takes requests back, the newest first, that other would answer sooner
// than c; other then draws them from the queue. So a peer that comes by a piece
// relieves those who have much to do, above all the only seed, which is left
// with what nobody else has; and in the end, a slow peer does not keep blocks
// waiting that others have time for, nor is the same asked of both.
func (c *Conn) Yield(now time.Time, other *Conn, out []Event) []Event {
	if c.asked.live <= keepLeast {
		return out
	}
	have := other.mayAsk(now)
	rate, theirs := c.down.Rate(now), other.down.Rate(now)
	keep := max(int(rate*keepTime.Seconds())/piece.BlockSize, keepLeast)
	load := other.asked.live // of the other, with what it takes over
	last := max(c.asked.head, len(c.asked.list)-lookMax)
	for at := len(c.asked.list) - 1; at >= last && c.asked.live > keep && load < other.pipe.depth; at-- {
		r := &c.asked.list[at]
		if r.dead || have == nil || !have.Has(r.block.Piece) || !c.queue.Movable(r.block) {
			continue
		}
		// Both finish at the same time when load/theirs = live/rate.
		if theirs == 0 && load >= untried || theirs > 0 && float64(load+1)*rate > float64(c.asked.live)*theirs {
			break
		}
		b := r.block // the list may change now
		c.queue.Return(c.cfg.Key, b)
		out = c.Cancel(now, b, out)
		load++
	}
	return out
}
