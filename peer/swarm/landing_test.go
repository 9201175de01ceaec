package swarm

import (
	"testing"

	"p2p/piece"
	"p2p/piece/store"
)

// The memory of an incomplete span is given back only when no reader can write to
// it any more and no report of a block in it is still on its way to the Loop.
func TestMemoryIsGivenBackOnlyWhenNothingIsComing(t *testing.T) {
	span := piece.Span{Piece: torrent.MustIndex(3), Number: 1}
	first := torrent.Block(span.Piece, piece.SpanBlocks)
	const elsewhere, here = 1, 2 // states of link.Place: a reader is writing; the block is there
	for _, c := range []struct {
		name    string
		state   uint32 // of the first block
		arrived bool   // as far as the Loop knows
		want    bool
	}{
		{"nothing came", 0, false, true},
		{"a block is coming in", elsewhere, false, false},
		{"a block is there and the Loop does not know", here, false, false},
		{"a block is there", here, true, true},
	} {
		m := store.NewMemory(0)
		a := newLanding(torrent, m)
		if !m.Reserve(torrent.SpanLen(span)) {
			t.Fatal("no memory")
		}
		a.place(first)
		a.chunks[span].states[0].Store(c.state)
		got := a.release(span, func(b piece.Block) bool { return b == first && c.arrived })
		if used, _ := m.Used(); got != c.want || (used == 0) != c.want {
			t.Errorf("%s: given back is %v, %d bytes are still reserved", c.name, got, used)
		}
		if c.want && a.release(span, nil) {
			t.Errorf("%s: given back twice", c.name)
		}
	}
}
