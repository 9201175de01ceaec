package link

import (
	"context"
	"fmt"
	"net"
	"time"

	"p2p/peer/wire"
	"p2p/piece"
)

// The writer's measures.
const (
	// writeTimeout is how long one write may take. A peer that reads nothing
	// for so long is gone (libtorrent: peer_timeout, 120 s).
	writeTimeout = 2 * time.Minute
	// A writer takes up to so many blocks at once; it begins with few, so that
	// many slow peers hold little memory, and takes more from one that reads
	// fast.
	writeBlocksMin = 1
	writeBlocksMax = piece.SpanBlocks
	writeQuick     = 50 * time.Millisecond
)

// DiskError ends a connection for a reason that is not the peer's: a block that
// we have could not be read.
type DiskError struct{ Err error }

// Error implements error.
func (e *DiskError) Error() string { return e.Err.Error() }

// Unwrap returns what the disk said.
func (e *DiskError) Unwrap() error { return e.Err }

// writer sends what is in the outbox. It belongs to the write goroutine of its
// Link.
type writer struct {
	link    *Link
	load    load
	payload []byte // of the blocks of a load
	headers []byte
	vecs    net.Buffers
	spare   net.Buffers // the memory of vecs
	blocks  int         // how many to take next
	timer   *time.Timer // of the limiter
}

// run writes until the connection ends and returns why.
func (wr *writer) run() error {
	most := wr.link.cfg.Up.most()
	wr.blocks = writeBlocksMin
	for wr.link.outbox.take(&wr.load, min(wr.blocks, most)) {
		n := 0
		for _, b := range wr.load.blocks {
			n += int(b.Length)
		}
		if err := wr.pay(n); err != nil {
			return err
		}
		if err := wr.gather(n); err != nil {
			return err
		}
		if err := wr.write(); err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		b := newBatch(wr.link.cfg.Key)
		b.Items = append(b.Items, Item{Kind: Sent, Blocks: len(wr.load.blocks), N: n})
		if err := wr.link.post(b); err != nil {
			return err
		}
	}
	return net.ErrClosed
}

// pay waits until the limiter lets n bytes of blocks pass. Messages do not wait
// with them: on a slow line our own requests would stand behind what we send. What
// was reserved is given back when the connection ends first: who comes and goes,
// asking for much each time, would use the line up without sending anything.
func (wr *writer) pay(n int) (err error) {
	up := wr.link.cfg.Up
	delay := up.reserve(n)
	if delay <= 0 {
		return nil
	}
	defer func() {
		if err != nil {
			up.giveBack(n)
		}
	}()
	alarm(&wr.timer, delay)
	for {
		if len(wr.load.frames) > 0 {
			wr.vecs = append(wr.spare[:0], wr.load.frames)
			if err := wr.send(); err != nil {
				return err
			}
			wr.load.frames = wr.load.frames[:0]
		}
		select {
		case <-wr.timer.C:
			return nil
		case <-wr.link.outbox.wake:
			wr.link.outbox.takeFrames(&wr.load)
		case <-wr.link.ctx.Done():
			return context.Cause(wr.link.ctx)
		}
	}
}

// gather reads the n bytes of the blocks of the load, those that lie behind one
// another with one read, and lays header and payload of each behind the
// messages.
func (wr *writer) gather(n int) error {
	wr.vecs = wr.spare[:0]
	if len(wr.load.frames) > 0 {
		wr.vecs = append(wr.vecs, wr.load.frames)
	}
	if n == 0 {
		return nil
	}
	if cap(wr.payload) < n {
		wr.payload = make([]byte, n)
	}
	wr.payload = wr.payload[:n]
	if err := wr.read(); err != nil {
		return err
	}
	wr.headers = wr.headers[:0]
	for _, b := range wr.load.blocks {
		wr.headers = wire.AppendPieceHeader(wr.headers, b.Piece.Uint32(), b.Begin, int(b.Length))
	}
	at := 0
	for i, b := range wr.load.blocks {
		wr.vecs = append(wr.vecs,
			wr.headers[i*wire.PieceHeaderLen:(i+1)*wire.PieceHeaderLen],
			wr.payload[at:at+int(b.Length)])
		at += int(b.Length)
	}
	return nil
}

// read fills payload with the blocks of the load.
func (wr *writer) read() error {
	at := 0
	for blocks := wr.load.blocks; len(blocks) > 0; {
		k, size := run(blocks)
		first := blocks[0]
		offset := wr.link.cfg.Layout.Offset(first.Piece) + int64(first.Begin)
		if err := wr.link.cfg.ReadAt(wr.payload[at:at+size], offset); err != nil {
			return &DiskError{fmt.Errorf("read block %v for a peer: %w", first, err)}
		}
		at += size
		blocks = blocks[k:]
	}
	return nil
}

// write sends the load and learns from how long that took.
func (wr *writer) write() error {
	begin := time.Now()
	if err := wr.send(); err != nil {
		return err
	}
	switch quick := time.Since(begin) < writeQuick; {
	case len(wr.load.blocks) < wr.blocks:
	case quick:
		wr.blocks = min(2*wr.blocks, writeBlocksMax)
	default:
		wr.blocks = max(wr.blocks/2, writeBlocksMin)
	}
	return nil
}

// send sends what is gathered with one vectored write.
func (wr *writer) send() error {
	wr.spare = wr.vecs // WriteTo eats vecs, not the memory that it lies in
	if err := wr.link.cfg.Conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := wr.vecs.WriteTo(wr.link.cfg.Conn)
	return err
}
