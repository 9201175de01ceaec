package httpfront_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/httpfront"
	"p2p/tracker/httpwire"
	"p2p/tracker/memory"
	"p2p/tracker/wire"
)

var torrent = infohash.Of([]byte("torrent"))

// fixture is a tracker without a socket.
type fixture struct {
	t       *testing.T
	service *tracker.Service
	handler http.Handler
}

func newFixture(t *testing.T, o tracker.Options, fo httpfront.Options) *fixture {
	service := tracker.New(memory.New(memory.Options{}), o)
	return &fixture{t, service, httpfront.New(service, fo).Handler()}
}

// get sends a request from an address and returns the response.
func (f *fixture) get(from, target string, header ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.RemoteAddr = from
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w
}

// announce announces a leech and returns what it is told.
func (f *fixture) announce(from string, r httpwire.AnnounceRequest, header ...string) httpwire.AnnounceResponse {
	f.t.Helper()
	w := f.get(from, "/announce?"+string(r.AppendQuery(nil)), header...)
	response, err := httpwire.ParseAnnounceResponse(w.Body.Bytes())
	if err != nil || w.Code != http.StatusOK {
		f.t.Fatalf("announce from %s: %d, %v", from, w.Code, err)
	}
	return response
}

// wantFailure checks that target is answered with a failure and status 200.
func (f *fixture) wantFailure(target, reason string) {
	f.t.Helper()
	w := f.get("192.0.2.1:9", target)
	_, err := httpwire.ParseAnnounceResponse(w.Body.Bytes())
	failure, ok := errors.AsType[*httpwire.Failure](err)
	if !ok || failure.Reason != reason || w.Code != http.StatusOK {
		f.t.Errorf("%.60s: %d %v, want %q", target, w.Code, err, reason)
	}
}

func request(port uint16) httpwire.AnnounceRequest {
	return httpwire.AnnounceRequest{
		InfoHash: torrent, PeerID: [20]byte{byte(port >> 8), byte(port)}, Port: port, Left: 1,
		Event: wire.Started, NumWant: httpwire.DefaultNumWant,
	}
}

func peersOf(r httpwire.AnnounceResponse) []string {
	var peers []string
	for a := range r.Peers.All() {
		peers = append(peers, a.String())
	}
	slices.Sort(peers)
	return peers
}

func TestAnnounce(t *testing.T) {
	f := newFixture(t, tracker.Options{}, httpfront.Options{})
	first := f.announce("192.0.2.1:4000", request(6881))
	if first.Incomplete != 1 || first.Complete != 0 || first.Peers.Len() != 0 || first.MinInterval != tracker.AloneInterval ||
		first.Interval < 30*time.Minute || first.ExternalIP != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("the first is told %+v", first)
	}
	seed := request(6882)
	seed.Left, seed.Event = 0, wire.Completed
	second := f.announce("[::ffff:192.0.2.2]:4000", seed)
	if !slices.Equal(peersOf(second), []string{"192.0.2.1:6881"}) || second.Complete != 1 || second.Downloaded != 1 {
		t.Errorf("the second is told %v, %+v", peersOf(second), second)
	}
	third := f.announce("[2001:db8::3]:4000", request(6883))
	if !slices.Equal(peersOf(third), []string{"192.0.2.1:6881", "192.0.2.2:6882"}) {
		t.Errorf("the third is told %v", peersOf(third))
	}
	want := []string{"192.0.2.2:6882", "[2001:db8::3]:6883"}
	for _, compact := range []bool{true, false} {
		again := request(6881)
		again.NoCompact = !compact
		if got := f.announce("192.0.2.1:4000", again); !slices.Equal(peersOf(got), want) {
			t.Errorf("compact %v: the first is told %v", compact, peersOf(got))
		}
	}
}

func TestScrape(t *testing.T) {
	f := newFixture(t, tracker.Options{}, httpfront.Options{})
	f.announce("192.0.2.1:4000", request(6881))
	w := f.get("192.0.2.9:1", "/scrape?"+string(httpwire.AppendScrapeQuery(nil, []infohash.T{{}, torrent, {}})))
	got, err := httpwire.ParseScrapeResponse(w.Body.Bytes())
	if want := []httpwire.File{{}, {InfoHash: torrent, Incomplete: 1}}; err != nil || !slices.Equal(got.Files, want) {
		t.Errorf("scrape: %+v, %v", got, err)
	}
}

func TestBadRequestsGetAClearFailure(t *testing.T) {
	f := newFixture(t, tracker.Options{}, httpfront.Options{})
	person := "this address is for BitTorrent clients, which add parameters to it; people look at the page /"
	f.wantFailure("/announce", person)
	f.wantFailure("/scrape", person)
	f.wantFailure("/announce?port=1", "info_hash is missing")
	f.wantFailure("/scrape?port=1", "info_hash is missing")
	f.wantFailure("/scrape?info_hash=12", "info_hash is not 20 escaped bytes")
	f.wantFailure("/announce?"+strings.Repeat("x", 9000), "query is too long")
	if got := f.service.Stats().Malformed; got != 6 {
		t.Errorf("%d requests are counted as malformed", got)
	}
}

