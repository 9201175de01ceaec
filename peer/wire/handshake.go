package wire

import (
	"errors"
	"fmt"

	"p2p/torrentfile/infohash"
)

// HandshakeLen is the length of a handshake in bytes.
const HandshakeLen = 68 // 20B protocol + 8B reserved + 20B info-hash + 20B peer id

// protocol is how every handshake begins. BEP 3: "The handshake starts with
// character nineteen (decimal) followed by the string 'BitTorrent protocol'."
const protocol = "\x13BitTorrent protocol"

// FirstByte is how every handshake begins, and so a connection without encryption.
const FirstByte = 19

// The reserved bits that we know.
const (
	// BEP 6: "These are enabled by setting the third least significant bit of
	// the last reserved byte in the BitTorrent handshake: reserved[7] |= 0x04"
	fastByte, fastBit = 7, 0x04
	// BEP 10: "(reserved_byte[5] & 0x10) is the expression to use for checking
	// if the client supports extended messaging."
	extendedByte, extendedBit = 5, 0x10
	// Ours, said inside TLS alone; see Handshake.Sole. No BEP and no client that we know of uses it.
	soleByte, soleBit = 4, 0x01
)

// ErrHandshake is wrapped by the errors of ParseHandshake.
var ErrHandshake = errors.New("not a BitTorrent handshake")

// Handshake is the first thing that each side of a connection sends (BEP 3).
type Handshake struct {
	Reserved [8]byte // one bit for each extension that the sender speaks
	InfoHash infohash.T
	PeerID   [20]byte
}

// Reserved returns the bits of the extensions that this program speaks: the
// fast extension (BEP 6) and the extension protocol (BEP 10).
func Reserved() [8]byte {
	var r [8]byte
	r[fastByte] |= fastBit
	r[extendedByte] |= extendedBit
	return r
}

// SupportsFast reports whether the sender speaks BEP 6. "The extension is
// enabled only if both ends of the connection set this bit."
func (h Handshake) SupportsFast() bool { return h.Reserved[fastByte]&fastBit != 0 }

// SupportsExtended reports whether the sender speaks BEP 10.
func (h Handshake) SupportsExtended() bool { return h.Reserved[extendedByte]&extendedBit != 0 }

// Sole reports whether the sender has said that it has no other connection to the receiver's device
// in this swarm. From a peer that has not proven its key it means nothing.
func (h Handshake) Sole() bool { return h.Reserved[soleByte]&soleBit != 0 }

// SetSole has h say so.
func (h *Handshake) SetSole() { h.Reserved[soleByte] |= soleBit }

// Append appends the HandshakeLen bytes of h to dst.
func (h Handshake) Append(dst []byte) []byte {
	dst = append(dst, protocol...)
	dst = append(dst, h.Reserved[:]...)
	dst = append(dst, h.InfoHash[:]...)
	return append(dst, h.PeerID[:]...)
}

// ParseHandshake reads the HandshakeLen bytes of a handshake. Errors wrap
// ErrHandshake. Reserved bits that we do not know are kept and mean nothing.
func ParseHandshake(b []byte) (Handshake, error) {
	var h Handshake
	if len(b) != HandshakeLen {
		return h, fmt.Errorf("%w: %d bytes, want %d", ErrHandshake, len(b), HandshakeLen)
	}
	if string(b[:len(protocol)]) != protocol {
		return h, fmt.Errorf("%w: it begins with %q", ErrHandshake, b[:len(protocol)])
	}
	b = b[len(protocol):]
	copy(h.Reserved[:], b)
	copy(h.InfoHash[:], b[8:])
	copy(h.PeerID[:], b[28:])
	return h, nil
}
