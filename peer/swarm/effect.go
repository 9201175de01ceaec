package swarm

import (
	"net/netip"

	"p2p/peer/session"
	"p2p/piece"
)

// EffectKind says what an Effect asks of the Loop.
type EffectKind uint8

const (
	// Do: carry out Event on the connection of Peer.
	Do EffectKind = iota
	// Close: end the connection of Peer; Err says why. The Core has already
	// forgotten it.
	Close
	// Store: hash and write Span, which is complete. Sums asks for the hash of
	// each block of the piece as well, if the piece turns out to be right.
	Store
	// Dial: connect to Addr, then call Join or DialFailed.
	Dial
	// Extension: Payload of message ExtID came from Peer.
	Extension
	// Complete: every wanted piece is verified.
	Complete
)

// Effect is one thing that a Core wants done. Effects are to be carried out in
// the order in which they come.
type Effect struct {
	Kind    EffectKind
	Peer    piece.PeerKey
	Event   session.Event
	Span    piece.Span
	Sums    bool
	Addr    netip.AddrPort
	ExtID   uint8
	Payload []byte
	Err     error
}
