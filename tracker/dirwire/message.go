package dirwire

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"p2p/peer/identity"
)

// Prefix is where a tracker has its directory. The digit is the version.
const Prefix = "/people/1/"

// What comes behind the prefix.
const (
	PathKey    = "key"    // GET: a PublicKey
	PathSealed = "sealed" // POST: a request that is sealed for it
)

// PublicKey is the answer for the key of the service, which is all that it says in clear.
type PublicKey struct {
	Key []byte `json:"key"` // see package dirseal
}

// Method is what is asked for.
type Method string

// The methods.
const (
	MethodHello    Method = "hello"
	MethodFind     Method = "find"
	MethodBegin    Method = "begin"
	MethodLogin    Method = "login"
	MethodRegister Method = "register"
	MethodSeal     Method = "seal"
	MethodPassword Method = "password"
	MethodRename   Method = "rename"
	MethodCertify  Method = "certify"
	MethodOpen     Method = "open"
	MethodAttend   Method = "attend"
	MethodSend     Method = "send"
	MethodTaken    Method = "taken"
	MethodGoodbye  Method = "goodbye"
)

// Limits of messages. A list beyond its limit makes a message malformed.
const (
	MaxRequest = 64 << 10  // bytes of a body
	MaxAnswer  = 512 << 10 // bytes of the body of an answer
	MaxVault   = 2 << 10   // bytes
	MaxSealed  = 4 << 10   // bytes of a letter
	MaxFriends = 512
	MaxAddrs   = 8  // that a device tells of itself
	MaxDevices = 64 // of an account, those that are revoked too

	maxCertificate = 256     // bytes
	maxKey         = 2 << 10 // bytes
	maxID          = 128     // characters
)

// Empty is the body of a request that says nothing, and of an answer.
type Empty struct{}

// Challenge answers hello.
type Challenge struct {
	Service   []byte `json:"service"`
	Challenge []byte `json:"challenge"` // a ticket that counts once, for a minute
}

// Named is the body of find, begin and login.
type Named struct {
	Name string `json:"name"`
}

// Person answers find.
type Person struct {
	Name         string       `json:"name"`
	Account      identity.Key `json:"account"`
	Certificates [][]byte     `json:"certificates"`
}

// Secrets is what the service keeps about a password.
type Secrets struct {
	Salt     []byte       `json:"salt"`
	Cost     Cost         `json:"cost"`
	Verifier identity.Key `json:"verifier"` // belongs to the key that is made of the password
	Vault    []byte       `json:"vault"`    // sealed
}

// Begun answers begin.
type Begun struct {
	Challenge
	Salt []byte `json:"salt"`
	Cost Cost   `json:"cost"`
}

// Vault answers login.
type Vault struct {
	Name    string       `json:"name"`
	Account identity.Key `json:"account"`
	Vault   []byte       `json:"vault"`
}

// Register is the body of register.
type Register struct {
	Account     identity.Key `json:"account"`
	Name        string       `json:"name"`
	Secrets     Secrets      `json:"secrets"`
	Certificate []byte       `json:"certificate"`
}

// Seal is the body of seal.
type Seal struct {
	Name    string  `json:"name"`
	Secrets Secrets `json:"secrets"`
}

// Password is the body of password.
type Password struct {
	Account identity.Key `json:"account"`
	Secrets Secrets      `json:"secrets"`
}

// Rename is the body of rename.
type Rename struct {
	Account identity.Key `json:"account"`
	Name    string       `json:"name"`
}

// Certified is the body of certify and of open.
type Certified struct {
	Certificate []byte `json:"certificate"`
}

// Session answers open.
type Session struct {
	Session   []byte `json:"session"`
	Heartbeat int64  `json:"heartbeat_ms"` // the longest between two attends
}

// Attend is the body of attend. It renews the lease, and waits for events.
type Attend struct {
	// Seen is the Number of the last answer that has come, whose events need not be told again.
	Seen     uint64          `json:"seen"`
	Wait     int64           `json:"wait_ms"`            // for the first event
	Presence *Presence       `json:"presence,omitempty"` // when it has changed
	Friends  *[]identity.Key `json:"friends,omitempty"`  // when they have changed
}

// Presence is what a device tells of itself.
type Presence struct {
	Away  bool             `json:"away"`
	Port  uint16           `json:"port"`
	Addrs []netip.AddrPort `json:"addrs"`
}

