package link

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/wire"
	"p2p/piece"
)

// rig is a Link on one end of a TCP connection, with the other end and the loop
// in the hands of the test.
type rig struct {
	*Link
	t      *testing.T
	peer   net.Conn
	inbox  chan *Batch
	layout piece.Layout
	data   []byte // of the torrent
	reads  atomic.Int32
	wg     sync.WaitGroup
}

func newRig(t *testing.T, size, pieceLen int64) *rig {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	layout, err := piece.NewLayout(size, pieceLen)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, peer: client, inbox: make(chan *Batch, 16), layout: layout, data: make([]byte, size)}
	for i := range r.data {
		r.data[i] = byte(i>>14) ^ byte(i)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.Link = Start(ctx, Config{
		Conn: server, Key: 7, Layout: layout, Inbox: r.inbox,
		ReadAt: func(p []byte, off int64) error {
			r.reads.Add(1)
			copy(p, r.data[off:])
			return nil
		},
	}, &r.wg)
	t.Cleanup(func() {
		cancel()
		client.Close()
		r.wg.Wait()
	})
	return r
}

// items collects n items from the inbox.
func (r *rig) items(n int) []Item {
	r.t.Helper()
	var all []Item
	for len(all) < n {
		select {
		case b := <-r.inbox:
			all = append(all, b.Items...)
			if b.Err != nil && len(all) < n {
				r.t.Fatalf("ended after %d of %d items: %v", len(all), n, b.Err)
			}
			b.Recycle()
		case <-time.After(time.Minute):
			r.t.Fatalf("%d of %d items came", len(all), n)
		}
	}
	return all
}

// end returns the error with which the Link ended.
func (r *rig) end() error {
	r.t.Helper()
	for {
		select {
		case b := <-r.inbox:
			if b.Err != nil {
				return b.Err
			}
		case <-time.After(time.Minute):
			r.t.Fatal("the link did not end")
		}
	}
}

// blockFrame returns the piece message for b.
func (r *rig) blockFrame(b piece.Block) []byte {
	at := r.layout.Offset(b.Piece) + int64(b.Begin)
	return wire.Append(nil, wire.Message{
		ID: wire.Piece, Index: b.Piece.Uint32(), Begin: b.Begin, Payload: r.data[at : at+int64(b.Length)],
	})
}

func TestBlocksLandAtTheirPlaceHoweverTheBytesAreCut(t *testing.T) {
	const seed = 1
	rng := rand.New(rand.NewPCG(seed, 0))
	r := newRig(t, 40*piece.BlockSize+123, 4*piece.BlockSize)
	var stream []byte
	var want []Item
	places := make(map[piece.Block]Place)
	for i := range r.layout.Pieces() {
		index := r.layout.MustIndex(i)
		for n := range r.layout.Blocks(index) {
			b := r.layout.Block(index, n)
			p := Place{Dst: make([]byte, b.Length), State: new(atomic.Uint32)}
			places[b] = p
			r.Expect(b, p)
			stream = append(stream, r.blockFrame(b)...)
			want = append(want, Item{Kind: Landed, Block: b})
			if rng.IntN(3) == 0 {
				stream = wire.Append(stream, wire.Message{ID: wire.Have, Index: uint32(i)})
				want = append(want, Item{Kind: Message, Msg: wire.Message{ID: wire.Have, Index: uint32(i)}})
			}
		}
	}
	go io.Copy(io.Discard, r.peer)
	go func() {
		for len(stream) > 0 {
			n := min(len(stream), 1+rng.IntN(40000))
			r.peer.Write(stream[:n])
			stream = stream[n:]
		}
	}()
	got := r.items(len(want))
	for i := range want {
		if got[i].Kind != want[i].Kind || got[i].Block != want[i].Block || got[i].Msg.Index != want[i].Msg.Index {
			t.Fatalf("item %d (seed %d) is %+v, want %+v", i, seed, got[i], want[i])
		}
	}
	for b, p := range places {
		at := r.layout.Offset(b.Piece) + int64(b.Begin)
		if !bytes.Equal(p.Dst, r.data[at:at+int64(b.Length)]) {
			t.Fatalf("block %v is not what was sent", b)
		}
		if p.State.Load() != landed {
			t.Fatalf("block %v is in state %d", b, p.State.Load())
		}
	}
}

