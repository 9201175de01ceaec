package wire_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"p2p/peer/wire"
)

// vectors holds one message of every kind with its frame. The words in
// brackets name the bytes before them.
var vectors = []struct {
	m     wire.Message
	frame string
}{
	{wire.Message{ID: wire.KeepAlive}, "00000000[length]"},
	{wire.Message{ID: wire.Choke}, "00000001[length] 00[choke]"},
	{wire.Message{ID: wire.Unchoke}, "00000001[length] 01[unchoke]"},
	{wire.Message{ID: wire.Interested}, "00000001[length] 02[interested]"},
	{wire.Message{ID: wire.NotInterested}, "00000001[length] 03[not interested]"},
	{wire.Message{ID: wire.Have, Index: 0x01020304}, "00000005[length] 04[have] 01020304[index]"},
	{wire.Message{ID: wire.Bitfield, Payload: []byte{0xA0, 0x80}}, "00000003[length] 05[bitfield] a0[pieces 0 and 2] 80[piece 8]"},
	{wire.Message{ID: wire.Bitfield, Payload: []byte{}}, "00000001[length] 05[bitfield of a torrent without pieces]"},
	{
		wire.Message{ID: wire.Request, Index: 7, Begin: 0x8000, Length: 0x4000},
		"0000000d[length] 06[request] 00000007[index] 00008000[begin] 00004000[length]",
	},
	{
		wire.Message{ID: wire.Request, Index: 1<<32 - 1, Begin: 1<<32 - 1, Length: 1<<32 - 1},
		"0000000d[length] 06[request] ffffffff[index] ffffffff[begin] ffffffff[length]",
	},
	{
		wire.Message{ID: wire.Piece, Index: 7, Begin: 0x8000, Length: 3, Payload: []byte("abc")},
		"0000000c[length] 07[piece] 00000007[index] 00008000[begin] 616263[block]",
	},
	{
		wire.Message{ID: wire.Cancel, Index: 7, Begin: 0x8000, Length: 0x4000},
		"0000000d[length] 08[cancel] 00000007[index] 00008000[begin] 00004000[length]",
	},
	{wire.Message{ID: wire.Port, Index: 6881}, "00000003[length] 09[port] 1ae1[6881]"},
	{wire.Message{ID: wire.Suggest, Index: 9}, "00000005[length] 0d[suggest] 00000009[index]"},
	{wire.Message{ID: wire.HaveAll}, "00000001[length] 0e[have all]"},
	{wire.Message{ID: wire.HaveNone}, "00000001[length] 0f[have none]"},
	{
		wire.Message{ID: wire.Reject, Index: 7, Begin: 0x8000, Length: 0x4000},
		"0000000d[length] 10[reject] 00000007[index] 00008000[begin] 00004000[length]",
	},
	{wire.Message{ID: wire.AllowedFast, Index: 9}, "00000005[length] 11[allowed fast] 00000009[index]"},
	{wire.Message{ID: wire.Extended, ExtID: 3, Payload: []byte("de")}, "00000004[length] 14[extended] 03[its id] 6465[payload]"},
	{wire.Message{ID: wire.Extended, Payload: []byte{}}, "00000002[length] 14[extended] 00[handshake]"},
	{
		wire.Message{ID: wire.HashRequest, Payload: []byte(strings.Repeat("r", 48))},
		"00000031[length] 15[hash request]" + strings.Repeat("72", 48) + "[root, base layer, index, length, proof layers]",
	},
	{
		wire.Message{ID: wire.Hashes, Payload: []byte(strings.Repeat("h", 48+64))},
		"00000071[length] 16[hashes]" + strings.Repeat("68", 48) + "[as the request]" + strings.Repeat("68", 64) + "[2 hashes]",
	},
	{
		wire.Message{ID: wire.HashReject, Payload: []byte(strings.Repeat("r", 48))},
		"00000031[length] 17[hash reject]" + strings.Repeat("72", 48) + "[as the request]",
	},
}

// bytesOf returns the bytes of a frame written in hexadecimal, in which words
// in brackets and spaces are comments.
func bytesOf(t testing.TB, annotated string) []byte {
	t.Helper()
	var digits strings.Builder
	depth := 0
	for _, r := range annotated {
		switch {
		case r == '[':
			depth++
		case r == ']':
			depth--
		case depth == 0 && r != ' ':
			digits.WriteRune(r)
		}
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("vector %q: %v", annotated, err)
	}
	return b
}

func TestEveryMessageHasTheBytesOfItsBEP(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.m.ID.String(), func(t *testing.T) {
			want := bytesOf(t, v.frame)
			if got := wire.Append([]byte("before"), v.m); !bytes.Equal(got, append([]byte("before"), want...)) {
				t.Errorf("Append:\n got %x\nwant before%x", got, want)
			}
			got, err := wire.Decode(want[4:])
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, v.m) {
				t.Errorf("Decode:\n got %+v\nwant %+v", got, v.m)
			}
		})
	}
}

