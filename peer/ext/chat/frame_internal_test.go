package chat

import (
	"bytes"
	"maps"
	"testing"

	"p2p/peer/ext"
	"p2p/peer/ext/chat/room"
)

func TestALongMessageGoesInPartsAndComesWhole(t *testing.T) {
	for _, size := range []int{0, 1, maxPart, maxPart + 1, room.MaxMessage} {
		message := bytes.Repeat([]byte("x"), size)
		var a assembly
		frames := appendMessage(nil, message, true)
		for i, f := range frames {
			if len(f) > ext.MaxPayload || f[0] != frameMessage {
				t.Fatalf("a frame of %d bytes", len(f))
			}
			got, begin, err := a.add(f[1:])
			if err != nil || !begin || (got != nil) != (i == len(frames)-1) || got != nil && !bytes.Equal(got, message) {
				t.Fatalf("part %d of %d: %d bytes, %v, %v", i, len(frames), len(got), begin, err)
			}
		}
	}
}

// FuzzAssembly checks that no more is kept than was sent, nor than a message can have.
func FuzzAssembly(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3}, uint8(1))
	f.Add([]byte{1, 1, 2, 3}, uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, times uint8) {
		var a assembly
		sent := 0
		for range times {
			sent += len(b)
			message, _, err := a.add(b)
			if len(a.parts) > min(sent, room.MaxMessage) || len(message) > room.MaxMessage {
				t.Fatalf("%d bytes are kept of %d", len(a.parts), sent)
			}
			if err != nil {
				return
			}
		}
	})
}

func FuzzSeen(f *testing.F) {
	f.Add(make([]byte, 2*seenSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		seen, err := parseSeen(b)
		if err != nil {
			return
		}
		again, err := parseSeen(appendSeen(seen)[1:])
		if err != nil || len(b) < ext.MaxPayload && !maps.Equal(seen, again) {
			t.Fatalf("%v became %v: %v", seen, again, err)
		}
	})
}