func TestABlockThatWasForgottenIsReadOverAndReported(t *testing.T) {
	r := newRig(t, 8*piece.BlockSize, 8*piece.BlockSize)
	b := r.layout.Block(r.layout.MustIndex(0), 1)
	p := Place{Dst: make([]byte, b.Length), State: new(atomic.Uint32)}
	r.Expect(b, p)
	r.Forget(b)
	r.peer.Write(append(r.blockFrame(b), wire.Append(nil, wire.Message{ID: wire.Unchoke})...))
	got := r.items(2)
	if got[0].Kind != Unasked || got[0].N != int(b.Length) || got[1].Msg.ID != wire.Unchoke {
		t.Fatalf("got %+v", got)
	}
	if p.State.Load() != vacant || !bytes.Equal(p.Dst, make([]byte, b.Length)) {
		t.Error("the place of a forgotten block was written to")
	}
}

func TestOfTwoConnectionsWithTheSameBlockOnlyOneWrites(t *testing.T) {
	r := newRig(t, 8*piece.BlockSize, 8*piece.BlockSize)
	b := r.layout.Block(r.layout.MustIndex(0), 0)
	p := Place{Dst: make([]byte, b.Length), State: new(atomic.Uint32)}
	p.State.Store(landing) // another connection is in the middle of it
	r.Expect(b, p)
	r.peer.Write(r.blockFrame(b))
	if got := r.items(1); got[0].Kind != Missed || got[0].Block != b {
		t.Fatalf("got %+v", got)
	}
	if !bytes.Equal(p.Dst, make([]byte, b.Length)) {
		t.Error("both wrote")
	}
}

func TestAConnectionThatBreaksInABlockGivesItsPlaceBack(t *testing.T) {
	r := newRig(t, 8*piece.BlockSize, 8*piece.BlockSize)
	b := r.layout.Block(r.layout.MustIndex(0), 0)
	p := Place{Dst: make([]byte, b.Length), State: new(atomic.Uint32)}
	r.Expect(b, p)
	r.peer.Write(r.blockFrame(b)[:5000])
	r.peer.Close()
	if err := r.end(); err == nil {
		t.Fatal("no reason")
	}
	if p.State.Load() != vacant {
		t.Errorf("the place is in state %d: nobody else can deliver the block", p.State.Load())
	}
}

func TestFramesThatCannotBeRightEndTheConnection(t *testing.T) {
	for name, frame := range map[string][]byte{
		"4 GiB announced":      {0xff, 0xff, 0xff, 0xff, 7, 0, 0},
		"block beyond the end": wire.Append(nil, wire.Message{ID: wire.Piece, Index: 99, Payload: make([]byte, 10)}),
		"block over 16 KiB":    binary.BigEndian.AppendUint32(nil, 9+piece.BlockSize+1),
		"have of 3 bytes":      {0, 0, 0, 4, 4, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 8*piece.BlockSize, 8*piece.BlockSize)
			r.peer.Write(append(bytes.Clone(frame), 7, 0, 0, 0, 0, 0, 0, 0, 0, 0))
			err := r.end()
			var protocol *wire.ProtocolError
			if !errors.Is(err, ErrFrame) && !errors.As(err, &protocol) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

func TestUnknownMessagesAreSkipped(t *testing.T) {
	r := newRig(t, 8*piece.BlockSize, 8*piece.BlockSize)
	r.peer.Write([]byte{0, 0, 0, 3, 99, 1, 2})
	r.peer.Write(wire.Append(nil, wire.Message{ID: wire.Interested}))
	if got := r.items(1); got[0].Msg.ID != wire.Interested {
		t.Fatalf("got %+v", got)
	}
}

func TestBlocksBehindOneAnotherAreReadAtOnceAndSentWhole(t *testing.T) {
	r := newRig(t, 64*piece.BlockSize, 32*piece.BlockSize)
	var want []byte
	r.outbox.mu.Lock() // so that the writer finds all of it at once
	for n := range 32 {
		b := r.layout.Block(r.layout.MustIndex(1), n)
		r.outbox.blocks = append(r.outbox.blocks, b)
		want = append(want, r.blockFrame(b)...)
	}
	r.outbox.mu.Unlock()
	r.outbox.signal()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r.peer, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatal("the frames are not those of the blocks")
	}
	sent := 0
	for sent < 32 {
		for _, it := range r.items(1) {
			sent += it.Blocks
		}
	}
	if n := r.reads.Load(); n > 8 {
		t.Errorf("%d reads for 32 blocks that lie behind one another", n)
	}
}

func TestMessagesGoBeforeBlocksAndUrgentOnesFirst(t *testing.T) {
	o := newOutbox()
	layout, _ := piece.NewLayout(4*piece.BlockSize, 4*piece.BlockSize)
	o.serve(layout.Block(layout.MustIndex(0), 0))
	o.send(Bulk, wire.Message{ID: wire.Extended, ExtID: 3})
	o.send(Chat, wire.Message{ID: wire.Extended, ExtID: 2})
	o.send(Control, wire.Message{ID: wire.Unchoke})
	var l load
	if !o.take(&l, 8) {
		t.Fatal("closed")
	}
	want := wire.Append(nil, wire.Message{ID: wire.Unchoke})
	want = wire.Append(want, wire.Message{ID: wire.Extended, ExtID: 2})
	want = wire.Append(want, wire.Message{ID: wire.Extended, ExtID: 3})
	if !bytes.Equal(l.frames, want) || len(l.blocks) != 1 {
		t.Errorf("frames %x and %d blocks, want %x and one", l.frames, len(l.blocks), want)
	}
}

func TestAPeerThatLetsMessagesLieIsGivenUp(t *testing.T) {
	o := newOutbox()
	sent := 0
	for o.send(Control, wire.Message{ID: wire.Have}) {
		if sent += 9; sent > 2*outboxMax {
			t.Fatal("the outbox has no bound")
		}
	}
}

func TestALimiterGivesItsRateToThePercentAndSharesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 4 << 20
		l := NewLimiter(rate)
		begin := time.Now()
		var passed [4]int
		var wg sync.WaitGroup
		for i := range passed {
			wg.Go(func() {
				for time.Since(begin) < 10*time.Second {
					delay, _ := l.reserve(piece.BlockSize)
					time.Sleep(delay)
					passed[i] += piece.BlockSize
				}
			})
		}
		wg.Wait()
		all := 0
		for i, n := range passed {
			all += n
			if n < rate*10/4*97/100 || n > rate*10/4*103/100 {
				t.Errorf("connection %d of 4 got %d bytes, a quarter is %d", i, n, rate*10/4)
			}
		}
		if got := float64(all) / (rate * time.Since(begin).Seconds()); got < 0.97 || got > 1.03 {
			t.Errorf("%.3f of the rate passed", got)
		}
	})
}

