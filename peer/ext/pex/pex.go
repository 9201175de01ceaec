package pex

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"time"

	"p2p/peer/ext"
	"p2p/peer/identity"
	"p2p/piece"
)

// lookAgain is the pause when there was nothing to tell.
const lookAgain = 5 * time.Second

// pace is when a peer is told something, and how often it may tell. The limits leave room for clients that send a
// second too early, or twice at the start.
type pace struct {
	firstAfter    time.Duration // of connecting
	tellEvery     time.Duration // is the pause after a message
	messagesBurst int
	messagesEvery time.Duration
}

var (
	// crowdPace is that of a swarm. Most of whom we dial have answered when the first message goes out. BEP 11: "Clients
	// must batch updates to send no more than 1 PEX message per minute."
	crowdPace = pace{firstAfter: 2 * time.Second, tellEvery: time.Minute, messagesBurst: 4, messagesEvery: 45 * time.Second}
	// memberPace is among people, who wait for each other; and who introduces them may be gone in a moment.
	memberPace = pace{tellEvery: 5 * time.Second, messagesBurst: 8, messagesEvery: 4 * time.Second}
)

// What a peer may tell.
const (
	addressesBurst = 100
	addressesEvery = time.Minute / 50
	// systemPorts are of services that are no peers: what is aimed at them is
	// aimed at somebody else.
	systemPorts = 1024
)

// errFlood ends the connection of a peer that sends too many messages. BEP 11:
// "Clients may disconnect peers that egregiously violate these constraints."
var errFlood = errors.New("far more than one peer exchange message a minute")

// Extension is ut_pex. The zero value is ready to use.
type Extension struct {
	// Among, if not nil, makes it an exchange among those devices that it says yes to, inside TLS: nobody else is told, nobody is told
	// of anybody else, and nobody else is believed. It is asked each time, on the goroutine that owns the torrent, and
	// must not block.
	Among func(device identity.Key) bool
}

// Secure implements ext.Guarded: plain peers do not hear of what is among devices.
func (e Extension) Secure() bool { return e.Among != nil }

// includes reports whether a peer takes part.
func (e Extension) includes(p ext.Peer) bool {
	return e.Among == nil || !p.Device().IsZero() && e.Among(p.Device())
}

// Name implements ext.Extension.
func (Extension) Name() string { return "ut_pex" }

// Open implements ext.Extension. There is no peer exchange on a private torrent:
// BEP 27 has clients "ONLY initiate connections to peers returned from the
// private tracker", and "exchanging peer information with the intruder would
// provide the intruder with a full complement of peers".
func (e Extension) Open(t ext.Torrent) ext.Instance {
	if t.Private {
		return nil
	}
	x := &exchange{ext: e, torrent: t, pace: crowdPace}
	if e.Among != nil {
		x.pace = memberPace
	}
	return x
}

// exchange is peer exchange on one torrent.
type exchange struct {
	ext     Extension
	torrent ext.Torrent
	pace    pace
	lines   []*line // in the order in which they came
	around  []neighbour
}

// neighbour is a connected peer that others may be told about.
type neighbour struct {
	key piece.PeerKey
	contact
}

// line is peer exchange with one peer.
type line struct {
	exchange  *exchange
	peer      ext.Peer
	next      time.Time // when the peer may be told something
	told      map[netip.AddrPort]bool
	messages  ext.Allowance
	addresses ext.Allowance
}

// Attach implements ext.Instance.
func (x *exchange) Attach(now time.Time, p ext.Peer) ext.Handler {
	l := &line{
		exchange: x, peer: p, next: now.Add(x.pace.firstAfter), told: make(map[netip.AddrPort]bool),
		messages:  ext.Allowance{Most: x.pace.messagesBurst, Every: x.pace.messagesEvery},
		addresses: ext.Allowance{Most: addressesBurst, Every: addressesEvery},
	}
	x.lines = append(x.lines, l)
	return l
}

// Detach implements ext.Handler.
func (l *line) Detach() {
	x := l.exchange
	x.lines = slices.DeleteFunc(x.lines, func(o *line) bool { return o == l })
}

