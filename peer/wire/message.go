package wire

import (
	"errors"
	"fmt"
)

// ID is the byte that says what a message is.
type ID uint8

// The messages of BEP 3; Port is of BEP 5.
const (
	Choke         ID = 0
	Unchoke       ID = 1
	Interested    ID = 2
	NotInterested ID = 3
	Have          ID = 4
	Bitfield      ID = 5
	Request       ID = 6
	Piece         ID = 7
	Cancel        ID = 8
	Port          ID = 9
)

// The messages of BEP 6, allowed only between peers that both set its bit in
// the handshake.
const (
	Suggest     ID = 0x0D
	HaveAll     ID = 0x0E
	HaveNone    ID = 0x0F
	Reject      ID = 0x10
	AllowedFast ID = 0x11
)

// Extended carries every message that some peers know and others do not (BEP
// 10).
const Extended ID = 20

// The messages about the hash trees of version 2 torrents (BEP 52). Their
// contents stay in Message.Payload.
const (
	HashRequest ID = 21
	Hashes      ID = 22
	HashReject  ID = 23
)

// KeepAlive is our own number for the frame of length zero. It never stands on
// the wire: a frame with this id is an unknown message like any other.
const KeepAlive ID = 0xFF

var names = map[ID]string{
	Choke: "choke", Unchoke: "unchoke", Interested: "interested", NotInterested: "not interested",
	Have: "have", Bitfield: "bitfield", Request: "request", Piece: "piece", Cancel: "cancel", Port: "port",
	Suggest: "suggest", HaveAll: "have all", HaveNone: "have none", Reject: "reject", AllowedFast: "allowed fast",
	Extended: "extended", HashRequest: "hash request", Hashes: "hashes", HashReject: "hash reject",
	KeepAlive: "keep-alive",
}

// String returns the name that the BEPs use, or "message 42".
func (id ID) String() string {
	if name, ok := names[id]; ok {
		return name
	}
	return fmt.Sprintf("message %d", uint8(id))
}

// Message is any one message: ID says which, and which fields it uses. The
// others are zero.
//
//	have, suggest, allowed fast   Index
//	request, cancel, reject       Index, Begin, Length
//	piece                         Index, Begin, Length, Payload (the block)
//	bitfield                      Payload
//	port                          Index (a UDP port)
//	extended                      ExtID, Payload
//	hash request, hashes, reject  Payload
//
// The numbers come from a stranger. Index, Begin and Length may have any value
// of 32 bits; only piece.Layout.Parse and Layout.Index make them trustworthy.
type Message struct {
	ID     ID
	ExtID  uint8  // 0 is the extension handshake; others as the receiver chose in its own
	Index  uint32 // which piece
	Begin  uint32 // bytes from the start of the piece
	Length uint32 // bytes; for a piece message the length of the block, wherever the block itself is
	// Payload aliases the frame that was decoded and is valid until its owner
	// reuses that buffer. It may be nil in a piece message whose block was
	// read straight to its place.
	Payload []byte
}

// ErrUnknown is returned by Decode for a message that this package does not
// know. Such a message is to be skipped, not answered by closing the connection.
var ErrUnknown = errors.New("unknown message")

// ProtocolError says that a message was not as its BEP requires. Nothing that
// comes after it on the connection can be trusted.
type ProtocolError struct {
	ID   ID
	Want string // the payload's length that the BEP requires, in words
	Got  int    // the payload's length, in bytes after the id
}

// Error implements error.
func (e *ProtocolError) Error() string {
	return fmt.Sprintf("%v message with %d bytes of payload, want %s", e.ID, e.Got, e.Want)
}
