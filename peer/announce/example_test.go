package announce_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"p2p/peer/announce"
)

// download is a torrent that prints what it is given.
type download struct{ found chan struct{} }

func (d download) Snapshot() announce.Request { return announce.Request{Port: 6881, Left: 1 << 20} }

func (d download) Found(_ context.Context, _ string, r announce.Response) int {
	fmt.Println("found", r.Peers)
	close(d.found)
	return len(r.Peers)
}

func Example() {
	tracker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("event:", r.FormValue("event"))
		fmt.Fprint(w, "d8:intervali1800e5:peers6:\xc6\x33\x64\x07\x1a\xe1e")
	}))
	defer tracker.Close()

	client := announce.New(announce.Options{UserAgent: "example/1.0"})
	torrent := download{found: make(chan struct{})}
	announcer := client.NewAnnouncer([][]string{{tracker.URL + "/announce"}}, torrent)

	ctx, cancel := context.WithCancel(context.Background())
	go announcer.Run(ctx)
	<-torrent.found

	cancel()
	goodbye, done := context.WithTimeout(context.Background(), 3*time.Second)
	defer done()
	if err := announcer.Stop(goodbye); err != nil {
		fmt.Println(err)
	}
	// Output:
	// event: started
	// found [198.51.100.7:6881]
	// event: stopped
}
