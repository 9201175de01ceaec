package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"p2p/peer/wire"
	"p2p/torrentfile/infohash"
)

// handshake returns the 68 bytes of a handshake and what they mean.
func handshake() ([]byte, wire.Handshake) {
	b := []byte("\x13BitTorrent protocol" + "\x00\x00\x00\x00\x00\x10\x00\x05" + "aaaaaaaaaaaaaaaaaaaa" + "-XX0000-bbbbbbbbbbbb")
	h := wire.Handshake{Reserved: [8]byte{5: 0x10, 7: 0x05}}
	copy(h.InfoHash[:], "aaaaaaaaaaaaaaaaaaaa")
	copy(h.PeerID[:], "-XX0000-bbbbbbbbbbbb")
	return b, h
}

// BEP 3: "The handshake starts with character nineteen (decimal) followed by
// the string 'BitTorrent protocol'."
func TestHandshakeStartsWithTheNameOfTheProtocol(t *testing.T) {
	good, _ := handshake()
	if len(good) != wire.HandshakeLen {
		t.Fatalf("a handshake has %d bytes, HandshakeLen is %d", len(good), wire.HandshakeLen)
	}
	for i := range 20 {
		bad := bytes.Clone(good)
		bad[i] ^= 0x20
		if _, err := wire.ParseHandshake(bad); !errors.Is(err, wire.ErrHandshake) {
			t.Errorf("byte %d changed: error %v, want ErrHandshake", i, err)
		}
	}
	for _, n := range []int{0, 19, 20, 67, 69} {
		if _, err := wire.ParseHandshake(append(bytes.Clone(good), 0)[:n]); !errors.Is(err, wire.ErrHandshake) {
			t.Errorf("%d bytes: error %v, want ErrHandshake", n, err)
		}
	}
}

// BEP 3: "After the fixed headers come eight reserved bytes", "Next comes the
// 20 byte sha1 hash of the bencoded form of the info value", "After the
// download hash comes the 20-byte peer id".
func TestHandshakeFieldsStandInTheirOrder(t *testing.T) {
	b, want := handshake()
	got, err := wire.ParseHandshake(b)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if out := want.Append([]byte("x")); !bytes.Equal(out, append([]byte("x"), b...)) {
		t.Errorf("Append gave %q", out)
	}
}

func TestOurReservedBitsAreThoseThatWeSpeak(t *testing.T) {
	h := wire.Handshake{Reserved: wire.Reserved(), InfoHash: infohash.T{1}}
	if !h.SupportsFast() || !h.SupportsExtended() {
		t.Error("our own handshake lacks a bit")
	}
	if want := [8]byte{5: 0x10, 7: 0x04}; h.Reserved != want {
		t.Errorf("reserved bytes %x, want %x: a bit that we do not speak must be zero", h.Reserved, want)
	}
}

// BEP 3: "All later integers sent in the protocol are encoded as four bytes
// big-endian."
func TestIntegersAreFourBytesBigEndian(t *testing.T) {
	frame := wire.Append(nil, wire.Message{ID: wire.Request, Index: 1, Begin: 2, Length: 3})
	for i, want := range map[int]uint32{0: 13, 5: 1, 9: 2, 13: 3} {
		if got := binary.BigEndian.Uint32(frame[i:]); got != want {
			t.Errorf("integer at %d is %d, want %d", i, got, want)
		}
	}
}

// BEP 3: "Messages of length zero are keepalives, and ignored."
func TestFrameOfLengthZeroIsAKeepAlive(t *testing.T) {
	for _, frame := range [][]byte{nil, {}} {
		m, err := wire.Decode(frame)
		if err != nil || m.ID != wire.KeepAlive {
			t.Errorf("got %v, %v", m.ID, err)
		}
	}
}

// BEP 3: "'choke', 'unchoke', 'interested', and 'not interested' have no
// payload."
func TestStateMessagesHaveNoPayload(t *testing.T) {
	for _, id := range []wire.ID{wire.Choke, wire.Unchoke, wire.Interested, wire.NotInterested} {
		if frame := wire.Append(nil, wire.Message{ID: id, Index: 1, Payload: []byte("x")}); len(frame) != 5 {
			t.Errorf("%v: frame of %d bytes", id, len(frame))
		}
		if _, err := wire.Decode([]byte{byte(id), 0}); err == nil {
			t.Errorf("%v with a payload is accepted", id)
		}
	}
}

// BEP 3: "'cancel' messages have the same payload as request messages."
func TestCancelHasThePayloadOfRequest(t *testing.T) {
	request := wire.Append(nil, wire.Message{ID: wire.Request, Index: 1, Begin: 2, Length: 3})
	cancel := wire.Append(nil, wire.Message{ID: wire.Cancel, Index: 1, Begin: 2, Length: 3})
	if !bytes.Equal(request[5:], cancel[5:]) {
		t.Errorf("request %x, cancel %x", request, cancel)
	}
}

// BEP 3: "All current implementations use 2^14 (16 kiB), and close connections
// which request an amount greater than that." We never ask for more, so a
// longer block was not asked for.
func TestBlockIsAtMost16KiB(t *testing.T) {
	frame := func(n int) []byte {
		return wire.Append(nil, wire.Message{ID: wire.Piece, Payload: make([]byte, n)})[4:]
	}
	if m, err := wire.Decode(frame(1 << 14)); err != nil || m.Length != 1<<14 {
		t.Errorf("16 KiB: length %d, error %v", m.Length, err)
	}
	var broken *wire.ProtocolError
	if _, err := wire.Decode(frame(1<<14 + 1)); !errors.As(err, &broken) {
		t.Errorf("16 KiB and 1 byte: error %v, want a ProtocolError", err)
	}
}

// BEP 5: "It begins with byte 0x09 and has a two byte payload containing the UDP
// port of the DHT node in network byte order."
func TestPortIsTwoBytes(t *testing.T) {
	m, err := wire.Decode([]byte{9, 0xFF, 0xFE})
	if err != nil || m.Index != 0xFFFE {
		t.Errorf("got port %d, %v", m.Index, err)
	}
}
