package announce_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/announce"
	"p2p/tracker/httpwire"
)

// webServer starts a web server on the loopback interface.
func webServer(t *testing.T, h http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// BEP 3: "Tracker GET requests have the following keys"
func TestHTTPAnnounceSaysAndReadsEverything(t *testing.T) {
	var got *http.Request
	s := webServer(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		fmt.Fprint(w, "d8:completei5e11:external ip4:\xc0\x00\x02\x0910:incompletei6e8:intervali900e12:min intervali60e"+
			"5:peers12:\xc6\x33\x64\x07\x1a\xe1\x7f\x00\x00\x01\x00\x506:peers618:\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07\x1a\xe115:warning message7:carefule")
	})
	url := strings.Replace(s.URL, "http://", "http://user:pass@", 1) + "/x/announce?passkey=a%20b#fragment"
	resp, err := announce.New(announce.Options{UserAgent: "test/1"}).Announce(t.Context(), url, udpRequest)
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprintf("%+v", resp); s != "{Interval:15m0s MinInterval:1m0s Seeders:5 Leechers:6 "+
		"Peers:[198.51.100.7:6881 127.0.0.1:80 [2001:db8::7]:6881] Warning:careful External:192.0.2.9 TrackerID:}" {
		t.Errorf("response is %s", s)
	}
	query, found := strings.CutPrefix(got.URL.RawQuery, "passkey=a%20b&")
	asked, err := httpwire.ParseAnnounceRequest(query)
	want := httpwire.AnnounceRequest{InfoHash: udpRequest.InfoHash, PeerID: udpRequest.PeerID, Port: 6881,
		Uploaded: 7, Downloaded: 8, Left: 9, Event: udpRequest.Event, NumWant: 10, Key: 11}
	if err != nil || !found || asked != want || got.URL.Path != "/x/announce" {
		t.Errorf("request is %s, %+v, %v", got.URL, asked, err)
	}
	user, pass, _ := got.BasicAuth()
	if user != "user" || pass != "pass" || got.UserAgent() != "test/1" {
		t.Errorf("user %s:%s, agent %s", user, pass, got.UserAgent())
	}
}

func TestHTTPAnswerMayBeCompressed(t *testing.T) {
	s := webServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("header is %v", r.Header)
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		fmt.Fprint(z, onePeer(900))
		_ = z.Close()
	})
	resp, err := announce.New(announce.Options{}).Announce(t.Context(), s.URL, udpRequest)
	if err != nil || len(resp.Peers) != 1 {
		t.Errorf("%+v, %v", resp, err)
	}
}

func TestHTTPSChecksTheCertificate(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, onePeer(900)) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	if _, err := announce.New(announce.Options{}).Announce(t.Context(), s.URL, udpRequest); err == nil ||
		!strings.Contains(err.Error(), "certificate") {
		t.Errorf("error is %v, want one about the certificate", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := announce.New(announce.Options{TLS: &tls.Config{RootCAs: roots}})
	if _, err := c.Announce(t.Context(), s.URL, udpRequest); err != nil {
		t.Error(err)
	}
}

func TestLocalIsTheSourceAddress(t *testing.T) {
	local := netip.MustParseAddr("127.0.0.7")
	probe, err := net.Listen("tcp", "127.0.0.7:0")
	if err != nil {
		t.Skip("this system has no second loopback address")
	}
	_ = probe.Close()
	var from string
	s := webServer(t, func(w http.ResponseWriter, r *http.Request) {
		from = r.RemoteAddr
		fmt.Fprint(w, onePeer(900))
	})
	c := announce.New(announce.Options{Local: local})
	if _, err := c.Announce(t.Context(), s.URL, udpRequest); err != nil || !strings.HasPrefix(from, "127.0.0.7:") {
		t.Errorf("HTTP came from %s: %v", from, err)
	}
	u := newLoopbackUDP(t)
	if _, err := c.Announce(t.Context(), u.url, udpRequest); err != nil || u.from.Load().Addr() != local {
		t.Errorf("UDP came from %s: %v", u.from.Load(), err)
	}
	_, err = c.Announce(t.Context(), "http://[::1]:1/announce", udpRequest)
	if err == nil || !strings.Contains(err.Error(), "has no address of the family of 127.0.0.7") {
		t.Errorf("IPv6 tracker from an IPv4 address: %v", err)
	}
}

// raw answers every connection of a fakeNet tracker with head and body.
func raw(answer string) func(net.Conn) {
	return func(conn net.Conn) {
		defer conn.Close()
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, answer)
	}
}

