package serve_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"p2p/tracker/serve"
	"p2p/tracker/udpfront"
	"p2p/tracker/udpwire"
)

// A name of a metric, or a line of a log, that a stranger can write is his way to the
// machine of the operator; a key in a log is his way to every connection id.
func TestNoTextOfAClientAndNoKeyIsInTheMetricsOrInALog(t *testing.T) {
	sockets, err := serve.Bind(1, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if sockets.Admin, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.DebugLevel)
	key := []byte("key-of-the-ids")
	key = append(key, make([]byte, udpfront.KeySize-len(key))...)
	s, err := serve.New(sockets, serve.Options{UDPKey: key, Log: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()

	at, admin := "http://"+s.Addr().String(), "http://"+sockets.Admin.Addr().String()
	const mark = "mark%22%7D%0A%1B%5B31m"
	for _, target := range []string{
		"/announce?info_hash=" + mark, "/announce?" + mark + "=1", "/" + mark + "/announce?port=1", "/" + mark, "/scrape?info_hash=" + mark,
		"/" + strings.Repeat("mark", 8) + "/announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=markmarkmarkmarkmark&port=1&event=mark&key=mark&trackerid=mark",
	} {
		page(t, at+target)
		page(t, admin+target)
	}
	id := connectID(t, s.Addr())
	packet := udpwire.AnnounceRequest{ConnectionID: id, PeerID: [20]byte([]byte("markmarkmarkmarkmark")), Port: 1}.AppendTo(nil)
	exchange(t, s.Addr(), append(packet, "\x02\x06/mark\n"...))
	exchange(t, s.Addr(), append(udpwire.ConnectRequest{}.AppendTo(nil), "mark"...))

	_, metrics := page(t, admin+"/metrics")
	if !strings.Contains(metrics, `p2p_tracker_requests_total{action="announce",proto="udp",result="ok"} 1`) {
		t.Error("the metrics do not count what was asked")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for place, text := range map[string]string{"the metrics": metrics, "the log": fmt.Sprintf("%+v", logs.All())} {
		for _, secret := range []string{"mark", "key-of-the-ids", hex.EncodeToString([]byte("key-of-the-ids")), fmt.Sprint([]byte("key-of"))[1:17]} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in %s", secret, place)
			}
		}
	}
}
