package announce_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"

	"p2p/peer/announce"
	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/serve"
	"p2p/tracker/wire"
)

// numbered is a torrent whose peer id and port differ from the others'. It
// passes on what it is given.
type numbered struct {
	port  uint16
	left  atomic.Int64
	found chan []netip.AddrPort
}

func (n *numbered) Snapshot() announce.Request {
	return announce.Request{InfoHash: infohash.T{7}, PeerID: [wire.PeerIDSize]byte{byte(n.port)}, Port: n.port, Left: n.left.Load()}
}

func (n *numbered) Found(_ context.Context, _ string, r announce.Response) int {
	n.found <- r.Peers
	return len(r.Peers)
}

// The client and the project's own tracker, over loopback sockets: a seeder and
// a downloader find each other whichever way they ask, and leave when they stop.
func TestPeersMeetThroughOurOwnTracker(t *testing.T) {
	for _, schemes := range [][2]string{{"http", "http"}, {"udp", "udp"}, {"http", "udp"}, {"udp", "http"}} {
		t.Run(schemes[0]+" and "+schemes[1], func(t *testing.T) {
			server, err := serve.Listen("127.0.0.1:0", serve.Options{})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			served := make(chan error, 1)
			go func() { served <- server.Run(ctx) }()
			defer func() {
				cancel()
				if err := <-served; err != nil {
					t.Error(err)
				}
			}()
			client := announce.New(announce.Options{})
			url := func(i int) string { return fmt.Sprintf("%s://%s/announce", schemes[i], server.Addr()) }
			counts := func() string {
				c, err := server.Service().Scrape(t.Context(), tracker.ScrapeRequest{Hashes: []infohash.T{{7}}})
				return fmt.Sprintf("%+v %v", c, err)
			}

			tell := func(port uint16, left int64, event wire.Event) {
				other := &numbered{port: port}
				other.left.Store(left)
				r := other.Snapshot()
				r.Event = event
				if _, err := client.Announce(t.Context(), url(0), r); err != nil {
					t.Error(err)
				}
			}
			tell(1001, 0, wire.Started)

			download := &numbered{port: 1002, found: make(chan []netip.AddrPort, 9)}
			download.left.Store(5)
			downloader := client.NewAnnouncer([][]string{{url(1)}}, download)
			stopDownloader := run(t, downloader)
			if got := <-download.found; !slices.Equal(got, []netip.AddrPort{addrPort("127.0.0.1:1001")}) {
				t.Errorf("found %v, want the seeder alone", got)
			}
			if got := counts(); got != "[{Seeders:1 Leechers:1 Completed:0}] <nil>" {
				t.Errorf("counts are %s", got)
			}
			tell(1003, 1, wire.Started)
			download.left.Store(0)
			downloader.Completed()
			if got := <-download.found; !slices.Equal(got, []netip.AddrPort{addrPort("127.0.0.1:1003")}) {
				t.Errorf("as a seeder found %v, want the other downloader alone", got)
			}
			stopDownloader()
			if err := downloader.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			tell(1001, 0, wire.Stopped)
			tell(1003, 1, wire.Stopped)
			if got := counts(); got != "[{Seeders:0 Leechers:0 Completed:1}] <nil>" {
				t.Errorf("counts at the end are %s", got)
			}
		})
	}
}
