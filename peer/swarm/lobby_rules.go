package swarm

import (
	"errors"
	"net/netip"
	"time"

	"p2p/peer/ext"
	"p2p/peer/identity"
)

// Why a Lobby refuses and ends connections.
var (
	// ErrNotAdmitted is that Admit says no, or that a plain peer is where devices
	// meet.
	ErrNotAdmitted = errors.New("it is not one of those who meet here")

	errNoExtensions = errors.New("the peer speaks none of our extensions")
	errSilent       = errors.New("silent for too long")
	errTime         = errors.New("its time is over")
)

// house is the rules of one kind of Lobby.
type house struct {
	guests    int           // at once
	waiting   int           // of them, who are not Known
	dials     int           // under way at once
	dialEvery time.Duration // one more dial is allowed, dialBurst of them at once; 0 = no limit
	dialAgain time.Duration // the longest pause after dials that failed
	greet     time.Duration // within which a peer has to name an extension that we have
	grace     time.Duration // after which somebody else may take a place; 0 = never
	stay      time.Duration // after which a connection is ended; 0 = never
	keepAlive time.Duration // how often we send something
	silent    time.Duration // after which a peer that sends nothing is gone
}

var (
	// magnetHouse is for those who look for an info dictionary among strangers.
	// Its keep-alives are those of package session.
	magnetHouse = house{
		guests: 30, dials: 10, dialAgain: retryMax, greet: 20 * time.Second, grace: time.Minute,
		keepAlive: 100 * time.Second, silent: 3 * time.Minute,
	}
	// roomHouse is for people. They see who is gone within seconds, and one who is back
	// does not wait for long; but a room whose tracker names fifty addresses where nobody
	// is does not dial more than thirty in a minute.
	roomHouse = house{
		guests: 64, waiting: 16, dials: 10, dialEvery: 2 * time.Second, dialAgain: 2 * time.Minute, greet: 20 * time.Second,
		keepAlive: 5 * time.Second, silent: 15 * time.Second,
	}
	// doorbellHouse is for strangers who have one thing to say. Each gives way to
	// the next after a few seconds, so that nobody holds the door by holding places.
	doorbellHouse = house{
		guests: 30, dials: 4, dialEvery: 2 * time.Second, dialAgain: 2 * time.Minute, greet: 10 * time.Second,
		grace: 5 * time.Second, stay: time.Minute, keepAlive: 20 * time.Second, silent: time.Minute,
	}
	// homeHouse is for who is rung for. Whoever knows the name of the door can have a tracker name anybody there, all the
	// time: an address that comes to nothing is tried less and less often, and all of them together ten times in a minute.
	homeHouse = func(h house) house {
		h.dials, h.dialEvery, h.dialAgain = 2, 6*time.Second, retryMax
		return h
	}(doorbellHouse)
)

// dialBurst is how many dials house.dialEvery lets pass at once.
const dialBurst = 10

// rules returns those of the Lobby that o describes.
func (o LobbyOptions) rules() house {
	h := magnetHouse
	switch {
	case o.Home:
		h = homeHouse
	case o.Doorbell:
		h = doorbellHouse
	case o.Room:
		h = roomHouse
	}
	if o.MaxPeers > 0 {
		h.guests = o.MaxPeers
	}
	if o.AnswerOnly {
		h.dials = 0
	}
	return h
}

// mayDial reports whether the house allows one more dial now. The caller moves nextDial on
// when it makes one.
func (l *Lobby) mayDial(now time.Time) bool {
	if l.nextDial.Before(now) {
		l.nextDial = now
	}
	return l.nextDial.Sub(now) <= (dialBurst-1)*l.house.dialEvery
}

// lets reports whether somebody with this key, zero for a plain peer, may be here.
func (l *Lobby) lets(device identity.Key) bool {
	return l.opt.Admit == nil || !device.IsZero() && l.opt.Admit(device)
}

// culprit returns who is held to account: the device where members alone are let in, because
// several may live behind one address; elsewhere the address, because a stranger
// has as many keys as he likes.
func (l *Lobby) culprit(addr netip.Addr, id [20]byte, device identity.Key) culprit {
	if !l.opt.Room || l.opt.Doorbell || device.IsZero() {
		return culpritOf(addr, id)
	}
	return culprit{id: [20]byte(device[:20])}
}

