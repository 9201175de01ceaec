package load

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"p2p/tracker/httpwire"
	"p2p/tracker/wire"
)

func TestBodiesAreJudged(t *testing.T) {
	six, eighteen := strings.Repeat("x", 12), strings.Repeat("y", 36)
	for body, want := range map[string]verdict{
		"d8:intervali1800e5:peers12:" + six + "e":                            {told: true, peers: 2},
		"d8:intervali1800e5:peers12:" + six + "6:peers636:" + eighteen + "e": {told: true, peers: 4},
		"d5:peers0:e": {told: true},
		"d5:peersld2:ip9:192.0.2.14:porti1eed2:ip9:192.0.2.24:porti2eeee":   {told: true, peers: 2},
		"d14:failure reason4:nopee":                                         {failed: true},
		"d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei1e10:incompletei2eeee": {files: true},
		"d5:filesdee":        {files: true},
		"d8:intervali1800ee": {},
		"d3:key7:5:peerse":   {}, // not a key at all
	} {
		if got, err := judge([]byte(body)); err != nil || got != want {
			t.Errorf("%q is judged as %+v, %v; want %+v", body, got, err, want)
		}
	}
	for _, body := range []string{
		"", "x", "d", "i1e", "d5:peers5:abcdee", "d5:peers12:abce", "d5:peers", "d1:ai1", "d5:peersi1ee", "d-1:ae", "d99999999999999999999:ae",
		"d1:a" + strings.Repeat("l", 100) + strings.Repeat("e", 101), "d5:peers1:e",
	} {
		if got, err := judge([]byte(body)); err == nil {
			t.Errorf("%q is judged as %+v", body, got)
		}
	}
}

func TestJudgingAgreesWithTheCodecOfTheTracker(t *testing.T) {
	for peers := range 200 {
		r := httpwire.AnnounceResponse{Interval: 30 * time.Minute, MinInterval: time.Minute, Complete: peers, Downloaded: -1}
		r.Peers = wire.Peers{V4: make([]byte, 6*peers), V6: make([]byte, 18*(peers/3))}
		for _, compact := range []bool{true, false} {
			got, err := judge(r.AppendTo(nil, compact))
			if err != nil || !got.told || got.failed || got.peers != r.Peers.Len() {
				t.Fatalf("%d peers, compact %v: %+v, %v", r.Peers.Len(), compact, got, err)
			}
		}
	}
	got, err := judge((&httpwire.Failure{Reason: "no", RetryIn: time.Minute}).AppendTo(nil))
	if err != nil || !got.failed {
		t.Errorf("a failure: %+v, %v", got, err)
	}
}

func TestResponsesArriveInAnyPieces(t *testing.T) {
	for name, c := range map[string]struct {
		raw    string
		body   string
		keep   bool
		atEOF  bool // complete only when the server has hung up
		status int
	}{
		"with a length":      {"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length: 4\r\n\r\nd1:e", "d1:e", true, false, 200},
		"in parts":           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", "abc0123456789", true, false, 200},
		"to the end":         {"HTTP/1.1 200 OK\r\n\r\nabc", "abc", false, true, 200},
		"and no more":        {"HTTP/1.1 503 Busy\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", "", false, false, 503},
		"of an older server": {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", "x", false, false, 200},
	} {
		for n := range len(c.raw) {
			if r, err := parseResponse([]byte(c.raw[:n]), false); !errors.Is(err, errMore) {
				t.Fatalf("%s: %d of %d bytes are read as %+v, %v", name, n, len(c.raw), r, err)
			}
		}
		r, err := parseResponse([]byte(c.raw), c.atEOF)
		if err != nil || string(r.body) != c.body || r.keep != c.keep || r.status != c.status || r.size != len(c.raw) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestWhatIsNoResponseIsRefused(t *testing.T) {
	for _, raw := range []string{
		"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", httpwire.MaxBody+1),
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1\r\n\r\n",
	} {
		if r, err := parseResponse([]byte(raw), false); err == nil || errors.Is(err, errMore) {
			t.Errorf("%q is read as %+v, %v", raw, r, err)
		}
	}
	if r, err := parseResponse([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"), true); err == nil {
		t.Errorf("half a body is read as %+v", r)
	}
}

func TestReadingAnAnswerAllocatesNothing(t *testing.T) {
	body := httpwire.AnnounceResponse{Interval: time.Minute, Peers: wire.Peers{V4: make([]byte, 180)}}.AppendTo(nil, true)
	raw := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if n := testing.AllocsPerRun(100, func() {
		r, err := parseResponse(raw, false)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := judge(r.body); err != nil || v.peers != 30 {
			t.Fatal(v, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzJudge(f *testing.F) {
	f.Add([]byte("d8:intervali1800e5:peers12:abcdefabcdefe"))
	f.Add([]byte("d5:peersld2:ip1:a4:porti1eeee"))
	f.Add([]byte("d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei1eeee"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := judge(b); err == nil && v.peers > len(b) {
			t.Errorf("%d bytes hold %d peers", len(b), v.peers)
		}
	})
}

func FuzzParseResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), false)
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), true)
	f.Fuzz(func(t *testing.T, b []byte, eof bool) {
		n := len(b)
		r, err := parseResponse(b, eof)
		if err == nil && (len(r.body) > n || r.size > n) {
			t.Errorf("%d bytes hold a body of %d, %d in all", n, len(r.body), r.size)
		}
		if eof && errors.Is(err, errMore) {
			t.Error("there is no more")
		}
	})
}
