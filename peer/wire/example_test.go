package wire_test

import (
	"encoding/binary"
	"errors"
	"fmt"

	"p2p/peer/wire"
)

// A reader takes one frame after the other from what has arrived.
func ExampleDecode() {
	stream := wire.Append(nil, wire.Message{ID: wire.Unchoke})
	stream = wire.Append(stream, wire.Message{ID: wire.ID(200)}) // from the future
	stream = wire.Append(stream, wire.Message{ID: wire.Have, Index: 7})

	for limit := wire.FrameLimit(1000); len(stream) >= 4; {
		n := binary.BigEndian.Uint32(stream)
		if n > uint32(limit) {
			fmt.Println("too long, close")
			return
		}
		m, err := wire.Decode(stream[4 : 4+n])
		stream = stream[4+n:]
		switch {
		case errors.Is(err, wire.ErrUnknown):
			fmt.Println("skip", m.ID)
		case err != nil:
			fmt.Println("close:", err)
			return
		default:
			fmt.Println(m.ID, m.Index)
		}
	}
	// Output:
	// unchoke 0
	// skip message 200
	// have 7
}
