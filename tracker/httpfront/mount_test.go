package httpfront_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"p2p/tracker/httpfront"
)

func TestAnotherServiceIsMountedBesideTheTracker(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		io.WriteString(w, r.Method+" "+r.URL.Path+" "+string(body)+" from "+r.RemoteAddr)
	})
	front := httpfront.New(newService(), httpfront.Options{
		HidePages: true, Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Mounts: map[string]http.Handler{"/other/1/": echo},
	})
	for _, c := range []struct {
		method, path, from, forwarded string
		status                        int
		want                          string
	}{
		{"POST", "/other/1/x", "192.0.2.1:5", "", 200, "POST /other/1/x hello from 192.0.2.1:0"},
		{"POST", "/other/1/x", "192.0.2.1:5", "198.51.100.1", 200, "from 192.0.2.1:0"}, // anybody can write that header
		{"POST", "/other/1/x", "10.0.0.1:5", "198.51.100.1", 200, "from 198.51.100.1:0"},
		{"POST", "/other/1/x", "10.0.0.1:5", "", 502, ""},
		{"GET", "/other/1/", "[2001:db8::1]:5", "", 200, "GET /other/1/ hello from [2001:db8::1]:0"},
		{"POST", "/other/", "192.0.2.1:5", "", 404, ""},
		{"POST", "/announce", "192.0.2.1:5", "", 405, ""},
	} {
		r := httptest.NewRequest(c.method, c.path, strings.NewReader("hello"))
		r.RemoteAddr = c.from
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		w := httptest.NewRecorder()
		front.Handler().ServeHTTP(w, r)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%+v: %d %q", c, w.Code, w.Body)
		}
	}
}
