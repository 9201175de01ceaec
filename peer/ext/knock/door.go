package knock

import (
	"bytes"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"p2p/peer/ext"
	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
)

// Door is what one needs who is rung for. The functions are called by the goroutine that owns the room, and must
// not block.
type Door struct {
	Certificate func() identity.Certificate // of this device; while it is zero nobody is answered
	// Answer takes a request and says what the visitor is told now. What Tell is given later, or Answer when he
	// rings again, may be another thing.
	Answer func(v Visitor, r Request) Answer
}

// Answering is p2_knock for one who is rung for, at one door at a time.
type Answering struct {
	door Door
	hall atomic.Pointer[hall] // of the door that was opened last
}

// NewDoor returns the extension of one who is rung for, for the Room.Extensions of
// a Doorbell.
func NewDoor(d Door) *Answering { return &Answering{door: d} }

// Name implements ext.Extension.
func (*Answering) Name() string { return "p2_knock" }

// Secure implements ext.Guarded: plain peers do not hear of it.
func (*Answering) Secure() bool { return true }

// Open implements ext.Extension.
func (d *Answering) Open(t ext.Torrent) ext.Instance {
	if !t.Room || !t.Private { // no doorbell
		return nil
	}
	h := &hall{door: d.door, torrent: t, register: newRegister()}
	d.hall.Store(h)
	return h
}

// Tell gives those devices of an account that still stand at the door another answer, to the request whose Join it
// has: the person has decided. It may be called by any goroutine, and never blocks; who is not there hears it when he
// rings again.
func (d *Answering) Tell(account identity.Key, a Answer) {
	h := d.hall.Load()
	if h == nil {
		return
	}
	a.Addrs = slices.Clone(a.Addrs)
	h.torrent.Do(func(time.Time) { h.tell(account, a) })
}

// hall is where those stand who have rung at one door.
type hall struct {
	door     Door
	torrent  ext.Torrent
	register *register
	guests   []*guest
}

// guest is a connection of one who rings.
type guest struct {
	hall    *hall
	peer    ext.Peer
	since   time.Time
	knows   bool // for whom he rings
	greeted bool // he was shown our certificate
	account identity.Key
	join    infohash.T // what he has asked for
	asked   bool
}

// Attach implements ext.Instance.
func (h *hall) Attach(now time.Time, p ext.Peer) ext.Handler {
	g := &guest{hall: h, peer: p, since: now, knows: !p.Dialled()}
	h.guests = append(h.guests, g)
	g.greet()
	return g
}

// greet shows who lives here, before anything is asked.
func (g *guest) greet() {
	if c := g.hall.door.Certificate(); g.knows && !g.greeted && !c.Account.IsZero() {
		g.greeted = g.peer.Send(ext.Chat, c.AppendTo([]byte{kindHome}))
	}
}

// Tick implements ext.Ticker.
func (h *hall) Tick(now time.Time) {
	h.register.tidy(now)
	for _, g := range h.guests {
		g.greet()
		switch waits := now.Sub(g.since); {
		case !g.knows && waits >= WaitFor/2: // before he thinks that we ring too
			g.peer.Close(errStranger)
		case !g.asked && waits >= 2*WaitFor:
			g.peer.Close(errNoRequest)
		}
	}
}

// Detach implements ext.Handler.
func (g *guest) Detach() {
	g.hall.guests = slices.DeleteFunc(g.hall.guests, func(o *guest) bool { return o == g })
}

// Handle implements ext.Handler.
func (g *guest) Handle(now time.Time, payload []byte) error {
	if len(payload) == 0 {
		return errRequest
	}
	switch kind, rest := payload[0], payload[1:]; kind {
	case kindHome: // nobody has anything to ask another device of ours, nor one who thinks that he lives here
		return errOwn
	case kindRequest:
		return g.rings(now, rest)
	case kindAnswer:
		return errRoles
	case kindKnows:
		if bytes.Equal(payload, knows(g.hall.door.Certificate().Account, g.peer.Device())) {
			g.knows = true
			g.greet()
		}
	}
	return nil
}

