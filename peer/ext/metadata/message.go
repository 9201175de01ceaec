package metadata

import (
	"fmt"

	"p2p/torrentfile/benc"
)

// pieceLen is the length of a piece of metadata. BEP 9: "All blocks are 16KiB
// except the last block which may be smaller."
const pieceLen = 16 << 10

// maxInfo is the longest info dictionary that is fetched, in bytes, as in
// libtorrent: 1.5 million pieces, or 16 KiB pieces of 24 GB.
const maxInfo = 30 << 20

// headLimits bounds the dictionary in front of a piece.
var headLimits = benc.Limits{Depth: 4, Tokens: 64}

// The kinds of messages.
const (
	request = 0
	data    = 1
	reject  = 2
)

// message is any message. Its numbers are a stranger's.
type message struct {
	kind  int64
	piece int64
	total int64  // of data: the length of the dictionary; 0 = not said
	body  []byte // of data: the piece, a slice of the payload
}

// parse reads a message. The error is that of something that does not begin with
// a bencoded dictionary that has a kind and a piece.
func parse(payload []byte) (message, error) {
	var head struct {
		Kind  *int64 `bencode:"msg_type"`
		Piece *int64 `bencode:"piece"`
		Total int64  `bencode:"total_size"`
	}
	rest, err := benc.UnmarshalPrefix(payload, &head, headLimits)
	switch {
	case err != nil:
		return message{}, fmt.Errorf("metadata message: %w", err)
	case head.Kind == nil || head.Piece == nil:
		return message{}, fmt.Errorf("metadata message without msg_type or piece")
	}
	return message{kind: *head.Kind, piece: *head.Piece, total: head.Total, body: rest}, nil
}

// append appends the payload of m to dst.
func (m message) append(dst []byte) []byte {
	dst = fmt.Appendf(dst, "d8:msg_typei%de5:piecei%de", m.kind, m.piece)
	if m.kind == data {
		dst = fmt.Appendf(dst, "10:total_sizei%de", m.total)
	}
	return append(append(dst, 'e'), m.body...)
}

// pieces returns how many pieces a dictionary of n bytes has.
func pieces(n int) int { return (n + pieceLen - 1) / pieceLen }

// sizeOf returns the length of piece i of a dictionary of n bytes.
func sizeOf(i, n int) int { return min(pieceLen, n-i*pieceLen) }
