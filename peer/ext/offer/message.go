package offer

import (
	"encoding/binary"
	"errors"
	"fmt"

	"p2p/torrentfile/infohash"
)

// The kinds of messages.
const (
	kindWant = iota
	kindHave
	kindAsk
	kindChunk
	kindLost
)

// errMessage is a message that breaks a rule.
var errMessage = errors.New("a message about a file that is none")

// message is any message. Its numbers are a stranger's.
type message struct {
	kind byte
	hash Hash
	n    uint32 // of have: bytes, of ask and chunk: number of the chunk
	body []byte // of chunk, a slice of the payload
}

// headSize is the length of a message without a number, numberSize that of a number.
const (
	headSize   = 1 + infohash.Size
	numberSize = 4
)

// parse reads a message. One of a kind that is not known comes back with nothing but it.
func parse(payload []byte) (message, error) {
	if len(payload) == 0 {
		return message{}, errMessage
	}
	m := message{kind: payload[0]}
	if m.kind > kindLost {
		return m, nil
	}
	least, most := headSize+numberSize, headSize+numberSize
	switch m.kind {
	case kindWant, kindLost:
		least, most = headSize, headSize
	case kindChunk:
		least, most = least+1, most+ChunkSize
	}
	if len(payload) < least || len(payload) > most {
		return message{}, fmt.Errorf("%w: kind %d with %d bytes", errMessage, m.kind, len(payload))
	}
	m.hash = Hash(payload[1:headSize])
	if m.numbered() {
		m.n = binary.BigEndian.Uint32(payload[headSize:])
		m.body = payload[headSize+numberSize:]
	}
	return m, nil
}

// numbered reports whether there is more than a hash in a message of that kind.
func (m message) numbered() bool { return m.kind != kindWant && m.kind != kindLost }

// payload returns m as it is sent.
func (m message) payload() []byte {
	b := append(make([]byte, 0, headSize+numberSize+len(m.body)), m.kind)
	b = append(b, m.hash[:]...)
	if m.numbered() {
		b = binary.BigEndian.AppendUint32(b, m.n)
	}
	return append(b, m.body...)
}

// chunks returns how many chunks a dictionary of n bytes has.
func chunks(n int) int { return (n + ChunkSize - 1) / ChunkSize }

// sizeOf returns the length of chunk i of a dictionary of n bytes.
func sizeOf(i, n int) int { return min(ChunkSize, n-i*ChunkSize) }
