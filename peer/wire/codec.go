package wire

import "encoding/binary"

// Limits of one message. They are what keeps a stranger from making us hold
// more than we asked for.
const (
	// MaxBlock is the longest block in a piece message: 16 KiB, because we
	// ask for no more. BEP 3: "All current implementations use 2^14 (16
	// kiB), and close connections which request an amount greater than that."
	MaxBlock = 16 << 10
	// MaxExtended is the longest payload of an extended message, 128 KiB. The
	// longest that a published extension sends is a block of metadata, 16 KiB
	// and its dictionary (BEP 9). libtorrent accepts frames up to 2 MiB, but
	// then 200 peers that each hold back the last byte hold 400 MiB of ours.
	MaxExtended = 128 << 10
	// MaxHashes is the longest list in a hashes message, in bytes: 512 hashes
	// (BEP 52: "Length SHOULD NOT be greater than 512") and at most 32 uncles,
	// 32 bytes each.
	MaxHashes = (512 + 32) * 32
)

// PieceHeaderLen is the number of bytes in front of the block in the frame of
// a piece message.
const PieceHeaderLen = 13 // 4B length + 1B id + 4B index + 4B begin

// hashRequestLen is the payload of a hash request (BEP 52): 32B pieces root +
// 4B base layer + 4B index + 4B length + 4B proof layers.
const hashRequestLen = 48

// FrameLimit returns the longest frame, without its length prefix, to accept
// from a peer of a torrent with that many pieces: the longest of a bitfield and
// an extended message. The caller closes the connection on a longer one before
// it allocates anything, so that a prefix of 4 GiB costs nothing. While the
// number of pieces is not known, pass the largest number that would be
// accepted (piece.MaxPieces).
func FrameLimit(pieces int) int {
	return max(1+(pieces+7)/8, 2+MaxExtended)
}

// payloadLimits says how long the payload of a known message may be. want is
// the same in words.
func payloadLimits(id ID) (low, high int, want string) {
	switch id {
	case Choke, Unchoke, Interested, NotInterested, HaveAll, HaveNone:
		return 0, 0, "0"
	case Have, Suggest, AllowedFast:
		return 4, 4, "4"
	case Request, Cancel, Reject:
		return 12, 12, "12"
	case Port:
		return 2, 2, "2"
	case Piece:
		return 8, 8 + MaxBlock, "8 and a block of at most 16 KiB"
	case Bitfield:
		return 0, 1<<31 - 1, "" // FrameLimit and piece.ParseBitfield know
	case Extended:
		return 1, 1 + MaxExtended, "1 to 1 + 128 KiB"
	case HashRequest, HashReject:
		return hashRequestLen, hashRequestLen, "48"
	case Hashes:
		return hashRequestLen, hashRequestLen + MaxHashes, "48 and at most 544 hashes"
	default:
		return 0, -1, ""
	}
}

// Decode reads one frame without its length prefix. A frame of no bytes is a
// keep-alive. The payload of the message aliases frame.
//
// The error is a *ProtocolError when the message is known and its length is
// wrong, and ErrUnknown when the id is not known; then the message has its ID
// and Payload, for the log, and the caller goes on with the next frame.
func Decode(frame []byte) (Message, error) {
	if len(frame) == 0 {
		return Message{ID: KeepAlive}, nil
	}
	m, b := Message{ID: ID(frame[0])}, frame[1:]
	low, high, want := payloadLimits(m.ID)
	if high < low {
		m.Payload = b
		return m, ErrUnknown
	}
	if len(b) < low || len(b) > high || m.ID == Hashes && len(b)%32 != hashRequestLen%32 {
		return m, &ProtocolError{ID: m.ID, Want: want, Got: len(b)}
	}
	switch m.ID {
	case Have, Suggest, AllowedFast:
		m.Index = binary.BigEndian.Uint32(b)
	case Request, Cancel, Reject:
		m.Index = binary.BigEndian.Uint32(b)
		m.Begin = binary.BigEndian.Uint32(b[4:])
		m.Length = binary.BigEndian.Uint32(b[8:])
	case Piece:
		m.Index, m.Begin = ParsePieceHeader(b)
		m.Payload = b[8:]
		m.Length = uint32(len(m.Payload))
	case Port:
		m.Index = uint32(binary.BigEndian.Uint16(b))
	case Extended:
		m.ExtID, m.Payload = b[0], b[1:]
	case Bitfield, HashRequest, Hashes, HashReject:
		m.Payload = b
	}
	return m, nil
}

// Append appends the whole frame of m, with its length prefix, to dst. It
// writes only the fields that the message uses; the block of a piece message
// is Payload, whatever Length says (see AppendPieceHeader for a block that lies
// elsewhere). An id that this package does not know is followed by Payload.
func Append(dst []byte, m Message) []byte {
	switch m.ID {
	case KeepAlive:
		return append(dst, 0, 0, 0, 0)
	case Choke, Unchoke, Interested, NotInterested, HaveAll, HaveNone:
		return appendHead(dst, m.ID, 0)
	case Have, Suggest, AllowedFast:
		return binary.BigEndian.AppendUint32(appendHead(dst, m.ID, 4), m.Index)
	case Request, Cancel, Reject:
		dst = binary.BigEndian.AppendUint32(appendHead(dst, m.ID, 12), m.Index)
		dst = binary.BigEndian.AppendUint32(dst, m.Begin)
		return binary.BigEndian.AppendUint32(dst, m.Length)
	case Piece:
		return append(AppendPieceHeader(dst, m.Index, m.Begin, len(m.Payload)), m.Payload...)
	case Port:
		return binary.BigEndian.AppendUint16(appendHead(dst, m.ID, 2), uint16(m.Index))
	case Extended:
		dst = append(appendHead(dst, m.ID, 1+len(m.Payload)), m.ExtID)
		return append(dst, m.Payload...)
	default:
		return append(appendHead(dst, m.ID, len(m.Payload)), m.Payload...)
	}
}

// appendHead appends the length prefix and the id of a message whose payload
// has n bytes.
func appendHead(dst []byte, id ID, n int) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(1+n)), byte(id))
}

// AppendPieceHeader appends the PieceHeaderLen bytes that stand before a block
// of n bytes in a piece message, so that the block can be sent from where it
// lies.
func AppendPieceHeader(dst []byte, index, begin uint32, n int) []byte {
	dst = binary.BigEndian.AppendUint32(appendHead(dst, Piece, 8+n), index)
	return binary.BigEndian.AppendUint32(dst, begin)
}

// ParsePieceHeader reads the 8 bytes after the id of a piece message, for a
// reader that puts the block straight to its place. It panics when b is
// shorter; the caller has checked the frame's length.
func ParsePieceHeader(b []byte) (index, begin uint32) {
	return binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:8])
}