// admit decides whether a connection is taken in, and returns where its peer can be
// dialled, if that is known.
func (l *Lobby) admit(now time.Time, p Candidate) (home netip.AddrPort, err error) {
	if p.Dialled {
		home = unmapped(p.Addr)
	}
	if p.ID == l.opt.PeerID || !p.Device.IsZero() && p.Device == l.opt.Device {
		if p.Dialled {
			l.book.isSelf(home)
		}
		return home, ErrSelf
	}
	if pause, err := l.refusal(now, p); err != nil {
		l.book.rest(now, home, pause)
		return home, err
	}
	if old := l.same(p); old != nil {
		if home, err = l.replace(now, p, old); err != nil {
			return home, err
		}
	}
	l.queue(now, p.Device)
	if l.crowd() >= l.house.guests && !l.makeRoom(now) {
		l.book.rest(now, home, time.Minute)
		return home, ErrFull
	}
	return home, nil
}

// refusal says why p is not wanted, whoever else is connected, and for how long.
func (l *Lobby) refusal(now time.Time, p Candidate) (pause time.Duration, err error) {
	switch {
	case !l.lets(p.Device):
		return retryMax, ErrNotAdmitted
	case !p.Ext:
		return retryMax, errNoExtensions
	}
	return l.book.refusal(now, l.culprit(p.Addr.Addr(), p.ID, p.Device))
}

// replace decides between two connections to the same peer, and ends the old one if
// that has lost.
func (l *Lobby) replace(now time.Time, p Candidate, old *guest) (home netip.AddrPort, err error) {
	if home, err = l.book.succeed(now, l.opt.PeerID, p, &old.party, old.heard); err != nil {
		return home, err
	}
	l.drop(now, old, ErrDuplicate)
	return home, nil
}

// same returns the guest that is p too.
func (l *Lobby) same(p Candidate) *guest {
	for _, g := range l.guests {
		if g.is(p) {
			return g
		}
	}
	return nil
}

// queue ends the connection of who waits longest to become known, if the places for those are taken and
// one more comes. So they cannot shut out who is known, however many they are; and one of
// them who is about to become known needs his place for a moment only.
func (l *Lobby) queue(now time.Time, device identity.Key) {
	if l.opt.Known == nil || l.opt.Known(device) {
		return
	}
	var waiting []*guest
	for _, g := range l.byKey() {
		if !l.opt.Known(g.device) {
			waiting = append(waiting, g)
		}
	}
	if len(waiting) >= l.house.waiting {
		l.drop(now, waiting[0], ErrIdle)
	}
}

// makeRoom ends the oldest connection: it has had its chance.
func (l *Lobby) makeRoom(now time.Time) bool {
	if l.house.grace == 0 || len(l.guests) == 0 {
		return false
	}
	oldest := l.byKey()[0]
	if now.Sub(oldest.since) < l.house.grace {
		return false
	}
	l.drop(now, oldest, ErrIdle)
	return true
}

// overdue says why a guest has to go, if it has.
func (l *Lobby) overdue(now time.Time, g *guest) error {
	switch stayed := now.Sub(g.since); {
	case now.Sub(g.heard) > l.house.silent:
		return errSilent
	case stayed > l.house.greet && !l.ext.Speaks(g.key):
		return errNoExtensions
	case l.house.stay > 0 && stayed > l.house.stay:
		return errTime
	}
	return nil
}

// proven is how long a connection must have lasted for its end to be no failure.
const proven = time.Minute

// shelve notes in the book when the peer of a connection that is over is to be dialled
// again. why is nil when the peer ended it.
func (l *Lobby) shelve(now time.Time, g *guest, why error) {
	l.book.release(now, &g.party)
	_, unwelcome := errors.AsType[ext.Unwelcome](why)
	switch {
	case errors.Is(why, errMoved):
		l.book.lost(now, &g.party)
	case errors.Is(why, ErrDuplicate), errors.Is(why, errNoExtensions):
		l.book.rest(now, g.home, retryMax)
	case errors.Is(why, ErrNotAdmitted): // who is invited again is dialled again
		l.book.rest(now, g.home, l.house.dialAgain)
	case errors.Is(why, ErrIdle):
		l.book.rest(now, g.home, 5*time.Minute)
	case (why == nil || unwelcome || errors.Is(why, errSilent)) && now.Sub(g.since) >= proven:
		l.book.left(now, g.home)
	default: // it hung up at once, and would again, or broke a rule
		l.book.failed(now, g.home)
	}
	switch {
	case unwelcome, why == nil, errors.Is(why, ErrDuplicate), errors.Is(why, ErrIdle), errors.Is(why, errSilent),
		errors.Is(why, errMoved), errors.Is(why, ErrNotAdmitted), errors.Is(why, ErrEnded):
	default:
		l.book.resent(now, l.culprit(g.addr.Addr(), g.id, g.device))
	}
}