// rings takes a request.
func (g *guest) rings(now time.Time, b []byte) error {
	if g.asked {
		return errTwice
	}
	g.asked = true
	c, r, err := parseRing(b)
	if err != nil {
		return err
	}
	v, err := visitor(g.peer, c)
	if err != nil {
		return err
	}
	g.account, g.join = c.Account, r.Join
	a, known := g.hall.register.admit(now, c.Account, v.Addr.Addr())
	switch {
	case !known:
		a = g.hall.door.Answer(v, r)
		a.Join = r.Join
		g.hall.register.told(c.Account, a)
	case a.Join != r.Join:
		a = Answer{Verdict: Busy} // what he was told last was about something else
	}
	g.peer.Send(ext.Chat, appendAnswer(nil, a))
	return nil
}

// tell gives those who stand here another answer.
func (h *hall) tell(account identity.Key, a Answer) {
	h.register.told(account, a)
	for _, g := range h.guests {
		if g.asked && g.account == account && g.join == a.Join {
			g.peer.Send(ext.Chat, appendAnswer(nil, a))
		}
	}
}

// What strangers may ask in an hour. An honest one rings again when his connection is over, every
// minute or two, until he is answered: most of that is answered from the register.
const (
	accountBurst, accountEvery = 8, 5 * time.Minute
	addressBurst, addressEvery = 24, 2 * time.Minute
	totalBurst, totalEvery     = 120, 20 * time.Second
)

// register knows who has rung of late, and bounds how often the person is asked. What it remembers is no more than
// what the bound for all lets in within the time that an allowance needs to be whole again.
type register struct {
	accounts  map[identity.Key]*caller
	addresses map[netip.Prefix]*ext.Allowance
	total     ext.Allowance
}

// caller is an account that has rung.
type caller struct {
	allowance ext.Allowance
	last      Answer // zero while there is none
}

func newRegister() *register {
	return &register{
		accounts: make(map[identity.Key]*caller), addresses: make(map[netip.Prefix]*ext.Allowance),
		total: ext.Allowance{Most: totalBurst, Every: totalEvery},
	}
}

// admit reports whether a request is to be answered from the register, and with what. Otherwise it is
// counted.
func (r *register) admit(now time.Time, account identity.Key, addr netip.Addr) (a Answer, known bool) {
	c, from := r.accounts[account], neighbourhood(addr)
	if c != nil && !c.allowance.Has(now) {
		return c.lastOrBusy(), true
	}
	if from := r.addresses[from]; from != nil && !from.Has(now) || !r.total.Take(now) {
		return c.lastOrBusy(), true
	}
	if c == nil {
		c = &caller{allowance: ext.Allowance{Most: accountBurst, Every: accountEvery}}
		r.accounts[account] = c
	}
	if r.addresses[from] == nil {
		r.addresses[from] = &ext.Allowance{Most: addressBurst, Every: addressEvery}
	}
	c.allowance.Take(now)
	r.addresses[from].Take(now)
	return Answer{}, false
}

// lastOrBusy returns what the caller was told last.
func (c *caller) lastOrBusy() Answer {
	if c == nil || c.last.Verdict == 0 {
		return Answer{Verdict: Busy}
	}
	return c.last
}

// told notes what an account that has rung was told.
func (r *register) told(account identity.Key, a Answer) {
	if c := r.accounts[account]; c != nil {
		c.last = a
	}
}

// tidy forgets those who have not rung for long.
func (r *register) tidy(now time.Time) {
	for k, c := range r.accounts {
		if c.allowance.Full(now) {
			delete(r.accounts, k)
		}
	}
	for p, a := range r.addresses {
		if a.Full(now) {
			delete(r.addresses, p)
		}
	}
}

// neighbourhood is what counts as one address: of IPv6 the /64 that a customer has.
func neighbourhood(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address at all
	}
	return p
}
