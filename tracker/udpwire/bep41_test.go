package udpwire_test

import (
	"bytes"
	"strings"
	"testing"

	"p2p/tracker/udpwire"
)

// The examples of BEP 41: "A client communicating with a tracker at the URL
// udp://tracker.example.com:80/dir?a=b&c=d might include the following".
func TestURLDataExamples(t *testing.T) {
	urlData := append([]byte{0x2, 0xC}, "/dir?a=b&c=d"...)
	for name, test := range map[string]struct {
		options []byte
		want    string
	}{
		"one option":                       {urlData, "/dir?a=b&c=d"},
		"with NOPs and EndOfOptions":       {append(urlData[:14:14], 0x1, 0x1, 0x0), "/dir?a=b&c=d"},
		"empty, to show that it is known":  {[]byte{0x2, 0x0}, ""},
		"what follows EndOfOptions":        {append([]byte{0x0}, urlData...), ""},
		"concatenated":                     {append(append([]byte{0x2, 1, 'x', 0x1}, urlData...), 0x2, 1, 'y'), "x/dir?a=b&c=dy"},
		"behind an unknown option":         {append([]byte{0x7, 2, 0x2, 0x2}, urlData...), "/dir?a=b&c=d"},
		"behind an unknown, empty option":  {append([]byte{0x7, 0}, urlData...), "/dir?a=b&c=d"},
		"longer than the packet":           {[]byte{0x2, 5, 'a', 'b'}, ""},
		"without its length":               {[]byte{0x2}, ""},
		"no options":                       {nil, ""},
		"unknown option that is cut short": {[]byte{0x9, 200, 0x2, 1, 'a'}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := udpwire.AnnounceRequest{Options: test.options}
			if got := string(r.URLData(nil)); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// BEP 41: "This allows clients to send PATH and QUERY strings that are longer
// than 255 bytes, chunked into blocks of no larger than 255 bytes."
func TestOptionsCarryURLsOfAnyLength(t *testing.T) {
	for _, n := range []int{0, 1, 254, 255, 256, 510, 511, 1000} {
		url := strings.Repeat("u", n)
		r := udpwire.AnnounceRequest{Options: udpwire.AppendOptions(nil, url)}
		if got := string(r.URLData(nil)); got != url {
			t.Errorf("%d bytes come back as %d", n, len(got))
		}
	}
	if got := udpwire.AppendOptions(nil, ""); !bytes.Equal(got, []byte{2, 0}) {
		t.Errorf("options of an empty URL are %x", got)
	}
}