// A fixed-size message of another length would shift everything after it for
// a reader that trusts the type and not the prefix.
func TestWrongLengthsAreProtocolErrors(t *testing.T) {
	const block = wire.MaxBlock
	lengths := []struct {
		id        wire.ID
		low, high int // of the payload; high -1 means no limit here
	}{
		{wire.Choke, 0, 0}, {wire.Unchoke, 0, 0}, {wire.Interested, 0, 0}, {wire.NotInterested, 0, 0},
		{wire.Have, 4, 4}, {wire.Bitfield, 0, -1}, {wire.Request, 12, 12}, {wire.Piece, 8, 8 + block},
		{wire.Cancel, 12, 12}, {wire.Port, 2, 2}, {wire.Suggest, 4, 4}, {wire.HaveAll, 0, 0}, {wire.HaveNone, 0, 0},
		{wire.Reject, 12, 12}, {wire.AllowedFast, 4, 4}, {wire.Extended, 1, 1 + wire.MaxExtended},
		{wire.HashRequest, 48, 48}, {wire.Hashes, 48, 48 + wire.MaxHashes}, {wire.HashReject, 48, 48},
	}
	for _, l := range lengths {
		for _, n := range []int{0, 1, l.low - 1, l.low, l.low + 1, l.high, l.high + 1} {
			if n < 0 {
				continue
			}
			ok := n >= l.low && (n <= l.high || l.high < 0)
			if l.id == wire.Hashes && n%32 != 16 {
				ok = false // whole hashes only
			}
			t.Run(fmt.Sprintf("%v/%d bytes", l.id, n), func(t *testing.T) {
				frame := append([]byte{byte(l.id)}, make([]byte, n)...)
				_, err := wire.Decode(frame)
				var broken *wire.ProtocolError
				switch {
				case ok && err != nil:
					t.Errorf("refused: %v", err)
				case !ok && !errors.As(err, &broken):
					t.Errorf("error %v, want a ProtocolError", err)
				case !ok && (broken.ID != l.id || broken.Got != n || broken.Want == ""):
					t.Errorf("error %+v does not describe %v with %d bytes", broken, l.id, n)
				}
			})
		}
	}
}

func TestProtocolErrorSaysWhatWasWanted(t *testing.T) {
	_, err := wire.Decode([]byte{byte(wire.Have), 0, 0, 0})
	const want = "have message with 3 bytes of payload, want 4"
	if err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

func TestUnknownMessagesCanBeSkipped(t *testing.T) {
	known := map[wire.ID]bool{}
	for _, v := range vectors {
		known[v.m.ID] = v.m.ID != wire.KeepAlive
	}
	for i := range 256 {
		id := wire.ID(i)
		if known[id] {
			continue
		}
		m, err := wire.Decode([]byte{byte(i), 'x', 'y'})
		if !errors.Is(err, wire.ErrUnknown) {
			t.Errorf("id %d: error %v, want ErrUnknown", i, err)
		}
		var broken *wire.ProtocolError
		if errors.As(err, &broken) {
			t.Errorf("id %d: a ProtocolError would close the connection", i)
		}
		if m.ID != id || string(m.Payload) != "xy" {
			t.Errorf("id %d: message %+v", i, m)
		}
	}
}

func TestStringNamesEveryMessage(t *testing.T) {
	for _, v := range vectors {
		if name := v.m.ID.String(); strings.HasPrefix(name, "message") {
			t.Errorf("id %d has no name", uint8(v.m.ID))
		}
	}
	if got := wire.ID(99).String(); got != "message 99" {
		t.Errorf("id 99 is called %q", got)
	}
}

func TestPieceHeaderAndBlockMakeAPieceMessage(t *testing.T) {
	block := []byte("the block")
	got := wire.AppendPieceHeader(nil, 7, 0x8000, len(block))
	if len(got) != wire.PieceHeaderLen {
		t.Fatalf("header of %d bytes, want %d", len(got), wire.PieceHeaderLen)
	}
	if index, begin := wire.ParsePieceHeader(got[5:]); index != 7 || begin != 0x8000 {
		t.Errorf("header read as piece %d, begin %d", index, begin)
	}
	want := wire.Append(nil, wire.Message{ID: wire.Piece, Index: 7, Begin: 0x8000, Payload: block})
	if got = append(got, block...); !bytes.Equal(got, want) {
		t.Errorf("got %x\nwant %x", got, want)
	}
}

func TestFrameLimitAdmitsEveryLegalMessageAndNoMore(t *testing.T) {
	for _, pieces := range []int{0, 1, 1000, 8*(1+wire.MaxExtended) + 1, 1 << 21} {
		limit := wire.FrameLimit(pieces)
		longest := max(
			len(wire.Append(nil, wire.Message{ID: wire.Bitfield, Payload: make([]byte, (pieces+7)/8)})),
			len(wire.Append(nil, wire.Message{ID: wire.Piece, Payload: make([]byte, wire.MaxBlock)})),
			len(wire.Append(nil, wire.Message{ID: wire.Extended, Payload: make([]byte, wire.MaxExtended)})),
			len(wire.Append(nil, wire.Message{ID: wire.Hashes, Payload: make([]byte, 48+wire.MaxHashes)})),
		) - 4
		if limit != longest {
			t.Errorf("%d pieces: limit %d, the longest legal frame has %d bytes", pieces, limit, longest)
		}
	}
}

func TestDecodeAndAppendDoNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 1<<10)
	for _, v := range vectors {
		frame := bytesOf(t, v.frame)[4:]
		if n := testing.AllocsPerRun(100, func() {
			m, err := wire.Decode(frame)
			if err != nil {
				t.Fatal(err)
			}
			buf = wire.Append(buf[:0], m)
		}); n != 0 {
			t.Errorf("%v: %v allocations, want 0", v.m.ID, n)
		}
	}
	unknown := []byte{200, 1, 2, 3}
	if n := testing.AllocsPerRun(100, func() { _, _ = wire.Decode(unknown) }); n != 0 {
		t.Errorf("unknown message: %v allocations, want 0", n)
	}
	if n := testing.AllocsPerRun(100, func() { buf = wire.AppendPieceHeader(buf[:0], 1, 2, 3) }); n != 0 {
		t.Errorf("piece header: %v allocations, want 0", n)
	}
}
