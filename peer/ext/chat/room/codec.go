package room

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"slices"

	"p2p/peer/identity"
)

// The fields of an encoded Message, each of which begins with its letter and a count.
const (
	fieldMarks  = 'm'
	fieldForks  = 'f'
	fieldEvents = 'e'
	fieldWant   = 'w'
	fieldProofs = 'p'
	flagHello   = 'h' // without a count
	flagMore    = 'c'
	flagAck     = 'a'
	flagKnown   = 'k'
)

// Bounds of a message, in entries. MaxMessage is its longest form in bytes: a batch holds an event or
// two more than maxBatchBytes.
const (
	maxMarks   = 4096
	maxProofs  = 64
	MaxMessage = 1 << 20
)

// AppendTo appends the encoded message. Its maps are written in the order of their keys, so
// that equal messages are equal bytes.
func (m *Message) AppendTo(dst []byte) []byte {
	if m.Hello {
		dst = append(dst, flagHello)
	}
	if m.More {
		dst = append(dst, flagMore)
	}
	if m.Ack {
		dst = append(dst, flagAck)
	}
	if m.Known {
		dst = append(dst, flagKnown)
	}
	if len(m.Marks) > 0 {
		dst = appendCount(dst, fieldMarks, len(m.Marks))
		for _, device := range sorted(m.Marks) {
			mark := m.Marks[device]
			dst = binary.AppendUvarint(append(dst, device[:]...), mark.Seq)
			dst = append(dst, mark.ID[:]...)
		}
	}
	if len(m.Forks) > 0 {
		dst = appendCount(dst, fieldForks, len(m.Forks))
		for _, device := range sorted(m.Forks) {
			dst = binary.AppendUvarint(append(dst, device[:]...), m.Forks[device])
		}
	}
	if len(m.Want) > 0 {
		dst = appendCount(dst, fieldWant, len(m.Want))
		for _, id := range m.Want {
			dst = append(dst, id[:]...)
		}
	}
	if len(m.Proofs) > 0 {
		dst = appendCount(dst, fieldProofs, len(m.Proofs))
		for i := range m.Proofs {
			dst = appendEvent(appendEvent(dst, &m.Proofs[i].A), &m.Proofs[i].B)
		}
	}
	if len(m.Events) > 0 {
		dst = appendCount(dst, fieldEvents, len(m.Events))
		for i := range m.Events {
			dst = appendBody(appendEvent(dst, &m.Events[i].Event), m.Events[i].Body)
		}
	}
	return dst
}

func appendCount(dst []byte, field byte, n int) []byte {
	return binary.AppendUvarint(append(dst, field), uint64(n))
}

func appendEvent(dst []byte, e *Event) []byte {
	b := e.AppendTo(nil)
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// appendBody appends 0 for a body that is withheld, else its length and 1, and itself.
func appendBody(dst, body []byte) []byte {
	if body == nil {
		return append(dst, 0)
	}
	return append(binary.AppendUvarint(dst, uint64(len(body))+1), body...)
}

func sorted[V any](m map[identity.Key]V) []identity.Key {
	keys := make([]identity.Key, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, identity.Key.Compare)
	return keys
}

// ParseMessage reads what AppendTo has written, and verifies all events in it. b is not
// kept. It allocates in proportion to b, whatever the counts in it say.
func ParseMessage(b []byte) (Message, error) {
	return ParseNews(b, func(*Event) bool { return false }, InOrder)
}

// Every calls holds with the numbers from 0 to n-1, in any order and on any goroutines, and reports whether all hold. It
// is how who has several cores spreads the verification of a long message over them.
type Every func(n int, holds func(i int) bool) bool

// InOrder is the Every of one goroutine.
func InOrder(n int, holds func(i int) bool) bool {
	for i := range n {
		if !holds(i) {
			return false
		}
	}
	return true
}

// ParseNews is ParseMessage for a member who has those events already that known reports: they are not verified
// again, since an id is a hash and nothing that is said of the event beside it is looked at.
func ParseNews(b []byte, known func(*Event) bool, every Every) (Message, error) {
	var m Message
	if len(b) > MaxMessage {
		return m, fmt.Errorf("%w: the message is too long", ErrMalformed)
	}
	p := parser{rest: b, known: known}
	for last := byte(0); len(p.rest) > 0 && !p.bad; {
		field := p.byte()
		if order(field) <= order(last) {
			p.bad = true
			break
		}
		last = field
		if err := p.field(&m, field); err != nil {
			return Message{}, err
		}
	}
	if p.bad {
		return Message{}, fmt.Errorf("%w: the message cannot be read", ErrMalformed)
	}
	if !every(len(p.unsure), func(i int) bool { return m.Events[p.unsure[i].event].Event.signs(p.unsure[i].head) }) {
		return Message{}, ErrForged
	}
	return m, nil
}

// unsure is an event of a message that is not verified yet.
type unsure struct {
	event int    // its place among the events
	head  []byte // its header, encoded
}

// order is where a field stands in a message, 0 for what is no field.
func order(field byte) int {
	return 1 + slices.Index([]byte{flagHello, flagMore, flagAck, flagKnown, fieldMarks, fieldForks, fieldWant, fieldProofs, fieldEvents}, field)
}

// field reads one field into m.
func (p *parser) field(m *Message, field byte) error {
	switch field {
	case flagHello:
		m.Hello = true
	case flagMore:
		m.More = true
	case flagAck:
		m.Ack = true
	case flagKnown:
		m.Known = true
	case fieldMarks:
		m.Marks = make(map[identity.Key]Mark)
		return p.each(maxMarks, func() error {
			m.Marks[identity.Key(p.hash())] = Mark{p.number(), ID(p.hash())}
			return nil
		})
	case fieldForks:
		m.Forks = make(map[identity.Key]uint64)
		return p.each(maxMarks, func() error {
			m.Forks[identity.Key(p.hash())] = p.number()
			return nil
		})
	case fieldWant:
		return p.each(maxWant, func() error {
			m.Want = append(m.Want, ID(p.hash()))
			return nil
		})
	case fieldProofs:
		return p.each(maxProofs, func() error { return p.proof(m) })
	case fieldEvents:
		return p.each(maxBatch, func() error { return p.sent(m) })
	}
	return nil
}

// each reads a count and as many entries.
func (p *parser) each(most int, read func() error) error {
	n := p.number()
	if n == 0 || n > uint64(most) {
		p.bad = true
	}
	for i := uint64(0); i < n && !p.bad; i++ {
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}

// event takes the bytes of an event.
func (p *parser) event() []byte {
	n := p.number()
	if n > MaxHeader {
		p.bad = true
	}
	return p.take(int(min(n, MaxHeader)))
}

func (p *parser) proof(m *Message) error {
	one, other := p.event(), p.event()
	if p.bad {
		return nil
	}
	a, err := Parse(one)
	if err != nil {
		return err
	}
	b, err := Parse(other)
	if err != nil {
		return err
	}
	m.Proofs = append(m.Proofs, Proof{a, b})
	return nil
}

func (p *parser) sent(m *Message) error {
	b := p.event()
	if p.bad {
		return nil
	}
	e, err := Reread(b)
	if err != nil {
		return err
	}
	if !p.known(&e) {
		p.unsure = append(p.unsure, unsure{len(m.Events), b[:len(b)-ed25519.SignatureSize]})
	}
	var body []byte
	if n := p.number(); n > 0 && n <= MaxBody+1 {
		body = append([]byte{}, p.take(int(n-1))...)
	} else if n > 0 {
		p.bad = true
	}
	m.Events = append(m.Events, Sent{e, body})
	return nil
}
