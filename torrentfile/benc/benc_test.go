package benc_test

import (
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"p2p/torrentfile/benc"
)

// allocated returns how many bytes f allocates in all.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

func TestMalformedInputIsRefusedWithOffsetAndReason(t *testing.T) {
	tests := []struct {
		name, in string
		offset   int
		reason   string
	}{
		{"nothing", "", 0, "unexpected end"},
		{"text", "hello", 0, "unexpected character 'h'"},
		{"a lone end", "e", 0, "unexpected end of a list or dictionary"},
		{"a list without end", "l4:spam", 7, "unexpected end"},
		{"a dictionary without end", "d3:cowi1e", 9, "unexpected end"},
		{"a key without value", "d3:cowe", 6, `dictionary key "cow" has no value`},
		// BEP 3: "Keys must be strings".
		{"a key that is a number", "di1e3:cowe", 1, "dictionary key is not a string"},
		{"a key that is a list", "dle3:cowe", 1, "dictionary key is not a string"},
		{"a key twice in a row", "d1:ai1e1:ai2ee", 7, `dictionary key "a" appears twice`},
		{"an empty key twice in a row", "d0:i1e0:i2ee", 6, `dictionary key "" appears twice`},
		{"a number without end", "i12", 3, "unexpected end"},
		{"a number without digits", "ie", 1, `unexpected character 'e' in a number`},
		{"a sign without digits", "i-e", 2, `unexpected character 'e' in a number`},
		{"a plus sign", "i+1e", 1, `unexpected character '+' in a number`},
		{"a fraction", "i1.5e", 2, `unexpected character '.' in a number`},
		// BEP 3: "i-0e is invalid. All encodings with a leading zero, such as i03e,
		// are invalid, other than i0e".
		{"negative zero", "i-0e", 0, "negative zero"},
		{"a leading zero", "i03e", 1, "number with a leading zero"},
		{"two zeros", "i00e", 1, "number with a leading zero"},
		{"a negative leading zero", "i-01e", 2, "number with a leading zero"},
		{"a number of 64 bits", "i9223372036854775808e", 1, "number is too large"},
		{"a negative number of 65 bits", "i-9223372036854775809e", 2, "number is too large"},
		// libtorrent's v2_overlong_integer.torrent.
		{"a number of a thousand digits", "i" + strings.Repeat("9", 1000) + "e", 1, "number is too large"},
		{"a string shorter than claimed", "5:spam", 0, "string of 5 bytes where 4 are left"},
		{"a string without colon", "4spam", 1, `unexpected character 's' in a number`},
		{"a length with a leading zero", "04:spam", 0, "number with a leading zero"},
		// heapless-bencode issue 5: the length overflows 32 bits.
		{"a length past 32 bits", "2147483652:spam", 0, "string of 2147483652 bytes where 4 are left"},
		{"a length past 64 bits", "18446744073709551620:spam", 0, "number is too large"},
		{"a negative length", "-1:a", 0, "unexpected character '-'"},
		{"bytes after the end", "i1ei2e", 3, "3 bytes after the end"},
		{"a length inside a list past its end", "l1000:abe", 1, "string of 1000 bytes where 3 are left"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var v any
			err := benc.Unmarshal([]byte(tt.in), &v, benc.Limits{})
			var syntax *benc.SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("Unmarshal(%.40q) = %v, want a *SyntaxError", tt.in, err)
			}
			if syntax.Offset != tt.offset || syntax.Reason != tt.reason {
				t.Errorf("Unmarshal(%.40q) = offset %d, %q; want offset %d, %q", tt.in, syntax.Offset, syntax.Reason, tt.offset, tt.reason)
			}
		})
	}
}

func TestValuesSurviveARoundTrip(t *testing.T) {
	for _, in := range []string{
		"i0e", "i-1e", "i9223372036854775807e", "i-9223372036854775808e", "0:", "4:spam",
		"le", "de", "l4:spami42ee", "d3:bar4:spam3:fooi42ee", "d0:le1:ad1:bleee", "l0:0:0:e", "d1:a0:1:bdee",
	} {
		var v any
		if err := benc.Unmarshal([]byte(in), &v, benc.Limits{}); err != nil {
			t.Errorf("Unmarshal(%q): %v", in, err)
			continue
		}
		out, err := benc.Marshal(v)
		if err != nil || string(out) != in {
			t.Errorf("Marshal(Unmarshal(%q)) = %q, %v", in, out, err)
		}
	}
}

