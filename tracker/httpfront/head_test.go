package httpfront

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// hostileHeads are requests that programs have understood in different ways.
var hostileHeads = map[string]struct {
	text string
	want verdict
}{
	"usual":                 {"GET /announce?a=1 HTTP/1.1\r\nHost: t\r\n\r\n", simple},
	"close":                 {"GET /announce?a=1 HTTP/1.1\r\nHost: t\r\nConnection: Close\r\n\r\n", simple},
	"keep-alive":            {"GET /announce?a=1 HTTP/1.1\r\nhost:t\r\nconnection:\t Keep-Alive \r\n\r\n", simple},
	"version 1.0":           {"GET /announce?a=1 HTTP/1.0\r\n\r\n", simple},
	"forwarded":             {"GET /scrape?a=1 HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n", simple},
	"half a line":           {"GET /announce", incomplete},
	"half a head":           {"GET /announce?a=1 HTTP/1.1\r\nHost: t\r\n", incomplete},
	"half an end":           {"GET /announce?a=1 HTTP/1.1\r\nHost: t\r\n\r", incomplete},
	"another method":        {"POST /announce HTTP/1.1\r\nHost: t\r\n\r\n", other},
	"lower case method":     {"get /announce HTTP/1.1\r\nHost: t\r\n\r\n", other},
	"a whole address":       {"GET http://t/announce HTTP/1.1\r\nHost: t\r\n\r\n", other},
	"an asterisk":           {"GET * HTTP/1.1\r\nHost: t\r\n\r\n", other},
	"no target":             {"GET  HTTP/1.1\r\nHost: t\r\n\r\n", other},
	"a space in the target": {"GET /announce?a=1 2 HTTP/1.1\r\nHost: t\r\n\r\n", other},
	"no version":            {"GET /announce\r\n\r\n", other},
	"another version":       {"GET /announce HTTP/2.0\r\nHost: t\r\n\r\n", other},
	"an odd version":        {"GET /announce HTTP/1.2\r\nHost: t\r\n\r\n", other},
	"no host":               {"GET /announce HTTP/1.1\r\n\r\n", other},
	"two hosts":             {"GET /announce HTTP/1.1\r\nHost: t\r\nHost: u\r\n\r\n", other},
	"two hosts in 1.0":      {"GET /announce HTTP/1.0\r\nHost: t\r\nHost: u\r\n\r\n", other},
	"a length":              {"GET /announce HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nabcde", other},
	"a length of nothing":   {"GET /announce HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n", other},
	"a length in capitals":  {"GET /announce HTTP/1.1\r\nHost: t\r\nCONTENT-LENGTH: 5\r\n\r\nabcde", other},
	"a space before colon":  {"GET /announce HTTP/1.1\r\nHost: t\r\nContent-Length : 5\r\n\r\nabcde", other},
	"a tab before colon":    {"GET /announce HTTP/1.1\r\nHost: t\r\nContent-Length\t: 5\r\n\r\nabcde", other},
	"chunks":                {"GET /announce HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", other},
	"chunks in disguise":    {"GET /announce HTTP/1.1\r\nHost: t\r\nTransfer-Encoding\v: chunked\r\n\r\n0\r\n\r\n", other},
	"a folded line":         {"GET /announce HTTP/1.1\r\nHost: t\r\nX: a\r\n Content-Length: 5\r\n\r\nabcde", other},
	"a fold at first":       {"GET /announce HTTP/1.1\r\n Host: t\r\n\r\n", other},
	"a line without CR":     {"GET /announce HTTP/1.1\nHost: t\n\n", other},
	"one line without CR":   {"GET /announce HTTP/1.1\r\nHost: t\nContent-Length: 5\r\n\r\nabcde", other},
	"a lone CR":             {"GET /announce HTTP/1.1\r\nHost: t\r\nX: a\rContent-Length: 5\r\n\r\nabcde", other},
	"two CRs":               {"GET /announce HTTP/1.1\r\nHost: t\r\r\n\r\n", other},
	"an empty line first":   {"\r\nGET /announce HTTP/1.1\r\nHost: t\r\n\r\n", other},
	"a line without colon":  {"GET /announce HTTP/1.1\r\nHost: t\r\nContent-Length\r\n\r\n", other},
	"a line without name":   {"GET /announce HTTP/1.1\r\nHost: t\r\n: 5\r\n\r\n", other},
	"an expectation":        {"GET /announce HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n\r\n", other},
	"an upgrade":            {"GET /announce HTTP/1.1\r\nHost: t\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", other},
	"a list of options":     {"GET /announce HTTP/1.1\r\nHost: t\r\nConnection: close, X-Forwarded-For\r\n\r\n", other},
	"HTTP/2":                {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", other},
	"TLS":                   {"\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03\n", other},
}

func TestWhateverIsNotPlainIsLeftToNetHTTP(t *testing.T) {
	for name, test := range hostileHeads {
		h, v := parseHead([]byte(test.text))
		if v != test.want || v == simple && h.size != len(test.text) {
			t.Errorf("%s: verdict %d, size %d", name, v, h.size)
		}
	}
}

// A head that comes in two parts is never judged by the first alone, unless
// nothing could make it plain any more.
func TestAPartOfAPlainHeadIsIncomplete(t *testing.T) {
	for name, test := range hostileHeads {
		if test.want != simple {
			continue
		}
		for n := range len(test.text) {
			if _, v := parseHead([]byte(test.text[:n])); v != incomplete {
				t.Errorf("%s: the first %d bytes have verdict %d", name, n, v)
			}
		}
	}
}

func TestParsingAHeadDoesNotAllocate(t *testing.T) {
	text := []byte("GET /announce?a=1 HTTP/1.1\r\nHost: t\r\nUser-Agent: x\r\nX-Forwarded-For: 1\r\nConnection: close\r\n\r\n")
	if n := testing.AllocsPerRun(100, func() { parseHead(text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What the fast loop takes for a request, net/http takes for the same request,
// with the same end: between the two, nothing can hide.
func FuzzHead(f *testing.F) {
	for _, test := range hostileHeads {
		f.Add([]byte(test.text))
	}
	f.Add([]byte(get2("/announce?info_hash=%00&port=1") + get2("/scrape?a")))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, v := parseHead(b)
		if v != simple {
			return
		}
		if h.size > len(b) || !bytes.HasSuffix(b[:h.size], []byte("\r\n\r\n")) {
			t.Fatalf("size is %d", h.size)
		}
		path, _, _ := bytes.Cut(h.target, []byte("?"))
		if action, _ := route(path); action == noAction {
			return // not for the fast loop
		}
		r := bufio.NewReader(bytes.NewReader(b))
		request, err := http.ReadRequest(r)
		if err != nil {
			// net/http is stricter about bytes that mean nothing to the loop: control
			// bytes in targets and values, and what a Host is made of.
			if odd := slices.ContainsFunc(b[:h.size], func(c byte) bool { return c < ' ' && c != '\r' && c != '\n' || c >= 0x7f }); !odd && !strings.Contains(err.Error(), "Host") {
				t.Fatalf("net/http: %v", err)
			}
			return
		}
		if request.Close != h.close && !(request.ProtoMinor == 0 && h.close) {
			t.Errorf("close is %v, in net/http %v", h.close, request.Close)
		}
		if got := request.URL.Path; got != string(path) {
			t.Errorf("path is %q, in net/http %q", path, got)
		}
		if _, query, _ := bytes.Cut(h.target, []byte("?")); string(query) != request.URL.RawQuery {
			t.Errorf("query is %q, in net/http %q", query, request.URL.RawQuery)
		}
		lines := request.Header.Values("X-Forwarded-For")
		if len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) != strings.TrimSpace(string(h.forwarded)) {
			t.Errorf("forwarded is %q, in net/http %q", h.forwarded, lines)
		}
		if n, _ := io.Copy(io.Discard, request.Body); n > 0 {
			t.Errorf("net/http sees a body of %d bytes", n)
		}
		if rest, _ := io.ReadAll(r); !bytes.Equal(rest, b[h.size:]) {
			t.Errorf("net/http leaves %q, the loop %q", rest, b[h.size:])
		}
	})
}

func get2(target string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: t\r\nAccept: */*\r\n\r\n"
}

func BenchmarkHead(b *testing.B) {
	text := []byte("GET /announce?info_hash=%1A%1B%1C%1D%1Eaaaaaaaaaaaaaaa&peer_id=-TR4050-aaaaaaaaaaaa&port=6881&uploaded=0&downloaded=0&left=0" +
		"&numwant=80&key=1234ABCD&compact=1&supportcrypto=1 HTTP/1.1\r\nHost: tracker.example:6969\r\nUser-Agent: Transmission/4.0.5\r\n" +
		"Accept: */*\r\nAccept-Encoding: deflate, gzip\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		parseHead(text)
	}
}
