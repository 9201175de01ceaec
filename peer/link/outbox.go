package link

import (
	"encoding/binary"
	"slices"
	"sync"

	"p2p/peer/ext"
	"p2p/peer/wire"
	"p2p/piece"
)

// Class is the urgency of what is to be written. Blocks come after all classes.
type Class = ext.Class

// The classes of the outbox, those of package ext.
const (
	Control = ext.Control
	Chat    = ext.Chat
	Audio   = ext.Audio
	Video   = ext.Video
	Bulk    = ext.Bulk
)

// outboxMax is how many bytes of messages may wait for a peer. It holds the
// haves of a large torrent many times over; a peer that lets more lie does not
// read, and is given up rather than fed from our memory.
const outboxMax = 1 << 20

// offerMax is how many bytes may wait for a peer before an offer is refused:
// extensions are told to wait long before the connection is in danger, and they
// alone cannot make 200 peers that do not read cost more than 50 MiB.
const offerMax = 256 << 10

// bulkMost is how many bytes of what nobody waits for are taken out at once, and one message at least: as much as
// a block. What is urgent waits for what is just being written.
const bulkMost = piece.BlockSize

// outbox is what is to be written to one peer. The loop puts in and never
// waits; the writer takes out.
type outbox struct {
	mu       sync.Mutex
	messages [ext.Classes][]byte // whole frames
	waiting  int                 // bytes in messages
	blocks   []piece.Block
	closed   bool
	ending   bool          // it is closed when nothing is left
	wake     chan struct{} // holds one token when there may be something new
}

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1)} }

// send queues a message. False means that the peer does not read and is to be
// given up.
func (o *outbox) send(class Class, m wire.Message) bool {
	o.mu.Lock()
	before := len(o.messages[class])
	o.messages[class] = wire.Append(o.messages[class], m)
	o.waiting += len(o.messages[class]) - before
	ok := o.waiting <= outboxMax
	o.mu.Unlock()
	o.signal()
	return ok
}

// offer queues a message if less than offerMax bytes wait. False means that it
// did not.
func (o *outbox) offer(class Class, m wire.Message) bool {
	o.mu.Lock()
	ok := !o.closed && o.waiting < offerMax
	if ok {
		before := len(o.messages[class])
		o.messages[class] = wire.Append(o.messages[class], m)
		o.waiting += len(o.messages[class]) - before
	}
	o.mu.Unlock()
	if ok {
		o.signal()
	}
	return ok
}

// serve queues a block.
func (o *outbox) serve(b piece.Block) {
	o.mu.Lock()
	o.blocks = append(o.blocks, b)
	o.mu.Unlock()
	o.signal()
}

func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.signal()
}

// end closes the outbox as soon as all messages were taken. No block goes any more.
func (o *outbox) end() {
	o.mu.Lock()
	o.ending, o.blocks = true, nil
	o.mu.Unlock()
	o.signal()
}

func (o *outbox) isEnding() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ending
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// load is what the writer takes out in one go.
type load struct {
	frames []byte        // messages, the urgent first
	blocks []piece.Block // blocks, behind the messages
}

// take moves what is next into l, at most max blocks. It waits until there is
// something; false means that the outbox is closed.
func (o *outbox) take(l *load, max int) bool {
	for {
		o.mu.Lock()
		if o.closed {
			o.mu.Unlock()
			return false
		}
		l.blocks = l.blocks[:0]
		o.moveFrames(l)
		n := min(max, len(o.blocks))
		if o.waiting > 0 { // blocks come after all messages
			n = 0
		}
		l.blocks = append(l.blocks, o.blocks[:n]...)
		o.blocks = slices.Delete(o.blocks, 0, n)
		ending := o.ending
		o.mu.Unlock()
		if len(l.frames)+len(l.blocks) > 0 {
			return true
		}
		if ending {
			return false
		}
		<-o.wake
	}
}

// takeFrames moves the messages alone into l, and does not wait.
func (o *outbox) takeFrames(l *load) {
	o.mu.Lock()
	o.moveFrames(l)
	o.mu.Unlock()
}

// moveFrames moves the messages into l, of the last class not more than bulkMost.
func (o *outbox) moveFrames(l *load) {
	l.frames = reuse(l.frames)
	for c := range Bulk {
		l.frames = append(l.frames, o.messages[c]...)
		o.messages[c] = reuse(o.messages[c])
	}
	bulk := o.messages[Bulk]
	n := wholeFrames(bulk, bulkMost)
	l.frames = append(l.frames, bulk[:n]...)
	if o.waiting = len(bulk) - n; o.waiting > 0 {
		o.messages[Bulk] = slices.Delete(bulk, 0, n)
		o.signal() // for the rest
	} else {
		o.messages[Bulk] = reuse(bulk)
	}
}

// wholeFrames returns how many bytes the first frames of b have: as many as fit into most, but one at
// least.
func wholeFrames(b []byte, most int) (n int) {
	for n < len(b) {
		next := n + 4 + int(binary.BigEndian.Uint32(b[n:]))
		if n > 0 && next > most {
			break
		}
		n = next
	}
	return n
}

// run returns how many of the first blocks lie behind one another in the same
// piece, so that one read gets them all, and their length in bytes.
func run(blocks []piece.Block) (n, size int) {
	for n < len(blocks) {
		b := blocks[n]
		if n > 0 && (b.Piece != blocks[0].Piece || b.Begin != blocks[0].Begin+uint32(size)) {
			break
		}
		size += int(b.Length)
		n++
	}
	return n, size
}

// reuse empties b, and lets go of it when a burst has made it large.
func reuse(b []byte) []byte {
	if cap(b) > 64<<10 {
		return nil
	}
	return b[:0]
}
