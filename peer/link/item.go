package link

import (
	"sync"

	"p2p/peer/wire"
	"p2p/piece"
)

// ItemKind says what an Item reports.
type ItemKind uint8

const (
	// Message: Msg came. Its Payload belongs to the receiver.
	Message ItemKind = iota
	// Landed: Block came and lies at its place.
	Landed
	// Missed: Block came and was dropped, because another connection was just
	// putting the same one to its place.
	Missed
	// Unasked: a block of N bytes came that was not expected.
	Unasked
	// Sent: Blocks blocks of N bytes in all were written.
	Sent
)

// Item is one thing that happened on a connection.
type Item struct {
	Kind   ItemKind
	Block  piece.Block
	Msg    wire.Message
	Blocks int
	N      int
}

// Batch is what happened on one connection since the last one. The receiver
// gives it back with Recycle.
type Batch struct {
	Key   piece.PeerKey
	Items []Item
	// Err is not nil in the last Batch of a connection and says why it ended.
	Err error
}

var batches = sync.Pool{New: func() any { return &Batch{Items: make([]Item, 0, batchMax)} }}

// batchMax is how many items are handed over at once at the most.
const batchMax = 64

func newBatch(key piece.PeerKey) *Batch {
	b := batches.Get().(*Batch)
	b.Key = key
	return b
}

// Recycle gives the batch back; neither it nor its items may be used afterwards.
func (b *Batch) Recycle() {
	clear(b.Items) // payloads
	b.Items, b.Err = b.Items[:0], nil
	batches.Put(b)
}
