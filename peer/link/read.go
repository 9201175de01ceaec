package link

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"p2p/peer/scatter"
	"p2p/peer/wire"
	"p2p/piece"
)

// readBuffer is the size of a connection's read buffer. Blocks go past it, so
// it only has to hold messages and the header of the next block.
const readBuffer = 4 << 10

// heldMax is how many bytes of payload of messages a batch may hold before it is
// handed over: a batch full of the longest messages would have 8 MiB.
const heldMax = 256 << 10

// ErrFrame is wrapped by the error of a peer whose frames cannot be right.
var ErrFrame = errors.New("malformed frame")

// reader turns the bytes of a connection into items. It belongs to the read
// goroutine of its Link.
type reader struct {
	link  *Link
	src   scatter.Source
	buf   []byte
	r, w  int // the unread part of buf
	limit int // longest frame
	batch *Batch
	held  int         // bytes of payload in batch
	timer *time.Timer // of the limiter
}

func newReader(l *Link) *reader {
	pieces := l.cfg.Layout.Pieces()
	if pieces == 0 {
		pieces = piece.MaxPieces // not known yet: any torrent's bitfield may come
	}
	rd := &reader{link: l, buf: make([]byte, readBuffer), limit: wire.FrameLimit(pieces)}
	rd.src = source(l.cfg.Conn, rd.flush)
	return rd
}

// source returns what reads from conn and calls idle before it waits.
func source(conn net.Conn, idle func() error) scatter.Source {
	if above, ok := conn.(interface{ BeforeWait(func() error) }); ok {
		above.BeforeWait(idle)
		return scatter.New(conn, func() error { return nil }) // the socket below knows better
	}
	return scatter.New(conn, idle)
}

// run reads until the connection ends and returns why.
func (rd *reader) run() error {
	for {
		if err := rd.next(); err != nil {
			return err
		}
	}
}

// next reads one frame.
func (rd *reader) next() error {
	if err := rd.need(4); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(rd.buf[rd.r:])
	if uint64(n) > uint64(rd.limit) {
		return fmt.Errorf("%w: %d bytes announced, %d allowed", ErrFrame, n, rd.limit)
	}
	if n >= 9 {
		if err := rd.need(wire.PieceHeaderLen); err != nil {
			return err
		}
		if head := rd.buf[rd.r:]; wire.ID(head[4]) == wire.Piece {
			index, begin := wire.ParsePieceHeader(head[5:])
			rd.r += wire.PieceHeaderLen
			return rd.block(index, begin, n-9)
		}
	}
	if err := rd.need(4 + int(n)); err != nil {
		return err
	}
	m, err := wire.Decode(rd.buf[rd.r+4 : rd.r+4+int(n)])
	rd.r += 4 + int(n)
	switch {
	case errors.Is(err, wire.ErrUnknown):
		return nil
	case err != nil:
		return err
	}
	m.Payload = slices.Clone(m.Payload)
	rd.held += len(m.Payload)
	return rd.add(Item{Kind: Message, Msg: m})
}

// need makes sure that n bytes are in the buffer. The buffer grows with what
// has come, never with what was announced, and shrinks again.
func (rd *reader) need(n int) error {
	for rd.w-rd.r < n {
		if rd.r > 0 {
			rd.w = copy(rd.buf, rd.buf[rd.r:rd.w])
			rd.r = 0
		}
		if rd.w == 0 && len(rd.buf) > readBuffer && n <= readBuffer {
			rd.buf = make([]byte, readBuffer)
		}
		if rd.w == len(rd.buf) {
			rd.buf = append(rd.buf, make([]byte, len(rd.buf))...)
		}
		got, err := rd.src.Readv(nil, rd.buf[rd.w:])
		if err != nil {
			return err
		}
		rd.w += got
	}
	return nil
}

// block reads the payload of a piece message to its place.
func (rd *reader) block(index, begin, n uint32) error {
	b, ok := rd.link.cfg.Layout.Parse(index, begin, n)
	if !ok || n > wire.MaxBlock {
		return fmt.Errorf("%w: block of %d bytes at %d of piece %d, which cannot be", ErrFrame, n, begin, index)
	}
	if err := rd.admit(int(n)); err != nil {
		return err
	}
	place, verdict := rd.link.expected.take(b)
	if verdict != granted {
		return rd.skip(b, verdict)
	}
	if err := rd.fill(place.Dst); err != nil {
		place.State.Store(vacant)
		return err
	}
	place.State.Store(landed)
	return rd.add(Item{Kind: Landed, Block: b})
}

// admit waits until the limit lets n bytes pass. What was read before is handed
// over first: the socket does not run dry meanwhile, and the loop would hear of
// blocks, and ask for others, seconds late.
func (rd *reader) admit(n int) error {
	down := rd.link.cfg.Down
	for {
		delay, changed := down.reserve(n)
		if delay <= 0 {
			return nil
		}
		if err := rd.flush(); err != nil {
			down.giveBack(n, changed)
			return err
		}
		alarm(&rd.timer, delay)
		select {
		case <-rd.timer.C:
			return nil
		case <-changed:
		case <-rd.link.ctx.Done():
			down.giveBack(n, changed)
			return context.Cause(rd.link.ctx)
		}
	}
}

// fill reads all of dst: what is in the buffer, then from the socket straight
// to its place; what comes behind goes into the buffer.
func (rd *reader) fill(dst []byte) error {
	n := copy(dst, rd.buf[rd.r:rd.w])
	rd.r += n
	dst = dst[n:]
	for len(dst) > 0 {
		rd.r, rd.w = 0, 0 // the buffer is empty: all of it went to dst
		got, err := rd.src.Readv(dst, rd.buf)
		if err != nil {
			return err
		}
		direct := min(got, len(dst))
		dst = dst[direct:]
		rd.w = got - direct
	}
	return nil
}

// skip reads over a block that is not wanted.
func (rd *reader) skip(b piece.Block, v verdict) error {
	for left := int(b.Length); left > 0; {
		if rd.r == rd.w {
			if err := rd.need(1); err != nil {
				return err
			}
		}
		n := min(left, rd.w-rd.r)
		rd.r += n
		left -= n
	}
	if v == taken {
		return rd.add(Item{Kind: Missed, Block: b})
	}
	return rd.add(Item{Kind: Unasked, N: int(b.Length)})
}

// add puts an item into the batch and hands a full one over.
func (rd *reader) add(it Item) error {
	if rd.batch == nil {
		rd.batch = newBatch(rd.link.cfg.Key)
	}
	rd.batch.Items = append(rd.batch.Items, it)
	if len(rd.batch.Items) >= batchMax || rd.held >= heldMax {
		return rd.flush()
	}
	return nil
}

// flush hands over what was read.
func (rd *reader) flush() error {
	if rd.batch == nil {
		return nil
	}
	if err := rd.link.post(rd.batch); err != nil {
		return err // the batch stays for last: blocks have landed that the loop must hear of
	}
	rd.batch, rd.held = nil, 0
	return nil
}

// last returns what was read and not handed over, or an empty batch.
func (rd *reader) last() *Batch {
	if rd.batch == nil {
		return newBatch(rd.link.cfg.Key)
	}
	return rd.batch
}
