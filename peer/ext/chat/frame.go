package chat

import (
	"encoding/binary"
	"errors"

	"p2p/peer/ext"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// A payload of p2_chat is a frame: its kind in one byte, and what belongs to it. Frames of unknown kinds are
// passed over.
const (
	frameMessage  = 1 // flags in one byte, and a part of a room.Message
	frameRead     = 2 // the id of the event up to which the account behind the connection has read
	frameTyping   = 3 // 1 for begun, or still at it; 0 for ceased
	frameClock    = 4 // digest of how far its sender knows all logs
	frameSaid     = 5 // id of an event that its sender is about to commit, and its text
	frameSeen     = 6 // before a frameRead, if it is not as it was: the seq up to which each log was there; to another account of its devices' logs alone
	frameReceipts = 7 // receipts, each with its length before it
)

// Flags of a message.
const (
	flagMore  = 1 // its next part follows
	flagBegin = 2 // its sender has forgotten the session: it begins anew, with a Hello from both
)

// digest is a hash of the clock of a room, short because nobody gains anything by finding another clock with
// the same one.
type digest [8]byte

// errFrame is that a frame is not what its kind says.
var errFrame = errors.New("malformed frame")

// maxPart is how much of a message goes into a frame.
const maxPart = ext.MaxPayload - 2

// appendMessage appends the frames of an encoded message.
func appendMessage(frames [][]byte, message []byte, begin bool) [][]byte {
	for {
		part := message[:min(len(message), maxPart)]
		message = message[len(part):]
		flags := byte(0)
		if len(message) > 0 {
			flags |= flagMore
		}
		if begin {
			flags |= flagBegin
		}
		frames = append(frames, append([]byte{frameMessage, flags}, part...))
		if len(message) == 0 {
			return frames
		}
	}
}

// assembly puts the parts of messages together again.
type assembly struct{ parts []byte }

// add takes the rest of a frameMessage, and returns the message when that was its last part; it is valid until the
// next call. What waits is never more than its sender has sent, nor than a message can be.
func (a *assembly) add(b []byte) (message []byte, begin bool, err error) {
	if len(b) < 1 || b[0] > flagMore|flagBegin || len(a.parts)+len(b)-1 > room.MaxMessage {
		return nil, false, errFrame
	}
	flags, part := b[0], b[1:]
	begin = flags&flagBegin != 0
	if flags&flagMore != 0 {
		if len(part) < maxPart {
			return nil, false, errFrame // many small parts are only work
		}
		a.parts = append(a.parts, part...)
		return nil, begin, nil
	}
	if len(a.parts) == 0 {
		return part, begin, nil
	}
	message, a.parts = append(a.parts, part...), nil
	return message, begin, nil
}

func appendRead(id room.ID) []byte { return append([]byte{frameRead}, id[:]...) }

func parseRead(b []byte) (room.ID, error) {
	if len(b) != len(room.ID{}) {
		return room.ID{}, errFrame
	}
	return room.ID(b), nil
}

// seenSize is how long a log is in a frameSeen.
const seenSize = identity.KeySize + 8

// appendSeen appends what fits.
func appendSeen(seen map[identity.Key]uint64) []byte {
	frame := []byte{frameSeen}
	for device, seq := range seen {
		if len(frame)+seenSize > ext.MaxPayload {
			break
		}
		frame = binary.BigEndian.AppendUint64(append(frame, device[:]...), seq)
	}
	return frame
}

func parseSeen(b []byte) (map[identity.Key]uint64, error) {
	if len(b)%seenSize != 0 {
		return nil, errFrame
	}
	seen := make(map[identity.Key]uint64, len(b)/seenSize)
	for ; len(b) > 0; b = b[seenSize:] {
		seen[identity.Key(b[:identity.KeySize])] = binary.BigEndian.Uint64(b[identity.KeySize:])
	}
	return seen, nil
}

func appendTyping(on bool) []byte {
	if on {
		return []byte{frameTyping, 1}
	}
	return []byte{frameTyping, 0}
}

func parseTyping(b []byte) (on bool, err error) {
	if len(b) != 1 || b[0] > 1 {
		return false, errFrame
	}
	return b[0] == 1, nil
}

func appendClock(d digest) []byte { return append([]byte{frameClock}, d[:]...) }

func parseClock(b []byte) (digest, error) {
	if len(b) != len(digest{}) {
		return digest{}, errFrame
	}
	return digest(b), nil
}

// mix makes a digest of numbers that are summed up in any order: one for each log.
func (d digest) mix(hash []byte) digest {
	sum := binary.BigEndian.Uint64(d[:]) + binary.BigEndian.Uint64(hash)
	binary.BigEndian.PutUint64(d[:], sum)
	return d
}
