package people

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"p2p/peer/ext/chat/room"
)

// An account's vault at the directory holds, beside its key, the event that made the room of its devices: so a new
// device can write there at once, and need not wait for one that may be lost.

var errHeirloom = errors.New("what the directory keeps for the account cannot be read")

// heirloom returns the first event of the own room, as bytes.
func (n *Node) heirloom(ctx context.Context, s *self) ([]byte, error) {
	e, found, err := n.archive.Event(ctx, s.own)
	if err != nil || !found {
		return nil, errors.Join(err, errHeirloom)
	}
	head := e.Event.AppendTo(nil)
	b := binary.AppendUvarint(nil, uint64(len(head)))
	return append(append(b, head...), e.Body...), nil
}

// inherit puts the first event of the own room into the history, and returns the room's id.
func (n *Node) inherit(ctx context.Context, b []byte) (room.ID, error) {
	size, used := binary.Uvarint(b)
	if used <= 0 || size > uint64(len(b)-used) {
		return room.ID{}, errHeirloom
	}
	head, body := b[used:used+int(size)], b[used+int(size):]
	e, err := room.Parse(head)
	if err != nil {
		return room.ID{}, fmt.Errorf("%w: %w", errHeirloom, err)
	}
	log, err := n.archive.Room(ctx, e.ID)
	if err != nil {
		return room.ID{}, err
	}
	out, err := log.Room.Receive(e, body, 0)
	if err != nil {
		return room.ID{}, fmt.Errorf("%w: %w", errHeirloom, err)
	}
	return e.ID, log.Commit(out)
}
