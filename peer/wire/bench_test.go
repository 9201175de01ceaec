package wire_test

import (
	"net/netip"
	"testing"

	"p2p/peer/wire"
)

func BenchmarkDecodeRequest(b *testing.B) {
	frame := wire.Append(nil, wire.Message{ID: wire.Request, Index: 1, Begin: 2, Length: 3})[4:]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.Decode(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodePiece(b *testing.B) {
	frame := wire.Append(nil, wire.Message{ID: wire.Piece, Payload: make([]byte, wire.MaxBlock)})[4:]
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		if _, err := wire.Decode(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendRequest(b *testing.B) {
	buf := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		buf = wire.Append(buf[:0], wire.Message{ID: wire.Request, Index: 1, Begin: 2, Length: 3})
	}
}

func BenchmarkAppendPieceHeader(b *testing.B) {
	buf := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		buf = wire.AppendPieceHeader(buf[:0], 1, 2, wire.MaxBlock)
	}
}

func BenchmarkParseExtHandshake(b *testing.B) {
	payload := wire.AppendExtHandshake(nil, wire.ExtHandshake{
		M: map[string]uint8{"ut_metadata": 1, "ut_pex": 2, "p2_chat": 3}, Client: "p2p 1.0", ReqQ: 2000, Port: 6881,
	})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.ParseExtHandshake(payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAllowedFastSet(b *testing.B) {
	ip := netip.MustParseAddr("80.4.4.200")
	b.ReportAllocs()
	for b.Loop() {
		wire.AllowedFastSet(ip, aaHash, 1313, 10)
	}
}
