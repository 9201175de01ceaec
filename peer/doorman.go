package peer

import (
	"errors"
	"maps"
	"net/netip"

	"p2p/peer/identity"
	"p2p/peer/swarm"
)

// ErrNoDevice is that something for people is asked of a Node without Options.Device.
var ErrNoDevice = errors.New("the node has no key of its own")

// doorman decides how the peers of a swarm are dialled, and who is let in. It does not
// change, so any goroutine may ask it. nil lets everybody in and dials without
// TLS.
type doorman struct {
	self   identity.Key
	admit  func(identity.Key) bool         // nil = everybody, plain peers too
	people map[netip.AddrPort]identity.Key // who must answer there
}

// newDoorman returns the doorman of a swarm, nil when everybody may come in and nobody is
// known.
func (n *Node) newDoorman(admit func(identity.Key) bool, people map[netip.AddrPort]identity.Key) (*doorman, error) {
	switch {
	case admit == nil && len(people) == 0:
		return nil, nil
	case n.opt.Device == nil:
		return nil, ErrNoDevice
	}
	return &doorman{self: n.opt.self(), admit: admit, people: maps.Clone(people)}, nil
}

// lets reports whether somebody may come in who has proven to have this key; zero is a plain
// peer. Our own key may: that is how we find out that an address is our own.
func (d *doorman) lets(device identity.Key) bool {
	return d == nil || d.admit == nil || !device.IsZero() && (device == d.self || d.admit(device))
}

// wants returns what says who must answer at addr; nil = anybody, without TLS.
func (d *doorman) wants(addr netip.AddrPort) func(identity.Key) bool {
	if d == nil {
		return nil
	}
	person, known := d.people[netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())]
	switch {
	case known:
		return func(key identity.Key) bool { return key == person && d.lets(key) }
	case d.admit != nil:
		return d.lets
	}
	return nil
}

// check says why a device is not let in.
func (d *doorman) check(device identity.Key) error {
	if !d.lets(device) {
		return swarm.ErrNotAdmitted
	}
	return nil
}
