package announce_test

import (
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"p2p/peer/announce"
	"p2p/tracker/udpwire"
)

// loopbackUDP is a UDP tracker on a real socket.
type loopbackUDP struct {
	url  string
	from atomic.Pointer[netip.AddrPort] // of the last packet
}

func newLoopbackUDP(t *testing.T) *loopbackUDP {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(addrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	forger, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(addrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	u := &loopbackUDP{url: "udp://" + conn.LocalAddr().String()}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = conn.Close()
		_ = forger.Close()
		<-done
	})
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			u.from.Store(&from)
			if r, err := udpwire.ParseConnectRequest(buf[:n]); err == nil {
				_, _ = conn.WriteToUDPAddrPort(udpwire.ConnectResponse{TransactionID: r.TransactionID, ConnectionID: 1}.AppendTo(nil), from)
			} else if r, err := udpwire.ParseAnnounceRequest(buf[:n]); err == nil {
				answer := udpwire.AnnounceResponse{TransactionID: r.TransactionID, Interval: 666}
				_, _ = forger.WriteToUDPAddrPort(answer.AppendTo(nil), from) // first, with everything right but its address
				answer.Interval = 900
				_, _ = conn.WriteToUDPAddrPort(answer.AppendTo(nil), from)
			}
		}
	}()
	return u
}

func TestUDPAnswerFromAnotherAddressIsIgnored(t *testing.T) {
	u := newLoopbackUDP(t)
	got, err := announce.New(announce.Options{}).Announce(t.Context(), u.url, udpRequest)
	if err != nil || got.Interval != 15*time.Minute {
		t.Errorf("interval is %v, want 15m from the tracker, not from the forger: %v", got.Interval, err)
	}
}

func TestClosedPortIsToldAtOnce(t *testing.T) {
	for _, scheme := range []string{"udp", "http"} {
		conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(addrPort("127.0.0.1:0")))
		if err != nil {
			t.Fatal(err)
		}
		address := conn.LocalAddr().String()
		_ = conn.Close()
		began := time.Now()
		_, err = announce.New(announce.Options{}).Announce(t.Context(), scheme+"://"+address+"/announce", udpRequest)
		if err == nil || !strings.Contains(err.Error(), "cannot reach "+address) || time.Since(began) > 10*time.Second {
			t.Errorf("%s: after %v: %v", scheme, time.Since(began), err)
		}
	}
}