// script is a source that plays bytes over and over.
type script struct {
	data []byte
	at   int
}

func (s *script) Readv(a, b []byte) (int, error) {
	n := 0
	for _, dst := range [][]byte{a, b} {
		for len(dst) > 0 {
			k := copy(dst, s.data[s.at:])
			s.at = (s.at + k) % len(s.data)
			dst = dst[k:]
			n += k
		}
	}
	return n, nil
}

func TestReadingBlocksAllocatesNothing(t *testing.T) {
	layout, _ := piece.NewLayout(piece.SpanSize, piece.SpanSize)
	inbox := make(chan *Batch, 1)
	l := &Link{cfg: Config{Layout: layout, Inbox: inbox}, ctx: t.Context()}
	rd := &reader{link: l, buf: make([]byte, readBuffer), limit: wire.FrameLimit(1)}
	src := &script{}
	rd.src = src
	var blocks []piece.Block
	places := make([]Place, piece.SpanBlocks)
	for n := range piece.SpanBlocks {
		b := layout.Block(layout.MustIndex(0), n)
		blocks = append(blocks, b)
		places[n] = Place{Dst: make([]byte, b.Length), State: new(atomic.Uint32)}
		src.data = append(src.data, wire.Append(nil, wire.Message{ID: wire.Piece, Begin: b.Begin, Payload: make([]byte, b.Length)})...)
	}
	round := func() {
		for n, b := range blocks {
			places[n].State.Store(vacant)
			l.expected.add(b, places[n])
			if err := rd.next(); err != nil {
				t.Fatal(err)
			}
		}
		if err := rd.flush(); err != nil {
			t.Fatal(err)
		}
		(<-inbox).Recycle()
	}
	round()
	if n := testing.AllocsPerRun(200, round); n > 0.1 {
		t.Errorf("%v allocations for %d blocks", n, piece.SpanBlocks)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(wire.Append(nil, wire.Message{ID: wire.Unchoke}))
	f.Add([]byte{0, 0, 0x40, 9, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 20})
	f.Fuzz(func(t *testing.T, data []byte) {
		layout, _ := piece.NewLayout(100*piece.BlockSize, 10*piece.BlockSize)
		inbox := make(chan *Batch, 1+len(data))
		l := &Link{cfg: Config{Layout: layout, Inbox: inbox}, ctx: t.Context()}
		b := layout.Block(layout.MustIndex(0), 0)
		l.expected.add(b, Place{Dst: make([]byte, b.Length), State: new(atomic.Uint32)})
		rd := &reader{link: l, buf: make([]byte, readBuffer), limit: wire.FrameLimit(layout.Pieces())}
		rd.src = &finite{data}
		if err := rd.run(); err == nil {
			t.Fatal("the end of the stream is no error")
		}
		if cap(rd.buf) > readBuffer+2*len(data) {
			t.Fatalf("%d bytes made the buffer %d large", len(data), cap(rd.buf))
		}
	})
}

// finite is a source that ends.
type finite struct{ data []byte }

func (s *finite) Readv(a, b []byte) (int, error) {
	if len(s.data) == 0 {
		return 0, io.EOF
	}
	n := copy(a, s.data)
	n += copy(b, s.data[n:])
	s.data = s.data[n:]
	return n, nil
}

func BenchmarkReadBlocks(b *testing.B) {
	layout, _ := piece.NewLayout(piece.SpanSize, piece.SpanSize)
	inbox := make(chan *Batch, 1)
	l := &Link{cfg: Config{Layout: layout, Inbox: inbox}, ctx: b.Context()}
	rd := &reader{link: l, buf: make([]byte, readBuffer), limit: wire.FrameLimit(1)}
	block := layout.Block(layout.MustIndex(0), 0)
	rd.src = &script{data: wire.Append(nil, wire.Message{ID: wire.Piece, Payload: make([]byte, block.Length)})}
	place := Place{Dst: make([]byte, block.Length), State: new(atomic.Uint32)}
	b.SetBytes(int64(block.Length))
	b.ReportAllocs()
	for n := 1; b.Loop(); n++ {
		place.State.Store(vacant)
		l.expected.add(block, place)
		if err := rd.next(); err != nil {
			b.Fatal(err)
		}
		if n%batchMax == 0 {
			(<-inbox).Recycle()
		}
	}
}

// The loop is busy meanwhile. What a peer that has all it wanted was sent last would else be missing from what its sender has given.
func TestWhatAPeerWasSentThatClosesAtOnceIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		layout, err := piece.NewLayout(piece.BlockSize, piece.BlockSize)
		if err != nil {
			t.Fatal(err)
		}
		ours, theirs := net.Pipe()
		inbox := make(chan *Batch)
		var wg sync.WaitGroup
		nothing := func([]byte, int64) error { return nil }
		l := Start(t.Context(), Config{Conn: ours, Key: 7, Layout: layout, Inbox: inbox, ReadAt: nothing}, &wg)
		b := layout.Block(layout.MustIndex(0), 0)
		l.Serve(b)
		frame := wire.Append(nil, wire.Message{ID: wire.Piece, Payload: make([]byte, b.Length)})
		if _, err := io.ReadFull(theirs, frame); err != nil {
			t.Fatal(err)
		}
		theirs.Close()
		synctest.Wait()
		last := <-inbox
		if len(last.Items) != 1 || last.Items[0].Kind != Sent || last.Items[0].N != int(b.Length) || last.Err == nil {
			t.Errorf("the loop hears %+v, %v", last.Items, last.Err)
		}
		wg.Wait()
	})
}

