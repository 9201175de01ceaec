package piece

// A span is a run of up to SpanBlocks blocks of one piece: the unit in which
// memory is reserved, and in which arrived data is hashed and written. A piece
// of up to SpanSize bytes is one span. Spans keep the memory of a download
// independent of its piece length: a piece of 64 MiB is never held whole.
const (
	SpanBlocks = 16
	SpanSize   = SpanBlocks * BlockSize // 256 KiB
)

// Span names one span of one piece. Spans are comparable and may be map keys.
type Span struct {
	Piece  Index
	Number uint32 // from 0
}

// Span returns the span that b lies in.
func (b Block) Span() Span { return Span{b.Piece, b.Begin / SpanSize} }

// Begin returns where s begins, in bytes from the start of its piece.
func (s Span) Begin() int { return int(s.Number) * SpanSize }

// Spans returns how many spans piece i has.
func (l Layout) Spans(i Index) int { return (l.Size(i) + SpanSize - 1) / SpanSize }

// SpanLen returns the length of s in bytes.
func (l Layout) SpanLen(s Span) int { return min(SpanSize, l.Size(s.Piece)-s.Begin()) }

// Budget is the memory that blocks on their way may take. Reserve is called
// when the first block of a span is about to be asked for, with the length of
// the span in bytes; false means that nothing can be asked for there now. Who
// writes the span to disk, or forsakes it, gives the memory back. Reserve is
// called by the owner of the Queue.
type Budget interface {
	Reserve(bytes int) bool
}
