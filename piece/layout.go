package piece

import "fmt"

// BlockSize is the unit in which pieces are asked for: 16 KiB. BEP 3 lets a
// client choose it, but every client refuses larger requests.
const BlockSize = 16 << 10

// Limits on what a torrent may claim. They bound the memory that its
// description alone can make us spend.
const (
	// MaxPieces is the most pieces a torrent may have. libtorrent stops at the
	// same number; 2 million pieces cost 40 MB of hashes.
	MaxPieces = 1 << 21
	// MaxPieceLen is the longest piece in bytes. Nothing in the wild goes past
	// 64 MiB; the limit keeps offsets inside a piece within 32 bits.
	MaxPieceLen = 1 << 30
)

// Index names one piece of a torrent, from 0. Only Layout.Index makes one, so
// an Index that exists is inside its torrent: what a peer claims is checked
// once, at the border.
type Index struct{ n uint32 }

// Int returns the index as a number for slices and arithmetic.
func (i Index) Int() int { return int(i.n) }

// Uint32 returns the index as it stands on the wire.
func (i Index) Uint32() uint32 { return i.n }

// String returns the index in decimal.
func (i Index) String() string { return fmt.Sprint(i.n) }

// Block names a run of bytes inside one piece, the unit of request and piece
// messages. Only Layout makes one, so a Block that exists lies inside its
// piece. Blocks are comparable and may be map keys.
type Block struct {
	Piece  Index
	Begin  uint32 // bytes from the start of the piece
	Length uint32 // bytes, 1 to BlockSize for the blocks that we ask for
}

// Number returns which block of its piece b is, from 0, for a block that lies
// on the grid of BlockSize as all those that we ask for do.
func (b Block) Number() int { return int(b.Begin / BlockSize) }

// String returns "piece:begin+length".
func (b Block) String() string { return fmt.Sprintf("%d:%d+%d", b.Piece.n, b.Begin, b.Length) }

// Layout is how the bytes of a torrent fall into pieces and blocks. All pieces
// have the same length except the last, which may be shorter; a block never
// spans two pieces. The zero value has no pieces. A Layout never changes.
type Layout struct {
	total    int64 // bytes
	pieceLen int64 // bytes
	pieces   int
}

// NewLayout returns the layout of total bytes in pieces of pieceLen bytes. Both
// numbers usually come from a stranger; the error says what is wrong with them.
// A total of 0 gives no pieces.
func NewLayout(total, pieceLen int64) (Layout, error) {
	if pieceLen < 1 || pieceLen > MaxPieceLen {
		return Layout{}, fmt.Errorf("piece length %d is outside 1 to %d bytes", pieceLen, int64(MaxPieceLen))
	}
	if total < 0 {
		return Layout{}, fmt.Errorf("total length %d is negative", total)
	}
	pieces := total / pieceLen
	if total%pieceLen != 0 {
		pieces++
	}
	if pieces > MaxPieces {
		return Layout{}, fmt.Errorf("%d pieces are more than the limit of %d", pieces, MaxPieces)
	}
	return Layout{total: total, pieceLen: pieceLen, pieces: int(pieces)}, nil
}

// Total returns the length of the torrent in bytes.
func (l Layout) Total() int64 { return l.total }

// PieceLen returns the length in bytes of every piece but the last.
func (l Layout) PieceLen() int64 { return l.pieceLen }

// Pieces returns the number of pieces.
func (l Layout) Pieces() int { return l.pieces }

// Index validates a piece number that came from outside.
func (l Layout) Index(raw uint32) (Index, bool) {
	if int64(raw) >= int64(l.pieces) {
		return Index{}, false
	}
	return Index{raw}, true
}

// MustIndex is Index for numbers that the program itself counted. It panics on
// one that is outside the torrent.
func (l Layout) MustIndex(n int) Index {
	if n < 0 || n >= l.pieces {
		panic(fmt.Sprintf("piece: index %d outside a torrent of %d pieces", n, l.pieces))
	}
	return Index{uint32(n)}
}

// Offset returns where piece i begins, in bytes from the start of the torrent.
func (l Layout) Offset(i Index) int64 { return int64(i.n) * l.pieceLen }

// Size returns the length of piece i in bytes.
func (l Layout) Size(i Index) int {
	return int(min(l.pieceLen, l.total-l.Offset(i)))
}

// Blocks returns how many blocks piece i has.
func (l Layout) Blocks(i Index) int {
	return (l.Size(i) + BlockSize - 1) / BlockSize
}

// Block returns block n of piece i on the grid of BlockSize. It panics when the
// piece has no such block.
func (l Layout) Block(i Index, n int) Block {
	size := l.Size(i)
	if n < 0 || n > (size-1)/BlockSize {
		panic(fmt.Sprintf("piece: block %d outside piece %d of %d bytes", n, i.n, size))
	}
	begin := n * BlockSize
	return Block{Piece: i, Begin: uint32(begin), Length: uint32(min(BlockSize, size-begin))}
}

// Parse validates the three numbers of a request, cancel, reject or piece
// message. They are attacker-controlled: the sum of begin and length is taken
// in 64 bits, so that it cannot wrap around the end of the piece. A length of 0
// is refused.
func (l Layout) Parse(index, begin, length uint32) (Block, bool) {
	i, ok := l.Index(index)
	if !ok || length == 0 || uint64(begin)+uint64(length) > uint64(l.Size(i)) {
		return Block{}, false
	}
	return Block{Piece: i, Begin: begin, Length: length}, true
}
