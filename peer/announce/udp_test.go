package announce_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/announce"
	"p2p/torrentfile/infohash"
	"p2p/tracker/udpwire"
	"p2p/tracker/wire"
)

// udpTracker is a UDP tracker on a fakeNet. Unless a hook says otherwise it
// follows BEP 15.
type udpTracker struct {
	began time.Time
	delay time.Duration // before every answer
	mute  bool
	peers []byte // what it answers

	// onAnnounce and onConnect replace the answer when they return one.
	onConnect  func(udpwire.ConnectRequest) [][]byte
	onAnnounce func(udpwire.AnnounceRequest) [][]byte

	mu        sync.Mutex
	id        uint64
	connects  []time.Duration
	announces []time.Duration
	requests  []udpwire.AnnounceRequest
	ids       []uint32 // transaction ids
}

// udpTracker serves a tracker at address.
func (n *fakeNet) udpTracker(address string) *udpTracker {
	u := &udpTracker{began: time.Now(), id: 1000, peers: []byte{198, 51, 100, 7, 0x1a, 0xe1}}
	n.udp[address] = u.serve
	return u
}

func (u *udpTracker) serve(client *fakeUDP, packet []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	at := time.Since(u.began)
	var answers [][]byte
	if r, err := udpwire.ParseConnectRequest(packet); err == nil {
		u.connects = append(u.connects, at)
		u.ids = append(u.ids, r.TransactionID)
		u.id++
		answers = [][]byte{udpwire.ConnectResponse{TransactionID: r.TransactionID, ConnectionID: u.id}.AppendTo(nil)}
		if u.onConnect != nil {
			answers = u.onConnect(r)
		}
	} else if r, err := udpwire.ParseAnnounceRequest(packet); err == nil {
		u.announces = append(u.announces, at)
		u.requests = append(u.requests, r)
		u.ids = append(u.ids, r.TransactionID)
		answers = [][]byte{udpwire.AnnounceResponse{
			TransactionID: r.TransactionID, Interval: 1800, Leechers: 3, Seeders: 4, Peers: u.peers}.AppendTo(nil)}
		if u.onAnnounce != nil {
			answers = u.onAnnounce(r)
		}
	} else {
		panic("neither connect nor announce")
	}
	if u.mute {
		return
	}
	go func() {
		time.Sleep(u.delay)
		for _, a := range answers {
			client.deliver(a)
		}
	}()
}

// udpRequest is what the tests announce.
var udpRequest = announce.Request{
	InfoHash: infohash.T{1, 2, 3}, PeerID: [wire.PeerIDSize]byte{4, 5, 6}, Port: 6881,
	Uploaded: 7, Downloaded: 8, Left: 9, Event: wire.Started, NumWant: 10, Key: 11,
}

// inUDP runs f in a bubble with a client and a tracker at udp://127.0.0.1:6969.
func inUDP(t *testing.T, f func(t *testing.T, c *announce.Client, u *udpTracker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		f(t, n.client(announce.Options{}), n.udpTracker("127.0.0.1:6969"))
		time.Sleep(time.Minute) // for late answers
	})
}

const udpURL = "udp://127.0.0.1:6969/announce"

// BEP 15: "Before announcing or scraping, you have to obtain a connection ID.
// 1. Choose a random transaction ID."
func TestUDPConnectsAndThenAnnounces(t *testing.T) {
	transactions := make(map[uint32]bool)
	for range 20 {
		inUDP(t, func(t *testing.T, c *announce.Client, u *udpTracker) {
			got, err := c.Announce(t.Context(), udpURL, udpRequest)
			if err != nil {
				t.Fatal(err)
			}
			if got.Interval != 30*time.Minute || got.Leechers != 3 || got.Seeders != 4 ||
				!slices.Equal(got.Peers, []netip.AddrPort{addrPort("198.51.100.7:6881")}) {
				t.Errorf("response is %+v", got)
			}
			if len(u.connects) != 1 || len(u.requests) != 1 {
				t.Fatalf("%d connects and %d announces, want one each", len(u.connects), len(u.requests))
			}
			r := u.requests[0]
			want := udpwire.AnnounceRequest{
				ConnectionID: 1001, TransactionID: r.TransactionID, InfoHash: udpRequest.InfoHash, PeerID: udpRequest.PeerID,
				Uploaded: 7, Downloaded: 8, Left: 9, Event: wire.Started, NumWant: 10, Key: 11, Port: 6881,
			}
			if string(r.AppendTo(nil)) != string(want.AppendTo(nil)) {
				t.Errorf("request is %+v, want %+v", r, want)
			}
			for _, id := range u.ids {
				transactions[id] = true
			}
		})
	}
	if len(transactions) != 40 {
		t.Errorf("%d different transaction ids in 40 requests", len(transactions))
	}
}

