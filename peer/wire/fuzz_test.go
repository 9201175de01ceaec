package wire_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"unicode/utf8"

	"p2p/peer/wire"
)

// FuzzDecode decodes any frame, appends what came out and decodes it again:
// the frame must come back byte by byte and the message field by field.
func FuzzDecode(f *testing.F) {
	for _, v := range vectors {
		f.Add(bytesOf(f, v.frame)[4:])
	}
	f.Add([]byte{0xFF})
	f.Add([]byte{200, 1, 2})
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := wire.Decode(frame)
		if len(m.Payload) > len(frame) {
			t.Fatalf("payload of %d bytes from a frame of %d", len(m.Payload), len(frame))
		}
		var broken *wire.ProtocolError
		if errors.As(err, &broken) {
			if broken.Got != len(frame)-1 || broken.ID != wire.ID(frame[0]) {
				t.Fatalf("error %v does not describe the frame", err)
			}
			return
		}
		if err != nil && !errors.Is(err, wire.ErrUnknown) {
			t.Fatalf("error %v is of no kind that callers know", err)
		}
		if errors.Is(err, wire.ErrUnknown) && m.ID == wire.KeepAlive {
			return // our own number, which Append writes as the empty frame
		}
		out := wire.Append(nil, m)
		if !bytes.Equal(out[4:], frame) {
			t.Fatalf("came back as %x", out)
		}
		again, err2 := wire.Decode(out[4:])
		if !reflect.DeepEqual(again, m) || !errors.Is(err2, err) {
			t.Fatalf("second time %+v, %v; first time %+v, %v", again, err2, m, err)
		}
	})
}

func FuzzHandshake(f *testing.F) {
	good, _ := handshake()
	f.Add(good)
	f.Add(good[:67])
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := wire.ParseHandshake(b)
		if err != nil {
			if !errors.Is(err, wire.ErrHandshake) {
				t.Fatalf("error %v is not ErrHandshake", err)
			}
			if len(err.Error()) > 200 {
				t.Fatalf("the error quotes %d bytes", len(err.Error()))
			}
			return
		}
		if out := h.Append(nil); !bytes.Equal(out, b) {
			t.Fatalf("came back as %x", out)
		}
	})
}

func FuzzExtHandshake(f *testing.F) {
	f.Add([]byte("d1:md11:LT_metadatai1e6:\xb5T_PEXi2ee1:pi6881e1:v13:\xc2\xb5Torrent 1.2e"))
	f.Add([]byte("d13:metadata_sizei31235e4:reqqi250e11:upload_onlyi1e6:yourip4:\x7f\x00\x00\x01e"))
	f.Add([]byte("d1:v104857600:e"))
	f.Add([]byte("d1:xllllllllllllllllllllllllllllllllllllllll"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		h, err := wire.ParseExtHandshake(payload)
		if err != nil {
			if !errors.Is(err, wire.ErrExtHandshake) {
				t.Fatalf("error %v is not ErrExtHandshake", err)
			}
			return
		}
		switch {
		case len(h.M) > wire.MaxExtensions, len(h.Client) > wire.MaxClient, !utf8.ValidString(h.Client),
			h.ReqQ < 0, h.ReqQ > wire.MaxReqQ, h.MetadataSize < 0, h.MetadataSize > wire.MaxMetadataSize,
			h.YourIP.Is4In6():
			t.Fatalf("past the limits: %+v", h)
		}
		again, err := wire.ParseExtHandshake(wire.AppendExtHandshake(nil, h))
		if err != nil {
			t.Fatalf("our own form is refused: %v", err)
		}
		if !reflect.DeepEqual(again, h) {
			t.Fatalf("second time %+v, first time %+v", again, h)
		}
	})
}
