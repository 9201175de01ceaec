package swarm

import (
	"context"
	"net"
	"time"
)

// A Loop whose torrent is complete and that nobody is connected to only costs: a
// goroutine, the torrent in memory, its files. Whoever runs it can have it end, and
// make another one when somebody calls.

// idle reports whether there is nobody to serve and nothing to fetch.
func (c *Core) idle() bool { return len(c.peers) == 0 && c.dialing == 0 && c.queue.Done() }

// mayRest reports whether the Loop is to end because it has been idle for long.
func (l *Loop) mayRest(now time.Time) bool {
	switch {
	case l.opt.Rest == nil:
		return false
	case !l.core.idle() || l.keeper.busy || l.keeper.unsaved:
		l.idle = time.Time{}
		return false
	case l.idle.IsZero():
		l.idle = now
	}
	if now.Sub(l.idle) >= l.opt.RestAfter && l.opt.Rest() {
		return true
	}
	return false
}

// Waits reports whether the Loop has not yet seen something that was handed over
// to it. Options.Rest asks, with whatever keeps others from handing over.
func (l *Loop) Waits() bool {
	l.mail.mu.Lock()
	defer l.mail.mu.Unlock()
	return len(l.mail.queue) > 0
}

// Called hands over a connection that was dialled before there was a Loop, or
// besides what Options.Dial asked for, and whose handshakes are done. It takes no
// part in what Options.Dial and Joined count.
func (l *Loop) Called(conn net.Conn, p Candidate) {
	if !l.mail.put(func(ctx context.Context, now time.Time) {
		l.core.expect(p)
		l.join(ctx, now, conn, p)
	}) {
		conn.Close()
	}
}

// expect enters the address of a connection that somebody else has dialled, as if
// the Core had.
func (c *Core) expect(p Candidate) {
	c.book.add(p.Addr, false)
	c.book.hold(unmapped(p.Addr))
	c.dialing++
}

// watch tells whoever wants to know that there are new Stats.
func (l *Loop) watch() {
	if l.opt.Watch != nil {
		l.opt.Watch()
	}
}
