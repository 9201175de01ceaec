package body

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// reader goes through the fields of a body. After one that is not as it should be it is bad, and gives zeros.
type reader struct {
	rest  []byte
	field protowire.Number
	kind  protowire.Type
	value []byte // of a field with a length
	n     uint64 // of a varint
	bad   bool
}

// next goes to the next field, and reports whether there is one.
func (r *reader) next() bool {
	if r.bad || len(r.rest) == 0 {
		return false
	}
	number, kind, size := protowire.ConsumeField(r.rest)
	r.field, r.kind, r.value, r.n = number, kind, nil, 0
	if size < 0 {
		r.bad = true
		return false
	}
	raw := r.rest[:size]
	r.rest = r.rest[size:]
	_, _, tag := protowire.ConsumeTag(raw)
	switch kind {
	case protowire.BytesType:
		r.value, _ = protowire.ConsumeBytes(raw[tag:])
	case protowire.VarintType:
		r.n, _ = protowire.ConsumeVarint(raw[tag:])
	}
	return true
}

// bytes returns the value of a field with a length, which is not copied.
func (r *reader) bytes(most int) []byte {
	if r.kind != protowire.BytesType || len(r.value) > most {
		r.bad = true
		return nil
	}
	return r.value
}

func (r *reader) text(most int) string {
	s := string(r.bytes(most))
	if !utf8.ValidString(s) {
		r.bad = true
		return ""
	}
	return s
}

// fixed copies a value that has exactly len(dst) bytes.
func (r *reader) fixed(dst []byte) {
	b := r.bytes(len(dst))
	if len(b) != len(dst) {
		r.bad = true
		return
	}
	copy(dst, b)
}

func (r *reader) id() (id room.ID) {
	r.fixed(id[:])
	return id
}

func (r *reader) key() (k identity.Key) {
	r.fixed(k[:])
	return k
}

// number returns a varint that is no larger than most.
func (r *reader) number(most uint64) uint64 {
	if r.kind != protowire.VarintType || r.n > most {
		r.bad = true
		return 0
	}
	return r.n
}

func (r *reader) flag() bool { return r.number(1) == 1 }

// err says whether all could be read and ok holds.
func (r *reader) err(ok bool) error {
	if r.bad || !ok {
		return ErrMalformed
	}
	return nil
}

// aboutOf returns the first field of a body of an unknown kind that is about another event, or zero.
func aboutOf(b []byte) room.ID {
	for r := (reader{rest: b}); r.next(); {
		if r.field == 1 {
			if id := r.id(); !r.bad {
				return id
			}
			break
		}
	}
	return room.ID{}
}

// The appenders leave out what is zero, as protobuf does.

func appendBytes(dst []byte, field protowire.Number, b []byte) []byte {
	if len(b) == 0 {
		return dst
	}
	return protowire.AppendBytes(protowire.AppendTag(dst, field, protowire.BytesType), b)
}

func appendText(dst []byte, field protowire.Number, s string) []byte {
	return appendBytes(dst, field, []byte(s))
}

func appendID(dst []byte, field protowire.Number, id room.ID) []byte {
	if id.IsZero() {
		return dst
	}
	return appendBytes(dst, field, id[:])
}

func appendKey(dst []byte, field protowire.Number, k identity.Key) []byte {
	if k.IsZero() {
		return dst
	}
	return appendBytes(dst, field, k[:])
}

func appendNumber(dst []byte, field protowire.Number, n uint64) []byte {
	if n == 0 {
		return dst
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, field, protowire.VarintType), n)
}

func appendFlag(dst []byte, field protowire.Number, on bool) []byte {
	if !on {
		return dst
	}
	return appendNumber(dst, field, 1)
}
