package chat

import (
	"bytes"
	"maps"
	"testing"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

func testReceipt(t testing.TB, logs int) (receipt, room.ID) {
	t.Helper()
	device, err := identity.SecretOf(bytes.Repeat([]byte{7}, identity.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	r := receipt{number: 9, read: room.ID{1}, logs: map[logName]progress{}}
	for i := range logs {
		r.logs[logName{byte(i >> 8), byte(i)}] = progress{stored: uint64(i) + 1<<40, seen: uint64(i)}
	}
	in := room.ID{2}
	r.sign(device, in)
	return r, in
}

func TestAReceiptIsGoodForItsRoomAloneAndAsItWasSigned(t *testing.T) {
	r, in := testReceipt(t, 3)
	if !r.signs(in) || r.signs(room.ID{3}) {
		t.Error("it is not good for its room, or for another one too")
	}
	for i := range r.raw {
		b := bytes.Clone(r.raw)
		b[i] ^= 1
		if forged, err := parseReceipt(b); err == nil && forged.signs(in) {
			t.Errorf("byte %d can be another one", i)
		}
	}
}

func TestAReceiptInALargeRoomTellsOfAsManyLogsAsItMay(t *testing.T) {
	r, in := testReceipt(t, maxReceiptLogs+1)
	got, err := parseReceipts(appendReceipt(nil, &r)[1:])
	if err != nil || len(got) != 1 || len(got[0].logs) != maxReceiptLogs || !got[0].signs(in) || len(r.raw) > maxReceipt {
		t.Errorf("%d bytes became %d receipts: %v", len(r.raw), len(got), err)
	}
	if _, err := parseReceipt(make([]byte, maxReceipt+1)); err == nil {
		t.Error("one that is too long is read")
	}
}

func FuzzReceipts(f *testing.F) {
	r, in := testReceipt(f, 3)
	two := appendReceipt(appendReceipt(nil, &r), &r)[1:]
	f.Add(two)
	f.Add(two[:len(two)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := parseReceipts(b)
		if err != nil {
			return
		}
		size := 0
		var frame []byte
		for i := range all {
			r := &all[i]
			size += len(r.raw) + len(r.logs)
			r.signs(in)
			for _, p := range r.logs {
				if p.seen > p.stored {
					t.Fatalf("%+v has read more than it has", p)
				}
			}
			frame = appendReceipt(frame, r)
		}
		if size > 2*len(b) {
			t.Fatalf("%d bytes are kept of %d", size, len(b))
		}
		if len(all) == 0 {
			return
		}
		again, err := parseReceipts(frame[1:])
		if err != nil || len(again) != len(all) || !maps.Equal(again[0].logs, all[0].logs) {
			t.Fatalf("%v became %v: %v", all, again, err)
		}
	})
}
