package knock

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"p2p/peer/ext"
	"p2p/peer/identity"
)

// WaitFor is how long one who rings waits for the other to show who he is.
const WaitFor = 5 * time.Second

// Visitor is the other side at a door. Its certificate is that of the device that is connected.
type Visitor struct {
	identity.Certificate
	Addr   netip.AddrPort // of his end of the connection
	Listen netip.AddrPort // where he accepts connections, zero for not known
}

// visitor returns who is at the other end, if c proves it.
func visitor(p ext.Peer, c identity.Certificate) (Visitor, error) {
	if c.Device != p.Device() || c.Revoked {
		return Visitor{}, errImpostor
	}
	return Visitor{Certificate: c, Addr: p.Addr(), Listen: p.Listen()}, nil
}

// Bell is what one needs who rings. The functions are called by the goroutine that owns the room, and must
// not block.
type Bell struct {
	Wanted      identity.Key // the account that is rung for
	Certificate func() identity.Certificate
	// Request is what is wanted, asked for each connection. Its slices are only read.
	Request func() Request
	// Told is told what a device of Wanted answers. After Received another answer may
	// come; after any other the connection ends.
	Told func(from Visitor, a Answer)
}

// Ringing is p2_knock for one who rings.
type Ringing struct{ bell Bell }

// NewBell returns the extension of one who rings, for the Room.Extensions of a
// Doorbell.
func NewBell(b Bell) *Ringing { return &Ringing{b} }

// Name implements ext.Extension.
func (*Ringing) Name() string { return "p2_knock" }

// Secure implements ext.Guarded: plain peers do not hear of it.
func (*Ringing) Secure() bool { return true }

// Open implements ext.Extension.
func (r *Ringing) Open(t ext.Torrent) ext.Instance {
	if !t.Room || !t.Private { // no doorbell
		return nil
	}
	return &porch{bell: r.bell}
}

// porch is where one stands who rings.
type porch struct {
	bell  Bell
	calls []*call
}

// call is a connection of one who rings. Nothing of us is said on it before the other side has said who it is.
type call struct {
	porch   *porch
	peer    ext.Peer
	since   time.Time
	knows   bool    // the other side has been told that we know for whom we ring
	host    Visitor // who answers, once that is proven
	asked   bool
	answers int
}

// maxAnswers is how many a host may give on one connection, which lasts a minute.
const maxAnswers = 16

// Attach implements ext.Instance.
func (p *porch) Attach(now time.Time, peer ext.Peer) ext.Handler {
	c := &call{porch: p, peer: peer, since: now}
	p.calls = append(p.calls, c)
	c.know()
	return c
}

// know tells one who calls that we know whom, if it is he: a tracker may have named us to him, and he tells nobody else who he is.
func (c *call) know() {
	own := c.porch.bell.Certificate()
	if !c.knows && !c.peer.Dialled() && !own.Account.IsZero() {
		c.knows = c.peer.Send(ext.Chat, knows(c.porch.bell.Wanted, own.Device))
	}
}

// Tick implements ext.Ticker: it hangs up on those who are not at home here.
func (p *porch) Tick(now time.Time) {
	for _, c := range p.calls {
		c.know()
		if !c.asked && now.Sub(c.since) >= WaitFor {
			c.peer.Close(errNobody)
		}
	}
}

// Detach implements ext.Handler.
func (c *call) Detach() {
	c.porch.calls = slices.DeleteFunc(c.porch.calls, func(o *call) bool { return o == c })
}

// Handle implements ext.Handler.
func (c *call) Handle(_ time.Time, payload []byte) error {
	if len(payload) == 0 {
		return errAnswer
	}
	switch kind, rest := payload[0], payload[1:]; kind {
	case kindHome:
		return c.met(rest)
	case kindRequest:
		return errRoles // another one who rings, and tells it to everybody
	case kindAnswer:
		return c.answered(rest)
	}
	return nil
}

// met looks whether the right one has answered, and says what we want.
func (c *call) met(b []byte) error {
	if c.asked {
		return errTwice
	}
	cert, err := identity.ParseCertificate(b)
	if err != nil {
		return fmt.Errorf("%w: %w", errImpostor, err)
	}
	if cert.Account != c.porch.bell.Wanted {
		return errImpostor
	}
	if c.host, err = visitor(c.peer, cert); err != nil {
		return err
	}
	bell := c.porch.bell
	own := bell.Certificate()
	if own.Account.IsZero() {
		return errDone // there is nobody here who could ask
	}
	c.asked = c.peer.Send(ext.Chat, appendRing(nil, own, bell.Request()))
	return nil // when it could not be sent, the next Tick hangs up, and another connection tries again
}

func (c *call) answered(b []byte) error {
	if !c.asked {
		return errRoles
	}
	if c.answers++; c.answers > maxAnswers {
		return errTwice
	}
	a, err := parseAnswer(b)
	if err != nil {
		return err
	}
	c.porch.bell.Told(c.host, a)
	if a.Verdict != Received {
		c.peer.Close(errDone)
	}
	return nil
}
