package link

import (
	"slices"
	"sync"

	"p2p/peer/wire"
	"p2p/piece"
)

// Class is the urgency of what is to be written. What is of a lower number goes
// first, strictly; within a class the order stays.
type Class uint8

// The classes of the outbox.
const (
	Control Class = iota // choke, interest, have, request, cancel: the swarm itself
	Chat                 // text and presence
	Audio
	Video
	Bulk // tunnels; and, behind them, blocks
	classes
)

// outboxMax is how many bytes of messages may wait for a peer. It holds the
// haves of a large torrent many times over; a peer that lets more lie does not
// read, and is given up rather than fed from our memory.
const outboxMax = 1 << 20

// outbox is what is to be written to one peer. The loop puts in and never
// waits; the writer takes out.
type outbox struct {
	mu       sync.Mutex
	messages [classes][]byte // whole frames
	waiting  int             // bytes in messages
	blocks   []piece.Block
	closed   bool
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
		l.frames, l.blocks = l.frames[:0], l.blocks[:0]
		for c := range o.messages {
			l.frames = append(l.frames, o.messages[c]...)
			o.messages[c] = reuse(o.messages[c])
		}
		o.waiting = 0
		n := run(o.blocks, max)
		l.blocks = append(l.blocks, o.blocks[:n]...)
		o.blocks = slices.Delete(o.blocks, 0, n)
		o.mu.Unlock()
		if len(l.frames)+len(l.blocks) > 0 {
			return true
		}
		<-o.wake
	}
}

// run returns how many blocks, at most max, lie behind one another in the same
// piece, so that one read gets them all.
func run(blocks []piece.Block, max int) int {
	n := min(1, len(blocks))
	for n < len(blocks) && n < max {
		last, b := blocks[n-1], blocks[n]
		if b.Piece != last.Piece || b.Begin != last.Begin+last.Length {
			break
		}
		n++
	}
	return n
}

// reuse empties b, and lets go of it when a burst has made it large.
func reuse(b []byte) []byte {
	if cap(b) > 64<<10 {
		return nil
	}
	return b[:0]
}