func TestOtherPathsAndMethodsAreRefused(t *testing.T) {
	f := newFixture(t, tracker.Options{}, httpfront.Options{})
	for _, path := range []string{"/favicon.ico", "/announce/", "/announcement", "/a/announce", "//announce", "/../announce",
		"/" + strings.Repeat("k", 31) + "/announce", "/" + strings.Repeat("k", 31) + "-/scrape", "/" + strings.Repeat("k", 32) + "/stats.json"} {
		if w := f.get("192.0.2.1:1", path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodHead, http.MethodPut, "GEt"} {
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, httptest.NewRequest(method, announceTarget(1), nil))
		if w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
	if got := f.service.Stats().AnnouncesHTTP; got != 0 {
		t.Errorf("%d announces", got)
	}
}

// Section 7 of the notes: the header counts from listed proxies only, and of it
// the last entry only.
func TestForwardedAddresses(t *testing.T) {
	proxies := httpfront.Options{Proxies: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128"),
	}}
	for _, test := range []struct {
		name, remote string
		headers      []string
		want         string // the external ip; empty for a failure
	}{
		{"a stranger's header", "192.0.2.1:1", []string{"198.51.100.7"}, "192.0.2.1"},
		{"a proxy's header", "10.1.2.3:1", []string{"198.51.100.7"}, "198.51.100.7"},
		{"a mapped proxy's header", "[::ffff:10.1.2.3]:1", []string{"198.51.100.7"}, "198.51.100.7"},
		{"an IPv6 proxy's header", "[::1]:1", []string{"2001:db8::9"}, "2001:db8::9"},
		{"what the client wrote comes first", "10.1.2.3:1", []string{"203.0.113.1, 198.51.100.7"}, "198.51.100.7"},
		{"the client sent a header of its own", "10.1.2.3:1", []string{"203.0.113.1", "198.51.100.7"}, "198.51.100.7"},
		{"with a port", "10.1.2.3:1", []string{"198.51.100.7:4711"}, "198.51.100.7"},
		{"an IPv6 address with a port", "10.1.2.3:1", []string{"[2001:db8::9]:4711"}, "2001:db8::9"},
		{"a mapped address", "10.1.2.3:1", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{"an IPv6 address in brackets", "10.1.2.3:1", []string{"[2001:db8::9]"}, "2001:db8::9"},
		{"an address with a zone", "10.1.2.3:1", []string{"fe80::9%eth0"}, "fe80::9"},
		{"white space around it", "10.1.2.3:1", []string{"203.0.113.1 ,\t 198.51.100.7 \t"}, "198.51.100.7"},
		{"a listed proxy spoofed first", "10.1.2.3:1", []string{"10.0.0.1, 198.51.100.7"}, "198.51.100.7"},
		{"a stranger who says that he is a proxy", "192.0.2.1:1", []string{"10.0.0.1"}, "192.0.2.1"},
		{"an empty bracket", "10.1.2.3:1", []string{"[]"}, ""},
		{"a number", "10.1.2.3:1", []string{"3325256711"}, ""},
		{"octal digits", "10.1.2.3:1", []string{"0198.051.100.07"}, ""},
		{"a very long entry", "10.1.2.3:1", []string{strings.Repeat("1", 8000)}, ""},
		{"the unspecified address", "10.1.2.3:1", []string{"0.0.0.0"}, ""},
		{"no header", "10.1.2.3:1", nil, ""},
		{"an empty header", "10.1.2.3:1", []string{""}, ""},
		{"nonsense", "10.1.2.3:1", []string{"198.51.100.7, unknown"}, ""},
		{"an empty last entry", "10.1.2.3:1", []string{"198.51.100.7,"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var header, lines []string
			for _, h := range test.headers {
				header = append(header, "X-Forwarded-For", h)
				lines = append(lines, "X-Forwarded-For: "+h)
			}
			// Headers that are worth nothing from anybody.
			for _, h := range []string{"Forwarded: for=203.0.113.5", "X-Real-IP: 203.0.113.5", "X-Client-IP: 203.0.113.5", "CF-Connecting-IP: 203.0.113.5"} {
				name, value, _ := strings.Cut(h, ": ")
				header, lines = append(header, name, value), append(lines, h)
			}
			f := newFixture(t, tracker.Options{}, proxies)
			wantExternal(t, f.get(test.remote, announceTarget(6881), header...).Body.String(), test.want)
			synctest.Test(t, func(t *testing.T) { // the fast loop
				p, stop := servePipes(t, proxies, tracker.Options{})
				defer stop()
				c := newClient(t, p.dial(test.remote))
				c.send(get(announceTarget(6881), lines...))
				_, body := c.receive()
				wantExternal(t, body, test.want)
			})
		})
	}
}

// wantExternal checks the external ip of an answer; without one, that it is a
// failure.
func wantExternal(t *testing.T, body, want string) {
	t.Helper()
	got, err := httpwire.ParseAnnounceResponse([]byte(body))
	if _, failure := errors.AsType[*httpwire.Failure](err); want == "" && !failure {
		t.Errorf("answered with %+v, %v", got, err)
	}
	if want != "" && (err != nil || got.ExternalIP.String() != want) {
		t.Errorf("external ip is %v, %v; want %s", got.ExternalIP, err, want)
	}
}

// Only the source address counts, unless the tracker is told otherwise.
func TestTheAddressParameterIsNotBelieved(t *testing.T) {
	for trust, want := range map[bool]string{false: "127.0.0.1:6881", true: "198.51.100.7:6881"} {
		for _, param := range []string{"ip", "ipv4"} {
			f := newFixture(t, tracker.Options{TrustLoopback: trust}, httpfront.Options{})
			r := request(6881)
			f.get("127.0.0.1:4000", "/announce?"+string(r.AppendQuery(nil))+"&"+param+"=198.51.100.7")
			if got := f.announce("127.0.0.1:4000", request(6882)); !slices.Equal(peersOf(got), []string{want}) {
				t.Errorf("trust %v, %s: peers are %v, want %s", trust, param, peersOf(got), want)
			}
		}
	}
}

// policy is a Policy with one answer.
type policy struct {
	tracker.Open
	err error
}

func (p policy) MayAnnounce(context.Context, tracker.Request) error { return p.err }

func TestARefusalIsToldToTheClient(t *testing.T) {
	refusal := &tracker.Refusal{Reason: "closed on sundays", RetryIn: time.Hour}
	f := newFixture(t, tracker.Options{Policy: policy{err: refusal}}, httpfront.Options{})
	r := request(6881)
	target := "/announce?" + string(r.AppendQuery(nil))
	f.wantFailure(target, "closed on sundays")
	// BEP 31: "The new field retry in specifies the number of minutes".
	if body := f.get("192.0.2.1:1", target).Body.String(); !strings.Contains(body, "8:retry ini60e") {
		t.Errorf("body is %s", body)
	}
}

func TestTroubleIsLoggedAndNotToldToTheClient(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	trouble := errors.New("password of the database is wrong")
	f := newFixture(t, tracker.Options{Policy: policy{err: trouble}}, httpfront.Options{Log: zap.New(core)})
	r := request(6881)
	target := "/announce?" + string(r.AppendQuery(nil))
	f.wantFailure(target, "internal error")
	if logs.Len() != 1 {
		t.Errorf("%d lines logged", logs.Len())
	}
	for range 999 {
		f.wantFailure(target, "internal error")
	}
	if logs.Len() > 100 {
		t.Errorf("%d lines logged for 1000 requests", logs.Len())
	}
}

// Nothing of a request is found again in an answer or a log.
func TestNoTextOfAClientIsRepeated(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	f := newFixture(t, tracker.Options{}, httpfront.Options{Log: zap.New(core)})
	const mark = "<b>mark\r\n\x1b[31m"
	escaped := url.QueryEscape(mark)
	for _, target := range []string{
		"/announce?info_hash=" + escaped, "/announce?" + escaped + "=1", "/announce?port=" + escaped,
		"/scrape?info_hash=" + escaped, "/?q=" + escaped, "/stats.json?q=" + escaped,
		"/announce?" + string(request(1).AppendQuery(nil)) + "&event=" + escaped + "&key=" + escaped + "&ip=" + escaped,
	} {
		w := f.get("192.0.2.1:1", target, "User-Agent", "mark", "X-Forwarded-For", "mark")
		if body := w.Body.String(); strings.Contains(body, "mark") {
			t.Errorf("%s: %s", target, body)
		}
		if got := fmt.Sprint(w.Header(), logs.TakeAll()); strings.Contains(got, "mark") {
			t.Errorf("%s: %s", target, got)
		}
	}
}

func FuzzAnnounce(f *testing.F) {
	f.Add("info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1", "198.51.100.7, 10.0.0.1")
	service := tracker.New(memory.New(memory.Options{}), tracker.Options{})
	handler := httpfront.New(service, httpfront.Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}).Handler()
	f.Fuzz(func(t *testing.T, query, forwarded string) {
		r := &http.Request{
			Method: http.MethodGet, URL: &url.URL{Path: "/announce", RawQuery: query},
			RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": {forwarded}},
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		_, err := httpwire.ParseAnnounceResponse(w.Body.Bytes())
		if _, refused := errors.AsType[*httpwire.Failure](err); err != nil && !refused || w.Code != http.StatusOK {
			t.Errorf("%d: %q", w.Code, w.Body)
		}
	})
}

func BenchmarkAnnounce(b *testing.B) {
	service := tracker.New(memory.New(memory.Options{}), tracker.Options{})
	handler := httpfront.New(service, httpfront.Options{}).Handler()
	r := httptest.NewRequest(http.MethodGet, "/announce?"+string(request(1).AppendQuery(nil)), nil)
	b.ReportAllocs()
	for b.Loop() {
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}
}
