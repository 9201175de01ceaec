package knock_test

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer"
	"p2p/peer/ext"
	"p2p/peer/ext/knock"
	"p2p/peer/identity"
	"p2p/peer/secure"
	"p2p/peer/simnet"
	"p2p/torrentfile/infohash"
)

// log is what is told, by any goroutine.
type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) add(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, s)
}

func (l *log) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// at opens the Node of a device that is at the door.
func at(t *testing.T, net *simnet.Net, device byte, r peer.Room) {
	t.Helper()
	d, err := secure.NewDevice(secret(t, uint64(device)))
	if err != nil {
		t.Fatal(err)
	}
	h := net.Host(netip.AddrFrom4([4]byte{10, 0, 0, device}))
	n, err := peer.Open(peer.Options{Network: h, Listen: netip.AddrPortFrom(h.Addr(), 6881), Seed: uint64(device), Device: d})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(context.Background()) })
	r.InfoHash, r.Doorbell = infohash.Of([]byte("door")), true
	if _, err := n.Gather(r); err != nil {
		t.Fatal(err)
	}
}

// Whole nodes over a network in memory, in virtual time: two ring, who know each other's address too.
func TestTwoRingAndOnlyTheOneWhoIsRungForHearsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := simnet.New(simnet.Options{Latency: 20 * time.Millisecond})
		t.Cleanup(net.Close)
		var asked, told log
		door := knock.NewDoor(knock.Door{
			Certificate: func() identity.Certificate { return home(t) },
			Answer: func(v knock.Visitor, r knock.Request) knock.Answer {
				asked.add(r.Name)
				return knock.Answer{Verdict: knock.Received}
			},
		})
		at(t, net, 100, peer.Room{Home: true, Extensions: []ext.Extension{door}})
		addrs := []netip.AddrPort{
			netip.MustParseAddrPort("10.0.0.100:6881"), netip.MustParseAddrPort("10.0.0.200:6881"), netip.MustParseAddrPort("10.0.0.201:6881"),
		}
		for i := range byte(2) {
			name := string([]byte{'A' + i})
			own := certify(t, 2+uint64(i), 200+uint64(i), false)
			at(t, net, 200+i, peer.Room{Peers: addrs, Extensions: []ext.Extension{knock.NewBell(knock.Bell{
				Wanted: secret(t, 1).Key(), Certificate: func() identity.Certificate { return own },
				Request: func() knock.Request { return knock.Request{Name: name} },
				Told: func(v knock.Visitor, a knock.Answer) {
					if v.Account != secret(t, 1).Key() {
						t.Errorf("%s hears %s", name, v.Account.Short())
					}
					told.add(name + string('0'+rune(a.Verdict)))
				},
			})}})
		}
		time.Sleep(2 * time.Second)
		if got := asked.all(); len(got) != 2 || got[0] == got[1] {
			t.Errorf("asked by %q", got)
		}
		door.Tell(secret(t, 3).Key(), knock.Answer{Verdict: knock.Accepted})
		time.Sleep(100 * time.Millisecond)
		if got := told.all(); len(got) != 3 || got[2] != "B2" || !slices.Contains(got, "A1") || !slices.Contains(got, "B1") {
			t.Errorf("told %q", got)
		}
		time.Sleep(2 * time.Minute) // they come back, as long as they want something
		if got := asked.all(); len(got) < 3 || len(got) > 12 {
			t.Errorf("asked by %q", got)
		}
	})
}
