package httpwire_test

import (
	"errors"
	"math"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"p2p/torrentfile/infohash"
	"p2p/tracker/httpwire"
	"p2p/tracker/wire"
)

const (
	hashParam = "info_hash=aaaaaaaaaaaaaaaaaaaa"
	idParam   = "peer_id=bbbbbbbbbbbbbbbbbbbb"
	required  = hashParam + "&" + idParam + "&port=6881"
)

func parse(t *testing.T, query string) httpwire.AnnounceRequest {
	t.Helper()
	r, err := httpwire.ParseAnnounceRequest(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return r
}

// The example of BEP 23.
func TestTheExampleOfTheStandardIsUnderstood(t *testing.T) {
	r := parse(t, "peer_id=aaaaaaaaaaaaaaaaaaaa&info_hash=aaaaaaaaaaaaaaaaaaaa&port=6881&left=0&downloaded=100&uploaded=0&compact=1")
	want := httpwire.AnnounceRequest{
		InfoHash: infohash.T([]byte("aaaaaaaaaaaaaaaaaaaa")), PeerID: [20]byte([]byte("aaaaaaaaaaaaaaaaaaaa")),
		Port: 6881, Downloaded: 100, NumWant: httpwire.DefaultNumWant,
	}
	if r != want {
		t.Errorf("%+v, want %+v", r, want)
	}
}

// BEP 3: "This value will almost certainly have to be escaped."
func TestEveryByteCanBeEscaped(t *testing.T) {
	for start := 0; start < 256; start += 20 {
		var h infohash.T
		for i := range h {
			h[i] = byte(start + i)
		}
		for name, escaped := range map[string]string{
			"as a form":   url.QueryEscape(string(h[:])),
			"as a path":   url.PathEscape(string(h[:])),
			"upper case":  everyByte(h, "0123456789ABCDEF"),
			"lower case":  everyByte(h, "0123456789abcdef"),
			"by ourself":  string(httpwire.AppendScrapeQuery(nil, []infohash.T{h})[len("info_hash="):]),
			"only before": strings.ReplaceAll(url.QueryEscape(string(h[:])), "~", "%7e"),
		} {
			if name == "as a path" {
				// A path leaves characters alone that mean something in a query.
				escaped = strings.NewReplacer("&", "%26", "+", "%2B", "=", "%3D").Replace(escaped)
			}
			r := parse(t, "info_hash="+escaped+"&"+idParam+"&port=1")
			if r.InfoHash != h {
				t.Errorf("%s: %s is read as %s", name, escaped, r.InfoHash)
			}
		}
	}
}

func everyByte(h infohash.T, digits string) string {
	var b strings.Builder
	for _, c := range h {
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

func TestBadAnnouncesGetAClearFailure(t *testing.T) {
	for _, test := range []struct{ query, want string }{
		{"", "info_hash is missing"},
		{"&&=&", "info_hash is missing"},
		{idParam + "&port=1", "info_hash is missing"},
		{hashParam + "&port=1", "peer_id is missing"},
		{hashParam + "&" + idParam, "port is missing"},
		{"info_hash=&" + idParam + "&port=1", "info_hash is not 20 escaped bytes"},
		{"info_hash=aaaaaaaaaaaaaaaaaaa&" + idParam + "&port=1", "info_hash is not 20 escaped bytes"},
		{"info_hash=aaaaaaaaaaaaaaaaaaaaa&" + idParam + "&port=1", "info_hash is not 20 escaped bytes"},
		{"info_hash=aaaaaaaaaaaaaaaaaaa%&" + idParam + "&port=1", "info_hash is not 20 escaped bytes"},
		{"info_hash=aaaaaaaaaaaaaaaaaaa%0&" + idParam + "&port=1", "info_hash is not 20 escaped bytes"},
		{"info_hash=aaaaaaaaaaaaaaaaaaa%0g&" + idParam + "&port=1", "info_hash is not 20 escaped bytes"},
		{"info_hash=" + strings.Repeat("ab", 20) + "&" + idParam + "&port=1", "info_hash is not 20 escaped bytes"},
		{"info_hash=" + strings.Repeat("%00", 1000) + "&" + idParam + "&port=1", "info_hash is not 20 escaped bytes"},
		{required + "&" + hashParam, "info_hash is repeated"},
		{required + "&info_hash=", "info_hash is repeated"},
		{required + "&" + idParam, "peer_id is repeated"},
		{required + "&port=6881", "port is repeated"},
		{hashParam + "&" + idParam + "&port=0", "port is not a number from 1 to 65535"},
		{hashParam + "&" + idParam + "&port=65536", "port is not a number from 1 to 65535"},
		{hashParam + "&" + idParam + "&port=-1", "port is not a number from 1 to 65535"},
		{hashParam + "&" + idParam + "&port=18446744073709551617", "port is not a number from 1 to 65535"},
		{hashParam + "&" + idParam + "&port=80x", "port is not a number from 1 to 65535"},
		{hashParam + "&" + idParam + "&port=", "port is not a number from 1 to 65535"},
		{required + "&left=all", "left is not a number"},
		{required + "&left=0x0", "left is not a number"},
		{required + "&left=-", "left is not a number"},
		{required + "&uploaded=1e9", "uploaded is not a number"},
		{required + "&downloaded=", "downloaded is not a number"},
		{required + "&x=" + strings.Repeat("y", httpwire.MaxQuery), "query is too long"},
	} {
		_, err := httpwire.ParseAnnounceRequest(test.query)
		bad, ok := errors.AsType[*httpwire.BadRequest](err)
		if !ok || bad.Error() != test.want {
			t.Errorf("%.80q: error is %v, want %q", test.query, err, test.want)
		}
	}
}

// Whatever the client sends comes back in no failure.
func TestFailuresDoNotEchoTheClient(t *testing.T) {
	const evil = "<script>\r\n\x1b[31m"
	for _, param := range []string{"info_hash", "peer_id", "port", "left", "uploaded", "downloaded", evil} {
		for _, value := range []string{evil, url.QueryEscape(evil)} {
			_, err := httpwire.ParseAnnounceRequest(param + "=" + value)
			if err == nil || strings.ContainsAny(err.Error(), "<\r\n\x1b") {
				t.Errorf("%s: %q", param, err)
			}
		}
	}
}

func TestOddNumbersAreRead(t *testing.T) {
	for query, want := range map[string]int64{
		"":                           wire.LeftUnknown,
		"&left=0":                    0,
		"&left=00":                   0,
		"&left=17":                   17,
		"&left=-1":                   wire.LeftUnknown, // clients that do not know the size
		"&left=9223372036854775807":  math.MaxInt64,
		"&left=18446744073709551615": math.MaxInt64,
		"&left=5&left=6":             6,
	} {
		if r := parse(t, required+query); r.Left != want {
			t.Errorf("%s: left is %d, want %d", query, r.Left, want)
		}
	}
	for query, want := range map[string]int{
		"": -1, "&numwant=0": 0, "&numwant=50": 50, "&num_want=7": 7, "&numwant=-3": -1, "&numwant=many": -1,
		"&numwant=99999999999999999999": 1 << 20,
	} {
		if r := parse(t, required+query); r.NumWant != want {
			t.Errorf("%s: numwant is %d, want %d", query, r.NumWant, want)
		}
	}
}

// BEP 3: "maps to started, completed, or stopped (or empty, which is the same as
// not being present)."
func TestEventsAreRead(t *testing.T) {
	for query, want := range map[string]wire.Event{
		"": wire.None, "&event=": wire.None, "&event=empty": wire.None, "&event=started": wire.Started,
		"&event=%73topped": wire.Stopped, "&event=completed": wire.Completed, "&event=paused": wire.None,
		"&event=startedstartedstartedstarted": wire.None, "&event=%": wire.None,
	} {
		if r := parse(t, required+query); r.Event != want {
			t.Errorf("%s: event is %v, want %v", query, r.Event, want)
		}
	}
}

// BEP 23: "By including compact=0 in the announce URL, the client advises the
// tracker that is prefers the original format".
func TestCompactIsTheDefault(t *testing.T) {
	for query, want := range map[string]bool{
		"": false, "&compact=1": false, "&compact=0": true, "&compact=": false, "&compact=yes": false,
	} {
		if r := parse(t, required+query); r.NoCompact != want {
			t.Errorf("%s: NoCompact is %v", query, r.NoCompact)
		}
	}
}

// BEP 7: "The value is either an IPv6 endpoint (address and port) or just an
// IPv6 address. In the case where only an address is supplied, the IPv6 port is
// assumed to be the same as specified by the &port= parameter."
func TestClaimedAddressesAreRead(t *testing.T) {
	r := parse(t, required+"&ipv6=2001%3A%3A53Aa%3A64c%3A0%3A7f83%3Abc43%3Adec9&ipv4=192.0.2.1:80&ip=192.0.2.2")
	if want := netip.MustParseAddrPort("[2001::53aa:64c:0:7f83:bc43:dec9]:6881"); r.IPv6 != want {
		t.Errorf("ipv6 is %v, want %v", r.IPv6, want)
	}
	if want := netip.MustParseAddrPort("192.0.2.1:80"); r.IPv4 != want {
		t.Errorf("ipv4 is %v, want %v", r.IPv4, want)
	}
	if want := netip.MustParseAddr("192.0.2.2"); r.IP != want {
		t.Errorf("ip is %v, want %v", r.IP, want)
	}
	r = parse(t, required+"&ipv6=%5B2001%3A%3A1%5D%3A6882")
	if want := netip.MustParseAddrPort("[2001::1]:6882"); r.IPv6 != want {
		t.Errorf("ipv6 is %v, want %v", r.IPv6, want)
	}
	for _, nonsense := range []string{
		"&ip=peer.example.org", "&ip=", "&ip=261.52.89.12", "&ip=%zz", "&ip=" + strings.Repeat("1", 65),
		"&ipv4=2001::1", "&ipv6=192.0.2.1", "&ipv6=::ffff:192.0.2.1",
	} {
		if r := parse(t, required+nonsense); r.IP.IsValid() || r.IPv4.IsValid() || r.IPv6.IsValid() {
			t.Errorf("%s is read as %v %v %v", nonsense, r.IP, r.IPv4, r.IPv6)
		}
	}
	if r := parse(t, required+"&ip=fe80::1%25eth0"); r.IP.Zone() != "" {
		t.Errorf("zone %q", r.IP.Zone())
	}
}

func TestTheKeyIsTheSameOverBothProtocols(t *testing.T) {
	for value, want := range map[string]uint32{"DEADBEEF": 0xdeadbeef, "0000002a": 42, "2a": 42} {
		if r := parse(t, required+"&key="+value); r.Key != want {
			t.Errorf("%s is read as %x", value, r.Key)
		}
	}
	a, b := parse(t, required+"&key=not+hex+at+all"), parse(t, required+"&key=deadbeef00")
	if a.Key == b.Key || a.Key == 0 || b.Key == 0 {
		t.Errorf("keys of other text are %x and %x", a.Key, b.Key)
	}
}

func TestAnnounceQueryRoundTrips(t *testing.T) {
	r := httpwire.AnnounceRequest{
		InfoHash: infohash.Of([]byte("x")), PeerID: [20]byte{0, 1, '&', '=', '+', '%', 255}, Port: 51413,
		Uploaded: 1, Downloaded: 2, Left: 3, Event: wire.Completed, NumWant: 30, NoCompact: true, Key: 7,
		IP:   netip.MustParseAddr("2001:db8::7"),
		IPv4: netip.MustParseAddrPort("192.0.2.1:1"), IPv6: netip.MustParseAddrPort("[2001:db8::1]:2"),
	}
	if got := parse(t, string(r.AppendQuery(nil))); got != r {
		t.Errorf("comes back as %+v, want %+v", got, r)
	}
	r.TrackerID = "a b"
	if q := string(r.AppendQuery(nil)); !strings.HasSuffix(q, "&trackerid=a%20b") {
		t.Errorf("query is %s", q)
	}
}

func TestParsingAnAnnounceDoesNotAllocate(t *testing.T) {
	query := "info_hash=" + strings.Repeat("%00", 20) + "&peer_id=-TR3000-%01bbbbbbbbbbb&port=6881&uploaded=0" +
		"&downloaded=0&left=0&numwant=80&key=DEADBEEF&compact=1&supportcrypto=1&event=started"
	hashes := make([]infohash.T, 0, httpwire.MaxScrape)
	allocs := testing.AllocsPerRun(100, func() {
		_, err1 := httpwire.ParseAnnounceRequest(query)
		_, err2 := httpwire.ParseScrapeRequest(query, hashes)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func FuzzAnnounceRequest(f *testing.F) {
	f.Add(required + "&left=0&event=started&numwant=50&compact=0&key=1a&ip=192.0.2.1")
	f.Add("info_hash=%00%ff&&peer_id==&port=+1")
	f.Add(string(httpwire.AnnounceRequest{Port: 1, NumWant: 3, IPv6: netip.MustParseAddrPort("[::1]:9")}.AppendQuery(nil)))
	f.Fuzz(func(t *testing.T, query string) {
		r, err := httpwire.ParseAnnounceRequest(query)
		if err != nil {
			if _, ok := errors.AsType[*httpwire.BadRequest](err); !ok || len(err.Error()) > 60 {
				t.Errorf("error is %v", err)
			}
			return
		}
		if r.Port == 0 || r.Left < 0 || r.NumWant < -1 {
			t.Errorf("parsed as %+v", r)
		}
		// It must agree with the library about what the essential parameters say.
		for param, got := range map[string]string{"info_hash": string(r.InfoHash[:]), "peer_id": string(r.PeerID[:])} {
			if values, err := url.ParseQuery(query); err == nil && !slices.Contains(values[param], got) {
				t.Errorf("%s is %q, the library says %q", param, got, values[param])
			}
		}
		if again := parse(t, string(r.AppendQuery(nil))); again != r {
			t.Errorf("comes back as %+v, want %+v", again, r)
		}
	})
}
