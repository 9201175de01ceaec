package serve_test

import (
	"context"
	"fmt"
	"net/netip"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/serve"
	"p2p/tracker/wire"
)

// A tracker inside another program, and a peer of that program announced
// without a socket.
func Example() {
	server, err := serve.Listen("127.0.0.1:0", serve.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- server.Run(ctx) }()

	response, err := server.Service().Announce(ctx, tracker.Request{
		InfoHash: infohash.Of([]byte("an info dictionary")),
		Peer:     netip.MustParseAddrPort("192.0.2.7:6881"),
		Seed:     true,
		Event:    wire.Started,
	})
	fmt.Println(response.Seeders, response.Leechers, err)

	stop()
	fmt.Println(<-ended)
	// Output:
	// 1 0 <nil>
	// <nil>
}
