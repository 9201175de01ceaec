package link

import (
	"testing"

	"p2p/peer/wire"
)

// An extension is told to wait long before its messages would end the connection.
func TestAnOfferIsRefusedWhenMuchLiesUnread(t *testing.T) {
	o := newOutbox()
	m := wire.Message{ID: wire.Extended, ExtID: 1, Payload: make([]byte, wire.MaxExtended)}
	for range 2 {
		if !o.offer(Bulk, m) {
			t.Fatal("refused although there is room")
		}
	}
	if o.offer(Bulk, m) {
		t.Fatal("taken although 256 KiB lie unread")
	}
	if !o.send(Control, wire.Message{ID: wire.Unchoke}) {
		t.Error("offers took the room of the swarm's own messages")
	}
	var l load
	if !o.take(&l, 8) || len(l.frames) == 0 {
		t.Fatal("nothing to write")
	}
	for o.waiting > 0 { // the writer may take it in parts
		if !o.take(&l, 8) {
			t.Fatal("closed")
		}
	}
	if !o.offer(Bulk, m) {
		t.Error("refused although everything is written")
	}
	o.close()
	if o.offer(Bulk, m) {
		t.Error("taken after the end")
	}
}
