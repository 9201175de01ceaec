package knock_test

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer"
	"p2p/peer/ext"
	"p2p/peer/ext/knock"
	"p2p/peer/identity"
	"p2p/peer/simnet"
)

func TestWhoIsCalledFromTheDoorShowsThatHeKnowsWhoLivesThere(t *testing.T) {
	d, b := newDoor(t), newBell(t)
	d.calls, b.calls = true, false
	guest, host := d.joins(200), b.joins(100)
	if sent := guest.Take(); len(sent) > 0 {
		t.Fatalf("somebody whom a tracker has named is told %q", sent)
	}
	proof := host.Take()
	if len(proof) != 1 {
		t.Fatalf("said %q", proof)
	}
	guest.must(proof[0])
	if sent := guest.Take(); !slices.Equal(sent, []string{shows(home(t))}) {
		t.Fatalf("said %q", sent)
	}
	host.must(shows(home(t)))
	guest.must(host.Take()[0])
	if len(d.taken) != 1 {
		t.Errorf("asked %d times", len(d.taken))
	}
	b.passes(time.Minute)
	if sent := host.Take(); len(sent) > 0 {
		t.Errorf("said %q", sent)
	}
}

func TestWhoDoesNotKnowWhoLivesThereIsToldNothingWhenHeIsCalled(t *testing.T) {
	proofOf := func(device uint64) string {
		b := newBell(t)
		b.calls = false
		return b.joins(device).Take()[0]
	}
	for what, payload := range map[string]string{
		"another's proof": proofOf(100), "half a proof": proofOf(100)[:20], "no proof": "\x03", "a future kind": "\x09abc",
	} {
		d := newDoor(t)
		d.calls = true
		p := d.joins(201)
		p.must(payload)
		d.passes(knock.WaitFor/2 + ext.TickEvery)
		if sent := p.Take(); len(sent) > 0 || p.Closed == nil {
			t.Errorf("%s: said %q, closed %v", what, sent, p.Closed)
		}
		if _, ok := p.Closed.(ext.Unwelcome); !ok {
			t.Errorf("%s is held against the address: %v", what, p.Closed)
		}
	}
}

// Whole nodes: whose door it is lets nobody through his router, and knows from a tracker where somebody is who rings.
func TestWhoLivesBehindARouterCallsThoseWhoRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := simnet.New(simnet.Options{Latency: 20 * time.Millisecond})
		t.Cleanup(net.Close)
		var asked log
		door := knock.NewDoor(knock.Door{
			Certificate: func() identity.Certificate { return home(t) },
			Answer: func(v knock.Visitor, r knock.Request) knock.Answer {
				asked.add(r.Name)
				return knock.Answer{Verdict: knock.Received}
			},
		})
		own := certify(t, 2, 200, false)
		at(t, net, 200, peer.Room{Extensions: []ext.Extension{knock.NewBell(knock.Bell{
			Wanted: secret(t, 1).Key(), Certificate: func() identity.Certificate { return own },
			Request: func() knock.Request { return knock.Request{Name: "B"} }, Told: func(knock.Visitor, knock.Answer) {},
		})}})
		at(t, net, 100, peer.Room{
			Home: true, Peers: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.200:6881")}, Extensions: []ext.Extension{door},
		})
		time.Sleep(2 * time.Second)
		if got := asked.all(); !slices.Equal(got, []string{"B"}) {
			t.Errorf("asked by %q", got)
		}
	})
}