func TestStructsTakeTheKeysThatTheyName(t *testing.T) {
	type reply struct {
		Interval int64    `bencode:"interval"`
		Peers    []byte   `bencode:"peers"`
		Warning  string   `bencode:"warning message,omitempty"`
		Extra    benc.Raw `bencode:"extra,omitempty"`
	}
	in := "d5:extrali1ei2ee8:intervali1800e5:peers6:\x01\x02\x03\x04\x05\x067:unknownd1:xleee"
	var got reply
	if err := benc.Unmarshal([]byte(in), &got, benc.Limits{}); err != nil {
		t.Fatal(err)
	}
	want := reply{Interval: 1800, Peers: []byte{1, 2, 3, 4, 5, 6}, Extra: benc.Raw("li1ei2ee")}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	out, err := benc.Marshal(got)
	if wantOut := "d5:extrali1ei2ee8:intervali1800e5:peers6:\x01\x02\x03\x04\x05\x06e"; err != nil || string(out) != wantOut {
		t.Errorf("Marshal = %q, %v; want %q", out, err, wantOut)
	}
}

func TestAValueOfTheWrongTypeIsAnErrorAndNeverAPanic(t *testing.T) {
	var targets = []any{new(int8), new(uint16), new(string), new([]string), new([4]byte), new(map[string]int64),
		new(struct{ unexported int }), new(map[int]string), new(chan int), new(func()), new(*int), nil, 5}
	for _, in := range []string{"i1e", "i-70000e", "3:abc", "l1:ae", "ll1:aee", "d1:ai1ee", "d10:unexportedi1ee", "d1:a1:be"} {
		for _, target := range targets {
			// An error or none, both will do; a panic fails the test.
			_ = benc.Unmarshal([]byte(in), target, benc.Limits{})
		}
	}
	var n int64
	if err := benc.Unmarshal([]byte("3:abc"), &n, benc.Limits{}); err == nil {
		t.Error("a string was taken for a number")
	}
	if _, err := benc.Marshal(make(chan int)); err == nil {
		t.Error("a channel was encoded")
	}
}

func TestNestingIsBounded(t *testing.T) {
	nested := func(n int) []byte {
		return []byte(strings.Repeat("l", n) + strings.Repeat("e", n))
	}
	var v any
	if err := benc.Unmarshal(nested(benc.MaxDepth), &v, benc.Limits{}); err != nil {
		t.Errorf("%d levels: %v", benc.MaxDepth, err)
	}
	if err := benc.Unmarshal(nested(benc.MaxDepth+1), &v, benc.Limits{Depth: 1000}); err == nil {
		t.Errorf("%d levels were accepted", benc.MaxDepth+1)
	}
	if err := benc.Unmarshal(nested(4), &v, benc.Limits{Depth: 3}); err == nil {
		t.Error("4 levels were accepted where 3 are allowed")
	}
	// rqbit pull request 660 and bindery pull request 1987: 36 MB of 'l' overflow
	// the stack, which in Go cannot be recovered from.
	for _, c := range []string{"l", "d1:a"} {
		bomb := []byte(strings.Repeat(c, 36<<20/len(c)))
		if cost := allocated(func() { _ = benc.Unmarshal(bomb, &v, benc.Limits{}) }); cost > 1<<20 {
			t.Errorf("%d bytes of %q cost %d bytes of memory", len(bomb), c, cost)
		}
	}
}

func TestTokensAreBounded(t *testing.T) {
	list := func(n int) []byte { return []byte("l" + strings.Repeat("i0e", n) + "e") }
	var v any
	if err := benc.Unmarshal(list(9), &v, benc.Limits{Tokens: 10}); err != nil {
		t.Error(err)
	}
	if err := benc.Unmarshal(list(10), &v, benc.Limits{Tokens: 10}); err == nil {
		t.Error("11 values were accepted where 10 are allowed")
	}
	bomb := list(10 << 20)
	if cost := allocated(func() { _ = benc.Unmarshal(bomb, &v, benc.Limits{}) }); cost > 1<<20 {
		t.Errorf("%d values cost %d bytes of memory", 10<<20, cost)
	}
}

func TestSizeIsBounded(t *testing.T) {
	var v any
	if err := benc.Unmarshal([]byte("4:spam"), &v, benc.Limits{Size: 6}); err != nil {
		t.Error(err)
	}
	if err := benc.Unmarshal([]byte("4:spam"), &v, benc.Limits{Size: 5}); err == nil {
		t.Error("6 bytes were accepted where 5 are allowed")
	}
}

// The trap that anacrolix/torrent's decoder had: 15 bytes that claim 100 MB.
func TestAClaimedLengthIsNotAllocated(t *testing.T) {
	for _, in := range []string{"100000000:spam!", "d4:name100000000:spam!e", "l100000000:e"} {
		var v any
		cost := allocated(func() { _ = benc.Unmarshal([]byte(in), &v, benc.Limits{}) })
		if cost > 100_000 {
			t.Errorf("%q cost %d bytes of memory", in, cost)
		}
	}
}

