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
	// Where people talk, what is urgent waits for the blocks that are just being
	// written: they are fewer there, and as few as possible when that takes long.
	writePeopleMax   = 8
	writePeopleQuick = 5 * time.Millisecond
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
	small   []byte // for one block
	headers []byte
	vecs    net.Buffers
	spare   net.Buffers   // the memory of vecs
	packet  []byte        // for a connection that does not gather
	blocks  int           // how many to take next
	quick   time.Duration // a write that takes longer is for fewer blocks next time
	timer   *time.Timer   // of the limiter
	unsaid  []Item        // what was sent and not handed over, once the goroutine has ended
}

// run writes until the connection ends and returns why.
func (wr *writer) run() error {
	most := writeBlocksMax
	wr.quick = writeQuick
	if wr.link.cfg.People {
		most, wr.quick = writePeopleMax, writePeopleQuick
	}
	wr.blocks = writeBlocksMin
	for wr.link.outbox.take(&wr.load, min(wr.blocks, most, wr.link.cfg.Up.most())) {
		n := 0
		for _, b := range wr.load.blocks {
			n += int(b.Length)
		}
		if err := wr.pay(n); err != nil {
			return err
		}
		if err := wr.deliver(); err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		b := newBatch(wr.link.cfg.Key)
		b.Items = append(b.Items, Item{Kind: Sent, Blocks: len(wr.load.blocks), N: n})
		if err := wr.link.post(b); err != nil {
			wr.unsaid = b.Items // a peer that has all it wanted closes at once, and counts as served
			return err
		}
	}
	return net.ErrClosed
}

// pay waits until the limiter lets n bytes of blocks pass. What was reserved is
// given back when the connection ends first: who comes and goes, asking for much
// each time, would use the line up without sending anything.
func (wr *writer) pay(n int) error {
	up := wr.link.cfg.Up
	for {
		delay, changed := up.reserve(n)
		if delay <= 0 {
			return nil
		}
		alarm(&wr.timer, delay)
		switch paid, err := wr.await(changed); {
		case err != nil:
			up.giveBack(n, changed)
			return err
		case paid:
			return nil
		}
	}
}

// await waits for the timer, or for another limit: then it returns false. Messages do
// not wait with the blocks: on a slow line our own requests would stand behind what we
// send.
func (wr *writer) await(changed <-chan struct{}) (paid bool, err error) {
	for {
		if len(wr.load.frames) > 0 {
			wr.vecs = append(wr.spare[:0], wr.load.frames)
			if err := wr.send(); err != nil {
				return false, err
			}
			wr.load.frames = wr.load.frames[:0]
		}
		select {
		case <-wr.timer.C:
			return true, nil
		case <-changed:
			return false, nil
		case <-wr.link.outbox.wake:
			wr.link.outbox.takeFrames(&wr.load)
		case <-wr.link.ctx.Done():
			return false, context.Cause(wr.link.ctx)
		}
	}
}

// deliver sends the load: with one write if there is memory for all of its blocks, else
// block by block.
func (wr *writer) deliver() error {
	blocks := wr.load.blocks
	if len(blocks) <= 1 {
		return wr.write(blocks, wr.single())
	}
	if payload := wr.link.cfg.Payloads.borrow(); payload != nil {
		defer wr.link.cfg.Payloads.giveBack(payload)
		return wr.write(blocks, payload)
	}
	for i := range blocks {
		if err := wr.write(blocks[i:i+1], wr.single()); err != nil {
			return err
		}
		wr.load.frames = wr.load.frames[:0] // they went with the first
	}
	return nil
}

// single returns the memory for one block.
func (wr *writer) single() []byte {
	if wr.small == nil && len(wr.load.blocks) > 0 {
		wr.small = make([]byte, piece.BlockSize)
	}
	return wr.small
}

// gather reads blocks into payload, those that lie behind one another with one read, and
// lays header and payload of each behind the messages.
func (wr *writer) gather(blocks []piece.Block, payload []byte) error {
	wr.vecs = wr.spare[:0]
	if len(wr.load.frames) > 0 {
		wr.vecs = append(wr.vecs, wr.load.frames)
	}
	if err := wr.read(blocks, payload); err != nil {
		return err
	}
	wr.headers = wr.headers[:0]
	for _, b := range blocks {
		wr.headers = wire.AppendPieceHeader(wr.headers, b.Piece.Uint32(), b.Begin, int(b.Length))
	}
	at := 0
	for i, b := range blocks {
		wr.vecs = append(wr.vecs,
			wr.headers[i*wire.PieceHeaderLen:(i+1)*wire.PieceHeaderLen],
			payload[at:at+int(b.Length)])
		at += int(b.Length)
	}
	return nil
}

// read fills payload with blocks.
func (wr *writer) read(blocks []piece.Block, payload []byte) error {
	at := 0
	for len(blocks) > 0 {
		k, size := run(blocks)
		first := blocks[0]
		offset := wr.link.cfg.Layout.Offset(first.Piece) + int64(first.Begin)
		if err := wr.link.cfg.ReadAt(payload[at:at+size], offset); err != nil {
			return &DiskError{fmt.Errorf("read block %v for a peer: %w", first, err)}
		}
		at += size
		blocks = blocks[k:]
	}
	return nil
}

// write sends messages and blocks, and learns from how long that took.
func (wr *writer) write(blocks []piece.Block, payload []byte) error {
	if err := wr.gather(blocks, payload); err != nil {
		return err
	}
	begin := time.Now()
	if err := wr.send(); err != nil {
		return err
	}
	switch quick := time.Since(begin) < wr.quick; {
	case len(blocks) < wr.blocks:
	case quick:
		wr.blocks = min(2*wr.blocks, writeBlocksMax)
	default:
		wr.blocks = max(wr.blocks/2, writeBlocksMin)
	}
	return nil
}

// send sends what is gathered with one write: a vectored one into a socket. TLS makes
// records of whatever it is given, so that a header of its own would cost a system
// call and a record each time; it gets everything in large pieces.
func (wr *writer) send() error {
	wr.spare = wr.vecs // WriteTo eats vecs, not the memory that it lies in
	conn, now := wr.link.cfg.Conn, time.Now()
	if err := conn.SetWriteDeadline(now.Add(writeTimeout)); err != nil {
		return err
	}
	wr.link.writing.Store(max(int64(now.Sub(wr.link.begin)), 1))
	defer wr.link.writing.Store(0)
	if _, socket := conn.(*net.TCPConn); socket || len(wr.vecs) == 1 {
		_, err := wr.vecs.WriteTo(conn)
		return err
	}
	return wr.pack()
}

// packetMost is what is gathered for a connection that does not gather, in bytes: four
// full records of TLS, so that it is bounded whatever the load is.
const packetMost = 64 << 10

// pack sends what is gathered in packets.
func (wr *writer) pack() error {
	if wr.packet == nil {
		wr.packet = make([]byte, 0, packetMost)
	}
	wr.packet = wr.packet[:0]
	for _, b := range wr.vecs {
		for len(b) > 0 {
			n := min(len(b), packetMost-len(wr.packet))
			wr.packet = append(wr.packet, b[:n]...)
			b = b[n:]
			if len(wr.packet) < packetMost {
				continue
			}
			if _, err := wr.link.cfg.Conn.Write(wr.packet); err != nil {
				return err
			}
			wr.packet = wr.packet[:0]
		}
	}
	if len(wr.packet) == 0 {
		return nil
	}
	_, err := wr.link.cfg.Conn.Write(wr.packet)
	return err
}