// BEP 15: "A connection ID can be used for multiple requests. A client can use a
// connection ID until one minute after it has received it."
func TestUDPConnectionIDIsUsedForAMinute(t *testing.T) {
	inUDP(t, func(t *testing.T, c *announce.Client, u *udpTracker) {
		for _, wait := range []time.Duration{0, 30 * time.Second, 29 * time.Second, time.Second} {
			time.Sleep(wait)
			if _, err := c.Announce(t.Context(), udpURL, udpRequest); err != nil {
				t.Fatal(err)
			}
		}
		if want := []time.Duration{0, time.Minute}; !slices.Equal(u.connects, want) {
			t.Errorf("connected at %v, want %v", u.connects, want)
		}
	})
}

func TestUDPConnectionIDsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		c := n.client(announce.Options{})
		var trackers []*udpTracker
		tell := func(i int) {
			address := fmt.Sprintf("203.0.%d.%d:6969", i/256, i%256)
			if i == len(trackers) {
				trackers = append(trackers, n.udpTracker(address))
			}
			if _, err := c.Announce(t.Context(), "udp://"+address, udpRequest); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 300 {
			tell(i)
		}
		tell(0)
		tell(299)
		if first, last := len(trackers[0].connects), len(trackers[299].connects); first != 2 || last != 1 {
			t.Errorf("connected %d and %d times to the first and the last of 300 trackers, want 2 and 1", first, last)
		}
	})
}

// BEP 15: "If a response is not received after 15 * 2 ^ n seconds, the client
// should retransmit the request". Ours begins with 2; see firstWait.
func TestUDPRetransmitsAndGivesUpAfterFifteenSeconds(t *testing.T) {
	s := time.Second
	inUDP(t, func(t *testing.T, c *announce.Client, u *udpTracker) {
		u.mute = true
		_, err := c.Announce(t.Context(), udpURL, udpRequest)
		if err == nil || err.Error() != "no answer within 15 s" || time.Since(u.began) != 15*s {
			t.Errorf("after %v: %v", time.Since(u.began), err)
		}
		if want := []time.Duration{0, 2 * s, 6 * s, 14 * s}; !slices.Equal(u.connects, want) {
			t.Errorf("connected at %v, want %v", u.connects, want)
		}
	})
	inUDP(t, func(t *testing.T, c *announce.Client, u *udpTracker) {
		u.onAnnounce = func(udpwire.AnnounceRequest) [][]byte { return nil }
		_, err := c.Announce(t.Context(), udpURL, udpRequest)
		if err == nil || len(u.connects) != 1 {
			t.Errorf("%d connects, error %v", len(u.connects), err)
		}
		if want := []time.Duration{0, 2 * s, 6 * s, 14 * s}; !slices.Equal(u.announces, want) {
			t.Errorf("announced at %v, want %v", u.announces, want)
		}
	})
}

func TestUDPLateAnswerToAnEarlyRequestCounts(t *testing.T) {
	inUDP(t, func(t *testing.T, c *announce.Client, u *udpTracker) {
		u.delay = 5 * time.Second // longer than the first wait, and than what is left of the second
		if _, err := c.Announce(t.Context(), udpURL, udpRequest); err != nil {
			t.Error(err)
		}
		if took := time.Since(u.began); took != 10*time.Second {
			t.Errorf("took %v, want one delay for connect and one for announce", took)
		}
	})
}

