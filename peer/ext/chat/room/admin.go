package room

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"p2p/peer/identity"
)

// Role is what a member may do. A higher one may do all that a lower one may.
type Role uint8

// The roles. Nobody is no member.
const (
	Nobody    Role = iota
	Member         // writes; leaves; deletes what he wrote; invites, if the room lets members do so
	Moderator      // also adds and removes members, and deletes what members wrote
	Owner          // also makes moderators and owners, and changes the room
)

// Bounds of a room.
const (
	MaxName    = 64 // bytes
	MaxMembers = 10_000
	MaxHistory = 1<<30 - 1
	maxCuts    = 256 // devices that a removal names
)

// Options are what a room is like.
type Options struct {
	Name    string // UTF-8
	Limit   int    // members at most, 1 to MaxMembers
	History int    // how many messages before his time a joiner gets; negative for all
	Open    bool   // members may invite
}

// Op is what an Admin event does.
type Op uint8

// The operations.
const (
	Add     Op = 1 // makes an account a member, with a role
	Remove  Op = 2 // ends its membership; one's own is to leave
	SetRole Op = 3
	SetRoom Op = 4 // changes the options
	Revoke  Op = 5 // ends a device, by its own account or a moderator
)

// Cut is how much of a device's log still counts after its account was removed, or
// it was revoked.
type Cut struct {
	Device identity.Key
	Seq    uint64
}

// Change is the body of an Admin event. Which fields count depends on Op.
type Change struct {
	Op      Op
	Account identity.Key // Add, Remove, SetRole
	Role    Role         // Add, SetRole
	Options Options      // SetRoom
	Cuts    []Cut        // Remove: devices that it does not name are cut at 0; Revoke: one
}

// AppendTo appends the encoded change.
func (c *Change) AppendTo(dst []byte) []byte {
	dst = append(dst, byte(c.Op))
	switch c.Op {
	case Add, SetRole:
		dst = append(dst, c.Account[:]...)
		dst = append(dst, byte(c.Role))
	case Remove:
		dst = append(dst, c.Account[:]...)
		dst = appendCuts(dst, c.Cuts)
	case SetRoom:
		dst = c.Options.appendTo(dst)
	case Revoke:
		dst = appendCuts(dst, c.Cuts)
	}
	return dst
}

func appendCuts(dst []byte, cuts []Cut) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(cuts)))
	for _, c := range cuts {
		dst = append(dst, c.Device[:]...)
		dst = binary.AppendUvarint(dst, c.Seq)
	}
	return dst
}

func (o *Options) appendTo(dst []byte) []byte {
	dst = append(dst, byte(len(o.Name)))
	dst = append(dst, o.Name...)
	dst = binary.AppendUvarint(dst, uint64(o.Limit))
	dst = binary.AppendUvarint(dst, uint64(max(o.History, -1)+1))
	if o.Open {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// ParseChange reads the body of an Admin event.
func ParseChange(b []byte) (Change, error) {
	p := parser{rest: b}
	c := Change{Op: Op(p.byte())}
	switch c.Op {
	case Add, SetRole:
		c.Account, c.Role = identity.Key(p.hash()), Role(p.byte())
		p.bad = p.bad || c.Role < Member || c.Role > Owner
	case Remove:
		c.Account = identity.Key(p.hash())
		c.Cuts = p.cuts()
	case SetRoom:
		c.Options = p.options()
	case Revoke:
		c.Cuts = p.cuts()
		p.bad = p.bad || len(c.Cuts) != 1
	default:
		p.bad = true
	}
	if p.bad || len(p.rest) > 0 {
		return Change{}, fmt.Errorf("%w: its change cannot be read", ErrMalformed)
	}
	return c, nil
}

func (p *parser) cuts() []Cut {
	n := p.number()
	if n > maxCuts {
		p.bad = true
		return nil
	}
	var cuts []Cut
	for range n {
		cuts = append(cuts, Cut{identity.Key(p.hash()), p.number()})
	}
	return cuts
}

func (p *parser) options() Options {
	var o Options
	o.Name = string(p.take(int(p.byte())))
	limit, history := p.number(), p.number()
	open := p.byte()
	if limit < 1 || limit > MaxMembers || history > MaxHistory+1 || open > 1 || len(o.Name) > MaxName || !utf8.ValidString(o.Name) {
		p.bad = true
		return Options{}
	}
	o.Limit, o.History, o.Open = int(limit), int(history)-1, open == 1
	return o
}

// Birth is the body of a Create event: who makes the room, and what it is like.
type Birth struct {
	Certificate identity.Certificate
	Options     Options
}

// AppendTo appends the encoded birth.
func (b *Birth) AppendTo(dst []byte) []byte {
	certificate := b.Certificate.AppendTo(nil)
	dst = binary.AppendUvarint(dst, uint64(len(certificate)))
	return b.Options.appendTo(append(dst, certificate...))
}

// ParseBirth reads the body of a Create event.
func ParseBirth(b []byte) (Birth, error) {
	p := parser{rest: b}
	n := p.number()
	if n > MaxBody {
		return Birth{}, fmt.Errorf("%w: its certificate is too large", ErrMalformed)
	}
	certificate := p.take(int(n))
	o := p.options()
	if p.bad || len(p.rest) > 0 {
		return Birth{}, fmt.Errorf("%w: its room cannot be read", ErrMalformed)
	}
	c, err := identity.ParseCertificate(certificate)
	if err != nil {
		return Birth{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return Birth{c, o}, nil
}
