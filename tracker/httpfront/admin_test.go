package httpfront_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"p2p/tracker"
	"p2p/tracker/httpfront"
	"p2p/tracker/memory"
)

func newService() *tracker.Service {
	return tracker.New(memory.New(memory.Options{}), tracker.Options{})
}

// status returns what a handler answers to a GET.
func status(h http.Handler, target string) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w.Code
}

func TestPagesCanBeHiddenFromClients(t *testing.T) {
	for _, hide := range []bool{false, true} {
		front := httpfront.New(newService(), httpfront.Options{HidePages: hide})
		pages := map[bool]int{false: http.StatusOK, true: http.StatusNotFound}[hide]
		for path, want := range map[string][2]int{ // for clients, for the operator
			"/announce?x":  {http.StatusOK, http.StatusNotFound},
			"/scrape?x":    {http.StatusOK, http.StatusNotFound},
			"/healthz":     {http.StatusOK, http.StatusOK},
			"/readyz":      {http.StatusOK, http.StatusOK},
			"/":            {pages, http.StatusOK},
			"/stats.json":  {pages, http.StatusOK},
			"/debug/pprof": {http.StatusNotFound, http.StatusNotFound},
		} {
			if got := [2]int{status(front.Handler(), path), status(front.AdminHandler(), path)}; got != want {
				t.Errorf("hide %v, %s: %v, want %v", hide, path, got, want)
			}
		}
	}
}

func TestReadyzAsksTheTracker(t *testing.T) {
	trouble := errors.New("the password of the cluster is wrong")
	front := httpfront.New(newService(), httpfront.Options{Ready: func() error { return trouble }})
	w := httptest.NewRecorder()
	front.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "password") {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	if got := status(front.Handler(), "/healthz"); got != http.StatusOK {
		t.Errorf("healthz: %d", got)
	}
	trouble = nil
	if got := status(front.Handler(), "/readyz"); got != http.StatusOK {
		t.Errorf("readyz: %d", got)
	}
}

func TestOnlyALoopbackAddressIsOpenedForTheOperator(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0", "example.com:0", "127.0.0.1.example.com:0"} {
		if l, err := httpfront.ListenLoopback(addr); !errors.Is(err, httpfront.ErrNotLoopback) {
			t.Errorf("%s: %v", addr, err)
			if err == nil {
				l.Close()
			}
		}
	}
	if _, err := httpfront.ListenLoopback("127.0.0.1"); err == nil {
		t.Error("an address without a port")
	}
	for _, addr := range []string{"127.0.0.1:0", "localhost:0", "127.8.9.10:0"} {
		l, err := httpfront.ListenLoopback(addr)
		if err != nil {
			t.Errorf("%s: %v", addr, err)
			continue
		}
		l.Close()
	}
}

func TestProfilesAreForThisMachineAlone(t *testing.T) {
	for host, want := range map[string]int{
		"127.0.0.1:6880": http.StatusOK, "localhost:6880": http.StatusOK, "[::1]:6880": http.StatusOK, "127.0.0.1": http.StatusOK,
		"evil.example:6880": http.StatusForbidden, "192.0.2.1:6880": http.StatusForbidden, "": http.StatusForbidden,
	} {
		r := httptest.NewRequest(http.MethodGet, "/debug/pprof/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		httpfront.Pprof().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
	}
}

func TestTheOperatorsPagesHaveAListenerOfTheirOwn(t *testing.T) {
	l, err := httpfront.ListenLoopback("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- httpfront.ServeAdmin(ctx, l, newFront().AdminHandler(), nil) }()
	r, err := http.Get("http://" + l.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil || string(body) != "ok\n" {
		t.Errorf("%q, %v", body, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("ServeAdmin: %v", err)
	}
	l.Close()
	if err := httpfront.ServeAdmin(t.Context(), l, http.NotFoundHandler(), nil); err == nil {
		t.Error("no error for a listener that is closed")
	}
}
