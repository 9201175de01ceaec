package link

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"

	"p2p/peer/wire"
)

// What nobody waits for must not be in the way of a word: not more of it than a block, once the
// connection has taken what it is just being given.
func TestAWordPassesWhatNobodyWaitsFor(t *testing.T) {
	near, far := net.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	l := Start(ctx, Config{Conn: near, Key: 1, Inbox: make(chan *Batch, 8), People: true}, &wg)
	const bulk = 16 << 10
	for range 15 {
		if !l.Offer(Bulk, wire.Message{ID: wire.Extended, ExtID: 2, Payload: make([]byte, bulk)}) {
			t.Fatal("refused")
		}
	}
	r := bufio.NewReaderSize(far, 16)
	if _, err := r.Peek(1); err != nil { // the first write is under way
		t.Fatal(err)
	}
	l.Send(Chat, wire.Message{ID: wire.Extended, ExtID: 1, Payload: []byte("hello")})
	before, messages, heard := 0, 0, false
	for messages < 16 {
		var head [6]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			t.Fatal(err)
		}
		n := int64(binary.BigEndian.Uint32(head[:]))
		if _, err := io.CopyN(io.Discard, r, n-2); err != nil {
			t.Fatal(err)
		}
		messages++
		if heard = heard || head[5] == 1; !heard {
			before += int(n)
		}
	}
	cancel()
	wg.Wait()
	t.Logf("%d bytes before the word", before)
	if before > 2*(bulk+100) {
		t.Errorf("%d bytes went before the word", before)
	}
}
