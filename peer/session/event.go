package session

import (
	"p2p/peer/wire"
	"p2p/piece"
)

// Kind says what an Event asks its owner to do.
type Kind uint8

const (
	// Send: write Msg to the peer.
	Send Kind = iota
	// Ask: make ready the place where Block will lie, then send the request.
	Ask
	// Forget: Block is not expected from this peer any more. If it still comes
	// it is read and dropped.
	Forget
	// Serve: read Block from disk and send it, behind all messages.
	Serve
)

// Event is one thing that a Conn wants done. Events are to be carried out in
// the order in which they come.
type Event struct {
	Kind  Kind
	Block piece.Block
	// Msg is set for Send. Its Payload, if any, is never changed again.
	Msg wire.Message
}

// Violation is the error of a peer that broke a rule of the protocol, or let us
// wait for longer than any that works. The connection is to be closed.
type Violation struct {
	Rule string // what the peer did, and which BEP forbids it
}

// Error implements error.
func (v *Violation) Error() string { return v.Rule }