// BEP 15: "Check whether the packet is at least 16 bytes. Check whether the
// transaction ID is equal to the one you chose. Check whether the action is
// connect."
func TestUDPIgnoresWhatDoesNotAnswerTheRequest(t *testing.T) {
	inUDP(t, func(t *testing.T, c *announce.Client, u *udpTracker) {
		good := func(tx uint32) []byte {
			return udpwire.ConnectResponse{TransactionID: tx, ConnectionID: 77}.AppendTo(nil)
		}
		u.onConnect = func(r udpwire.ConnectRequest) [][]byte {
			return [][]byte{
				nil, {0}, good(r.TransactionID)[:7], good(r.TransactionID + 1),
				udpwire.ErrorResponse{TransactionID: r.TransactionID ^ 1, Message: "forged"}.AppendTo(nil),
				udpwire.AnnounceResponse{TransactionID: r.TransactionID}.AppendTo(nil),
				append(good(r.TransactionID), "a future extension"...),
			}
		}
		u.onAnnounce = func(r udpwire.AnnounceRequest) [][]byte {
			return [][]byte{
				good(r.TransactionID),
				udpwire.AnnounceResponse{TransactionID: r.TransactionID + 1, Interval: 1}.AppendTo(nil),
				udpwire.AnnounceResponse{TransactionID: r.TransactionID, Interval: 900}.AppendTo(nil),
			}
		}
		got, err := c.Announce(t.Context(), udpURL, udpRequest)
		if err != nil || got.Interval != 15*time.Minute || time.Since(u.began) != 0 {
			t.Errorf("after %v: %+v, %v", time.Since(u.began), got, err)
		}
		if u.requests[0].ConnectionID != 77 {
			t.Errorf("connection id is %d, want 77", u.requests[0].ConnectionID)
		}
	})
}

// BEP 15: "If the tracker encounters an error, it might send an error packet."
func TestUDPErrorIsARefusalWithCleanText(t *testing.T) {
	inUDP(t, func(t *testing.T, c *announce.Client, u *udpTracker) {
		u.onAnnounce = func(r udpwire.AnnounceRequest) [][]byte {
			return [][]byte{udpwire.ErrorResponse{TransactionID: r.TransactionID, Message: "not\r\n\x1b[2Jallowed\x00"}.AppendTo(nil)}
		}
		_, err := c.Announce(t.Context(), udpURL, udpRequest)
		if _, ok := errors.AsType[*announce.Refusal](err); !ok || err.Error() != "tracker refused: not [2Jallowed" {
			t.Errorf("error is %q", err)
		}
	})
}

// Trackers that tie an id to the port (torrust) or have lost it answer an error
// to an id from before, or nothing (aquatic).
func TestUDPConnectionIDThatIsRefusedIsReplacedAtOnce(t *testing.T) {
	for _, silent := range []bool{false, true} {
		inUDP(t, func(t *testing.T, c *announce.Client, u *udpTracker) {
			u.onAnnounce = func(r udpwire.AnnounceRequest) [][]byte {
				switch {
				case r.ConnectionID == u.id:
					return [][]byte{udpwire.AnnounceResponse{TransactionID: r.TransactionID}.AppendTo(nil)}
				case silent:
					return nil
				}
				return [][]byte{udpwire.ErrorResponse{TransactionID: r.TransactionID, Message: "bad id"}.AppendTo(nil)}
			}
			if _, err := c.Announce(t.Context(), udpURL, udpRequest); err != nil {
				t.Fatal(err)
			}
			u.id = 5000
			if _, err := c.Announce(t.Context(), udpURL, udpRequest); err != nil {
				t.Error(err)
			}
			want := map[bool]time.Duration{false: 0, true: 2 * time.Second}[silent]
			if took := time.Since(u.began); took != want {
				t.Errorf("silent %v: took %v, want %v", silent, took, want)
			}
		})
	}
}

func TestUDPRetransmissionGoesToTheNextAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		first, second := n.udpTracker("203.0.113.1:6969"), n.udpTracker("203.0.113.2:6969")
		n.hosts["tracker.example"] = []netip.Addr{
			netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")}
		first.mute = true
		_, err := n.client(announce.Options{}).Announce(t.Context(), "udp://tracker.example:6969", udpRequest)
		if want := []time.Duration{2 * time.Second}; err != nil || !slices.Equal(second.announces, want) {
			t.Errorf("second address was told at %v, want %v: %v", second.announces, want, err)
		}
	})
}

// BEP 15: "Which format is used is determined by the address family of the
// underlying UDP packet. [...] Clients that resolve hostnames to v4 and v6 and
// then announce to both should use the same key for both".
func TestUDPAnnouncesOverBothFamilies(t *testing.T) {
	v6 := append(netip.MustParseAddr("2001:db8::7").AsSlice(), 0x1a, 0xe1)
	both := []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("203.0.113.1")}
	for _, c := range []struct {
		name  string
		local string
		delay time.Duration // of the answer over IPv6
		want  string
		took  time.Duration
	}{
		{"both answer", "", 0, "198.51.100.7:6881 [2001:db8::7]:6881", 0},
		{"IPv6 is slow", "", 400 * time.Millisecond, "198.51.100.7:6881 [2001:db8::7]:6881", 800 * time.Millisecond},
		{"IPv6 is broken", "", time.Hour, "198.51.100.7:6881", time.Second},
		{"bound to IPv4", "10.0.0.1", 0, "198.51.100.7:6881", 0},
		{"bound to IPv6", "2001:db8::99", 0, "[2001:db8::7]:6881", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newFakeNet()
				n.hosts["tracker.example"] = both
				four, six := n.udpTracker("203.0.113.1:6969"), n.udpTracker("[2001:db8::1]:6969")
				six.peers, six.delay = v6, c.delay
				o := announce.Options{}
				if c.local != "" {
					o.Local = netip.MustParseAddr(c.local)
				}
				began := time.Now()
				got, err := n.client(o).Announce(t.Context(), "udp://tracker.example:6969", udpRequest)
				var peers []string
				for _, p := range got.Peers {
					peers = append(peers, p.String())
				}
				slices.Sort(peers)
				if err != nil || strings.Join(peers, " ") != c.want || time.Since(began) != c.took {
					t.Errorf("after %v: %v, %v, want %s after %v", time.Since(began), peers, err, c.want, c.took)
				}
				for _, r := range slices.Concat(four.requests, six.requests) {
					if r.Key != udpRequest.Key || r.PeerID != udpRequest.PeerID {
						t.Errorf("request is %+v", r)
					}
				}
				time.Sleep(c.delay)
			})
		})
	}
}

// BEP 41: the path goes along where it can mean something.
func TestUDPSendsThePathOnlyWhenItMayHoldAKey(t *testing.T) {
	for path, want := range map[string]string{
		"": "", "/": "", "/announce": "", "/announce?key=abc": "/announce?key=abc", "/abc/announce": "/abc/announce",
	} {
		inUDP(t, func(t *testing.T, c *announce.Client, u *udpTracker) {
			if _, err := c.Announce(t.Context(), "udp://127.0.0.1:6969"+path, udpRequest); err != nil {
				t.Fatal(err)
			}
			if got := string(u.requests[0].URLData(nil)); got != want || want == "" && len(u.requests[0].Options) > 0 {
				t.Errorf("path %q sends %q, options %x", path, got, u.requests[0].Options)
			}
		})
	}
}

func TestUDPFloodOfForgeriesEndsWithTheTimeout(t *testing.T) {
	inUDP(t, func(t *testing.T, c *announce.Client, u *udpTracker) {
		u.onConnect = func(r udpwire.ConnectRequest) [][]byte {
			packet := make([]byte, 60_000)
			binary.BigEndian.PutUint32(packet[4:], r.TransactionID+1)
			return slices.Repeat([][]byte{packet}, 1000)
		}
		if _, err := c.Announce(t.Context(), udpURL, udpRequest); err == nil || time.Since(u.began) > 15*time.Second {
			t.Errorf("after %v: %v", time.Since(u.began), err)
		}
	})
}
