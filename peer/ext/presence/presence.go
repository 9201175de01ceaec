package presence

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"p2p/peer/ext"
	"p2p/peer/identity"
	"p2p/piece"
)

// Options are what an Extension needs.
type Options struct {
	// Self returns what is told of us. While it has no certificate nobody is told anything. It is called
	// by the goroutine that owns the room, and must not block. Its slice is only read, before it returns to
	// the room.
	Self func() State
	// Welcome reports whether a device may know who we are. It is asked when the device connects, with account zero:
	// then no means that it is to show first whose it is; and again, with the account, when it has, and then no
	// ends the connection. It is called as Self is. Nil welcomes everybody.
	Welcome func(device, account identity.Key) bool
	// Secret is what only those know who belong to the room. Of two devices that do not know each other, who are to show
	// themselves to none but members, one would wait for the other for ever: that both know Secret is enough to begin.
	// Nil for none.
	Secret []byte
	// Linger reports whether an account that is not welcome may stay for as long as one that says nothing may, since
	// another extension has something to tell it. It is told nothing of us, and the caller nothing of it. It is
	// called as Self is. Nil for none.
	Linger func(account identity.Key) bool
	// Tell is told of everybody who says or changes his State, whose distance was measured for
	// the first time, and, with Gone, who is connected no more. It is called by the goroutine that owns the
	// room, and must not block. Nil for nobody.
	Tell func(Seen)
}

// Seen is a device that is connected, and what it says of itself.
type Seen struct {
	Peer    piece.PeerKey // number of the connection
	Device  identity.Key
	Account identity.Key   // which its certificates prove
	State   State          // its slice is shared, and not to be changed
	Addr    netip.AddrPort // the peer's end of the connection
	Listen  netip.AddrPort // where it accepts connections, zero for not known
	Since   time.Time      // when it was first heard here
	// RTT is the shortest round trip of the newest five, which is what the way takes; Newest what it took last, with all
	// waiting. Zero for not measured yet.
	RTT, Newest time.Duration
	Gone        bool // the connection is over
}

// Extension is p2_pres for one room at a time.
type Extension struct {
	opt     Options
	room    atomic.Pointer[company] // the one that was opened last
	mu      sync.Mutex
	changed bool // Self has changed since it was last asked
}

// New returns the extension, for Room.Extensions.
func New(o Options) *Extension {
	if o.Tell == nil {
		o.Tell = func(Seen) {}
	}
	if o.Welcome == nil {
		o.Welcome = func(identity.Key, identity.Key) bool { return true }
	}
	if o.Linger == nil {
		o.Linger = func(identity.Key) bool { return false }
	}
	return &Extension{opt: o}
}

// Name implements ext.Extension.
func (*Extension) Name() string { return "p2_pres" }

// Secure implements ext.Guarded: plain peers do not hear of it.
func (*Extension) Secure() bool { return true }

// Open implements ext.Extension. Strangers at a doorbell, which is private, are told nothing of us, and
// in the swarm of a file there is nothing to tell that its room does not.
func (e *Extension) Open(t ext.Torrent) ext.Instance {
	if !t.Room || t.Private {
		return nil
	}
	c := &company{ext: e, torrent: t}
	c.publish()
	e.room.Store(c)
	return c
}

// Present returns who is connected and has said who he is, in the order in which they came. It may be called by any goroutine. The
// slice is shared, and not to be changed.
func (e *Extension) Present() []Seen {
	if c := e.room.Load(); c != nil {
		return *c.present.Load()
	}
	return nil
}

// Changed says that Self would return something else now: all who are connected are told soon. It may be called by any
// goroutine and never blocks; many calls become one message.
func (e *Extension) Changed() {
	c := e.room.Load()
	if c == nil {
		return // who connects later is told what is true then
	}
	e.mu.Lock()
	first := !e.changed
	e.changed = true
	e.mu.Unlock()
	if first {
		c.torrent.Do(c.spread) // or the next Tick does it
	}
}

// takeChanged reports whether Changed was called since the last time.
func (e *Extension) takeChanged() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	changed := e.changed
	e.changed = false
	return changed
}

// company is presence in one room.
type company struct {
	ext     *Extension
	torrent ext.Torrent
	lines   []*line // in the order in which they came
	present atomic.Pointer[[]Seen]
}

// Attach implements ext.Instance.
func (c *company) Attach(now time.Time, p ext.Peer) ext.Handler {
	l := newLine(c, now, p)
	c.lines = append(c.lines, l)
	if l.stranger = !c.ext.opt.Welcome(p.Device(), identity.Key{}); l.stranger {
		l.doubtful = true
		l.showPass()
		return l
	}
	l.tell(now, c.ext.opt.Self())
	l.ping(now)
	return l
}

// Tick implements ext.Ticker.
func (c *company) Tick(now time.Time) {
	c.spread(now)
	for _, l := range c.lines {
		if l.doubtful {
			l.hurry(now)
		}
		if l.stranger {
			continue
		}
		if l.owed {
			l.tell(now, c.ext.opt.Self())
		}
		l.ping(now)
	}
}

// spread tells everybody what has changed of us.
func (c *company) spread(now time.Time) {
	if !c.ext.takeChanged() {
		return
	}
	self := c.ext.opt.Self()
	for _, l := range c.lines {
		if !l.stranger {
			l.tell(now, self)
		}
	}
}

// publish makes a new snapshot.
func (c *company) publish() {
	all := make([]Seen, 0, len(c.lines))
	for _, l := range c.lines {
		if l.known() {
			all = append(all, l.seen)
		}
	}
	c.present.Store(&all)
}

// leave forgets a connection that is over.
func (c *company) leave(l *line) {
	c.lines = slices.DeleteFunc(c.lines, func(o *line) bool { return o == l })
	c.publish()
	if l.known() {
		l.seen.Gone = true
		c.ext.opt.Tell(l.seen)
	}
}
