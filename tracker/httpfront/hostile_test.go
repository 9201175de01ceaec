package httpfront_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"p2p/tracker"
	"p2p/tracker/httpfront"
	"p2p/tracker/httpwire"
	"p2p/tracker/memory"
)

// Section 7 of the notes: whatever a client sends, the fast loop answers it as
// net/http alone would.
func TestHostileRequestsAreAnsweredAsByNetHTTP(t *testing.T) {
	const bad = "/announce?port=1" // its answer is always the same
	end := "\r\n\r\n"
	for name, text := range map[string]string{
		"usual":                      get(bad, "Connection: close"),
		"version 1.0":                "GET " + bad + " HTTP/1.0" + end,
		"version 1.0 and no host":    "GET /scrape?x HTTP/1.0\r\nUser-Agent: x" + end,
		"a person":                   get("/announce", "Connection: close"),
		"an empty query":             get("/scrape?", "Connection: close"),
		"two question marks":         get("/announce??port=1", "Connection: close"),
		"an escaped path":            get("/%61nnounce?port=1", "Connection: close"),
		"an escaped question mark":   get("/announce%3fport=1", "Connection: close"),
		"a double slash":             get("//announce?port=1", "Connection: close"),
		"dots":                       get("/x/../announce?port=1", "Connection: close"),
		"a whole address":            get("http://tracker"+bad, "Connection: close"),
		"HEAD":                       "HEAD " + bad + " HTTP/1.1\r\nHost: t\r\nConnection: close" + end,
		"POST":                       "POST " + bad + " HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 5" + end + "abcde",
		"OPTIONS *":                  "OPTIONS * HTTP/1.1\r\nHost: t\r\nConnection: close" + end,
		"CONNECT":                    "CONNECT t:80 HTTP/1.1\r\nHost: t:80\r\nConnection: close" + end,
		"TRACE":                      "TRACE " + bad + " HTTP/1.1\r\nHost: t\r\nConnection: close" + end,
		"GET with a body":            get(bad, "Connection: close", "Content-Length: 5") + "abcde",
		"GET with chunks":            get(bad, "Connection: close", "Transfer-Encoding: chunked") + "5\r\nabcde\r\n0" + end,
		"a length before a colon":    get(bad, "Connection: close", "Content-Length : 5") + "abcde",
		"two lengths":                get(bad, "Connection: close", "Content-Length: 5", "Content-Length: 6") + "abcdef",
		"length and chunks":          get(bad, "Connection: close", "Content-Length: 5", "Transfer-Encoding: chunked") + "0" + end,
		"a folded line":              get(bad, "Connection: close", "X: y", " Content-Length: 5") + "abcde",
		"lines without CR":           "GET " + bad + " HTTP/1.1\nHost: t\nConnection: close\n\n",
		"no host":                    "GET " + bad + " HTTP/1.1\r\nConnection: close" + end,
		"two hosts":                  get(bad, "Host: other", "Connection: close"),
		"no target":                  "GET HTTP/1.1\r\nHost: t" + end,
		"nonsense":                   "\x00\x01\x02\r\n\r\n",
		"a torrent handshake":        "\x13BitTorrent protocol" + strings.Repeat("\x00", 48) + "\r\n\r\n",
		"another protocol":           "SSH-2.0-x\r\n\r\n",
		"an unknown version":         "GET " + bad + " HTTP/3.7\r\nHost: t" + end,
		"an unknown expectation":     get(bad, "Connection: close", "Expect: miracles"),
		"an upgrade":                 get(bad, "Connection: Upgrade, close", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
		"a 19-byte hash":             get("/announce?info_hash="+strings.Repeat("a", 19), "Connection: close"),
		"a hash in hexadecimal":      get("/announce?info_hash="+strings.Repeat("ab", 20), "Connection: close"),
		"a broken escape":            get("/scrape?info_hash="+strings.Repeat("a", 19)+"%2", "Connection: close"),
		"an escaped escape":          get("/scrape?info_hash="+strings.Repeat("%2541", 20), "Connection: close"),
		"a hash twice":               get(announceTarget(1)+"&info_hash="+strings.Repeat("a", 20), "Connection: close"),
		"a port twice":               get(announceTarget(1)+"&port=2", "Connection: close"),
		"an escaped name":            get(strings.Replace(announceTarget(1), "info_hash", "info%5fhash", 1), "Connection: close"),
		"port 0":                     get(strings.Replace(announceTarget(1), "port=1&", "port=0&", 1), "Connection: close"),
		"a long query":               get("/announce?"+strings.Repeat("x", 9000), "Connection: close"),
		"a scrape of too many":       get("/scrape?"+strings.Repeat("info_hash=%00%00%00%00%00%00%00%00%00%00aaaaaaaaaa&", 101), "Connection: close"),
		"a scrape of everything":     get("/scrape?x=1", "Connection: close"),
		"a long header":              get(bad, "Connection: close", "Cookie: "+strings.Repeat("x", 12_000)),
		"many headers":               get(bad, append(slices.Repeat([]string{"X: y"}, 500), "Connection: close")...),
		"a passkey that is too long": get("/"+strings.Repeat("k", 33)+bad, "Connection: close"),
	} {
		t.Run(name, func(t *testing.T) {
			gotStatus, got := overPipe(t, text)
			wantStatus, want := overNetHTTP(t, text)
			if gotStatus != wantStatus || got != want {
				t.Errorf("answer is %s %q, of net/http %s %q", gotStatus, got, wantStatus, want)
			}
		})
	}
}

// overPipe sends text to a front and returns the first response.
func overPipe(t *testing.T, text string) (status, body string) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := servePipes(t, httpfront.Options{}, tracker.Options{})
		defer stop()
		status, body = firstResponse(t, p.dial("192.0.2.1:1"), text)
	})
	return status, body
}