func TestUnmarshalPrefixReturnsWhatFollows(t *testing.T) {
	// A ut_metadata message (BEP 9): a dictionary, then the piece itself.
	in := []byte("d8:msg_typei1e5:piecei0e10:total_sizei34256ee" + "xxxxe")
	var msg struct {
		Type  int `bencode:"msg_type"`
		Total int `bencode:"total_size"`
	}
	rest, err := benc.UnmarshalPrefix(in, &msg, benc.Limits{})
	if err != nil || string(rest) != "xxxxe" || msg.Type != 1 || msg.Total != 34256 {
		t.Errorf("got %+v, rest %q, %v", msg, rest, err)
	}
	if _, err := benc.UnmarshalPrefix([]byte("d1:a"), &msg, benc.Limits{}); err == nil {
		t.Error("a cut message was accepted")
	}
}

func TestPickReturnsTheExactBytesOfValues(t *testing.T) {
	in := []byte("d1:bi7e1:ad1:zle1:y3:abce4:infod6:lengthi1eee") // not sorted, and that is kept
	got, err := benc.Pick(in, benc.Limits{}, "info", "a", "absent", "b")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"d6:lengthi1ee", "d1:zle1:y3:abce", "", "i7e"}
	for i, w := range want {
		if string(got[i]) != w {
			t.Errorf("value %d is %q, want %q", i, got[i], w)
		}
	}
	if got[2] != nil {
		t.Error("an absent key gave a value")
	}
	if cap(got[0]) != len(got[0]) {
		t.Error("appending to a value would overwrite what follows it")
	}
	if start := bytes.Index(in, got[1]); &got[1][0] != &in[start] {
		t.Error("the value is not a slice of the input")
	}
}

func TestPickRefusesAWantedKeyThatAppearsTwice(t *testing.T) {
	// Two info dictionaries: one for who looks first, one for who looks last.
	in := []byte("d4:infode3:zzzi1e4:infodee")
	if _, err := benc.Pick(in, benc.Limits{}, "info"); err == nil {
		t.Error("two info dictionaries were accepted")
	}
	if _, err := benc.Pick(in, benc.Limits{}, "zzz"); err != nil {
		t.Errorf("keys that nobody asked for: %v", err)
	}
}

func TestPickAndItemsRefuseOtherKinds(t *testing.T) {
	for _, in := range []string{"i1e", "0:", "le", "", "d", "de "} {
		if _, err := benc.Pick([]byte(in), benc.Limits{}, "a"); err == nil {
			t.Errorf("Pick took %q", in)
		}
	}
	for _, in := range []string{"i1e", "0:", "de", "", "l", "le "} {
		if _, err := benc.Items([]byte(in), benc.Limits{}); err == nil {
			t.Errorf("Items took %q", in)
		}
	}
}

func TestItemsYieldsTheElementsInOrder(t *testing.T) {
	if _, err := benc.Items([]byte("li1e3:abclelee1:xe"), benc.Limits{}); err == nil {
		t.Fatal("bytes after the list were accepted")
	}
	items, err := benc.Items([]byte("li1e3:abclleed1:al1:bee1:xe"), benc.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for item := range items {
		got = append(got, string(item))
	}
	if want := []string{"i1e", "3:abc", "llee", "d1:al1:bee", "1:x"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for range items {
		break // leaving early must be possible
	}
}

func TestStringReadsStringsOnly(t *testing.T) {
	if s, ok := benc.String([]byte("4:spam")); !ok || string(s) != "spam" {
		t.Errorf("got %q, %v", s, ok)
	}
	if s, ok := benc.String([]byte("0:")); !ok || len(s) != 0 {
		t.Errorf("got %q, %v", s, ok)
	}
	for _, in := range []string{"", "i4e", "5:spam", "4:spamx", "le"} {
		if s, ok := benc.String([]byte(in)); ok {
			t.Errorf("%q was read as %q", in, s)
		}
	}
	if _, ok := benc.String(nil); ok {
		t.Error("nil was read as a string")
	}
}

func TestIntReadsNumbersOnly(t *testing.T) {
	for in, want := range map[string]int64{"i0e": 0, "i-7e": -7, "i9223372036854775807e": 1<<63 - 1} {
		if n, ok := benc.Int([]byte(in)); !ok || n != want {
			t.Errorf("%q was read as %d, %v", in, n, ok)
		}
	}
	for _, in := range []string{"", "i", "ie", "i1", "i1ee", "1:1", "le", "i9223372036854775808e"} {
		if n, ok := benc.Int([]byte(in)); ok {
			t.Errorf("%q was read as %d", in, n)
		}
	}
}

func TestPickAllocatesOnlyItsResult(t *testing.T) {
	in := []byte("d8:announce3:url4:infod5:filesld6:lengthi1e4:pathl1:aeeeee")
	if n := testing.AllocsPerRun(100, func() {
		if _, err := benc.Pick(in, benc.Limits{}, "info", "announce"); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("Pick allocates %v times, want once", n)
	}
}