// Events answers attend.
type Events struct {
	Number       uint64   `json:"number"`
	Friends      []Friend `json:"friends,omitempty"`
	Letters      []Letter `json:"letters,omitempty"`
	Certificates [][]byte `json:"certificates,omitempty"` // of the own account, new ones
	// Busy says that the service had no place to wait in: the next attend should come after a heartbeat.
	Busy bool `json:"busy,omitempty"`
}

// Friend is all that is known of one.
type Friend struct {
	Person   identity.Key `json:"person"`
	Devices  []Device     `json:"devices,omitempty"`
	LastSeen int64        `json:"last_seen_ms,omitempty"` // since 1970
}

// Device is where a friend is.
type Device struct {
	Certificate []byte           `json:"certificate"`
	Addrs       []netip.AddrPort `json:"addrs,omitempty"`
	Away        bool             `json:"away,omitempty"`
	Since       int64            `json:"since_ms"` // since 1970
}

// Letter is a message that waits.
type Letter struct {
	From        identity.Key `json:"from"`
	Certificate []byte       `json:"certificate"` // of the device that has signed
	Signature   []byte       `json:"signature"`   // of SignLetter
	Sealed      []byte       `json:"sealed"`
	ID          string       `json:"id"`
	Sent        int64        `json:"sent_ms"` // since 1970
}

// Send is the body of send.
type Send struct {
	To        identity.Key `json:"to"`
	Sealed    []byte       `json:"sealed"`
	Signature []byte       `json:"signature"`
}

// Sent answers send.
type Sent struct {
	Online bool `json:"online"`
}

// Taken is the body of taken.
type Taken struct {
	ID string `json:"id"`
}

// checked is what has limits of its own.
type checked interface{ within() bool }

func (m PublicKey) within() bool { return len(m.Key) <= maxKey }
func (m Named) within() bool     { return len(m.Name) <= maxTyped }
func (m Certified) within() bool { return len(m.Certificate) <= maxCertificate }
func (m Secrets) within() bool   { return len(m.Salt) == SaltSize && len(m.Vault) <= MaxVault }
func (m Seal) within() bool      { return len(m.Name) <= maxTyped && m.Secrets.within() }
func (m Password) within() bool  { return m.Secrets.within() }
func (m Rename) within() bool    { return len(m.Name) <= maxTyped }
func (m Challenge) within() bool {
	return len(m.Service) == ServiceSize && len(m.Challenge) <= maxTicket
}
func (m Begun) within() bool   { return m.Challenge.within() && len(m.Salt) == SaltSize }
func (m Vault) within() bool   { return len(m.Name) <= maxTyped && len(m.Vault) <= MaxVault }
func (m Session) within() bool { return len(m.Session) == SessionSize }
func (m Person) within() bool  { return len(m.Name) <= maxTyped && len(m.Certificates) <= MaxDevices }
func (m Taken) within() bool   { return len(m.ID) <= maxID }
func (m Send) within() bool {
	return len(m.Sealed) <= MaxSealed && len(m.Signature) == identity.SignatureSize
}
func (m Register) within() bool {
	return len(m.Name) <= maxTyped && m.Secrets.within() && len(m.Certificate) <= maxCertificate
}

func (m Attend) within() bool {
	return (m.Friends == nil || len(*m.Friends) <= MaxFriends) && (m.Presence == nil || len(m.Presence.Addrs) <= MaxAddrs)
}

// Append appends the encoding of a message to dst.
func Append(dst []byte, message any) []byte {
	b, err := json.Marshal(message)
	if err != nil {
		panic(fmt.Sprintf("dirwire: %T cannot be encoded: %v", message, err)) // its type is one of the above
	}
	return append(dst, b...)
}

// Parse reads a message, one of the types above, from b. Errors wrap ErrMalformed and hold nothing of b.
func Parse[T any](b []byte) (T, error) {
	var message T
	if err := json.Unmarshal(b, &message); err != nil {
		return message, fmt.Errorf("the message is %w", ErrMalformed)
	}
	if c, ok := any(message).(checked); ok && !c.within() {
		return message, fmt.Errorf("the message is %w: a field has the wrong length", ErrMalformed)
	}
	return message, nil
}