// Tick implements ext.Ticker: it tells those whose turn it is. Before the info
// dictionary is known, the torrent may be private, and nobody is told anything. A room
// has none; its members may know of each other.
func (x *exchange) Tick(now time.Time) {
	if x.torrent.Info == nil && !x.torrent.Room {
		return
	}
	looked := false
	for _, l := range x.lines {
		if now.Before(l.next) || !x.ext.includes(l.peer) {
			continue
		}
		if !looked {
			x.look()
			looked = true
		}
		l.tell(now)
	}
}

// look notes who is connected now and can be dialled.
func (x *exchange) look() {
	x.around = x.around[:0]
	for p := range x.torrent.Peers() {
		home := p.Listen()
		if !home.IsValid() || home.Port() == 0 || !x.ext.includes(p) {
			continue
		}
		n := neighbour{p.Key(), contact{addr: netip.AddrPortFrom(home.Addr().Unmap(), home.Port())}}
		if p.Seed() {
			n.flags |= flagSeed
		}
		if p.Dialled() {
			n.flags |= flagOutgoing
		}
		x.around = append(x.around, n)
	}
}

// tell sends the peer what has changed since the last message, if anything has.
// BEP 11: "Messages must contain at least one of the following fields".
func (l *line) tell(now time.Time) {
	added, dropped := l.news()
	l.next = now.Add(lookAgain)
	if len(added)+len(dropped) == 0 || !l.peer.Send(ext.Bulk, compose(added, dropped)) {
		return
	}
	l.next = now.Add(l.exchange.pace.tellEvery)
	for _, c := range added {
		l.told[c.addr] = true
	}
	for _, a := range dropped {
		delete(l.told, a)
	}
}

// news returns who has come and who has left since the peer was last told.
// "Added or removed contacts must not contain duplicates."
func (l *line) news() (added []contact, dropped []netip.AddrPort) {
	now := make(map[netip.AddrPort]bool, len(l.exchange.around))
	for _, n := range l.exchange.around {
		if n.key == l.peer.Key() || n.addr == l.peer.Listen() || now[n.addr] || !mayTell(n.addr.Addr(), l.peer.Addr().Addr()) {
			continue
		}
		now[n.addr] = true
		if !l.told[n.addr] && len(added) < maxTold {
			added = append(added, n.contact)
		}
	}
	for _, a := range slices.SortedFunc(maps.Keys(l.told), netip.AddrPort.Compare) {
		if !now[a] && len(dropped) < maxTold {
			dropped = append(dropped, a)
		}
	}
	return added, dropped
}

// Handle implements ext.Handler.
func (l *line) Handle(now time.Time, payload []byte) error {
	if !l.messages.Take(now) {
		return errFlood
	}
	listed, err := parse(payload)
	if err != nil || !l.exchange.ext.includes(l.peer) {
		return err
	}
	if good := l.believe(now, listed); len(good) > 0 {
		l.exchange.torrent.AddPeers(good)
	}
	return nil
}

// believe returns those of the addresses that are worth a try. BEP 11: "Duplicate
// IP addresses (e.g. with different ports) should be ignored"; but not in a LAN
// or on one machine, where several peers share one in earnest.
//
// Two who have everything have nothing to do with each other.
func (l *line) believe(now time.Time, listed []contact) []netip.AddrPort {
	var good []netip.AddrPort
	complete := l.exchange.torrent.Complete
	done := complete != nil && complete()
	seen := make(map[netip.Addr]bool, len(listed))
	for _, c := range listed {
		a, ip := c.addr, c.addr.Addr()
		switch {
		case done && c.flags&flagSeed != 0:
			continue
		case a.Port() < systemPorts, !mayTell(ip, l.peer.Addr().Addr()), l.isUs(a):
			continue
		case seen[ip] && reachOf(ip) == internet:
			continue
		case !l.addresses.Take(now):
			return good
		}
		seen[ip] = true
		good = append(good, a)
	}
	return good
}

// isUs reports whether a is our own address, as far as we know it or the peer
// has told us.
func (l *line) isUs(a netip.AddrPort) bool {
	us := l.exchange.torrent.Listen
	if a.Port() != us.Port() {
		return false
	}
	return a.Addr() == us.Addr().Unmap() || a.Addr() == l.peer.Hello().YourIP
}
