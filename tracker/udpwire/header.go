package udpwire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ProtocolID is the magic constant that opens every connect request (BEP 15).
const ProtocolID = 0x41727101980

// HeaderSize is the length of what opens every request, and of a whole connect
// request.
const HeaderSize = 16

// ErrMalformed is wrapped by every error of this package's parsers. Their texts
// hold no byte of the packet, so they are fit for an error response and a log.
var ErrMalformed = errors.New("malformed packet")

// Action tells what a packet asks for or answers (BEP 15).
type Action uint32

// The four actions of BEP 15.
const (
	Connect Action = iota
	Announce
	Scrape
	Error
)

// String returns the name that BEP 15 gives to a.
func (a Action) String() string {
	switch a {
	case Connect:
		return "connect"
	case Announce:
		return "announce"
	case Scrape:
		return "scrape"
	case Error:
		return "error"
	}
	return "unknown"
}

// Header opens every request.
//
// 8B connection id + 4B action + 4B transaction id
type Header struct {
	ConnectionID  uint64 // ProtocolID in a connect request
	Action        Action
	TransactionID uint32
}

// ParseHeader reads the header of a request of any action. The action may be
// one that BEP 15 does not know.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderSize {
		return Header{}, short("request", len(b), HeaderSize)
	}
	return Header{
		ConnectionID:  binary.BigEndian.Uint64(b),
		Action:        Action(binary.BigEndian.Uint32(b[8:])),
		TransactionID: binary.BigEndian.Uint32(b[12:]),
	}, nil
}

// appendTo appends h.
func (h Header) appendTo(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, h.ConnectionID)
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.Action))
	return binary.BigEndian.AppendUint32(dst, h.TransactionID)
}

// parseRequest reads the header of a request that must be one for action.
func parseRequest(b []byte, action Action) (Header, error) {
	h, err := ParseHeader(b)
	if err != nil {
		return Header{}, err
	}
	if h.Action != action {
		return Header{}, fmt.Errorf("%w: action %d, want %s", ErrMalformed, uint32(h.Action), action)
	}
	return h, nil
}

// responseHeaderSize is the length of what opens every response.
const responseHeaderSize = 8

// ResponseHeader opens every response.
//
// 4B action + 4B transaction id
type ResponseHeader struct {
	Action        Action
	TransactionID uint32
}

// ParseResponseHeader reads what opens a response of any action: a client looks
// here for the request that it answers, then calls the parser of its action.
func ParseResponseHeader(b []byte) (ResponseHeader, error) {
	if len(b) < responseHeaderSize {
		return ResponseHeader{}, short("response", len(b), responseHeaderSize)
	}
	return ResponseHeader{
		Action:        Action(binary.BigEndian.Uint32(b)),
		TransactionID: binary.BigEndian.Uint32(b[4:]),
	}, nil
}

// appendTo appends h.
func (h ResponseHeader) appendTo(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.Action))
	return binary.BigEndian.AppendUint32(dst, h.TransactionID)
}

// parseResponse reads the header of a response of size bytes or more that must
// answer action.
func parseResponse(b []byte, action Action, size int) (ResponseHeader, error) {
	h, err := ParseResponseHeader(b)
	switch {
	case err != nil:
		return ResponseHeader{}, err
	case h.Action != action:
		return ResponseHeader{}, fmt.Errorf("%w: action %d, want %s", ErrMalformed, uint32(h.Action), action)
	case len(b) < size:
		return ResponseHeader{}, short(action.String()+" response", len(b), size)
	}
	return h, nil
}

// short reports a packet that ends before its fixed part does.
func short(what string, got, want int) error {
	return fmt.Errorf("%w: %s of %d bytes, want %d", ErrMalformed, what, got, want)
}