// libtorrent docs/security-audit.rst F1: a tracker makes its clients send
// requests into their own networks.
func TestRedirectNeverLeadsCloserToHome(t *testing.T) {
	ok := "HTTP/1.1 200 OK\r\n\r\n" + nobody(60)
	addresses := map[string]string{
		"public.example": "203.0.113.1", "other.example": "203.0.113.2", "lan.example": "192.168.1.1", "home.example": "127.0.0.1",
		"six.example": "fd00::1", "metadata.example": "169.254.169.254", "carrier.example": "100.64.0.1", "zero.example": "0.0.0.0",
		"mapped.example": "::ffff:10.0.0.1", "nat64.example": "64:ff9b::7f00:1",
	}
	tooClose := "redirect to an address on this machine or its network was not followed"
	for _, c := range []struct{ from, to, want string }{
		{"public.example", "http://other.example/announce?x", ""},
		{"public.example", "/elsewhere", "more than 5 redirects"},
		{"public.example", "http://lan.example/", tooClose},
		{"public.example", "http://home.example:8080/admin", tooClose},
		{"public.example", "http://127.0.0.1/", tooClose},
		{"public.example", "http://[::1]/", tooClose},
		{"public.example", "http://six.example/", tooClose},
		{"public.example", "http://metadata.example/", tooClose},
		{"public.example", "http://carrier.example/", tooClose},
		{"public.example", "http://zero.example/", tooClose},
		{"public.example", "http://mapped.example/", tooClose},
		{"public.example", "http://nat64.example/", tooClose},
		{"lan.example", "http://six.example/", ""},
		{"lan.example", "http://public.example:8080/", ""},
		{"lan.example", "http://home.example/", tooClose},
		{"lan.example", "http://metadata.example/", tooClose},
		{"home.example", "http://lan.example/", ""},
		{"home.example", "http://127.0.0.1:8080/", ""},
		{"public.example", "file:///etc/passwd", "not a web address"},
		{"public.example", "udp://other.example:53", "not a web address"},
		{"public.example", "http://", "not a web address"},
		{"public.example", "gopher://home.example/", "not a web address"},
		{"public.example", "http://other.example:0/", "port outside"},
		{"public.example", "http://other.example:99999/", "port outside"},
		{"public.example", "http://gone.example/", `cannot resolve host "gone.example": no such host`},
	} {
		t.Run(c.from+" to "+c.to, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newFakeNet()
				for host, address := range addresses {
					addr := netip.MustParseAddr(address)
					n.hosts[host] = []netip.Addr{addr}
					for _, port := range []uint16{80, 8080} {
						n.tcp[netip.AddrPortFrom(addr.Unmap(), port).String()] = raw(ok)
					}
				}
				from := netip.AddrPortFrom(n.hosts[c.from][0], 80).String()
				n.tcp[from] = raw("HTTP/1.1 302 Found\r\nLocation: " + c.to + "\r\nContent-Length: 0\r\n\r\n")
				_, err := n.client(announce.Options{}).Announce(t.Context(), "http://"+c.from+"/announce", udpRequest)
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("error is %v, want %q", err, c.want)
				}
				if c.want == tooClose && len(n.dialed) != 1 {
					t.Errorf("dialled %v", n.dialed)
				}
			})
		})
	}
}

// A redirect over two hops must not forget where it began, and a name with a
// good and a bad address must not lead to the bad one.
func TestRedirectRemembersTheFarthestHop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		n.hosts["a"] = []netip.Addr{netip.MustParseAddr("192.168.1.1")}
		n.hosts["b"] = []netip.Addr{netip.MustParseAddr("203.0.113.1")}
		n.hosts["c"] = []netip.Addr{netip.MustParseAddr("192.168.1.2"), netip.MustParseAddr("203.0.113.2")}
		to := func(url string) func(net.Conn) {
			return raw("HTTP/1.1 307 Temporary Redirect\r\nLocation: " + url + "\r\n\r\n")
		}
		n.tcp["192.168.1.1:80"], n.tcp["203.0.113.1:80"], n.tcp["203.0.113.2:80"] = to("http://b/"), to("http://c/"), to("http://a/")
		_, err := n.client(announce.Options{}).Announce(t.Context(), "http://a/", udpRequest)
		if got := strings.Join(n.dialed, " "); got != "tcp 192.168.1.1:80 tcp 203.0.113.1:80 tcp 203.0.113.2:80" || err == nil {
			t.Errorf("dialled %s: %v", got, err)
		}
	})
}

func TestRedirectsAreBounded(t *testing.T) {
	for hops, want := range map[int]string{5: "", 6: "more than 5 redirects"} {
		asked := 0
		s := webServer(t, func(w http.ResponseWriter, r *http.Request) {
			if asked++; asked <= hops {
				http.Redirect(w, r, fmt.Sprintf("/%d?%s", asked, r.URL.RawQuery), http.StatusMovedPermanently)
				return
			}
			fmt.Fprint(w, onePeer(900))
		})
		_, err := announce.New(announce.Options{}).Announce(t.Context(), s.URL, udpRequest)
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%d redirects: %v, want %q", hops, err, want)
		}
	}
}

func TestFirstAddressThatConnectsIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		tracker := n.tracker("t", says(onePeer(900)))
		good := n.hosts["t"][0]
		n.hosts["t"] = []netip.Addr{ // silent, refusing, good
			netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("203.0.113.200"), good}
		_, err := n.client(announce.Options{}).Announce(t.Context(), tracker.url, udpRequest)
		if took := time.Since(tracker.began); err != nil || took != 250*time.Millisecond {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// Two addresses connect at the same time: the second connection must not stay.
func TestConnectionThatComesInSecondIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		n.hosts["t"] = []netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")}
		closed := 0
		serve := func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n"+onePeer(900))
			_ = conn.Close()
			closed++
		}
		n.tcp["203.0.113.1:80"], n.tcp["203.0.113.2:80"] = raw("HTTP/1.1 200 OK\r\n\r\n"+onePeer(900)), serve
		n.slow = time.Second // both end up connected, the second after it was cancelled
		if _, err := n.client(announce.Options{}).Announce(t.Context(), "http://t/", udpRequest); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if closed != 1 {
			t.Error("second connection is still open")
		}
	})
}

// The errors end up in front of a person.
func TestErrorsArePlain(t *testing.T) {
	head := "HTTP/1.1 200 OK\r\n\r\n"
	for _, c := range []struct{ name, url, answer, want string }{
		{"failure reason", "http://t/", head + "d14:failure reason21:\x1b]0;x\x07\u202eunregisterede", "tracker refused: ]0;x unregistered"},
		{"empty reason", "http://t/", head + "d14:failure reason0:e", "tracker refused: it gave no reason"},
		{"reason with a status", "http://t/", "HTTP/1.1 403 Forbidden\r\n\r\nd14:failure reason2:noe", "tracker refused: no"},
		{"status", "http://t/", "HTTP/1.1 404 Not Found\r\n\r\n<html>", "HTTP status 404 Not Found"},
		{"redirect without a target", "http://t/", "HTTP/1.1 302 Found\r\n\r\n", "HTTP status 302 Found"},
		{"a web page", "http://t/", head + "<html>", "answer makes no sense: malformed tracker response"},
		{"not HTTP", "http://t/", "220 mail.example ESMTP\r\n", "what answered is not a web server"},
		{"nothing", "http://t/", "", "the connection was closed before there was an answer"},
		{"refused", "http://203.0.113.1:81/", "", "cannot reach 203.0.113.1:81: connection refused"},
		{"no host", "http://nowhere.example/", "", `cannot resolve host "nowhere.example": no such host`},
		{"silent", "http://192.0.2.1/secret", "", "no answer within 15 s"},
		{"UDP refused", "udp://203.0.113.1:81/", "", "cannot reach 203.0.113.1:81: connection refused"},
		{"UDP no host", "udp://nowhere.example:1/", "", `cannot resolve host "nowhere.example": no such host`},
		{"no scheme", "tracker.example/announce", "", "tracker address is not a URL"},
		{"other scheme", "ftp://t/", "", `trackers at "ftp" addresses are not supported`},
		{"port", "http://t:70000/", "", "port outside 1 to 65535"},
		{"too long", "http://t/" + strings.Repeat("a", 3000), "", "tracker address of 3009 bytes is over 2048"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newFakeNet()
				n.hosts["t"] = []netip.Addr{netip.MustParseAddr("203.0.113.1")}
				n.tcp["203.0.113.1:80"] = raw(c.answer)
				_, err := n.client(announce.Options{}).Announce(t.Context(), c.url, udpRequest)
				if err == nil || !strings.HasPrefix(err.Error(), c.want) && !strings.HasSuffix(err.Error(), c.want) {
					t.Errorf("error is %q, want %q", err, c.want)
				}
				if err != nil && strings.Contains(err.Error(), "secret") {
					t.Errorf("error %q holds the URL", err)
				}
			})
		})
	}
}

func TestRefusalIsToldApart(t *testing.T) {
	s := webServer(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "d14:failure reason2:no8:retry in1:7e") })
	_, err := announce.New(announce.Options{}).Announce(t.Context(), s.URL, udpRequest)
	if r, ok := errors.AsType[*announce.Refusal](err); !ok || r.Reason != "no" || r.RetryIn != 7*time.Minute || r.Never {
		t.Errorf("error is %#v", err)
	}
}

// zip compresses s.
func zip(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}
