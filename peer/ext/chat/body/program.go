package body

import (
	"crypto/sha256"
	"time"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// TokenHash is the SHA-256 of the token of a link into a room: members can tell who was invited, and who
// reads the history cannot invite himself.
type TokenHash [sha256.Size]byte

// HashToken returns the hash of a token.
func HashToken(t identity.Token) TokenHash { return sha256.Sum256(t[:]) }

// Invite says that a link into the room may be used, or with Revoked that it may not any more. The
// last in the order of the room counts.
type Invite struct {
	Token   TokenHash
	Until   time.Time // zero for ever
	Revoked bool
}

// AppendTo appends the body of a KindInvite event.
func (i *Invite) AppendTo(dst []byte) []byte {
	dst = appendBytes(dst, 1, i.Token[:])
	dst = appendTime(dst, 2, i.Until)
	return appendFlag(dst, 3, i.Revoked)
}

// ParseInvite reads what AppendTo has written. It keeps nothing of b.
func ParseInvite(b []byte) (Invite, error) {
	var i Invite
	r := reader{rest: b}
	for r.next() {
		switch r.field {
		case 1:
			r.fixed(i.Token[:])
		case 2:
			i.Until = r.time()
		case 3:
			i.Revoked = r.flag()
		}
	}
	if err := r.err(i.Token != TokenHash{}); err != nil {
		return Invite{}, err
	}
	return i, nil
}

// ContactState is how it stands between this account and another.
type ContactState uint8

// The states. The numbers are those of the node's interface.
const (
	Asked   ContactState = 1 // this account asked, and waits for the other
	Asks    ContactState = 2 // the other asks, and waits for this account
	Friend  ContactState = 3
	Refused ContactState = 4 // the other has refused
	Blocked ContactState = 5
	Removed ContactState = 6
	states               = 255
)

// Contact is all that an account knows of another. The last one about an Account in the order of the own
// room counts.
type Contact struct {
	Account       identity.Key
	Name          string // what this account calls him
	DirectoryName string // as he is known there, if he is
	State         ContactState
	Room          room.ID                // the conversation with him, zero for none yet
	Trackers      []string               // where he announces, at most MaxTrackers
	Verified      bool                   // the safety numbers were compared
	Certificates  []identity.Certificate // of his devices, at most MaxCertificates
	Changed       identity.Key           // another key that the directory names for him, zero for none
	Note          string                 // what was written with the request
	Asked         time.Time
	Since         time.Time // of State
	Newer         []byte    // fields of a newer version
}

// AppendTo appends the body of a KindContact event.
func (c *Contact) AppendTo(dst []byte) []byte {
	dst = appendKey(dst, 1, c.Account)
	dst = appendText(dst, 2, c.Name)
	dst = appendText(dst, 3, c.DirectoryName)
	dst = appendNumber(dst, 4, uint64(c.State))
	dst = appendID(dst, 5, c.Room)
	for _, t := range c.Trackers {
		dst = appendText(dst, 6, t)
	}
	dst = appendFlag(dst, 7, c.Verified)
	for _, cert := range c.Certificates {
		dst = appendBytes(dst, 8, cert.AppendTo(nil))
	}
	dst = appendKey(dst, 9, c.Changed)
	dst = appendText(dst, 10, c.Note)
	dst = appendTime(dst, 11, c.Asked)
	dst = appendTime(dst, 12, c.Since)
	return append(dst, c.Newer...)
}

// ParseContact reads what AppendTo has written, and verifies the certificates. It keeps nothing of b.
func ParseContact(b []byte) (Contact, error) {
	var c Contact
	r := reader{rest: b}
	for r.next() {
		switch r.field {
		case 1:
			c.Account = r.key()
		case 2:
			c.Name = r.text(MaxName)
		case 3:
			c.DirectoryName = r.text(MaxName)
		case 4:
			c.State = ContactState(r.number(states))
		case 5:
			c.Room = r.id()
		case 6:
			c.Trackers = r.trackers(c.Trackers)
		case 7:
			c.Verified = r.flag()
		case 8:
			c.Certificates = r.certificates(c.Certificates)
		case 9:
			c.Changed = r.key()
		case 10:
			c.Note = r.text(MaxNote)
		case 11:
			c.Asked = r.time()
		case 12:
			c.Since = r.time()
		default:
			r.skip()
		}
	}
	c.Newer = r.newer
	if err := r.err(!c.Account.IsZero() && c.State != 0); err != nil {
		return Contact{}, err
	}
	return c, nil
}

// trackers reads one more URL.
func (r *reader) trackers(all []string) []string {
	if len(all) == MaxTrackers {
		r.bad = true
		return nil
	}
	return append(all, r.text(MaxTracker))
}

// maxCertificate is more than the longest certificate has.
const maxCertificate = 512

// certificates reads one more certificate.
func (r *reader) certificates(all []identity.Certificate) []identity.Certificate {
	c, err := identity.ParseCertificate(r.bytes(maxCertificate))
	if err != nil || len(all) == MaxCertificates {
		r.bad = true
		return nil
	}
	return append(all, c)
}

// Conversation is a room that the account is in. The last one about an ID in the order of the own room counts.
type Conversation struct {
	ID       room.ID
	Name     string       // what this account calls it, empty for what it is called
	With     identity.Key // the other account of a conversation of two, zero for a room
	Trackers []string     // where its members announce, at most MaxTrackers
	Left     bool
	Since    time.Time
	Newer    []byte // fields of a newer version
}

// AppendTo appends the body of a KindConversation event.
func (c *Conversation) AppendTo(dst []byte) []byte {
	dst = appendID(dst, 1, c.ID)
	dst = appendText(dst, 2, c.Name)
	dst = appendKey(dst, 3, c.With)
	for _, t := range c.Trackers {
		dst = appendText(dst, 4, t)
	}
	dst = appendFlag(dst, 5, c.Left)
	dst = appendTime(dst, 6, c.Since)
	return append(dst, c.Newer...)
}

// ParseConversation reads what AppendTo has written. It keeps nothing of b.
func ParseConversation(b []byte) (Conversation, error) {
	var c Conversation
	r := reader{rest: b}
	for r.next() {
		switch r.field {
		case 1:
			c.ID = r.id()
		case 2:
			c.Name = r.text(MaxName)
		case 3:
			c.With = r.key()
		case 4:
			c.Trackers = r.trackers(c.Trackers)
		case 5:
			c.Left = r.flag()
		case 6:
			c.Since = r.time()
		default:
			r.skip()
		}
	}
	c.Newer = r.newer
	if err := r.err(!c.ID.IsZero()); err != nil {
		return Conversation{}, err
	}
	return c, nil
}

// Profile is how the account presents itself, on all its devices. The last one counts.
type Profile struct {
	Name  string // for others to see
	Away  bool
	Newer []byte // fields of a newer version
}

// AppendTo appends the body of a KindProfile event.
func (p *Profile) AppendTo(dst []byte) []byte {
	dst = appendText(dst, 1, p.Name)
	dst = appendFlag(dst, 2, p.Away)
	return append(dst, p.Newer...)
}

// ParseProfile reads what AppendTo has written. It keeps nothing of b.
func ParseProfile(b []byte) (Profile, error) {
	var p Profile
	r := reader{rest: b}
	for r.next() {
		switch r.field {
		case 1:
			p.Name = r.text(MaxName)
		case 2:
			p.Away = r.flag()
		default:
			r.skip()
		}
	}
	p.Newer = r.newer
	if err := r.err(true); err != nil {
		return Profile{}, err
	}
	return p, nil
}
