package wire_test

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"p2p/peer/wire"
)

// BEP 10: "(reserved_byte[5] & 0x10) is the expression to use for checking if
// the client supports extended messaging."
func TestExtendedBitIsBit20FromTheRight(t *testing.T) {
	for i := range 64 {
		var h wire.Handshake
		h.Reserved[7-i/8] = 1 << (i % 8)
		if got, want := h.SupportsExtended(), i == 20; got != want {
			t.Errorf("bit %d from the right alone: SupportsExtended is %v", i, got)
		}
	}
}

// BEP 10: "At the start of the payload of the message, is a single byte message
// identifier."
func TestExtendedMessageStartsWithItsOwnID(t *testing.T) {
	m, err := wire.Decode([]byte{20, 3, 'x'})
	if err != nil || m.ExtID != 3 || string(m.Payload) != "x" {
		t.Errorf("got %+v, %v", m, err)
	}
	var broken *wire.ProtocolError
	if _, err := wire.Decode([]byte{20}); !errors.As(err, &broken) {
		t.Errorf("without an id: error %v, want a ProtocolError", err)
	}
}

// The example of BEP 10: m, p and v of "µTorrent 1.2". (The first µ is the one
// byte of Latin-1, otherwise the length 6 in the BEP would be wrong.)
func TestExtHandshakeOfTheBEPIsUnderstood(t *testing.T) {
	const example = "d1:md11:LT_metadatai1e6:\xb5T_PEXi2ee1:pi6881e1:v13:\xc2\xb5Torrent 1.2e"
	got, err := wire.ParseExtHandshake([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	want := wire.ExtHandshake{
		M:      map[string]uint8{"LT_metadata": 1, "\xb5T_PEX": 2},
		Client: "µTorrent 1.2",
		Port:   6881,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if again := wire.AppendExtHandshake(nil, want); string(again) != example {
		t.Errorf("Append gave %q", again)
	}
}

func TestExtHandshakeComesBackAsItWent(t *testing.T) {
	want := wire.ExtHandshake{
		M:            map[string]uint8{"ut_metadata": 3, "p2_chat": 255, "ut_pex": 0},
		Client:       "p2p 1.0 ☃",
		ReqQ:         2000,
		YourIP:       netip.MustParseAddr("2001:db8::1"),
		Port:         65535,
		MetadataSize: 31235,
		UploadOnly:   true,
	}
	payload := wire.AppendExtHandshake([]byte("x"), want)
	if payload[0] != 'x' {
		t.Fatal("Append dropped what was there before")
	}
	got, err := wire.ParseExtHandshake(payload[1:])
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// BEP 10: "All items in the dictionary are optional. Any unknown names should
// be ignored by the client."
func TestExtHandshakeItemsAreOptionalAndUnknownOnesIgnored(t *testing.T) {
	for _, payload := range []string{
		"de",
		"d1:ei0e12:complete_agoi-1e4:ipv44:\x7f\x00\x00\x01e",
		"d1:xd1:b0:1:ali1eeee", // an unknown item may hold anything, even keys out of order
		"d1:v0:4:reqqi0ee",     // empty and zero
	} {
		got, err := wire.ParseExtHandshake([]byte(payload))
		if err != nil {
			t.Errorf("%q: %v", payload, err)
		}
		if !reflect.DeepEqual(got, wire.ExtHandshake{}) {
			t.Errorf("%q: got %+v, want nothing", payload, got)
		}
	}
}

// BEP 10: "Setting an extension number to zero means that the extension is not
// supported/disabled"; the zero must arrive, because "the m dictionary is
// additive".
func TestExtensionIDsOutsideAByteAreIgnored(t *testing.T) {
	payload := "d1:md0:i1e1:ai0e1:bi255e1:ci256e1:di-1e1:e1:11:fle1:gi1e65:" + long64 + "ai1eee"
	got, err := wire.ParseExtHandshake([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]uint8{"a": 0, "b": 255, "g": 1}; !reflect.DeepEqual(got.M, want) {
		t.Errorf("got %v, want %v", got.M, want)
	}
}

// Real clients send keys out of order; only a torrent's info dictionary must be
// in order, because it is hashed.
func TestExtHandshakeKeysMayBeInAnyOrder(t *testing.T) {
	got, err := wire.ParseExtHandshake([]byte("d1:pi6881e1:md6:ut_pexi1e11:ut_metadatai2eee"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Port != 6881 || got.M["ut_pex"] != 1 || got.M["ut_metadata"] != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestAbsurdItemsAreClampedOrIgnored(t *testing.T) {
	tests := map[string]wire.ExtHandshake{
		"d4:reqqi-1ee":                           {},
		"d4:reqqi9223372036854775807ee":          {ReqQ: wire.MaxReqQ},
		"d4:reqq4:manye":                         {},
		"d1:pi0ee":                               {},
		"d1:pi65536ee":                           {},
		"d1:pi65537ee":                           {},
		"d1:pi-6881ee":                           {},
		"d13:metadata_sizei-1ee":                 {},
		"d13:metadata_sizei67108864ee":           {MetadataSize: wire.MaxMetadataSize},
		"d13:metadata_sizei67108865ee":           {},
		"d6:yourip0:e":                           {},
		"d6:yourip5:12345e":                      {},
		"d6:youripi1ee":                          {},
		"d6:yourip4:\x01\x02\x03\x04e":           {YourIP: netip.MustParseAddr("1.2.3.4")},
		"d6:yourip16:" + mapped + "e":            {YourIP: netip.MustParseAddr("1.2.3.4")},
		"d11:upload_onlyi2ee":                    {UploadOnly: true},
		"d11:upload_onlyi-1ee":                   {},
		"d1:m4:texte":                            {},
		"d1:mle1:pi1ee":                          {Port: 1},
		"d1:vli1ee1:pi1ee":                       {Port: 1},
		"d1:vi7ee":                               {},
		"d1:v8:a\x1b[31m\x00\xffe":               {Client: "a[31m"},
		"d1:v12:a\u202eb\u200bc\u2066e":          {Client: "abc"},
		"d1:v5:\t a \ne":                         {Client: "a"},
		"d1:v66:" + long64 + "bbe":               {Client: long64},
		"d1:v65:" + long64[:63] + "\u00e9" + "e": {Client: long64[:63]}, // 2 bytes would not fit
	}
	for payload, want := range tests {
		got, err := wire.ParseExtHandshake([]byte(payload))
		if err != nil {
			t.Errorf("%q: %v", payload, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\n got %+v\nwant %+v", payload, got, want)
		}
	}
}

// mapped is 1.2.3.4 as an IPv6 address.
const mapped = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x01\x02\x03\x04"

var long64 = strings.Repeat("a", 64)

func TestExtHandshakeThatIsNoDictionaryIsAnError(t *testing.T) {
	var many strings.Builder
	for i := range wire.MaxExtensions + 1 {
		fmt.Fprintf(&many, "4:x%03di1e", i)
	}
	for name, payload := range map[string]string{
		"empty":               "",
		"text":                "3:abc",
		"list":                "le",
		"cut":                 "d1:pi6881e",
		"not bencode":         "hello",
		"key without value":   "d1:pe",
		"number as key":       "di1ei2ee",
		"more than 64 bits":   "d4:reqqi18446744073709551617ee",
		"claims 100 MB":       "d1:v104857600:e",
		"overflowing length":  "d1:v9999999999999999999999:e",
		"nested too deep":     "d1:x" + strings.Repeat("l", 5000) + strings.Repeat("e", 5000) + "e",
		"too long":            fmt.Sprintf("d1:x%d:%se", wire.MaxExtHandshake, strings.Repeat("x", wire.MaxExtHandshake)),
		"too many extensions": "d1:md" + many.String() + "ee",
	} {
		if got, err := wire.ParseExtHandshake([]byte(payload)); !errors.Is(err, wire.ErrExtHandshake) {
			t.Errorf("%s: got %+v, error %v, want ErrExtHandshake", name, got, err)
		}
	}
}

// The most expensive handshake that fits: thousands of extensions, and unknown
// items that are all nesting.
func TestExtHandshakeCostsLittleMemory(t *testing.T) {
	var m strings.Builder
	for i := 0; m.Len() < wire.MaxExtHandshake-200; i++ {
		fmt.Fprintf(&m, "4:%04di1e", i)
	}
	for name, payload := range map[string]string{
		"many extensions": "d1:md" + m.String() + "ee",
		"many lists":      "d1:xl" + strings.Repeat("le", wire.MaxExtHandshake/2-20) + "ee",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		wire.ParseExtHandshake([]byte(payload))
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%s: %d bytes of input made us allocate %d", name, len(payload), got)
		}
	}
}
