package chat

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"slices"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// Bounds of receipts.
const (
	// maxReceiptLogs is how many logs one tells of; of more devices in a room those count whose keys are the first.
	maxReceiptLogs = 512
	// maxReceipt is the longest one, in bytes.
	maxReceipt  = receiptHead + maxReceiptLogs*(len(logName{})+2*binary.MaxVarintLen64) + ed25519.SignatureSize
	receiptHead = identity.KeySize + 8 + len(room.ID{})
	// maxReceiptFrame is about how many bytes are sent at once, for no message is to wait behind them.
	maxReceiptFrame = 16 << 10
)

// receiptPurpose keeps what is signed here apart from events.
const receiptPurpose = "p2p room receipt 1\x00"

// errReceipt is a receipt that the device which it names has not signed.
var errReceipt = errors.New("a receipt that its device has not signed")

// logName is as much of a device's key as tells the logs of a room apart.
type logName [8]byte

func nameOf(device identity.Key) logName { return logName(device[:len(logName{})]) }

// progress is how far a device has a log.
type progress struct {
	stored uint64 // it has stored the events up to this number
	seen   uint64 // and those up to this one had come when its person last read; no more than stored
}

// receipt is the word of a device, which it signs so that others can pass it on: what it has stored of a room, and how far
// its person has read.
//
//	device's key (32 bytes), number (8), id of the event up to which its account has read (32, zero for not at all),
//	logs by name, ascending: name (8), stored (uvarint), stored-seen (uvarint); signature (64)
type receipt struct {
	device identity.Key
	number uint64 // of two of a device the one with the greater number is the newer
	read   room.ID
	logs   map[logName]progress
	raw    []byte
}

// sign encodes and signs r.
func (r *receipt) sign(device identity.Secret, in room.ID) {
	names := make([]logName, 0, len(r.logs))
	for name := range r.logs {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b logName) int { return bytes.Compare(a[:], b[:]) })
	r.device = device.Key()
	b := binary.BigEndian.AppendUint64(append([]byte(nil), r.device[:]...), r.number)
	b = append(b, r.read[:]...)
	for _, name := range names[:min(len(names), maxReceiptLogs)] {
		p := r.logs[name]
		b = binary.AppendUvarint(append(b, name[:]...), p.stored)
		b = binary.AppendUvarint(b, p.stored-p.seen)
	}
	r.raw = append(b, ed25519.Sign(device.Private(), signedReceipt(in, b))...)
}

// signedReceipt is what is signed: for one room, or who is in two of them could tell in one what was read in the other.
func signedReceipt(in room.ID, b []byte) []byte {
	return slices.Concat([]byte(receiptPurpose), in[:], b)
}

// signs reports whether the device has signed r for a room.
func (r *receipt) signs(in room.ID) bool {
	at := len(r.raw) - ed25519.SignatureSize
	return ed25519.Verify(r.device[:], signedReceipt(in, r.raw[:at]), r.raw[at:])
}

// parseReceipt reads what sign has encoded, and keeps it. It does not verify it.
func parseReceipt(b []byte) (receipt, error) {
	end := len(b) - ed25519.SignatureSize
	if end < receiptHead || len(b) > maxReceipt {
		return receipt{}, errFrame
	}
	r := receipt{
		device: identity.Key(b[:identity.KeySize]), number: binary.BigEndian.Uint64(b[identity.KeySize:]),
		read: room.ID(b[receiptHead-len(room.ID{}):]), logs: map[logName]progress{}, raw: b,
	}
	var last logName
	for rest := b[receiptHead:end]; len(rest) > 0; {
		if len(rest) < len(last) {
			return receipt{}, errFrame
		}
		name := logName(rest)
		stored, n := binary.Uvarint(rest[len(name):])
		if n <= 0 {
			return receipt{}, errFrame
		}
		rest = rest[len(name)+n:]
		unseen, n := binary.Uvarint(rest)
		if n <= 0 || unseen > stored || len(r.logs) > 0 && bytes.Compare(last[:], name[:]) >= 0 {
			return receipt{}, errFrame
		}
		rest, last = rest[n:], name
		r.logs[name] = progress{stored, stored - unseen}
	}
	return r, nil
}

// appendReceipt appends a receipt to a frameReceipts, which begins with it if it is empty.
func appendReceipt(frame []byte, r *receipt) []byte {
	if len(frame) == 0 {
		frame = append(frame, frameReceipts)
	}
	return append(binary.AppendUvarint(frame, uint64(len(r.raw))), r.raw...)
}

// parseReceipts reads what a frameReceipts has after its kind.
func parseReceipts(b []byte) (all []receipt, err error) {
	for len(b) > 0 {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return nil, errFrame
		}
		r, err := parseReceipt(b[n : n+int(size) : n+int(size)])
		if err != nil {
			return nil, err
		}
		all, b = append(all, r), b[n+int(size):]
	}
	return all, nil
}
