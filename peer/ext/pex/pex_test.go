package pex_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/exttest"
	"p2p/peer/ext/pex"
	"p2p/peer/wire"
)

func TestTheFirstMessageComesSoonAfterConnecting(t *testing.T) {
	r := newRig(t)
	r.joins("203.0.113.2:6881", false)
	p := r.joins("203.0.113.1:6881", true)
	r.passes(3 * time.Second)
	if m := one(t, p); !slices.Equal(m.added, []string{"203.0.113.2:6881"}) {
		t.Errorf("added %v", m.added)
	}
}

func TestOnlyPeersThatCanBeDialledAreTold(t *testing.T) {
	r := newRig(t)
	p := r.joins("203.0.113.1:6881", true)
	caller := r.joins("203.0.113.2:50000", false) // has not told its port
	caller.WeDid, caller.Home = false, netip.AddrPort{}
	r.passes(10 * time.Second)
	if m := p.Take(); len(m) != 0 {
		t.Fatalf("sent %q", m)
	}
	caller.Home = netip.MustParseAddrPort("203.0.113.2:6881") // now it has
	r.passes(10 * time.Second)
	if m := one(t, p); !slices.Equal(m.added, []string{"203.0.113.2:6881"}) || m.flags[0] != 0 {
		t.Errorf("added %v with flags %v", m.added, m.flags)
	}
}

func TestAPeerIsNotToldOfItself(t *testing.T) {
	r := newRig(t)
	p := r.joins("203.0.113.1:6881", true)
	twin := r.joins("203.0.113.1:50001", false) // a second connection of the same peer
	twin.Home = p.Home
	r.passes(2 * time.Minute)
	if m := p.Take(); len(m) != 0 {
		t.Errorf("sent %q", m)
	}
}

// Who is far away can do nothing with an address of our LAN, and has no business
// to know it.
func TestNobodyHearsOfPeersNearerToUs(t *testing.T) {
	r := newRig(t)
	internet := r.joins("203.0.113.1:6881", true)
	lan := r.joins("192.168.1.5:6881", true)
	local := r.joins("127.0.0.1:7000", true)
	r.passes(3 * time.Second)
	if m := internet.Take(); len(m) != 0 {
		t.Errorf("the internet hears %q", m)
	}
	if m := one(t, lan); !slices.Equal(m.added, []string{"203.0.113.1:6881"}) {
		t.Errorf("the LAN hears of %v", m.added)
	}
	if m := one(t, local); len(m.added) != 2 {
		t.Errorf("this machine hears of %v", m.added)
	}
}

// Whether a torrent is private nobody knows before its info dictionary is there.
func TestNobodyIsToldAnythingBeforeTheInfoIsKnown(t *testing.T) {
	var peers []*exttest.Peer
	var added []netip.AddrPort
	i := pex.Extension{}.Open(ext.Torrent{
		Listen: netip.MustParseAddrPort("198.51.100.1:6881"), Peers: exttest.Peers(&peers),
		AddPeers: func(a []netip.AddrPort) { added = append(added, a...) },
	})
	var handlers []ext.Handler
	for n := range 3 {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(n + 1)}), 6881)
		p := &exttest.Peer{Number: 1, From: at, Home: at, WeDid: true}
		peers = append(peers, p)
		handlers = append(handlers, i.Attach(noon, p))
	}
	for s := range 300 {
		i.(ext.Ticker).Tick(noon.Add(time.Duration(s) * time.Second))
	}
	for _, p := range peers {
		if len(p.Sent) > 0 {
			t.Fatalf("sent %q", p.Sent)
		}
	}
	if err := handlers[0].Handle(noon, []byte(says("203.0.113.99:6881"))); err != nil || len(added) != 1 {
		t.Errorf("what is told is not taken: %v, %v", added, err)
	}
}

// A room never has an info dictionary, and its members find each other also without a
// tracker.
func TestMembersOfARoomHearOfEachOther(t *testing.T) {
	r := rigOf(t, ext.Torrent{Room: true})
	r.joins("203.0.113.2:6881", false)
	p := r.joins("203.0.113.1:6881", true)
	r.passes(3 * time.Second)
	if m := one(t, p); !slices.Equal(m.added, []string{"203.0.113.2:6881"}) {
		t.Errorf("added %v", m.added)
	}
	if (pex.Extension{}).Open(ext.Torrent{Room: true, Private: true}) != nil {
		t.Error("strangers at a doorbell hear of each other")
	}
}

func TestWhatCouldNotBeSentIsToldLater(t *testing.T) {
	r := newRig(t)
	p := r.joins("203.0.113.1:6881", true)
	r.joins("203.0.113.2:6881", false)
	p.Deaf = true
	r.passes(time.Minute)
	p.Deaf = false
	r.passes(10 * time.Second)
	if m := one(t, p); len(m.added) != 1 {
		t.Errorf("added %v", m.added)
	}
}

func TestWhatHasLeftIsForgotten(t *testing.T) {
	r := newRig(t)
	for range 1000 {
		r.leaves(r.joins("203.0.113.1:6881", true))
	}
	p := r.joins("203.0.113.1:6881", true)
	r.joins("203.0.113.2:6881", false)
	r.passes(3 * time.Second)
	one(t, p)
}

