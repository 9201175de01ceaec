package link

import (
	"bytes"
	"io"
	"testing"

	"p2p/piece"
)

func TestNoMoreIsLentThanThereIs(t *testing.T) {
	p := NewPayloads(6 * piece.SpanSize)
	var lent [][]byte
	for range 6 {
		b := p.borrow()
		if len(b) != piece.SpanSize {
			t.Fatalf("%d bytes are lent", len(b))
		}
		lent = append(lent, b)
	}
	if p.borrow() != nil {
		t.Error("a seventh is lent of six")
	}
	for _, b := range lent {
		p.giveBack(b)
	}
	if got := len(p.free); got != 4 {
		t.Errorf("%d buffers are kept after a burst", got)
	}
	if p.borrow() == nil {
		t.Error("what was given back is not lent again")
	}
}

func TestWhenAllBuffersAreLentBlocksGoOneByOne(t *testing.T) {
	r := newRig(t, 64*piece.BlockSize, 32*piece.BlockSize)
	none := NewPayloads(0)
	for none.borrow() != nil {
	}
	var want []byte
	r.outbox.mu.Lock() // the writer finds all of it at once, and waits until then
	r.cfg.Payloads = none
	for n := range 32 {
		b := r.layout.Block(r.layout.MustIndex(1), n)
		r.outbox.blocks = append(r.outbox.blocks, b)
		want = append(want, r.blockFrame(b)...)
	}
	r.outbox.mu.Unlock()
	r.outbox.signal()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r.peer, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("what came differs, %v", err)
	}
	if got := r.reads.Load(); got != 32 {
		t.Errorf("32 blocks were read with %d reads", got)
	}
}
