package api

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// strict reads JSON as connect does, but refuses a field that is not known: who misspells "where" would otherwise be told that there
// is no such conversation, or write to all that a field left out means. It has the name of the codec whose place it takes.
type strict string

// strictNames are those under which connect has JSON.
var strictNames = []strict{"json", "json; charset=utf-8"}

// Name implements connect.Codec.
func (s strict) Name() string { return string(s) }

// Marshal implements connect.Codec.
func (strict) Marshal(m any) ([]byte, error) {
	p, ok := m.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no message", m)
	}
	return protojson.Marshal(p)
}

// Unmarshal implements connect.Codec.
func (strict) Unmarshal(data []byte, m any) error {
	p, ok := m.(proto.Message)
	switch {
	case !ok:
		return fmt.Errorf("%T is no message", m)
	case len(data) == 0:
		return errors.New("there is no JSON; at least {}")
	}
	return protojson.Unmarshal(data, p)
}
