package serve_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"p2p/tracker/httpfront"
	"p2p/tracker/metrics"
	"p2p/tracker/serve"
)

// page fetches one.
func page(t *testing.T, url string) (status int, body string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// forOperator runs a tracker with listeners for its operator, and returns where they are.
func forOperator(t *testing.T) (public, admin, profiles string) {
	t.Helper()
	sockets, err := serve.Bind(1, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if sockets.Admin, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if sockets.Profiles, err = httpfront.ListenLoopback("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s, err := serve.New(sockets, serve.Options{
		Version: "1.2.3",
		Nodes:   func() []httpfront.Node { return []httpfront.Node{{Name: "the-other"}} },
		Figures: []metrics.Figure{{Name: "cluster_nodes", Help: "Nodes.", Value: func() float64 { return 3 }}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		for _, l := range []net.Listener{sockets.Admin, sockets.Profiles} {
			if l.Close() == nil {
				t.Error("a listener for the operator is open after the end")
			}
		}
	})
	if got := s.Addrs(); len(got) != 1 {
		t.Errorf("clients are told of %v", got)
	}
	at := func(l net.Listener) string { return "http://" + l.Addr().String() }
	return at(sockets.HTTP[0]), at(sockets.Admin), at(sockets.Profiles)
}

func TestTheOperatorsPagesAreOnAListenerOfTheirOwn(t *testing.T) {
	public, admin, profiles := forOperator(t)
	for _, c := range []struct {
		url    string
		status int
		want   string
	}{
		{public + "/", 404, ""}, {public + "/stats.json", 404, ""}, {public + "/metrics", 404, ""}, {public + "/debug/pprof/", 404, ""},
		{public + "/healthz", 200, "ok"}, {public + "/readyz", 200, "ok"}, {public + "/announce", 200, "failure reason"},
		{admin + "/", 200, "1.2.3"}, {admin + "/stats.json", 200, "the-other"}, {admin + "/healthz", 200, "ok"}, {admin + "/readyz", 200, "ok"},
		{admin + "/metrics", 200, "p2p_tracker_cluster_nodes 3"}, {admin + "/announce", 404, ""}, {admin + "/debug/pprof/", 404, ""},
		{profiles + "/debug/pprof/", 200, "goroutine"}, {profiles + "/", 404, ""},
	} {
		if status, body := page(t, c.url); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d, %.300q", c.url, status, body)
		}
	}
}

// Everybody sees the pages of a tracker that nobody has configured, but not what
// Prometheus sees: that is about the machine too.
func TestMetricsAreForTheOperatorAlone(t *testing.T) {
	s, stop := start(t, "127.0.0.1:0")
	defer stop()
	for path, want := range map[string]int{"/": 200, "/stats.json": 200, "/metrics": 404} {
		if status, _ := page(t, "http://"+s.Addr().String()+path); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
}
