package pex_test

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"testing"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/exttest"
	"p2p/peer/ext/pex"
	"p2p/peer/wire"
	"p2p/piece"
	"p2p/torrentfile/benc"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// rig is peer exchange on one torrent, among peers that a test plays by hand.
type rig struct {
	t        *testing.T
	now      time.Time
	instance ext.Instance
	peers    []*exttest.Peer
	handlers map[*exttest.Peer]ext.Handler
	added    []netip.AddrPort // given to the address book and not taken yet
}

func newRig(t *testing.T) *rig { return rigOf(t, ext.Torrent{Info: []byte("d4:name1:xe")}) }

// rigOf is newRig for a torrent of another kind.
func rigOf(t *testing.T, o ext.Torrent) *rig { return rigWith(t, pex.Extension{}, o) }

// rigWith is rigOf for another Extension than the zero one.
func rigWith(t *testing.T, e pex.Extension, o ext.Torrent) *rig {
	r := &rig{t: t, now: noon, handlers: map[*exttest.Peer]ext.Handler{}}
	o.Listen, o.Peers = netip.MustParseAddrPort("198.51.100.1:6881"), exttest.Peers(&r.peers)
	o.AddPeers = func(a []netip.AddrPort) { r.added = append(r.added, a...) }
	r.instance = e.Open(o)
	return r
}

// joins connects a peer that we dialled at addr; speaks tells whether it knows
// peer exchange.
func (r *rig) joins(addr string, speaks bool) *exttest.Peer {
	at := netip.MustParseAddrPort(addr)
	p := &exttest.Peer{Number: piece.PeerKey(len(r.peers) + 1), From: at, Home: at, WeDid: true}
	if speaks {
		p.Says = wire.ExtHandshake{M: map[string]uint8{"ut_pex": 1}}
		r.handlers[p] = r.instance.Attach(r.now, p)
	}
	r.peers = append(r.peers, p)
	return p
}

func (r *rig) leaves(p *exttest.Peer) {
	if h := r.handlers[p]; h != nil {
		h.Detach()
	}
	r.peers = slices.DeleteFunc(r.peers, func(o *exttest.Peer) bool { return o == p })
}

// passes lets time pass, tick by tick.
func (r *rig) passes(d time.Duration) {
	for end := r.now.Add(d); r.now.Before(end); {
		r.now = r.now.Add(ext.TickEvery)
		r.instance.(ext.Ticker).Tick(r.now)
	}
}

// hears gives a message of p to the extension and returns what went to the
// address book.
func (r *rig) hears(p *exttest.Peer, payload string) ([]netip.AddrPort, error) {
	r.t.Helper()
	r.added = nil
	err := r.handlers[p].Handle(r.now, []byte(payload))
	return r.added, err
}

// told is a message as the receiver reads it.
type told struct {
	added, dropped []string
	flags          []byte
}

// one returns the only message that was sent to p since the last call.
func one(t *testing.T, p *exttest.Peer) told {
	t.Helper()
	sent := p.Take()
	if len(sent) != 1 {
		t.Fatalf("%d messages, want one: %q", len(sent), sent)
	}
	return read(t, sent[0])
}

func read(t *testing.T, payload string) told {
	t.Helper()
	var m map[string]string
	if err := benc.Unmarshal([]byte(payload), &m, benc.Limits{}); err != nil {
		t.Fatalf("%q: %v", payload, err)
	}
	return told{
		added:   append(addrs(m["added"], 4), addrs(m["added6"], 16)...),
		dropped: append(addrs(m["dropped"], 4), addrs(m["dropped6"], 16)...),
		flags:   []byte(m["added.f"] + m["added6.f"]),
	}
}

func addrs(s string, n int) (all []string) {
	for ; len(s) >= n+2; s = s[n+2:] {
		ip, _ := netip.AddrFromSlice([]byte(s[:n]))
		all = append(all, netip.AddrPortFrom(ip, uint16(s[n])<<8|uint16(s[n+1])).String())
	}
	return all
}

// says is a message that adds the addresses.
func says(list ...string) string {
	var v4, v6 string
	for _, s := range list {
		a := netip.MustParseAddrPort(s)
		b := string(a.Addr().AsSlice()) + string([]byte{byte(a.Port() >> 8), byte(a.Port())})
		if a.Addr().Is4() {
			v4 += b
		} else {
			v6 += b
		}
	}
	return fmt.Sprintf("d5:added%d:%s6:added6%d:%se", len(v4), v4, len(v6), v6)
}

// hosts yields n addresses in the internet.
func hosts(n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range n {
			if !yield(fmt.Sprintf("203.%d.%d.7:6881", i/250, i%250)) {
				return
			}
		}
	}
}
