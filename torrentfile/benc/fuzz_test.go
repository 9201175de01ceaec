package benc_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"p2p/torrentfile/benc"
)

func seeds(f *testing.F) {
	for _, s := range []string{
		"", "i0e", "4:spam", "le", "de", "d3:bar4:spam3:fooi42ee", "d1:bi1e1:ai2ee", "d1:al1:bleee", "100000000:x",
		"i-0e", "d1:ai1e1:ai1ee", "li1e3:abcd1:al1:beee", "d8:msg_typei1ee trailing",
		strings.Repeat("l", 70), "l" + strings.Repeat("0:", 200) + "e",
	} {
		f.Add([]byte(s))
	}
}

// FuzzUnmarshal looks for input that crashes, that costs more memory than its
// length explains, or that does not mean what it says: what was decoded must
// encode to the same bytes.
func FuzzUnmarshal(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var v any
		var err error
		if cost, most := allocated(func() { err = benc.Unmarshal(b, &v, benc.Limits{}) }), int64(400*len(b)+1<<20); cost > most {
			t.Errorf("%d bytes cost %d bytes of memory, more than %d", len(b), cost, most)
		}
		if err != nil {
			return
		}
		out, err := benc.Marshal(v)
		if err != nil || !bytes.Equal(out, b) {
			t.Errorf("%q came back as %q, %v", b, out, err)
		}
	})
}

// FuzzPick checks that walking over values finds the same borders as decoding
// them does, and that what UnmarshalPrefix leaves is the end of its input.
func FuzzPick(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var raw benc.Raw
		rest, err := benc.UnmarshalPrefix(b, &raw, benc.Limits{})
		var syntax *benc.SyntaxError
		if err != nil {
			if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(b) {
				t.Fatalf("%v is not a SyntaxError inside the input", err)
			}
			return
		}
		if !bytes.Equal(append(bytes.Clone(raw), rest...), b) {
			t.Fatalf("%q was split into %q and %q", b, raw, rest)
		}
		if items, err := benc.Items(raw, benc.Limits{}); err == nil {
			joined := []byte("l")
			for item := range items {
				joined = append(joined, item...)
			}
			if joined = append(joined, 'e'); !bytes.Equal(joined, raw) {
				t.Fatalf("the items of %q join to %q", raw, joined)
			}
		}
		values, err := benc.Pick(raw, benc.Limits{}, "a", "info")
		if err != nil {
			return
		}
		var dict struct {
			A    benc.Raw `bencode:"a"`
			Info benc.Raw `bencode:"info"`
		}
		// The decoder is stricter than we are about dictionaries that nobody asked for.
		if benc.Unmarshal(raw, &dict, benc.Limits{}) == nil &&
			(!bytes.Equal(dict.A, values[0]) || !bytes.Equal(dict.Info, values[1])) {
			t.Fatalf("Pick found %q, the decoder %q and %q", values, dict.A, dict.Info)
		}
	})
}
