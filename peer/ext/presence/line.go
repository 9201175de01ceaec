package presence

import (
	"bytes"
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"time"

	"p2p/peer/ext"
)

// When a peer is told something.
const (
	// PingEvery is how often the way to each peer is measured.
	PingEvery = 5 * time.Second
	// pingAgain is when a ping is given up that was not answered.
	pingAgain = 15 * time.Second
	// A new state goes out at once, but not more often than that: who types in his name need not show us
	// each letter.
	tellBurst = 4
	tellEvery = 3 * time.Second
	// rounds is of how many round trips the shortest counts.
	rounds = 5
)

// What a peer may tell. A connection that stood still for the 15 s that it may brings what had piled up at once.
const (
	heardBurst = 16
	heardEvery = 2 * time.Second
	pingsBurst = 16
	pingsEvery = time.Second
)

// errFlood is a peer that tells more than an honest one does.
var errFlood = errors.New("far more messages than presence takes")

// errStranger is a peer that is nobody who may know us, or does not say who he is.
const errStranger ext.Unwelcome = "it is nobody who is welcome"

// strangerWait is how long a peer may be connected without showing whose it is.
const strangerWait = 5 * time.Second

// hurry ends the connection of one who has had his time and has not shown whose it is.
func (l *line) hurry(now time.Time) {
	if !l.known() && now.Sub(l.seen.Since) >= strangerWait {
		l.peer.Close(errStranger)
	}
}

// line is presence on one connection.
type line struct {
	company *company
	peer    ext.Peer
	seen    Seen

	stranger bool // it is told nothing before it has shown whose it is, or a pass
	doubtful bool // it was one when it came

	told ext.Allowance // ours
	owed bool          // the peer has an old state of us
	sent []byte        // the state that it has

	nonce    [nonceSize]byte // of the ping that is out
	pinged   time.Time       // when it went out
	waiting  bool            // it is not answered yet
	lastTrip [rounds]time.Duration
	trips    uint64

	states, pings ext.Allowance // the peer's
}

func newLine(c *company, now time.Time, p ext.Peer) *line {
	return &line{
		company: c, peer: p, seen: Seen{Peer: p.Key(), Device: p.Device(), Addr: p.Addr(), Since: now},
		told:   ext.Allowance{Most: tellBurst, Every: tellEvery},
		states: ext.Allowance{Most: heardBurst, Every: heardEvery},
		pings:  ext.Allowance{Most: pingsBurst, Every: pingsEvery},
	}
}

// known reports whether the peer has said who it is.
func (l *line) known() bool { return !l.seen.Account.IsZero() }

// tell sends our state, unless the peer has it. What cannot be sent now is owed.
func (l *line) tell(now time.Time, self State) {
	l.owed = false
	if len(self.Certificates) == 0 {
		return // it would be a broken rule
	}
	b := appendState(nil, self)
	if bytes.Equal(b, l.sent) {
		return
	}
	l.owed = !l.told.Has(now) || !l.peer.Send(ext.Chat, b)
	if !l.owed {
		l.told.Take(now)
		l.sent = b
	}
}

// ping sends one when it is time.
func (l *line) ping(now time.Time) {
	pause := PingEvery
	if l.waiting {
		pause = pingAgain
	}
	if !l.pinged.IsZero() && now.Sub(l.pinged) < pause {
		return
	}
	// Whoever answers early a ping that is still to come can only seem near, which brings nothing: it
	// need not be secret.
	l.trips++
	binary.BigEndian.PutUint64(l.nonce[:], l.trips)
	if l.peer.Send(ext.Chat, append([]byte{kindPing}, l.nonce[:]...)) {
		l.pinged, l.waiting = now, true
	}
}

// Handle implements ext.Handler.
func (l *line) Handle(now time.Time, payload []byte) error {
	if len(payload) == 0 {
		return errState
	}
	kind, rest := payload[0], payload[1:]
	if kind == kindState {
		if !l.states.Take(now) {
			return errFlood
		}
		return l.heard(now, rest)
	}
	if !l.pings.Take(now) {
		return errFlood
	}
	switch {
	case kind == kindPass:
		l.takePass(now, rest)
	case kind == kindPing && len(rest) == nonceSize:
		// One that cannot be sent would be late anyway.
		l.peer.Send(ext.Chat, append([]byte{kindPong}, rest...))
	case kind == kindPong && l.waiting && bytes.Equal(rest, l.nonce[:]):
		l.measured(now)
	}
	return nil
}

// heard takes in what the peer says of itself.
func (l *line) heard(now time.Time, b []byte) error {
	s, err := parseState(b)
	if err != nil {
		return err
	}
	account, err := accountOf(s, l.peer.Device())
	if err != nil {
		return err
	}
	if l.known() && account != l.seen.Account {
		return errState // a device does not change hands while it is connected
	}
	if !l.known() && !l.company.ext.opt.Welcome(l.peer.Device(), account) {
		if l.doubtful && l.company.ext.opt.Linger(account) {
			return nil
		}
		return errStranger
	}
	l.seen.Account, l.seen.State, l.seen.Listen = account, s, l.peer.Listen()
	l.company.publish()
	l.company.ext.opt.Tell(l.seen)
	l.open(now)
	return nil
}

// open tells a stranger what it was not told before.
func (l *line) open(now time.Time) {
	if l.stranger {
		l.stranger = false
		l.tell(now, l.company.ext.opt.Self())
		l.ping(now)
	}
}

// showPass shows a device that we do not know that we belong here, and not who we are.
func (l *line) showPass() {
	o := l.company.ext.opt
	if certs := o.Self().Certificates; o.Secret != nil && len(certs) > 0 {
		l.peer.Send(ext.Chat, append([]byte{kindPass}, pass(o.Secret, certs[0].Device, l.peer.Device())...))
	}
}

// takePass begins to talk to a device that shows that it belongs here.
func (l *line) takePass(now time.Time, b []byte) {
	o := l.company.ext.opt
	if certs := o.Self().Certificates; o.Secret != nil && len(certs) > 0 && hmac.Equal(b, pass(o.Secret, l.peer.Device(), certs[0].Device)) {
		l.open(now)
	}
}

// measured notes that the answer to our ping is here.
func (l *line) measured(now time.Time) {
	l.waiting = false
	trip := max(now.Sub(l.pinged), time.Microsecond) // in one round of the room no time passes
	l.lastTrip[l.trips%rounds] = trip
	first := l.seen.RTT == 0
	l.seen.RTT, l.seen.Newest = shortest(l.lastTrip[:]), trip
	if !l.known() {
		return
	}
	l.company.publish()
	if first {
		l.company.ext.opt.Tell(l.seen)
	}
}

// Detach implements ext.Handler.
func (l *line) Detach() { l.company.leave(l) }