// TestWhatWasSaidBeforePartingIsHeard: a connection that is closed while the other end's bytes lie unread is reset, and what it
// has not taken yet is lost.
func TestWhatWasSaidBeforePartingIsHeard(t *testing.T) {
	for range 20 {
		r := newRig(t, piece.BlockSize, piece.BlockSize)
		want := wire.Append(nil, wire.Message{ID: wire.Extended, ExtID: 2, Payload: make([]byte, 1000)})
		whole := bytes.Repeat(want, 200)
		for range 200 {
			r.Send(Chat, wire.Message{ID: wire.Extended, ExtID: 2, Payload: make([]byte, 1000)})
		}
		if _, err := r.peer.Write(wire.Append(nil, wire.Message{ID: wire.KeepAlive})); err != nil {
			t.Fatal(err)
		}
		r.Part(ErrSlow)
		got, err := io.ReadAll(r.peer)
		if err != nil || !bytes.Equal(got, whole) {
			t.Fatalf("%d of %d bytes are heard: %v", len(got), len(whole), err)
		}
		r.peer.Close()
		r.end()
	}
}

// half is a connection of which one direction can be closed, as of TCP; the other end does not care.
type half struct{ net.Conn }

func (half) CloseWrite() error { return nil }

func TestWhoDoesNotHangUpWhenWePartIsHungUpOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		inbox := make(chan *Batch, 16)
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		l, begin := Start(ctx, Config{Conn: half{ours}, Key: 7, Inbox: inbox}, &wg), time.Now()
		l.Part(ErrSlow)
		if b := <-inbox; !errors.Is(b.Err, ErrSlow) || time.Since(begin) != partWait {
			t.Errorf("it ends after %v with %v", time.Since(begin), b.Err)
		}
		cancel()
		wg.Wait()
	})
}
