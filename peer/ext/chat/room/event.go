package room

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"p2p/peer/identity"
)

// Bounds of an event. A message that is longer is a file.
const (
	MaxBody   = 32 << 10 // bytes
	MaxDeps   = 16
	MaxHeader = 1 + 32 + 32 + 9 + 32 + 1 + 32*MaxDeps + 9 + 9 + 1 + 3 + 32 + ed25519.SignatureSize
	maxNumber = 1 << 62 // of sequence, lamport and time
)

// ID is the SHA-256 of a header without its signature. A room's is that of the event
// that created it.
type ID [sha256.Size]byte

// String returns the start of id, enough to tell events apart in a log.
func (id ID) String() string { return hex.EncodeToString(id[:6]) }

// MarshalText implements encoding.TextMarshaler: all of id in hexadecimal digits, nothing for none.
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return nil, nil
	}
	return hex.AppendEncode(nil, id[:]), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *ID) UnmarshalText(text []byte) error {
	*id = ID{}
	if len(text) == 0 {
		return nil
	}
	if len(text) != 2*len(id) {
		return fmt.Errorf("%w: an id has %d digits", ErrMalformed, 2*len(id))
	}
	_, err := hex.Decode(id[:], text)
	return err
}

// IsZero reports whether id is that of no event.
func (id ID) IsZero() bool { return id == ID{} }

// Kind is what an event is. Those below Content are the room's own; their bodies are
// never withheld.
type Kind uint8

// The kinds that a Room understands.
const (
	Create  Kind = 1  // the first event of a room
	Join    Kind = 2  // the first event of a device
	Admin   Kind = 3  // a change of members, roles or options
	Delete  Kind = 4  // takes the body of another event back
	Content Kind = 16 // and all above: for people to read
)

// Header is what is signed.
type Header struct {
	Room    ID           // zero in the event that creates it
	Author  identity.Key // the device
	Seq     uint64       // in the author's log, from 1
	Prev    ID           // the author's event before, zero in the first
	Deps    []ID         // what the author had seen last, without Prev, ascending
	Lamport uint64
	Wall    uint64 // the author's clock in milliseconds since 1970; a label, no more
	Kind    Kind
	BodyLen uint32
	Body    [sha256.Size]byte // hash
}

// Event is a signed header.
type Event struct {
	Header
	ID        ID
	Signature [ed25519.SignatureSize]byte
}

// Errors of events.
var (
	ErrMalformed = errors.New("malformed event")
	ErrForged    = errors.New("the signature of the event is wrong")
	ErrBody      = errors.New("the body does not belong to the event")
)

const (
	version = 1
	purpose = "p2p room event 1\x00"
)

// Compare orders events as everybody shows them.
func (e *Event) Compare(other *Event) int {
	return cmp.Or(cmp.Compare(e.Lamport, other.Lamport), e.Author.Compare(other.Author), bytes.Compare(e.ID[:], other.ID[:]))
}

// Sign returns the event with header h and a body of h.BodyLen bytes.
func Sign(author identity.Secret, h Header, body []byte) (Event, error) {
	h.Author, h.BodyLen, h.Body = author.Key(), uint32(len(body)), sha256.Sum256(body)
	e := Event{Header: h}
	if err := e.check(); err != nil {
		return Event{}, fmt.Errorf("sign: %w", err)
	}
	b := e.appendHeader(nil)
	e.ID = sha256.Sum256(b)
	e.Signature = [ed25519.SignatureSize]byte(ed25519.Sign(author.Private(), append([]byte(purpose), b...)))
	return e, nil
}

// In returns the room of e, which is e itself if that made it.
func (e *Event) In() ID {
	if e.Kind == Create {
		return e.ID
	}
	return e.Room
}

// Owns reports whether body is the event's.
func (e *Event) Owns(body []byte) bool {
	return uint32(len(body)) == e.BodyLen && sha256.Sum256(body) == e.Body
}