func TestWhoHasEverythingIsNotSentToSeeds(t *testing.T) {
	for _, complete := range []bool{false, true} {
		var added []netip.AddrPort
		i := pex.Extension{}.Open(ext.Torrent{
			Complete: func() bool { return complete },
			AddPeers: func(a []netip.AddrPort) { added = append(added, a...) },
		})
		p := &exttest.Peer{From: netip.MustParseAddrPort("203.0.113.1:6881")}
		payload := strings.TrimSuffix(says("203.0.113.8:6881", "203.0.113.9:6881"), "e") + "7:added.f2:\x12\x10e"
		if err := i.Attach(noon, p).Handle(noon, []byte(payload)); err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{false: 2, true: 1}[complete]; len(added) != want {
			t.Errorf("complete %v: %v", complete, added)
		}
	}
}

func TestMalformedMessagesEndTheConnection(t *testing.T) {
	for name, payload := range map[string]string{
		"nothing":           "",
		"no dictionary":     "i1e",
		"cut short":         "d5:added12:abc",
		"bytes behind":      "dei1e",
		"a key twice":       "d5:added0:5:added0:e",
		"far too long":      "d5:added20000:" + strings.Repeat("a", 20000) + "e",
		"nested very deep":  strings.Repeat("l", 5000) + strings.Repeat("e", 5000),
		"thousands of keys": "d1:al" + strings.Repeat("i1e", 4000) + "ee",
	} {
		r := newRig(t)
		p := r.joins("203.0.113.1:6881", true)
		if got, err := r.hears(p, payload); err == nil || len(got) > 0 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestStrangeMessagesAreIgnored(t *testing.T) {
	for name, payload := range map[string]string{
		"empty":          "de",
		"numbers":        "d5:addedi7e6:added6lee",
		"half a contact": "d5:added5:abcdee",
		"only flags":     "d7:added.f3:abce",
		"another key":    "d3:foo3:bare",
		"who left":       "d7:dropped6:\xcb\x00\x71\x09\x1a\xe1e",
	} {
		r := newRig(t)
		p := r.joins("203.0.113.1:6881", true)
		if got, err := r.hears(p, payload); err != nil || len(got) > 0 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// Random peers come and go; whoever follows the messages knows at every moment,
// two minutes late at the most, who is there.
func TestWhoFollowsTheMessagesKnowsTheSwarm(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		r := newRig(t)
		listener := r.joins("203.0.113.1:6881", true)
		known := map[string]bool{}
		follow := func() {
			for _, payload := range listener.Take() {
				m := read(t, payload)
				if len(m.added) > 50 || len(m.dropped) > 50 || len(m.added)+len(m.dropped) == 0 {
					t.Fatalf("seed %d: %d added, %d dropped", seed, len(m.added), len(m.dropped))
				}
				for _, a := range m.dropped {
					if !known[a] {
						t.Fatalf("seed %d: %s dropped that was not there", seed, a)
					}
					delete(known, a)
				}
				for _, a := range m.added {
					if known[a] {
						t.Fatalf("seed %d: %s added twice", seed, a)
					}
					known[a] = true
				}
			}
		}
		for range 300 {
			if rng.IntN(2) == 0 {
				r.joins(fmt.Sprintf("203.0.%d.%d:6881", rng.IntN(2), 2+rng.IntN(40)), rng.IntN(2) == 0)
			} else if n := len(r.peers); n > 1 {
				r.leaves(r.peers[1+rng.IntN(n-1)])
			}
			r.passes(time.Duration(rng.IntN(20)) * time.Second)
			follow()
		}
		r.passes(3 * time.Minute)
		follow()
		there := map[string]bool{}
		for _, p := range r.peers[1:] {
			there[p.Home.String()] = true
		}
		for a := range known {
			if !there[a] {
				t.Fatalf("seed %d: %s has left", seed, a)
			}
		}
		if len(known) != len(there) {
			t.Fatalf("seed %d: %d known, %d there", seed, len(known), len(there))
		}
	}
}

func FuzzHandle(f *testing.F) {
	f.Add([]byte(says("203.0.113.9:6881", "[2001:db8::9]:6881")))
	f.Add([]byte("d5:added6:\xcb\x00\x71\x02\x00\x507:added.f1:\x126:added60:7:dropped0:e"))
	f.Add([]byte("de"))
	f.Add([]byte("d5:addedi1ee"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		added := 0
		i := pex.Extension{}.Open(ext.Torrent{
			Listen: netip.MustParseAddrPort("198.51.100.1:6881"),
			AddPeers: func(list []netip.AddrPort) {
				for _, a := range list {
					if ip := a.Addr(); a.Port() < 1024 || !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Is4In6() {
						t.Errorf("%v from a peer in the internet", a)
					}
				}
				added += len(list)
			},
		})
		p := &exttest.Peer{From: netip.MustParseAddrPort("203.0.113.1:6881"), Says: wire.ExtHandshake{}}
		err := i.Attach(noon, p).Handle(noon, payload)
		if err != nil && added > 0 {
			t.Errorf("%d addresses of a message with an error", added)
		}
		if added > 100 || added > len(payload)/6 {
			t.Errorf("%d addresses of %d bytes", added, len(payload))
		}
	})
}
