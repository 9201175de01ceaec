package knock_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"p2p/peer/ext/knock"
	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
)

func whole() knock.Request {
	return knock.Request{
		Name: "李雷", Note: "We met in Ulm. " + strings.Repeat("字", 200), Room: [32]byte{1}, Join: infohash.Of([]byte("x")), Token: identity.Token{2},
		Trackers: []string{"http://192.0.2.1:6969/announce", "udp://[2001:db8::1]:6969"},
		Addrs:    []netip.AddrPort{netip.MustParseAddrPort("192.0.2.7:6881"), netip.MustParseAddrPort("[2001:db8::7]:1")},
	}
}

func TestARequestIsReadAsItIsWritten(t *testing.T) {
	begins := whole()
	begins.Beginning = bytes.Repeat([]byte{0}, 700)
	for _, r := range []knock.Request{{}, whole(), begins, {Note: strings.Repeat("😀", knock.MaxNote)}, {Resumes: true}, {Beginning: make([]byte, knock.MaxBeginning)}} {
		got, err := knock.ParseRequest(r.AppendTo(nil))
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%+v, %v; want %+v", got, err, r)
		}
	}
}

func TestWhatIsWrittenKeepsTheBoundsWhateverItIs(t *testing.T) {
	r := knock.Request{Name: "\x1b" + strings.Repeat("李", 100), Note: "a\nb\xff" + strings.Repeat("😀", 1000), Room: [32]byte{1}}
	for i := range 20 {
		r.Trackers = append(r.Trackers, fmt.Sprintf("http://192.0.2.%d/%s", i, strings.Repeat("x", 230)))
		r.Addrs = append(r.Addrs, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 6881))
	}
	r.Trackers = append([]string{"ftp://192.0.2.1/", "http://" + strings.Repeat("x", 300)}, r.Trackers...)
	r.Addrs = append([]netip.AddrPort{{}, netip.MustParseAddrPort("[fe80::1%eth0]:1"), netip.MustParseAddrPort("192.0.2.1:0")}, r.Addrs...)
	b := r.AppendTo(nil)
	got, err := knock.ParseRequest(b)
	if err != nil || len(b) > knock.MaxRequest || len(got.Name) > knock.MaxName || utf8.RuneCountInString(got.Note) != knock.MaxNote ||
		!strings.HasPrefix(got.Note, "a b\uFFFD") || len(got.Trackers) != 2 || len(got.Addrs) != knock.MaxAddrs || got.Room != r.Room {
		t.Errorf("%d bytes: %+v, %v", len(b), got, err)
	}
}

func TestABeginningForWhichThereIsNoSpaceIsLeftOut(t *testing.T) {
	for what, r := range map[string]knock.Request{
		"a long note":             {Note: strings.Repeat("😀", knock.MaxNote), Beginning: make([]byte, knock.MaxBeginning)},
		"more than one may be of": {Note: "x", Beginning: make([]byte, knock.MaxBeginning+1)},
	} {
		got, err := knock.ParseRequest(r.AppendTo(nil))
		if err != nil || got.Beginning != nil || got.Note != r.Note {
			t.Errorf("with %s: %+v, %v", what, got, err)
		}
	}
}

func TestARequestThatKeepsNoBoundsIsRefused(t *testing.T) {
	addr := strings.Repeat("\x00", 10) + "\xff\xff\xc0\x00\x02\x01"
	for what, b := range map[string]string{
		"nothing":                      "",
		"no dictionary":                "le",
		"bytes behind":                 "dei1e",
		"a name that is too long":      "d1:n65:" + strings.Repeat("x", 65) + "e",
		"a name with a control":        "d1:n1:\x07e",
		"a note of two lines":          "d1:o3:a\nbe",
		"a note that is no text":       "d1:o1:\xffe",
		"a note that is too long":      "d1:o301:" + strings.Repeat("x", 301) + "e",
		"a note that turns writing":    "d1:o3:\u202ee",
		"a short room":                 "d1:r3:abce",
		"a long beginning":             "d1:b1025:" + strings.Repeat("x", 1025) + "e",
		"a long token":                 "d1:k17:" + strings.Repeat("x", 17) + "e",
		"a tracker that is a file":     "d1:tl12:file:///etc/ee",
		"five trackers":                "d1:tl" + strings.Repeat("10:udp://a:1/", 5) + "ee",
		"half an address":              "d1:a9:" + addr[:9] + "e",
		"an address without a port":    "d1:a18:" + addr + "\x00\x00e",
		"the address of everybody":     "d1:a18:" + strings.Repeat("\x00", 16) + "\x1a\xe1e",
		"nine addresses":               "d1:a162:" + strings.Repeat(addr+"\x1a\xe1", 9) + "e",
		"a number for a name":          "d1:ni1ee",
		"far more than it may be long": "d1:z3000:" + strings.Repeat("x", 3000) + "e",
		"nested very deep":             "d1:z" + strings.Repeat("l", 100) + strings.Repeat("e", 101),
	} {
		if r, err := knock.ParseRequest([]byte(b)); err == nil {
			t.Errorf("%s is %+v", what, r)
		}
	}
	if _, err := knock.ParseRequest([]byte("d1:n1:a1:zi1ee")); err != nil {
		t.Errorf("what a newer version says: %v", err)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add(whole().AppendTo(nil))
	f.Add([]byte("de"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := knock.ParseRequest(b)
		if err != nil {
			return
		}
		again := r.AppendTo(nil)
		if got, err := knock.ParseRequest(again); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%q is %+v, which is read as %+v, %v", b, r, got, err)
		}
		if len(again) > knock.MaxRequest || bytes.ContainsAny([]byte(r.Name+r.Note), "\x1b\n\x00") {
			t.Errorf("%+v", r)
		}
	})
}
