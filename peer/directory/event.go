package directory

import (
	"net/netip"
	"time"

	"p2p/peer/identity"
)

// Event is what Attend tells: Connected, Lost, Seen, Mail or NewDevice.
type Event interface{ event() }

// Connected says that there is a session: friends see this device now.
type Connected struct{}

// Lost says that there is none, why, and when the next try is. What was Seen may be
// out of date until Connected comes; after it everybody who is there is told anew.
type Lost struct {
	Err     error
	NextTry time.Time
}

// Seen is the state of a friend: all that is known, not what has changed. Without
// Devices the person is offline.
type Seen struct {
	Person  identity.Key
	Devices []Device
	// LastSeen is when the last device left; zero while one is there, and when nobody knows.
	LastSeen time.Time
}

// Device is where a friend is.
type Device struct {
	Certificate identity.Certificate // verified, of the person, not revoked
	// Addrs are where it may be reached, best first. The last ones are what it said itself:
	// they may be anybody's, and only the key of the device proves who answers there.
	Addrs []netip.AddrPort
	Away  bool
	Since time.Time // of its session
}

// Mail is a sealed message. It is told again after a new session until Taken.
type Mail struct {
	From   identity.Key // proven: a device of that account has signed the message for this one
	Sealed []byte       // the receiver's own
	ID     string       // for Taken
	Sent   time.Time    // by the clock of the service
}

// NewDevice says that the account has certified a device, or revoked one.
type NewDevice struct{ Certificate identity.Certificate }

func (Connected) event() {}
func (Lost) event()      {}
func (Seen) event()      {}
func (Mail) event()      {}
func (NewDevice) event() {}
