package metrics_test

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/memory"
	"p2p/tracker/metrics"
	"p2p/tracker/wire"
)

func TestThePageHasTheFiguresOfTheTracker(t *testing.T) {
	s := tracker.New(memory.New(memory.Options{}), tracker.Options{})
	for i, seed := range []bool{true, false, false} {
		if _, err := s.Announce(t.Context(), tracker.Request{
			Transport: tracker.UDP, InfoHash: infohash.Of([]byte("torrent")), Seed: seed, Event: wire.Started,
			Peer: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(1000+i)), PeerID: [20]byte{byte(i + 1)},
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Announce(t.Context(), tracker.Request{Peer: netip.MustParseAddrPort("192.0.2.1:0")}); err == nil {
		t.Fatal("a peer without a port was taken")
	}
	page := httptest.NewRecorder()
	is := func(v float64) func() float64 { return func() float64 { return v } }
	metrics.Handler(s, "1.2.3",
		metrics.Figure{Name: "cluster_nodes", Help: "Nodes.", Value: is(3)},
		metrics.Figure{Name: "cluster_messages_total", Help: "Messages.", Labels: map[string]string{"direction": "in"}, Counter: true, Value: is(5)},
		metrics.Figure{Name: "cluster_messages_total", Help: "Messages.", Labels: map[string]string{"direction": "out"}, Counter: true, Value: is(6)},
	).ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		"p2p_tracker_torrents 1", `p2p_tracker_peers{role="seeder"} 1`, `p2p_tracker_peers{role="leecher"} 2`,
		`p2p_tracker_peer_addresses{family="ipv4"} 3`, `p2p_tracker_requests_total{action="announce",proto="udp",result="ok"} 3`,
		`p2p_tracker_requests_total{action="announce",proto="http",result="refused"} 1`, `p2p_tracker_requests_total{action="scrape",proto="http",result="failed"} 0`,
		"p2p_tracker_store_memory_limit_bytes 2.68435456e+08", `p2p_tracker_store_refused_peers_total{limit="quota"} 0`,
		"p2p_tracker_expiry_duration_seconds_count 0", "p2p_tracker_expired_peers_total 0", "p2p_tracker_udp_dropped_total 0",
		`p2p_tracker_cluster_messages_total{direction="in"} 5`, `p2p_tracker_cluster_messages_total{direction="out"} 6`,
		`p2p_tracker_refused_total{reason="address"} 1`, "p2p_tracker_cluster_nodes 3", `version="1.2.3"`, "go_goroutines ",
	} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if strings.Contains(page.Body.String(), infohash.Of([]byte("torrent")).String()) || strings.Contains(page.Body.String(), "192.0.2") {
		t.Error("the page has an info-hash or an address")
	}
	for line := range strings.Lines(page.Body.String()) {
		if strings.HasPrefix(line, "# TYPE p2p_") && strings.HasSuffix(line, " counter\n") != strings.Contains(line, "_total ") {
			t.Errorf("a counter, and no other, ends in _total: %s", line)
		}
	}
}