// overNetHTTP does the same with a server of net/http alone.
func overNetHTTP(t *testing.T, text string) (status, body string) {
	server := httptest.NewServer(newFront().Handler())
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return firstResponse(t, conn, text)
}

func firstResponse(t *testing.T, conn net.Conn, text string) (status, body string) {
	t.Helper()
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, text) }()
	method, _, _ := strings.Cut(text, " ")
	r, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" {
		t.Errorf("the body is in %s: nobody can be made to pay for packing it", encoding)
	}
	return r.Status, string(got)
}

func TestARequestThatIsTooLargeIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"target": get("/announce?" + strings.Repeat("x", 30_000)),
		"header": get("/announce?x", "Cookie: "+strings.Repeat("x", 30_000)),
	} {
		if status, _ := overPipe(t, text); status != "431 Request Header Fields Too Large" {
			t.Errorf("%s: %s", name, status)
		}
	}
}

func TestRequestsInARowAreAnsweredInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := servePipes(t, httpfront.Options{}, tracker.Options{})
		defer stop()
		c := newClient(t, p.dial("192.0.2.1:1"))
		var all strings.Builder
		const many = 500
		for n := range many {
			all.WriteString(get(fmt.Sprintf("/scrape?info_hash=%020d", n)))
		}
		// The last goes to net/http, and what follows an end is not read.
		all.WriteString(get("/healthz") + get("/announce?port=1"))
		c.send(all.String())
		for n := range many {
			r, body := c.receive()
			if want := fmt.Sprintf("d5:filesd20:%020dd", n); !strings.HasPrefix(body, want) || r.Header.Get("Date") == "" {
				t.Fatalf("response %d is %q", n, body)
			}
		}
		if r, body := c.receive(); body != "ok\n" || !r.Close {
			t.Errorf("the last response is %q, %v", body, r.Header)
		}
		c.closed()
	})
}

func TestARequestMayComeInAnyPieces(t *testing.T) {
	text := get(announceTarget(1)) + get("/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa", "Connection: close")
	for _, size := range []int{1, 2, 3, 7, 64, 199, 200, 201} {
		synctest.Test(t, func(t *testing.T) {
			p, stop := servePipes(t, httpfront.Options{}, tracker.Options{})
			defer stop()
			c := newClient(t, p.dial("192.0.2.1:1"))
			go func() {
				for part := range slices.Chunk([]byte(text), size) {
					if _, err := c.conn.Write(part); err != nil {
						return
					}
				}
			}()
			if _, body := c.receive(); !strings.HasPrefix(body, "d8:complete") {
				t.Errorf("pieces of %d bytes: %q", size, body)
			}
			if r, body := c.receive(); !r.Close || !strings.HasPrefix(body, "d5:files") {
				t.Errorf("pieces of %d bytes: %q", size, body)
			}
			c.closed()
		})
	}
}

func TestAHugeNumwantIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := servePipes(t, httpfront.Options{}, tracker.Options{MaxWant: 10})
		defer stop()
		for n := range 30 {
			c := newClient(t, p.dial(fmt.Sprintf("10.0.%d.1:1", n)))
			c.ask(announceTarget(uint16(n + 1)))
			c.conn.Close()
		}
		c := newClient(t, p.dial("192.0.2.1:1"))
		for _, numwant := range []string{"11", "2147483648", "99999999999999999999999999", "-1"} {
			r, err := httpwire.ParseAnnounceResponse([]byte(c.ask(announceTarget(99) + "&numwant=" + numwant)))
			if err != nil || r.Peers.Len() != 10 {
				t.Errorf("numwant %s: %d peers, %v", numwant, r.Peers.Len(), err)
			}
		}
	})
}

// passkeys is a Policy that remembers the last passkey.
type passkeys struct{ announced, scraped *tracker.Passkey }

func (p passkeys) MayAnnounce(_ context.Context, r tracker.Request) error {
	*p.announced = r.Passkey
	return &tracker.Refusal{Reason: "seen"}
}

func (p passkeys) MayScrape(_ context.Context, r tracker.ScrapeRequest) error {
	*p.scraped = r.Passkey
	return errors.New("trouble of the store")
}

func TestThePasskeyOfThePathReachesThePolicyAndNothingElse(t *testing.T) {
	const key = "0123456789abcdefghijABCDEFGHIJ99"
	want, _ := tracker.ParsePasskey(key)
	for _, headers := range [][]string{nil, {"Expect: 100-continue"}, {"Content-Length: 0"}} { // by either server
		synctest.Test(t, func(t *testing.T) {
			core, logs := observer.New(zap.DebugLevel)
			policy := passkeys{new(tracker.Passkey), new(tracker.Passkey)}
			p, stop := servePipes(t, httpfront.Options{Log: zap.New(core)}, tracker.Options{Policy: policy})
			defer stop()
			var answers strings.Builder
			for _, target := range []string{
				announceTarget(1), "/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa", "/announce?x", "/scrape", "/stats.json", "/", "/announce/",
			} {
				c := newClient(t, p.dial("192.0.2.1:1"))
				c.send(get("/"+key+target, headers...))
				r, body := c.receive()
				fmt.Fprintln(&answers, r.Header, body)
				c.conn.Close()
			}
			if *policy.announced != want || *policy.scraped != want {
				t.Errorf("passkeys are %v and %v", policy.announced, policy.scraped)
			}
			if got := fmt.Sprint(logs.All()) + answers.String(); strings.Contains(got, key[4:]) {
				t.Errorf("the passkey is in %s", got)
			}
			if !strings.Contains(answers.String(), "4:seen") || logs.FilterMessage("request failed").Len() != 1 {
				t.Errorf("answers are %s, logs %v", answers.String(), logs.All())
			}
		})
	}
}

func FuzzServe(f *testing.F) {
	f.Add([]byte(get(announceTarget(1))+get("/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa")), uint16(100))
	f.Add([]byte("GET / HTTP/1.0\r\n\r\n"), uint16(3))
	f.Add([]byte("POST /announce HTTP/1.1\r\nHost: t\r\nContent-Length: 70000\r\n\r\nx"), uint16(20))
	service := tracker.New(memory.New(memory.Options{}), tracker.Options{})
	f.Fuzz(func(t *testing.T, text []byte, cut uint16) {
		synctest.Test(t, func(t *testing.T) {
			p := newPipes()
			defer serveOn(t, p, httpfront.New(service, httpfront.Options{}))()
			conn := p.dial("192.0.2.1:1")
			go func() {
				first := min(int(cut), len(text))
				if _, err := conn.Write(text[:first]); err == nil {
					_, _ = conn.Write(text[first:])
				}
			}()
			n, err := io.Copy(io.Discard, conn) // ends, because every wait has a limit
			if err != nil {
				t.Error(err)
			}
			// No byte of the client makes more than a response of failure or of peers, and
			// a connection gets the page once.
			const page = 40_000
			if limit := int64(len(text)+100)*200 + page; n > limit {
				t.Errorf("%d bytes for %d", n, len(text))
			}
			conn.Close()
		})
	})
}
