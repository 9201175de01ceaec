package swarm

import (
	"net/netip"
	"slices"
	"time"

	"p2p/peer/identity"
)

// duelTime is how much older than the second connection to the same peer
// the first may be for both to be dialled at the same moment. A dial and
// its handshake take at most 20 s.
const duelTime = time.Minute

// othersMax is how many other addresses of a peer are remembered.
const othersMax = 8

// party is the other end of a connection: who it is, and where it can be dialled. The
// rules of this file are the same whether there is content to share or not.
type party struct {
	id      [20]byte
	device  identity.Key     // proven; zero = a plain peer
	addr    netip.AddrPort   // as the socket has it
	home    netip.AddrPort   // where it can be dialled, busy in the book for as long as it is connected; zero = not known
	others  []netip.AddrPort // where it answered too, left alone for as long as it is connected
	told    bool             // it has told its port
	says    netip.AddrPort   // where it can be dialled by what it has told
	dialled bool
	since   time.Time
	spoke   time.Time // when it first said something after the handshakes, so that it has taken the connection in; zero = not yet
}

func (c Candidate) party(now time.Time, home netip.AddrPort) party {
	return party{id: c.ID, device: c.Device, addr: c.Addr, home: home, dialled: c.Dialled, since: now}
}

// speaks notes that something has come from the peer.
func (p *party) speaks(now time.Time) {
	if p.spoke.IsZero() {
		p.spoke = now
	}
}

// is reports whether a new connection leads to the same peer: to the same device where
// both have proven theirs, because anybody can claim a peer id.
func (p *party) is(c Candidate) bool {
	if !p.device.IsZero() && !c.Device.IsZero() {
		return p.device == c.Device
	}
	return p.id == c.ID
}

// refusal says why somebody is not wanted, whoever else is connected, and for how long.
func (b *book) refusal(now time.Time, who culprit) (pause time.Duration, err error) {
	until := b.resents(who)
	switch {
	case b.banned.has(who):
		return retryMax, ErrBanned
	case now.Before(until):
		return until.Sub(now), ErrAgain
	}
	return 0, nil
}

// deadAfter is how long nothing must have come from a device for a second connection of
// its own to be believed rather than the first.
const deadAfter = 10 * time.Second

// succeed decides between two connections to the same peer, as duel does; but a device that calls again, and has been
// silent since heard, or says that the first connection is over, has lost it without our knowing. It has proven who it is.
func (b *book) succeed(now time.Time, us [20]byte, c Candidate, old *party, heard time.Time) (home netip.AddrPort, err error) {
	if c.Device.IsZero() || c.Device != old.device || now.Sub(heard) < deadAfter && !c.outlived(old) {
		return b.duel(now, us, c, old)
	}
	switch {
	case c.Dialled:
		home = unmapped(c.Addr)
	case c.Addr.Addr() != old.addr.Addr(): // it is not where it was, and will say where it listens
		return home, nil
	}
	return old.moveOut(home), nil
}

// outlived reports whether old is over at the other end, by what it says on the new connection: that it has no other. It had
// taken old in before, since it had spoken there before the new one began. So no connection ends that stands at
// both ends, whoever dials whom at the same moment, and two nodes cannot end each other's for ever. One who only
// moves is the same process, with the same id: two that run with a copy of one key would drive each other out.
func (c Candidate) outlived(old *party) bool {
	return c.Sole && c.ID == old.id && !old.spoke.IsZero() && old.spoke.Before(c.Began)
}

// duel decides between two connections to the same peer. When both sides dialled
// at the same moment, both must keep the same one, or both are lost: the one
// that the smaller peer id dialled. A second connection in the same direction
// never wins, and none does against one that has stood for long: peer ids are no
// secret, and a stranger who claims one must not end the connection of its owner. Nor
// does a plain one against that of a device.
//
// The error is nil when the new one stays; the caller ends the old one then.
// Whichever stays, home is where the peer can be dialled.
func (b *book) duel(now time.Time, us [20]byte, c Candidate, old *party) (home netip.AddrPort, err error) {
	if c.Dialled {
		home = unmapped(c.Addr)
	}
	smaller := slices.Compare(us[:], c.ID[:]) < 0
	claimed := c.Device.IsZero() && !old.device.IsZero()
	if claimed || c.Dialled == old.dialled || c.Dialled != smaller || now.Sub(old.since) > duelTime {
		switch {
		case !home.IsValid(): // they called
		case !old.home.IsValid():
			old.home = home // it stays busy
		case old.home != home: // another address of the same peer
			b.rest(now, home, retryMax)
			if len(old.others) < othersMax {
				old.others = append(old.others, home)
			}
		}
		return home, ErrDuplicate
	}
	return old.moveOut(home), nil
}

// moveOut returns where the peer of p can be dialled, which is home if that is known, and
// takes it from p, so that it stays busy when p ends.
func (p *party) moveOut(home netip.AddrPort) netip.AddrPort {
	if !home.IsValid() {
		home, p.home = p.home, netip.AddrPort{}
	}
	return home
}

// listens notes the port on which the peer of p says that it listens. Only the first
// counts: a peer that names many would fill the book.
func (b *book) listens(p *party, port uint16) {
	if port == 0 || p.told {
		return
	}
	p.told = true
	if p.home.IsValid() {
		return
	}
	addr := netip.AddrPortFrom(p.addr.Addr().Unmap(), port)
	p.says = addr
	b.add(addr, false)
	if b.hold(addr) {
		p.home = addr
	}
}