// check reports what no event may be, whoever signed it.
func (e *Event) check() error {
	first := e.Seq == 1
	switch {
	case e.Seq == 0 || e.Seq >= maxNumber || e.Lamport == 0 || e.Lamport >= maxNumber || e.Wall >= maxNumber:
		return fmt.Errorf("%w: a number is out of range", ErrMalformed)
	case first != e.Prev.IsZero():
		return fmt.Errorf("%w: the first event of a device, and no other, has no predecessor", ErrMalformed)
	case len(e.Deps) > MaxDeps || e.BodyLen > MaxBody:
		return fmt.Errorf("%w: it is too large", ErrMalformed)
	case (e.Kind == Create) != e.Room.IsZero() || e.Kind == Create && (!first || len(e.Deps) > 0):
		return fmt.Errorf("%w: only the first event of all creates a room", ErrMalformed)
	case first != (e.Kind == Create || e.Kind == Join):
		return fmt.Errorf("%w: a device begins by joining", ErrMalformed)
	case e.Kind < Content && (e.Kind == 0 || e.Kind > Delete):
		return fmt.Errorf("%w: of an unknown kind", ErrMalformed)
	}
	for i, d := range e.Deps {
		if d.IsZero() || d == e.Prev || i > 0 && bytes.Compare(e.Deps[i-1][:], d[:]) >= 0 {
			return fmt.Errorf("%w: its dependencies are not in order", ErrMalformed)
		}
	}
	return nil
}

// appendHeader appends what is signed and hashed.
func (e *Event) appendHeader(dst []byte) []byte {
	dst = append(dst, version)
	dst = append(dst, e.Room[:]...)
	dst = append(dst, e.Author[:]...)
	dst = binary.AppendUvarint(dst, e.Seq)
	dst = append(dst, e.Prev[:]...)
	dst = append(dst, byte(len(e.Deps)))
	for _, d := range e.Deps {
		dst = append(dst, d[:]...)
	}
	dst = binary.AppendUvarint(dst, e.Lamport)
	dst = binary.AppendUvarint(dst, e.Wall)
	dst = append(dst, byte(e.Kind))
	dst = binary.AppendUvarint(dst, uint64(e.BodyLen))
	return append(dst, e.Body[:]...)
}

// AppendTo appends the encoded event, at most MaxHeader bytes.
func (e *Event) AppendTo(dst []byte) []byte { return append(e.appendHeader(dst), e.Signature[:]...) }

// Parse reads and verifies the event that is all of b. The bytes of a header have one
// form only, so that an event has one id. b is not kept.
func Parse(b []byte) (Event, error) {
	e, err := parse(b)
	if err != nil {
		return Event{}, err
	}
	head := b[:len(b)-ed25519.SignatureSize]
	if !e.signs(head) {
		return Event{}, ErrForged
	}
	e.ID = sha256.Sum256(head)
	return e, nil
}

// signs reports whether the signature of an event is one of its header, encoded.
func (e *Event) signs(head []byte) bool {
	return ed25519.Verify(e.Author[:], append([]byte(purpose), head...), e.Signature[:])
}

// parse reads an event and leaves its signature and id to the caller.
func parse(b []byte) (Event, error) {
	if len(b) > MaxHeader {
		return Event{}, fmt.Errorf("%w: it is too large", ErrMalformed)
	}
	p := parser{rest: b}
	if p.byte() != version {
		p.bad = true
	}
	var e Event
	e.Room = ID(p.hash())
	e.Author = identity.Key(p.hash())
	e.Seq = p.number()
	e.Prev = ID(p.hash())
	if n := int(p.byte()); n <= MaxDeps {
		for range n {
			e.Deps = append(e.Deps, ID(p.hash()))
		}
	} else {
		p.bad = true
	}
	e.Lamport, e.Wall, e.Kind = p.number(), p.number(), Kind(p.byte())
	body := p.number()
	e.BodyLen, e.Body = uint32(min(body, MaxBody+1)), p.hash()
	copy(e.Signature[:], p.take(ed25519.SignatureSize))
	if p.bad || len(p.rest) > 0 {
		return Event{}, fmt.Errorf("%w: it cannot be read", ErrMalformed)
	}
	return e, e.check()
}

// parser takes fields from the start of rest. After a field that is not there it is
// bad, and gives zeros.
type parser struct {
	rest  []byte
	bad   bool
	known func(*Event) bool // of a message

	unsure []unsure
}

func (p *parser) take(n int) []byte {
	if p.bad || len(p.rest) < n {
		p.bad = true
		return make([]byte, n)
	}
	b := p.rest[:n]
	p.rest = p.rest[n:]
	return b
}

func (p *parser) byte() byte     { return p.take(1)[0] }
func (p *parser) hash() [32]byte { return [32]byte(p.take(32)) }

// number reads a varint in its shortest form: a longer one would be a second id of
// the same event.
func (p *parser) number() uint64 {
	n, size := binary.Uvarint(p.rest)
	if p.bad || size <= 0 || size > 1 && p.rest[size-1] == 0 {
		p.bad = true
		return 0
	}
	p.rest = p.rest[size:]
	return n
}
