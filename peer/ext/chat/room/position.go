package room

import (
	"bytes"
	"cmp"

	"p2p/peer/identity"
)

// Position is a place in the order of a room. It does not need an id: of events that count,
// no two are by one device with one lamport.
type Position struct {
	Lamport uint64
	Device  identity.Key
}

// End is behind all that there is.
var End = Position{Lamport: 1<<63 - 1}

// Less reports whether p stands before q.
func (p Position) Less(q Position) bool {
	return cmp.Or(cmp.Compare(p.Lamport, q.Lamport), bytes.Compare(p.Device[:], q.Device[:])) < 0
}

// Position returns where e stands.
func (e *Event) Position() Position { return Position{e.Lamport, e.Author} }
