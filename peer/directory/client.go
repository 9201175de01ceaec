package directory

import (
	"context"
	"net/http"
	"net/netip"

	"go.uber.org/zap"

	"p2p/peer/identity"
)

// Limits.
const (
	MaxExtra    = 1 << 10 // bytes that are sealed with the account's seed
	MaxSealed   = 4 << 10 // bytes of a message
	MaxFriends  = 512
	MaxAddrs    = 8 // that a device tells of itself
	MinPassword = 8 // characters
)

// Options of a Client.
type Options struct {
	// URL is that of a tracker, http or https: its announce URL, or what comes before /announce.
	URL string
	// Device is the key of this device.
	Device identity.Secret
	// HTTP sends the requests; a client of its own when nil. Its Timeout should be zero: the
	// longest request waits for events for some seconds.
	HTTP *http.Client
	// Log gets trouble at debug level, never a password, a key or a name; nothing is logged when nil.
	Log *zap.Logger
}

// Client speaks to one directory for one device. All methods may be called by any
// goroutine; each returns when ctx ends, and none keeps what it was given.
type Client struct{}

// New returns a Client. It opens no connection.
func New(o Options) (*Client, error) { return nil, ErrUnavailable }

// Register gives the account a name at the service, and a password with which other devices log
// in: the account's key is kept there sealed under it, and up to MaxExtra bytes of extra with it.
// Certificate is that of the first device. Errors: ErrTaken, *NameError, ErrWeakPassword,
// *SlowError, ErrUnavailable. To register again under the same name replaces the password.
func (c *Client) Register(ctx context.Context, name string, password []byte, account identity.Secret, extra []byte, cert identity.Certificate) error {
	return ErrUnavailable
}

// LoginResult is what the vault of an account held.
type LoginResult struct {
	Name    string // as the person writes it
	Account identity.Secret
	Extra   []byte
}

// Login opens the vault of the account of that name. Errors: ErrNoPerson, ErrPassword, *SlowError,
// ErrUntrusted, ErrUnavailable. It takes a moment and 64 MiB: see dirwire.Cost.
func (c *Client) Login(ctx context.Context, name string, password []byte) (LoginResult, error) {
	return LoginResult{}, ErrUnavailable
}

// Seal replaces what the vault holds. The password must be the account's: ErrPassword.
func (c *Client) Seal(ctx context.Context, name string, password []byte, account identity.Secret, extra []byte) error {
	return ErrUnavailable
}

// SetPassword gives the account a new password and replaces what the vault holds. Who has the account's
// key needs no old password.
func (c *Client) SetPassword(ctx context.Context, name string, password []byte, account identity.Secret, extra []byte) error {
	return ErrUnavailable
}

// Certify tells the service of a device that the account has certified, or revoked: the certificate
// itself proves it. ErrNoPerson if the account is not registered, ErrFull.
func (c *Client) Certify(ctx context.Context, cert identity.Certificate) error {
	return ErrUnavailable
}

// Rename gives the account another name. The old one is free at once.
func (c *Client) Rename(ctx context.Context, account identity.Secret, name string) error {
	return ErrUnavailable
}

// Person is an account as the service knows it.
type Person struct {
	Name         string // as the person writes it
	Account      identity.Key
	Certificates []identity.Certificate // verified, those that revoke a device too
}

// Find returns who has that name, whatever its case and width: ErrNoPerson.
func (c *Client) Find(ctx context.Context, name string) (Person, error) {
	return Person{}, ErrUnavailable
}

// Attendance is what Attend needs.
type Attendance struct {
	// Certificate is that of this device. The service is told of it.
	Certificate identity.Certificate
	// Tell is called by Attend's own goroutine with one event after the other; it must
	// not wait, nor call Attend.
	Tell func(Event)
}

// Attend keeps this device present until ctx ends, and returns nil then: friends see it come at
// once, and go within 15 s when it crashes. A connection that is lost comes back by itself, after a
// while that grows and is drawn at random, so that many clients do not come
// back at the same moment. It returns ErrRevoked when the account has revoked this device. One
// call at a time.
func (c *Client) Attend(ctx context.Context, a Attendance) error { return ErrUnavailable }

// Presence is what friends are told of this device.
type Presence struct {
	Away bool
	// Port is where this device listens: the service adds the address that it sees. 0 for none.
	Port uint16
	// Addrs are other addresses of this device, at most MaxAddrs.
	Addrs []netip.AddrPort
}

// Set changes the presence. It takes effect within a round trip while Attend has a session,
// else with the next one; it is remembered.
func (c *Client) Set(p Presence) {}

// Friends says whose presence this device wants to know, and who may know its own: both
// must name each other. At most MaxFriends count. It works as Set does.
func (c *Client) Friends(list []identity.Key) {}

// Send leaves a message, at most MaxSealed bytes that are sealed for the recipient, until one of its
// devices calls Taken; online says that one is there now. It replaces the one from this account that still
// waits there. It needs a session of Attend. Errors: ErrNoPerson, ErrTooMany, ErrFull, ErrTooLong, ErrUnavailable.
func (c *Client) Send(ctx context.Context, to identity.Key, sealed []byte) (online bool, err error) {
	return false, ErrUnavailable
}

// Taken says that the message of that ID is stored here, so that the service forgets it.
func (c *Client) Taken(ctx context.Context, id string) error { return ErrUnavailable }

// Goodbye ends the session: friends see it at once. Attend must have ended.
func (c *Client) Goodbye(ctx context.Context) error { return ErrUnavailable }
