package swarm

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"time"
)

var errMoved = errors.New("this machine has left the address that the connection was from")

// Moved says that the machine may be on another network now, or has slept: what failed before says nothing about what
// happens next, so whoever could not be reached is dialled again, as fast as the house allows. Connections from an
// address that has does not report are ended: nothing will come on them, and nobody would say so.
func (l *Lobby) Moved(has func(netip.Addr) bool) {
	l.mail.put(func(_ context.Context, now time.Time) {
		l.book.revive(now)
		for _, g := range l.byKey() {
			if g.from.IsValid() && !has(g.from) {
				l.drop(now, g, errMoved)
			}
		}
		l.dial(now)
	})
}

// Moved is what Lobby.Moved is.
func (l *Loop) Moved(has func(netip.Addr) bool) {
	l.mail.put(func(_ context.Context, now time.Time) {
		l.core.book.revive(now)
		for _, key := range slices.Sorted(maps.Keys(l.links)) {
			if m := l.links[key]; m.from.IsValid() && !has(m.from) {
				l.core.Expel(now, key, errMoved)
			}
		}
		l.core.dial(now)
	})
}

// revive has those dialled now who failed, and with short pauses again.
func (b *book) revive(now time.Time) {
	for _, e := range b.entries {
		if e.fails > 0 {
			e.hurry(now)
		}
	}
}

// expect is revive for one address, also when a connection to it was of use and is just over. It does not wake one that rests
// since it leads to a peer who is connected.
func (b *book) expect(now time.Time, addr netip.AddrPort) {
	if e := b.entries[unmapped(addr)]; e != nil && (e.fails > 0 || e.next.Sub(now) <= retryFirst) {
		e.hurry(now)
	}
}

func (e *entry) hurry(now time.Time) {
	if !e.busy {
		e.fails = min(e.fails, 2) // who failed least is still dialled first
		e.next = now
	}
}

// lost has a peer dialled at once whose connection this machine has left behind, wherever it answered.
func (b *book) lost(now time.Time, p *party) {
	b.rest(now, p.home, 0)
	b.release(now, p)
}

// release has the other addresses of a peer dialled again that is not connected any more: it may be there now.
func (b *book) release(now time.Time, p *party) {
	for _, a := range p.others {
		b.rest(now, a, 0)
	}
}

// fromOf returns the address of this machine that a connection is from.
func fromOf(conn net.Conn) netip.Addr {
	if a, ok := conn.LocalAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}
