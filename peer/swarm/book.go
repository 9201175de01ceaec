package swarm

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"time"
)

// Limits of the address book.
const (
	// bookMax is how many addresses are remembered; a tracker answers with 50
	// to 200 at a time (libtorrent: 3000).
	bookMax = 2000
	// retryFirst is the pause after the first failed dial; it doubles up to
	// retryMax. It is short because a swarm of two machines on one desk is
	// often started within seconds.
	retryFirst = 4 * time.Second
	retryMax   = 15 * time.Minute
	// forgetAfter is how many dials in a row may fail before an address that
	// nobody mentions again is forgotten.
	forgetAfter = 8
	// grudgesMax is how many who broke rules are remembered, bannedMax how many
	// who sent wrong data, and selfMax how many addresses that lead to ourselves.
	grudgesMax = 1000
	bannedMax  = 4096
	selfMax    = 64
)

// book is what is known about addresses of peers: who may be dialled, and when.
// It is pure, and belongs to the Core.
type book struct {
	self    *recent[netip.AddrPort]
	entries map[netip.AddrPort]*entry
	order   []netip.AddrPort // for a deterministic choice
	banned  *recent[culprit]
	grudges map[culprit]grudge
	most    time.Duration // the longest pause after failed dials
	rng     *rand.Rand
}

// grudge is held against somebody who broke a rule. For a while no connection is
// taken from there, longer each time: who comes back at once to do the same
// again would cost us a connection, and a share of our line, all the time. It is
// not a ban, because it may have been an old program, or a poor line.
type grudge struct {
	times int
	until time.Time
}

// entry is one address.
type entry struct {
	busy  bool // being dialled, or its peer is connected
	fails int  // in a row, dials that failed and connections that came to nothing
	next  time.Time
	keep  bool // named by the user: never forgotten
}

// culprit names who is banned: an address, or on a loopback address, where many
// peers of one machine live, one peer id of it. The zero culprit is nobody.
type culprit struct {
	addr netip.Addr
	id   [20]byte
}

func culpritOf(addr netip.Addr, id [20]byte) culprit {
	addr = addr.Unmap()
	if addr.IsLoopback() {
		return culprit{addr, id}
	}
	return culprit{addr: addr}
}

func newBook(rng *rand.Rand) *book {
	return &book{
		self:    newRecent[netip.AddrPort](selfMax),
		entries: make(map[netip.AddrPort]*entry),
		banned:  newRecent[culprit](bannedMax),
		grudges: make(map[culprit]grudge),
		most:    retryMax,
		rng:     rng,
	}
}

// add notes an address. What cannot be dialled, or is ourselves, is dropped.
func (b *book) add(addr netip.AddrPort, keep bool) {
	addr = unmapped(addr)
	ip := addr.Addr()
	if !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() || addr.Port() == 0 || b.self.has(addr) || b.banned.has(culprit{addr: ip}) {
		return
	}
	if e := b.entries[addr]; e != nil {
		e.keep = e.keep || keep
		if e.fails >= forgetAfter { // somebody vouches for it again
			e.fails = forgetAfter / 2
		}
		return
	}
	if len(b.entries) >= bookMax && !b.evict() && !keep {
		return
	}
	b.entries[addr] = &entry{keep: keep}
	b.order = append(b.order, addr)
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// evict forgets a random address that failed.
func (b *book) evict() bool {
	for range 32 {
		at := b.rng.IntN(len(b.order))
		if e := b.entries[b.order[at]]; e.fails > 0 && !e.busy && !e.keep {
			b.remove(at)
			return true
		}
	}
	return false
}

func (b *book) remove(at int) {
	delete(b.entries, b.order[at])
	b.order[at] = b.order[len(b.order)-1]
	b.order = b.order[:len(b.order)-1]
}

// pick returns an address to dial now and marks it busy: the one that failed
// least, a random one among equals.
func (b *book) pick(now time.Time) (netip.AddrPort, bool) {
	var best *entry
	var addr netip.AddrPort
	equals := 0
	for _, a := range b.order {
		e := b.entries[a]
		if e.busy || now.Before(e.next) {
			continue
		}
		switch {
		case best == nil || e.fails < best.fails:
			best, addr, equals = e, a, 1
		case e.fails == best.fails:
			if equals++; b.rng.IntN(equals) == 0 {
				best, addr = e, a
			}
		}
	}
	if best == nil {
		return addr, false
	}
	best.busy = true
	return addr, true
}

// hold marks the address of a peer that is connected by another way, so that it
// is not dialled. It reports false when the address is not known, or is busy
// already.
func (b *book) hold(addr netip.AddrPort) bool {
	e := b.entries[addr]
	if e == nil || e.busy {
		return false
	}
	e.busy = true
	return true
}

// failed notes that addr could not be reached, or that its connection came to
// nothing.
func (b *book) failed(now time.Time, addr netip.AddrPort) {
	e := b.entries[addr]
	if e == nil {
		return
	}
	e.busy = false
	e.fails++
	e.next = now.Add(min(retryAfter(e.fails), b.most))
	if e.fails > forgetAfter && !e.keep {
		b.forget(addr)
	}
}

// retryAfter returns the pause after so many failures.
func retryAfter(times int) time.Duration {
	return min(retryFirst<<min(times-1, 16), retryMax)
}

// resent holds a grudge against c.
func (b *book) resent(now time.Time, c culprit) {
	g, known := b.grudges[c]
	if !known && len(b.grudges) >= grudgesMax {
		maps.DeleteFunc(b.grudges, func(_ culprit, g grudge) bool { return g.over(now) })
		if len(b.grudges) >= grudgesMax {
			return
		}
	}
	if g.over(now) {
		g.times = 0
	}
	g.times++
	g.until = now.Add(retryAfter(g.times))
	b.grudges[c] = g
}

// over reports whether a grudge is so old that it does not count any more.
func (g grudge) over(now time.Time) bool { return now.Sub(g.until) > retryMax }

// resents returns until when c is not to be let in.
func (b *book) resents(c culprit) time.Time { return b.grudges[c].until }

// left notes that a connection to addr is over that was of use.
func (b *book) left(now time.Time, addr netip.AddrPort) {
	if e := b.entries[addr]; e != nil {
		e.busy = false
		e.fails = 0
		e.next = now.Add(retryFirst)
	}
}

// rest leaves addr alone for a while: it is of no use now.
func (b *book) rest(now time.Time, addr netip.AddrPort, pause time.Duration) {
	if e := b.entries[addr]; e != nil {
		e.busy = false
		e.next = now.Add(pause)
	}
}

// isSelf notes that addr leads back to us.
func (b *book) isSelf(addr netip.AddrPort) {
	b.self.add(addr)
	b.forget(addr)
}

func (b *book) forget(addr netip.AddrPort) {
	for at, a := range b.order {
		if a == addr {
			b.remove(at)
			return
		}
	}
}

// ban shuts out who sent wrong data.
func (b *book) ban(c culprit) {
	b.banned.add(c)
	if c.id == ([20]byte{}) {
		for at := len(b.order) - 1; at >= 0; at-- {
			if b.order[at].Addr() == c.addr {
				b.remove(at)
			}
		}
	}
}
